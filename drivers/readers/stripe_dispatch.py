"""Getting one payment onto one reader: what is sent, repeated, waited for, or given up."""

import asyncio
from collections.abc import Callable
from enum import Enum

from drivers.contract import DriverError, NotStartedError, PaymentRequest, RefusedError
from drivers.readers.stripe_calls import ActionFacts, StripeCalls
from drivers.readers.stripe_claim import ClaimedError, refuse_others
from drivers.readers.stripe_intent import process_config
from drivers.readers.stripe_keys import Keys
from drivers.readers.stripe_outcome import DECIDED, GATEWAY_KEY, charge_of, stale
from drivers.readers.stripe_timing import Timing
from drivers.readers.stripe_withdrawal import ours

OPERATION = "process"
"""Name under which the attempts of this command are numbered."""

_SHOW_ONLY = frozenset({"set_reader_display"})
"""Actions that nobody waits for: a cart may give way to a payment."""

_ABOUT_THE_CALL = frozenset({"rate_limit", "lock_timeout", "idempotency_error"})
"""Refusals that say nothing about the reader."""


class NotShownError(DriverError):
    """The reader does not take the payment, for a known reason."""


class Sent(Enum):
    """How the dispatch ended."""

    SHOWN = "shown"  # the reader waits for the customer
    LOOK = "look"  # something may have happened already: look at once


class Dispatch:
    """Sends `process_payment_intent` until a look shows the payment on the reader.

    The answer of the command decides nothing: it may be lost, replayed, or a false negative
    (`terminal_reader_timeout`). `exposed` tells whether a command may ever have reached the reader.
    """

    def __init__(
        self,
        calls: StripeCalls,
        reader: str,
        intent: str,
        request: PaymentRequest,
        keys: Keys,
        timing: Timing,
        old_charge: str,
    ) -> None:
        self._calls = calls
        self._reader = reader
        self._intent = intent
        self._request = request
        self._keys = keys
        self._timing = timing
        self._old_charge = old_charge
        self._gateway = request.metadata.get(GATEWAY_KEY, "")
        self.exposed = request.attempts.get(OPERATION, 0) > 0
        self._before: tuple[str, str, str] | None = None
        self._sent = self.exposed
        self._rounds = 0
        self._busy_until = float("inf")

    def is_old(self, action: ActionFacts) -> bool:
        """Whether an ended action was there before this session's command."""
        intent = action.payment_intent
        if action.status == "in_progress" or intent is None:
            return False
        return stale(action, intent, self._old_charge) or self._before == _snapshot(action)

    async def carry_out(self, wished: Callable[[], bool]) -> Sent:
        """Show the payment; gives way as soon as `wished()` says that somebody wants it to end.

        Raises `NotShownError`; only if `exposed` is then set may the reader show it all the same.
        """
        while not wished():
            sent = await self._look()
            if sent is None and not wished():
                sent = await self._send()
            if sent is not None:
                return sent
        return Sent.LOOK

    async def _look(self) -> Sent | None:
        """Compare before acting: ours already, somebody else's, or free (None)."""
        try:
            reader = await self._calls.retrieve_reader(self._reader)
        except RefusedError as refusal:
            raise NotShownError(f"cannot read the reader: {refusal}", code=refusal.code) from refusal
        except DriverError as silence:
            await self._pause(silence)
            return await self._look()
        action = reader.action
        mine = ours(reader, self._intent)
        if mine is not None:
            if mine.status == "in_progress":
                self.exposed, self._before = True, None
                return Sent.SHOWN
            if self.exposed and not self.is_old(mine):
                return Sent.LOOK
            self._before = _snapshot(mine)
        elif action is not None and _waits(action):
            raise NotShownError("the reader is in the middle of something else", code="reader_busy")
        try:
            refuse_others(reader, self._gateway)
        except ClaimedError as claimed:
            raise NotShownError(str(claimed), code=claimed.code) from claimed
        return None

    async def _send(self) -> Sent | None:
        key = await self._keys.of(OPERATION)
        again, self._sent = self._sent, True
        try:
            reply = await self._calls.process_payment_intent(
                self._reader, self._intent, key=key, config=process_config(self._request)
            )
        except RefusedError as refusal:
            self._sent = False
            self._keys.answered(OPERATION)
            return await self._refused(refusal)
        except NotStartedError as unsent:
            self._sent = again
            await self._pause(unsent)
            return None
        except DriverError as doubt:
            self.exposed = True
            await self._pause(doubt)
            return None
        self.exposed, self._before = True, None
        self._keys.answered(OPERATION)
        action = ours(reply, self._intent)
        waiting = action is not None and action.status == "in_progress"
        # A repeated key may have brought the stored answer of a prompt that is long gone.
        return Sent.SHOWN if waiting and not again else Sent.LOOK

    async def _refused(self, refusal: RefusedError) -> Sent | None:
        """What a definite no means (docs.stripe.com/error-codes); None: try again with a new key."""
        now = asyncio.get_running_loop().time()
        match refusal.code:
            case "terminal_reader_timeout":
                self.exposed = True  # the reader may have got the command although it did not say so
                await self._pause(refusal)
            case "terminal_reader_busy":
                self._busy_until = min(self._busy_until, now + self._timing.busy_for_s)
                if now >= self._busy_until:
                    raise NotShownError(str(refusal), code=refusal.code) from refusal
                await asyncio.sleep(self._timing.busy_pause_s)
            case "intent_invalid_state":
                # It may be paid: what it is now decides.
                if await self._moved_on():
                    self.exposed = True
                    return Sent.LOOK
                await self._pause(refusal)
            case code if code in _ABOUT_THE_CALL:
                await self._pause(refusal)
            case code:
                raise NotShownError(str(refusal), code=code) from refusal
        return None

    async def _moved_on(self) -> bool:
        try:
            intent = await self._calls.retrieve_payment_intent(self._intent)
        except DriverError:
            return True  # look again, with the patience of a watch
        return intent.status != "requires_payment_method"

    async def _pause(self, reason: DriverError) -> None:
        """Wait before the next round; raises when there have been enough of them."""
        self._rounds += 1
        if self._rounds >= self._timing.dispatch_rounds:
            raise NotShownError(str(reason), code=reason.code) from reason
        await asyncio.sleep(self._timing.dispatch_pause_s * self._rounds)


def _snapshot(action: ActionFacts) -> tuple[str, str, str]:
    intent = action.payment_intent
    return action.status, action.failure_code, charge_of(intent) if intent is not None else ""


def _waits(action: ActionFacts) -> bool:
    """Whether somebody's customer stands before the reader."""
    if action.status != "in_progress" or action.type in _SHOW_ONLY:
        return False
    # A reader that dropped out keeps an action `in_progress` for ever; its payment may be long over.
    return action.payment_intent is None or action.payment_intent.status not in DECIDED
