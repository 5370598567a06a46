"""Our driver keeps every promise; drivers that break one are caught."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from drivers.conformance import (
    PROMISES,
    Bench,
    Books,
    BrokenPromiseError,
    Customer,
)
from drivers.contract import (
    Capability,
    Decision,
    Driver,
    DriverError,
    Kind,
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
from tests.stripe_store import StripeStore


class StripeBench:
    """The Stripe driver on the simulated Stripe."""

    money = Money(1200, "eur")

    def __init__(self, wrap: Callable[[Driver], Driver] = lambda driver: driver) -> None:
        self._store = StripeStore()
        self._wrap = wrap
        self._refund_of = SessionId("")

    async def begin(self) -> "StripeBench":
        await self._store.begin()
        return self

    def driver(self) -> Driver:
        return self._wrap(self._store.driver())

    async def customer(self, does: Customer) -> None:
        wishes: dict[str, Any] = {"auto_present": None, "auto_cancel": None}
        match does:
            case Customer.PAYS:
                wishes["auto_present"] = {"after": 7}
            case Customer.IS_DECLINED:
                wishes["auto_present"] = {"after": 7, "number": "4000000000009995"}
            case Customer.CANCELS:
                wishes["auto_cancel"] = {"after": 6}
            case Customer.STAYS_AWAY:
                pass
        await self._store.customer(**wishes)

    async def line(self, *, up: bool) -> None:
        self._store.stripe.exchange.down = not up

    async def books(self, session: SessionId) -> Books:
        if session == self._refund_of:
            [row] = await self._store.rows_of("ses_1")
            return Books(moved=row["refunded"])
        rows = await self._store.rows_of(session)
        return Books(
            held=sum(row["authorized"] for row in rows if row["status"] == "requires_capture"),
            moved=sum(row["captured"] for row in rows),
            prompts=sum(row["prompts_shown"] for row in rows),
            payable=any(row["payable_now"] for row in rows),
        )

    def refund_references(self, paid: Outcome) -> Mapping[str, str]:
        if paid.references:
            self._refund_of = SessionId("ses_2")
        return {f"refund_of_{name}": value for name, value in paid.references.items()}


@pytest.mark.parametrize("promise", PROMISES)
async def test_the_stripe_driver_keeps_every_promise(promise: str) -> None:
    await PROMISES[promise](await StripeBench().begin())


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


class SaysNothing(Crooked):
    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        return await self._inner.pay(request, Silent())


class SwallowsCancellation(Crooked):
    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        try:
            return await self._inner.pay(request, report)
        except asyncio.CancelledError:
            return Outcome(Verdict.CANCELED)


class GuessesFailure(Crooked):
    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        try:
            return await self._inner.pay(request, report)
        except DriverError as error:
            raise NotStartedError("probably nothing happened") from error


class NeverGivesUp(Crooked):
    async def cancel(self) -> None:
        pass


class ForgetsTheMoney(Crooked):
    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        return Outcome(Verdict.CANCELED)

    async def inquire(self, request: PaymentRequest) -> Outcome:
        return Outcome(Verdict.FAILED)


class AsksByPaying(Crooked):
    async def inquire(self, request: PaymentRequest) -> Outcome:
        return await self._inner.settle(request, Decision(Settlement.RELEASE), Silent())


class InventsAnswers(Crooked):
    async def inquire(self, request: PaymentRequest) -> Outcome:
        return Outcome(Verdict.PAID, amount_captured=request.money.amount)


class SellsWhenOpened(Crooked):
    async def open(self) -> ReaderInfo:
        request = PaymentRequest(SessionId("ses_1"), Kind.PAYMENT, Money(1200, "eur"))
        await self._inner.pay(request, Silent())
        return await self._inner.open()


class IsNobody(Crooked):
    async def open(self) -> ReaderInfo:
        return ReaderInfo("", "", frozenset())


class RefundsTwice(Crooked):
    _count = 0

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        if request.kind is Kind.PAYMENT:
            return await self._inner.pay(request, report)
        type(self)._count += 1
        fresh = PaymentRequest(
            SessionId(f"other_{self._count}"),
            Kind.REFUND,
            Money(600, "eur"),
            references=request.references,
        )
        return await self._inner.pay(fresh, Silent())


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (SaysNothing, "an_abandoned_sale_can_be_asked_about_and_gone_on_with"),
        (SwallowsCancellation, "an_abandoned_prompt_can_be_withdrawn"),
        (GuessesFailure, "a_line_cut_in_mid_sale_is_doubt_and_never_a_guess"),
        (NeverGivesUp, "a_cancel_ends_the_sale"),
        (ForgetsTheMoney, "what_was_paid_meanwhile_is_found"),
        (ForgetsTheMoney, "held_money_moves_once_or_is_let_go"),
        (ForgetsTheMoney, "an_abandoned_prompt_can_be_withdrawn"),
        (AsksByPaying, "an_abandoned_sale_can_be_asked_about_and_gone_on_with"),
        (InventsAnswers, "what_is_out_of_reach_is_a_driver_error"),
        (SellsWhenOpened, "opening_starts_nothing"),
        (IsNobody, "opening_starts_nothing"),
        (RefundsTwice, "money_is_given_back_once"),
    ],
)
async def test_a_driver_that_breaks_a_promise_is_caught(kind: type[Crooked], promise: str) -> None:
    bench = await StripeBench(kind).begin()
    with pytest.raises((BrokenPromiseError, ExceptionGroup, TimeoutError)) as caught:
        await PROMISES[promise](bench)
    if isinstance(caught.value, ExceptionGroup):
        assert caught.group_contains((BrokenPromiseError, TimeoutError))


class CanLittle(Crooked):
    async def open(self) -> ReaderInfo:
        info = await self._inner.open()
        return ReaderInfo(info.device_type, info.serial_number, frozenset({Capability.RETRY}))


@pytest.mark.parametrize("promise", PROMISES)
async def test_what_a_driver_does_not_claim_is_not_asked_of_it(promise: str) -> None:
    bench: Bench = await StripeBench(CanLittle).begin()
    await PROMISES[promise](bench)
