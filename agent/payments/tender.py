"""One sale paid in several parts: what is taken of it and what is left. Pure but for the errors it words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.payments.errors import OrderError, SaleCoveredError, UnknownSaleError
from agent.payments.model import Order, Sale, Session, State
from drivers.contract import Money

_OPEN = frozenset({State.OPENED, State.IN_FLIGHT, State.IN_DOUBT, State.AUTHORIZED})


@dataclass(frozen=True, slots=True)
class Tender:
    """How far a sale is paid. Amounts are minor units of its currency, without tips."""

    sale: Sale
    currency: str
    paid: int  # less what was given back
    held: int  # authorized, not captured
    under_way: int  # begun or in doubt: it may still be paid
    sessions: tuple[Session, ...]  # oldest first

    @property
    def left(self) -> int:
        """What another session may take."""
        return self.sale.amount - self.paid - self.held - self.under_way


class SaleBook(Protocol):
    """Where the sessions of a sale are."""

    def of_sale(self, till: str, sale: str) -> list[Session]:
        """The sessions that pay one sale of a till together, oldest first."""
        ...


def of(sessions: Sequence[Session], sale: str) -> Tender:
    """Add up the sessions of one sale; raises `UnknownSaleError` if there are none."""
    if not sessions:
        raise UnknownSaleError(sale)
    first = sessions[0].order
    assert first.sale is not None
    paid = held = under_way = 0
    for session in sessions:
        amount = session.order.money.amount
        match session.state:
            case State.PAID:
                paid += max(0, min(amount, session.amount_captured - session.amount_refunded))
            case State.AUTHORIZED:
                held += amount
            case state if state in _OPEN:
                under_way += amount
            case _:
                pass  # unpaid for certain
    return Tender(first.sale, first.money.currency, paid, held, under_way, tuple(sessions))


def refusal(order: Order, book: SaleBook) -> OrderError | SaleCoveredError:
    """Why an order cannot be a part of its sale; the database has refused it already."""
    assert order.sale is not None
    have = of(book.of_sale(order.till, order.sale.id), order.sale.id)
    if (have.sale.amount, have.currency) != (order.sale.amount, order.money.currency):
        whole = Money(have.sale.amount, have.currency)
        return OrderError(
            f"sale {have.sale.id!r} is about {whole}; every session of it says the same amount and currency",
            param="sale.amount",
            code="sale_differs",
        )
    waiting = [f"{each.id} ({each.state})" for each in have.sessions if each.state in _OPEN]
    return SaleCoveredError(
        f"sale {have.sale.id!r} is about {have.sale.amount} {have.currency}: {have.paid} are paid, "
        f"{have.held} held and {have.under_way} under way; {have.left} are left, not {order.money.amount}"
        + (f". Wait for or cancel {', '.join(waiting)}" if waiting else "")
    )
