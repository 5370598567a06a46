"""Making sure that a PaymentIntent cannot be paid any more, and learning whether it was."""

import asyncio
import contextlib

from drivers.contract import DriverError, Outcome, PaymentRequest, RefusedError
from drivers.readers.stripe_calls import ActionFacts, IntentFacts, ReaderFacts, StripeCalls
from drivers.readers.stripe_outcome import DECIDED, AmountMismatchError, decided
from drivers.readers.stripe_timing import Timing

_CANCELABLE = frozenset(
    {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"}
)


_CLEARINGS = 3
"""How often a reader that does not answer is asked to take a dead prompt away; the next sale replaces it."""


def ours(reader: ReaderFacts, intent: str) -> ActionFacts | None:
    """The reader's action if it is about this PaymentIntent: the comparison before every cancel."""
    action = reader.action
    about = action.payment_intent if action is not None else None
    return action if about is not None and about.id == intent else None


class Withdrawal:
    """One PaymentIntent and the reader that may show it."""

    def __init__(self, calls: StripeCalls, reader: str, intent: str, timing: Timing) -> None:
        self._calls = calls
        self._reader = reader
        self._intent = intent
        self._timing = timing
        self._unheard = False  # whether the reader has not said that it took the prompt away

    async def carry_out(self, request: PaymentRequest, *, prompted: bool = True) -> Outcome:
        """Clear the reader if it shows this payment, then cancel the PaymentIntent.

        Returns what became of it: CANCELED, RELEASED, or PAID if the customer was faster. `prompted` false:
        the caller knows that no reader shows it. Raises `DriverError` when it cannot be told in time.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._timing.withdraw_s
        while True:
            try:
                trouble = await self._clear() if prompted else None
                if trouble is None:
                    prompted = False  # cleared or already over: nobody shows it again without being told
                    intent = await self._settled()
                    if intent.status in DECIDED and intent.status != "requires_capture":
                        await self._clear_dead()
                        return decided(intent, request)
                    trouble = DriverError(f"{self._intent} is {intent.status}", code="still_processing")
            except AmountMismatchError:
                raise
            except DriverError as doubt:
                trouble = doubt
            if loop.time() >= ends_at:
                raise DriverError(
                    f"could not withdraw {self._intent} from {self._reader}: {trouble}", code=trouble.code
                ) from trouble
            await asyncio.sleep(self._timing.withdraw_pause_s)

    async def _clear(self) -> DriverError | None:
        """Take the prompt off the reader; the reason when it still stands there."""
        try:
            action = ours(await self._calls.retrieve_reader(self._reader), self._intent)
        except RefusedError:
            return None  # no such reader any more: only the PaymentIntent is left to deal with
        if action is None or action.status != "in_progress":
            return None
        try:
            await self._calls.cancel_action(self._reader)
        except RefusedError as refusal:
            self._unheard = refusal.code == "terminal_reader_timeout"
            # Busy: a card is being authorised, the result is seconds away. Anything else (offline, already
            # idle) cannot be cleared here; a canceled PaymentIntent cannot be paid whatever is shown.
            return refusal if refusal.code == "terminal_reader_busy" else None
        return None

    async def _clear_dead(self) -> None:
        """Take a prompt that nobody can pay any more off a reader that did not hear it the first time."""
        for _ in range(_CLEARINGS):
            if not self._unheard:
                return
            await asyncio.sleep(self._timing.withdraw_pause_s)
            self._unheard = False
            with contextlib.suppress(DriverError):  # the money is safe: a dead prompt is only ugly
                await self._clear()

    async def _settled(self) -> IntentFacts:
        intent = await self._calls.retrieve_payment_intent(self._intent)
        if intent.status in _CANCELABLE:
            try:
                return await self._calls.cancel_payment_intent(self._intent)
            except RefusedError:
                # It changed under our hands: what it is now decides.
                return await self._calls.retrieve_payment_intent(self._intent)
        return intent
