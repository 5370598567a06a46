"""One gateway a reader: who serves it is written on the reader itself, at Stripe, where every gateway looks.

The claim is read in the same answer that says what the reader shows, so each prompt is sent under a claim
that was just seen. Stripe has no "only if": two gateways that claim a free reader in the same second are told
apart by the next look.
"""

from drivers.contract import DriverError, RefusedError
from drivers.readers.stripe_calls import ReaderFacts, StripeCalls
from drivers.readers.stripe_outcome import GATEWAY_KEY


class ClaimedError(DriverError):
    """Another gateway serves this reader."""


def refuse_others(reader: ReaderFacts, gateway: str) -> None:
    """Raise `ClaimedError` if the reader is another gateway's; a gateway without a name does not care."""
    owner = reader.metadata.get(GATEWAY_KEY, "")
    if gateway and owner and owner != gateway:
        raise ClaimedError(
            f"reader {reader.id} is served by gateway {owner!r}: stop that one, or take the reader over with "
            "`tillgate reader claim`",
            code="reader_claimed",
        )


async def claim(calls: StripeCalls, reader: ReaderFacts, gateway: str) -> str:
    """Make sure that this gateway serves the reader; why it is not written there, or ''.

    Raises `ClaimedError`, or another `DriverError` when Stripe cannot be asked.
    """
    refuse_others(reader, gateway)
    if not gateway or reader.metadata.get(GATEWAY_KEY) == gateway:
        return ""
    try:
        claimed = await calls.update_reader(reader.id, {"metadata": {GATEWAY_KEY: gateway}})
    except RefusedError as refusal:
        return str(refusal)  # a restricted key may not write readers: sell all the same
    refuse_others(claimed, gateway)
    return ""
