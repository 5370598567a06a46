"""What an order may be: the same as before under its key, possible on its reader, fit for what it retries."""

from datetime import timedelta

from agent.payments import tender
from agent.payments.change import Conflict, ConflictError
from agent.payments.errors import (
    JournalError,
    OrderError,
    PosKeyReusedError,
    ReaderBusyError,
    WrongStateError,
)
from agent.payments.lane import Lane
from agent.payments.model import Order, Session, State
from drivers.contract import Capability, Capture

_SAYABLE = (
    "kind",
    "reader",
    "money",
    "capture",
    "tip",
    "description",
    "metadata",
    "retry_of",
    "refund_of",
    "sale",
)
"""Everything that a till can say in an order besides its key."""

_KEPT_BY_RETRIES = ("kind", "money", "capture", "sale")


def same(known: Session, order: Order) -> Session:
    """The known session, if the order is the same in everything a till can say."""
    for name in _SAYABLE:
        if getattr(known.order, name) != getattr(order, name):
            raise PosKeyReusedError(order.pos_key, known.id, name)
    return known


def busy(lane: Lane) -> ReaderBusyError:
    """That the reader serves somebody else."""
    return ReaderBusyError(lane.config.name, lane.status.why or "a session is about to begin")


def check(order: Order, lane: Lane) -> None:
    """Raise `OrderError` for what cannot be, on this reader or at all."""
    if order.sale is not None and order.money.amount > order.sale.amount:
        raise OrderError(
            f"amount is {order.money.amount}, more than all of sale {order.sale.id!r}, {order.sale.amount}",
            param="sale.amount",
        )
    wanted = (
        (order.capture is Capture.MANUAL, Capability.MANUAL_CAPTURE, "capture"),
        (order.tip is not None and not order.tip.skip, Capability.TIP, "tip"),
        (order.retry_of is not None, Capability.RETRY, "retry_of"),
    )
    for asked, capability, param in wanted:
        if asked and not lane.can(capability):
            raise OrderError(
                f"reader {order.reader} cannot do this: {capability}",
                param=param,
                code="unsupported_by_reader",
            )


def check_retry(order: Order, declined: Session, lane: Lane, *, age: timedelta, window_s: float) -> None:
    """Raise `WrongStateError` or `OrderError` unless this order may try a declined session again.

    `age` is the declined session's; it may be at most `window_s` seconds.
    """
    if declined.state is not State.DECLINED:
        raise WrongStateError(
            f"session {declined.id} is {declined.state}; only a declined one can be tried again"
        )
    if declined.tidied or age > timedelta(seconds=window_s):
        raise OrderError(
            f"session {declined.id} was tried again already or is too old; open a sale without retry_of",
            param="retry_of",
            code="retry_too_late",
        )
    before = declined.order
    if any(getattr(before, name) != getattr(order, name) for name in _KEPT_BY_RETRIES):
        of_sale = "no sale" if before.sale is None else f"sale {before.sale.id!r}"
        raise OrderError(
            f"session {declined.id} was for {before.money}, capture {before.capture}, of {of_sale}; "
            "a retry keeps that",
            param="retry_of",
            code="retry_differs",
        )
    if declined.driver != lane.config.driver:
        raise OrderError(
            f"session {declined.id} was on a {declined.driver} reader, {order.reader} is not: "
            "open a sale without retry_of",
            param="retry_of",
            code="retry_differs",
        )


def refusal(order: Order, error: ConflictError, book: tender.SaleBook) -> Exception:
    """What an invariant of the database means for the till whose order broke it."""
    match error.conflict:
        case Conflict.READER:
            return ReaderBusyError(order.reader, "another session holds it")
        case Conflict.REFUND:
            return OrderError("refunds under way already use up what is left", param="amount")
        case Conflict.RETRY | Conflict.REFERENCE:
            return OrderError(
                "this sale is being tried again already", param="retry_of", code="retry_too_late"
            )
        case Conflict.SALE:
            return tender.refusal(order, book)
        case _:
            return JournalError(f"the order could not be stored: {error}")
