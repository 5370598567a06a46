"""Our drivers keep every promise in every world; a driver that breaks one is caught by its name."""

import asyncio
from dataclasses import replace

import pytest

from drivers.conformance import PROMISES, Finding, Promise, check
from drivers.conformance_money import (
    a_declined_order_can_be_tried_again,
    held_money_moves_once_or_is_let_go,
    less_than_was_held_can_be_taken,
    money_is_given_back_once,
    what_needs_no_device_waits_for_nobody,
)
from drivers.conformance_sale import (
    a_cancel_ends_the_sale,
    a_crash_at_any_report_loses_and_doubles_nothing,
    a_device_that_restarts_is_asked,
    a_line_cut_in_mid_sale_is_doubt_and_never_a_guess,
    a_lost_answer_is_no_second_sale,
    a_question_changes_nothing,
    an_abandoned_prompt_can_be_withdrawn,
    an_abandoned_sale_is_gone_on_with_or_ended,
    closing_never_fails,
    each_customer_gets_the_right_outcome,
    opening_starts_nothing,
    what_is_out_of_reach_is_a_driver_error,
    what_was_paid_meanwhile_is_found,
)
from drivers.contract import (
    Capability,
    Decision,
    Driver,
    DriverError,
    Kind,
    LinkError,
    Money,
    NotStartedError,
    Outcome,
    PaymentRequest,
    ReaderInfo,
    Report,
    SessionId,
    Settlement,
    Verdict,
)
from tests.conformance_worlds import (
    FAULTY,
    STRIPE,
    WORLDS,
    ZVT_DEFERRED,
    StripeBench,
    World,
    side_by_side,
)
from tests.stripe_store import StripeStore
from tests.thoroughness import sample

PAIRS = [(world, promise) for world in WORLDS if not world.real for promise in PROMISES]
FAULTY_PAIRS = [(world, promise) for world in FAULTY for promise in PROMISES]
FAULTY_EVERYDAY = 90


def named(value: object) -> str:
    return value.name if isinstance(value, World) else str(value)


@pytest.mark.parametrize(("world", "promise"), PAIRS, ids=named)
def test_every_promise_is_kept(world: World, promise: str) -> None:
    finding = world.check(promise)
    print(finding)
    assert finding.kept, finding


@pytest.mark.parametrize(("world", "promise"), sample(FAULTY_PAIRS, FAULTY_EVERYDAY), ids=named)
def test_every_promise_is_kept_on_a_faulty_line(world: World, promise: str) -> None:
    finding = world.check(promise)
    print(finding)
    assert finding.kept, finding


@pytest.mark.real_time
def test_every_promise_is_kept_over_ptys_and_sockets() -> None:
    found = side_by_side([world for world in WORLDS if world.real])
    assert len(found) >= 2 * len(PROMISES)
    for world, finding in found:
        print(world.name, finding)
    assert [f"{world.name} {finding}" for world, finding in found if not finding.kept] == []


def test_what_is_left_out_is_told_with_its_reason() -> None:
    told = {world.name: world.check("each_customer_gets_the_right_outcome").left_out for world in WORLDS[:2]}
    assert told == {"stripe": (), "zvt": ()}
    finding = ZVT_DEFERRED.check("what_needs_no_device_waits_for_nobody")
    assert finding.left_out == ("settling beside a sale: SETTLE_REMOTELY is not declared",)
    assert str(finding).startswith("what_needs_no_device_waits_for_nobody: kept (left out: settling")
    restart = STRIPE.check("a_device_that_restarts_is_asked")
    assert restart.left_out == ("a device without power: the simulated smart reader has no power switch",)
    bad = FAULTY[-1].check("opening_starts_nothing")
    assert bad.left_out[0].startswith("certain outcomes at once: ")


# -- drivers that break something -----------------------------------------------------------------------


class Crooked:
    """A driver that passes on everything; tests bend one thing of it."""

    def __init__(self, inner: Driver) -> None:
        self._inner = inner

    async def open(self) -> ReaderInfo:
        return await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        return await self._inner.pay(request, report)

    async def cancel(self) -> None:
        await self._inner.cancel()

    async def inquire(self, request: PaymentRequest) -> Outcome:
        return await self._inner.inquire(request)

    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        return await self._inner.settle(request, decision, report)


class Silent:
    """Reports nothing."""

    async def progress(self, step: object) -> None:
        pass

    async def reference(self, name: str, value: str) -> None:
        pass

    async def attempt(self, operation: str) -> int:
        return 1


class IsNobody(Crooked):
    async def open(self) -> ReaderInfo:
        return replace(await self._inner.open(), device_type="")


class SellsWhenOpenedAgain(Crooked):
    """Learns by a sale whether the reader is there, as known gateways do."""

    _opened = False

    async def open(self) -> ReaderInfo:
        info = await self._inner.open()
        if self._opened:
            request = PaymentRequest(SessionId("ses_1"), Kind.PAYMENT, Money(1200, "eur"))
            await self._inner.pay(request, Silent())
        self._opened = True
        return info


class ClosesLoudly(Crooked):
    _open = False

    async def open(self) -> ReaderInfo:
        self._open = True
        return await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()
        if not self._open:
            raise LinkError("not open")
        self._open = False


class LeaksErrors(Crooked):
    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        try:
            return await self._inner.pay(request, report)
        except NotStartedError as error:
            raise OSError("no route to host") from error


class InventsAnswers(Crooked):
    async def inquire(self, request: PaymentRequest) -> Outcome:
        if not request.attempts:
            return Outcome(Verdict.PAID, amount_captured=request.money.amount)
        return await self._inner.inquire(request)


class CallsADeclineACancel(Crooked):
    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        outcome = await self._inner.pay(request, report)
        return replace(outcome, verdict=Verdict.CANCELED) if outcome.verdict is Verdict.DECLINED else outcome


class NeverGivesUp(Crooked):
    async def cancel(self) -> None:
        pass


class AsksByReleasing(Crooked):
    async def inquire(self, request: PaymentRequest) -> Outcome:
        if not request.attempts:
            return await self._inner.inquire(request)
        return await self._inner.settle(request, Decision(Settlement.RELEASE), Silent())


class BeginsAgain(Crooked):
    """After a crash it sells anew, under another name."""

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        if request.attempts and request.kind is Kind.PAYMENT:
            return await self._inner.pay(replace(request, attempts={}, references={}), Silent())
        return await self._inner.pay(request, report)


class ForgetsThePaid(Crooked):
    async def inquire(self, request: PaymentRequest) -> Outcome:
        outcome = await self._inner.inquire(request)
        return Outcome(Verdict.FAILED) if outcome.verdict is Verdict.PAID else outcome


class SaysItIsGone(Crooked):
    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        if decision.settlement is Settlement.RELEASE:
            return Outcome(Verdict.CANCELED)
        return await self._inner.settle(request, decision, report)


class GuessesFailure(Crooked):
    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        try:
            return await self._inner.pay(request, report)
        except DriverError as error:
            raise NotStartedError("probably nothing happened") from error


class SaysNothing(Crooked):
    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        return await self._inner.pay(request, Silent())


class ReportsLate(Crooked):
    """Gathers what it has to make durable, and does it when the sale is over."""

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        kept: list[tuple[str, str]] = []

        class Later(Silent):
            progress = report.progress  # type: ignore[assignment]  # as it is

            async def reference(self, name: str, value: str) -> None:
                kept.append((name, value))

            attempt = report.attempt

        try:
            return await self._inner.pay(request, Later())
        finally:
            for name, value in kept:
                await report.reference(name, value)


class SwallowsCancellation(Crooked):
    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        try:
            return await self._inner.pay(request, report)
        except asyncio.CancelledError:
            return Outcome(Verdict.CANCELED)


class OnlySaysItCaptured(Crooked):
    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        if decision.settlement is Settlement.CAPTURE:
            amount = decision.amount or request.money.amount
            return Outcome(Verdict.PAID, amount_authorized=amount, amount_captured=amount)
        return await self._inner.settle(request, decision, report)


class CapturesAll(Crooked):
    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        return await self._inner.settle(request, replace(decision, amount=None), report)


class RefundsTwice(Crooked):
    """Makes a refund of its own of each call, half of the money each."""

    _count = 0

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        if request.kind is Kind.PAYMENT:
            return await self._inner.pay(request, report)
        self._count += 1
        fresh = replace(request, session=SessionId(f"other_{self._count}"), attempts={})
        return await self._inner.pay(replace(fresh, money=Money(600, "eur")), report)


class CannotTryAgain(Crooked):
    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        if request.references and not request.attempts and request.kind is Kind.PAYMENT:
            raise NotStartedError("this was declined before")
        return await self._inner.pay(request, report)


class TakesTurns(Crooked):
    def __init__(self, inner: Driver) -> None:
        super().__init__(inner)
        self._turn = asyncio.Lock()

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        async with self._turn:
            return await self._inner.pay(request, report)

    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        async with self._turn:
            return await self._inner.settle(request, decision, report)


class TakesTooLong(Crooked):
    async def inquire(self, request: PaymentRequest) -> Outcome:
        await asyncio.sleep(3600)
        return await self._inner.inquire(request)


BREACHES: list[tuple[type[Crooked], set[Promise], set[Promise], set[Promise]]] = [
    (IsNobody, {opening_starts_nothing}, set(), set()),
    (
        SellsWhenOpenedAgain,
        {
            opening_starts_nothing,
            each_customer_gets_the_right_outcome,
            held_money_moves_once_or_is_let_go,
            less_than_was_held_can_be_taken,
        },
        {closing_never_fails, a_declined_order_can_be_tried_again, what_needs_no_device_waits_for_nobody},
        {money_is_given_back_once},
    ),
    (ClosesLoudly, {closing_never_fails, a_line_cut_in_mid_sale_is_doubt_and_never_a_guess}, set(), set()),
    (LeaksErrors, {what_is_out_of_reach_is_a_driver_error}, set(), set()),
    (
        InventsAnswers,
        {what_is_out_of_reach_is_a_driver_error, a_crash_at_any_report_loses_and_doubles_nothing},
        set(),
        set(),
    ),
    (
        CallsADeclineACancel,
        {each_customer_gets_the_right_outcome},
        {a_declined_order_can_be_tried_again},
        set(),
    ),
    (NeverGivesUp, {a_cancel_ends_the_sale}, {what_needs_no_device_waits_for_nobody}, set()),
    (
        AsksByReleasing,
        {a_question_changes_nothing},
        {an_abandoned_sale_is_gone_on_with_or_ended},
        {a_lost_answer_is_no_second_sale},
    ),
    (
        BeginsAgain,
        set(),
        set(),
        {
            an_abandoned_sale_is_gone_on_with_or_ended,
            what_was_paid_meanwhile_is_found,
            a_line_cut_in_mid_sale_is_doubt_and_never_a_guess,
            a_lost_answer_is_no_second_sale,
        },
    ),
    (
        ForgetsThePaid,
        {
            what_was_paid_meanwhile_is_found,
            a_crash_at_any_report_loses_and_doubles_nothing,
            money_is_given_back_once,
        },
        {a_line_cut_in_mid_sale_is_doubt_and_never_a_guess},
        set(),
    ),
    (SaysItIsGone, {an_abandoned_prompt_can_be_withdrawn, held_money_moves_once_or_is_let_go}, set(), set()),
    (
        GuessesFailure,
        {a_line_cut_in_mid_sale_is_doubt_and_never_a_guess},
        set(),
        {a_lost_answer_is_no_second_sale, a_device_that_restarts_is_asked},
    ),
    (
        SaysNothing,
        {
            a_question_changes_nothing,
            an_abandoned_sale_is_gone_on_with_or_ended,
            what_was_paid_meanwhile_is_found,
            an_abandoned_prompt_can_be_withdrawn,
            a_line_cut_in_mid_sale_is_doubt_and_never_a_guess,
            a_crash_at_any_report_loses_and_doubles_nothing,
            money_is_given_back_once,
        },
        set(),
        {
            a_lost_answer_is_no_second_sale,
            held_money_moves_once_or_is_let_go,
            less_than_was_held_can_be_taken,
        },
    ),
    (ReportsLate, {a_crash_at_any_report_loses_and_doubles_nothing}, set(), set()),
    (
        SwallowsCancellation,
        {
            a_question_changes_nothing,
            an_abandoned_sale_is_gone_on_with_or_ended,
            what_was_paid_meanwhile_is_found,
            an_abandoned_prompt_can_be_withdrawn,
            a_crash_at_any_report_loses_and_doubles_nothing,
        },
        set(),
        set(),
    ),
    (
        OnlySaysItCaptured,
        {held_money_moves_once_or_is_let_go, less_than_was_held_can_be_taken},
        {what_needs_no_device_waits_for_nobody},
        set(),
    ),
    (CapturesAll, {less_than_was_held_can_be_taken}, set(), set()),
    (RefundsTwice, {money_is_given_back_once}, set(), set()),
    (
        CannotTryAgain,
        set(),
        {a_crash_at_any_report_loses_and_doubles_nothing, a_declined_order_can_be_tried_again},
        set(),
    ),
    (TakesTurns, set(), {what_needs_no_device_waits_for_nobody}, set()),
    (
        TakesTooLong,
        {
            a_question_changes_nothing,
            an_abandoned_sale_is_gone_on_with_or_ended,
            what_was_paid_meanwhile_is_found,
            a_line_cut_in_mid_sale_is_doubt_and_never_a_guess,
            a_crash_at_any_report_loses_and_doubles_nothing,
            money_is_given_back_once,
        },
        set(),
        {a_lost_answer_is_no_second_sale, a_device_that_restarts_is_asked},
    ),
]
"""What each breaks: with both kinds of reader, only with Stripe's, only with a ZVT terminal."""


@pytest.mark.parametrize(
    ("kind", "always", "stripe", "zvt"), BREACHES, ids=[kind.__name__ for kind, *_ in BREACHES]
)
def test_a_driver_that_breaks_promises_is_caught_by_their_names(
    kind: type[Crooked], always: set[Promise], stripe: set[Promise], zvt: set[Promise]
) -> None:
    for world, more in ((STRIPE, stripe), (ZVT_DEFERRED, zvt)):
        broken = {promise for name, promise in PROMISES.items() if not world.check(name, kind).kept}
        assert broken == always | more, world.name


def test_every_promise_is_broken_by_somebody() -> None:
    broken = {promise for _, *sets in BREACHES for each in sets for promise in each}
    assert broken == set(PROMISES.values())


class CanLittle(Crooked):
    async def open(self) -> ReaderInfo:
        return replace(await self._inner.open(), capabilities=frozenset({Capability.DISPLAY}))


@pytest.mark.parametrize("world", [STRIPE, ZVT_DEFERRED], ids=named)
def test_what_a_driver_does_not_claim_is_not_asked_of_it(world: World) -> None:
    found = [world.check(promise, CanLittle) for promise in PROMISES]
    assert all(finding.kept for finding in found)
    declared = [text for finding in found for text in finding.left_out if text.endswith("is not declared")]
    assert len(declared) == 6


class RaisesBugs(Crooked):
    async def close(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._bug(), name="bug")

    async def _bug(self) -> None:
        raise ZeroDivisionError("a bug")


async def test_a_finding_names_what_was_raised() -> None:
    store = StripeStore()
    await store.begin()
    finding = await check("closing_never_fails", StripeBench(store, RaisesBugs))
    assert finding == Finding("closing_never_fails", "ZeroDivisionError: a bug")
    assert str(finding) == "closing_never_fails: BROKEN: ZeroDivisionError: a bug"
