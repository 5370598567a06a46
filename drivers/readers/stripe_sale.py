"""One sale on one reader, from the PaymentIntent to its end; only the PaymentIntent decides about money."""

import asyncio
import contextlib

from drivers.contract import (
    DriverError,
    NotStartedError,
    Outcome,
    PaymentRequest,
    Progress,
    RefusedError,
    Report,
    Verdict,
)
from drivers.readers import stripe_intent
from drivers.readers.stripe_calls import ActionFacts, IntentFacts, StripeCalls
from drivers.readers.stripe_dispatch import OPERATION, Dispatch, NotShownError, Sent
from drivers.readers.stripe_keys import Keys
from drivers.readers.stripe_outcome import (
    DECIDED,
    AmountMismatchError,
    charge_of,
    decided,
    declined,
    declined_since,
    ended,
)
from drivers.readers.stripe_schedule import Schedule
from drivers.readers.stripe_timing import Timing
from drivers.readers.stripe_withdrawal import Withdrawal, ours

OLD_CHARGE = "declined_charge"
"""Reference: the decline that an earlier session ended with on the same PaymentIntent."""

_MISSING_S = 1.0
"""A prompt that is not there is looked for once more after this, before it is believed to be gone."""

CANCELED = Outcome(Verdict.CANCELED, code="canceled", message="Canceled before the reader was asked.")


class Sale:
    """Made for one call of `pay` and used once."""

    def __init__(
        self,
        calls: StripeCalls,
        reader: str,
        request: PaymentRequest,
        report: Report,
        *,
        timing: Timing,
        schedule: Schedule,
    ) -> None:
        self._calls = calls
        self._reader = reader
        self._request = request
        self._report = report
        self._timing = timing
        self._schedule = schedule
        self._wish = False
        self._wake = asyncio.Event()
        self._intent = ""
        self._old_charge = request.references.get(OLD_CHARGE, "")
        self._missing = False
        self._authorizing = False

    def cancel(self) -> None:
        """Somebody wants it to end."""
        self._wish = True
        self._wake.set()

    def nudge(self) -> None:
        """Somebody heard that there is something to see: look at once."""
        self._wake.set()

    async def run(self) -> Outcome:
        """Take the money. Raises `NotStartedError` only while it is certain that nobody could pay."""
        if self._wish and "payment_intent" not in self._request.references:
            return CANCELED
        await self._report.progress(Progress.PREPARING)
        fresh = self._request.attempts.get(OPERATION, 0) == 0
        intent = await self._open(fresh=fresh)
        if intent.status not in DECIDED:
            try:
                stripe_intent.check(intent, self._request)
            except stripe_intent.IntentOddError as odd:
                return await self._refuse(odd, fresh=fresh)
        await self._remember(intent, fresh=fresh)
        if intent.status in DECIDED:
            return await self._decided(intent)
        dispatch = Dispatch(
            self._calls,
            self._reader,
            self._intent,
            self._request,
            Keys(self._request, self._report),
            self._timing,
            self._old_charge,
        )
        try:
            sent = await dispatch.carry_out(lambda: self._wish)
        except NotShownError as reason:
            return await self._give_up(reason, exposed=dispatch.exposed)
        if self._wish and not dispatch.exposed:
            await self._drop()
            return CANCELED
        try:
            return await self._watch(dispatch, sent)
        except (NotStartedError, RefusedError) as error:
            # The command is out: whatever could not be sent or was refused since proves nothing about it.
            raise DriverError(str(error), code=error.code) from error

    # Before the reader is told

    async def _open(self, *, fresh: bool) -> IntentFacts:
        known = self._request.references.get("payment_intent")
        if known is not None:
            self._intent = known
            return await self._take_up(fresh=fresh)
        intent = await stripe_intent.make(self._calls, self._request)
        self._intent = intent.id
        return intent

    async def _remember(self, intent: IntentFacts, *, fresh: bool) -> None:
        """Make durable what an inquiry must know, before a reader is told."""
        if "payment_intent" not in self._request.references:
            await self._report.reference("payment_intent", intent.id)
        elif fresh and charge_of(intent) and not self._old_charge:
            self._old_charge = charge_of(intent)
            await self._report.reference(OLD_CHARGE, self._old_charge)

    async def _refuse(self, odd: stripe_intent.IntentOddError, *, fresh: bool) -> Outcome:
        """Let nobody pay a PaymentIntent that is not about this order."""
        if fresh:
            await self._drop()
            raise NotStartedError(str(odd), code=odd.code) from odd
        failed = Outcome(
            Verdict.FAILED, code=odd.code, message=str(odd), references={"payment_intent": self._intent}
        )
        return await self._canceled(failed, prompted=True)

    async def _take_up(self, *, fresh: bool) -> IntentFacts:
        try:
            return await self._calls.retrieve_payment_intent(self._intent)
        except DriverError as error:
            kind = NotStartedError if fresh else DriverError
            raise kind(f"cannot take up {self._intent}: {error}", code=error.code) from error

    async def _drop(self) -> None:
        """Tidy up a PaymentIntent that no reader was told of: nobody can pay it, so failing is harmless."""
        with contextlib.suppress(DriverError):
            await self._calls.cancel_payment_intent(self._intent)

    async def _give_up(self, reason: NotShownError, *, exposed: bool) -> Outcome:
        if not exposed:
            await self._drop()
            raise NotStartedError(str(reason), code=reason.code) from reason
        truth = await self._withdraw()
        if truth.verdict is Verdict.CANCELED:
            raise NotStartedError(f"{reason} (the payment was withdrawn)", code=reason.code) from reason
        return truth

    # While the reader waits

    async def _watch(self, dispatch: Dispatch, sent: Sent) -> Outcome:
        loop = asyncio.get_running_loop()
        began = heard = loop.time()
        if sent is Sent.SHOWN:
            await self._report.progress(Progress.WAITING_FOR_CARD)
            await self._pause(self._schedule.wait_s(0.0))
        while True:
            try:
                outcome = await self._look(dispatch)
                heard = loop.time()
                if outcome is None and self._wish:
                    outcome = await self._withdraw()
                elif outcome is None and heard - began >= self._timing.patience_s:
                    outcome = await self._withdraw()
                    if outcome.verdict is Verdict.CANCELED:
                        message = "Nobody presented a card in time."
                        return Outcome(Verdict.CANCELED, "timed_out", message, references=outcome.references)
            except AmountMismatchError:
                raise
            except DriverError:
                if loop.time() - heard >= self._timing.silence_s:
                    raise
                outcome = None
            if outcome is not None:
                return outcome
            await self._pause(_MISSING_S if self._missing else self._schedule.wait_s(loop.time() - began))

    async def _pause(self, seconds: float) -> None:
        """Wait until the tick that is nearest, or until somebody wakes us."""
        now = asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._schedule.aligned(now + seconds, now)):
                await self._wake.wait()
        self._wake.clear()

    async def _look(self, dispatch: Dispatch) -> Outcome | None:
        """One look at the reader and, through it, at the money; None while there is nothing to tell."""
        reader = await self._calls.retrieve_reader(self._reader)
        action = ours(reader, self._intent)
        if action is None or dispatch.is_old(action):
            return await self._gone()
        self._missing = False
        intent = action.payment_intent
        if intent is None or not intent.status:
            intent = await self._calls.retrieve_payment_intent(self._intent)
        if intent.status in DECIDED:
            return await self._decided(intent)
        if action.status == "in_progress":
            if intent.status == "processing" and not self._authorizing:
                self._authorizing = True
                await self._report.progress(Progress.AUTHORIZING)
            return None
        outcome = ended(action, intent, self._old_charge)
        if outcome is None:
            return await self._unclear(action)
        if outcome.verdict is Verdict.DECLINED:
            return outcome  # the till may try again with the same PaymentIntent
        return await self._canceled(outcome, prompted=False)

    async def _gone(self) -> Outcome | None:
        """The reader shows something else: the PaymentIntent alone can tell."""
        intent = await self._calls.retrieve_payment_intent(self._intent)
        if intent.status in DECIDED:
            return await self._decided(intent)
        if declined_since(intent, self._old_charge):
            return declined(intent)
        if intent.status != "requires_payment_method":
            return None
        if not self._missing:
            self._missing = True
            return None
        lost = Outcome(
            Verdict.CANCELED,
            code="prompt_lost",
            message="The payment is not on the reader any more: something else took its place.",
            references={"payment_intent": self._intent},
        )
        return await self._canceled(lost, prompted=True)

    async def _unclear(self, action: ActionFacts) -> Outcome:
        """The reader failed without a reason that proves anything: the money may move all the same."""
        for _ in range(int(self._timing.late_looks)):
            await asyncio.sleep(self._timing.late_pause_s)
            intent = await self._calls.retrieve_payment_intent(self._intent)
            if intent.status in DECIDED:
                return await self._decided(intent)
            if declined_since(intent, self._old_charge):
                return declined(intent, action)
        failed = Outcome(
            Verdict.FAILED,
            code=action.failure_code or "reader_failed",
            message=action.failure_message or "The reader gave up without a reason.",
            references={"payment_intent": self._intent},
        )
        return await self._canceled(failed, prompted=False)

    # The end

    async def _decided(self, intent: IntentFacts) -> Outcome:
        if self._wish and intent.status == "requires_capture":
            return await self._withdraw(prompted=False)
        return decided(intent, self._request)

    async def _canceled(self, outcome: Outcome, *, prompted: bool) -> Outcome:
        """The outcome, once it is certain that nobody can pay; or the truth, if somebody did."""
        truth = await self._withdraw(prompted=prompted)
        return outcome if truth.verdict is Verdict.CANCELED else truth

    async def _withdraw(self, *, prompted: bool = True) -> Outcome:
        await self._report.progress(Progress.CANCELING)
        withdrawal = Withdrawal(self._calls, self._reader, self._intent, self._timing)
        return await withdrawal.carry_out(self._request, prompted=prompted)
