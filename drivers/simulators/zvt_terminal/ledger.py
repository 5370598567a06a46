"""What really became of each transaction, for whoever judges a register."""

from typing import TypedDict

from drivers.simulators.zvt_terminal.books import signed
from drivers.simulators.zvt_terminal.memory import Kind, Memory, State


class Entry(TypedDict):
    """One transaction; amounts in minor units.

    `money` is what it adds to the merchant's account as things stand, `refunded` what a reversal by 06 30
    gave back of it, `prompts` how often the customer was asked for a card.
    """

    id: int
    kind: str
    amount: int
    currency: int
    state: str
    approved: bool
    acknowledged: bool
    reversed: bool
    refunded: int
    money: int
    held: int
    result: int | None
    receipt: int | None
    trace: int | None
    turnover: int | None
    prompts: int
    card: str
    original: int | None
    batch: int


def ledger(memory: Memory) -> list[Entry]:
    """All transactions, oldest first, as plain data."""
    entries: list[Entry] = []
    for record in memory.records:
        after = memory.follower(record) if record.stands else None
        refunded = after.amount if after is not None and after.kind is Kind.REVERSAL else 0
        holds = record.kind is Kind.HOLD and record.stands and after is None
        entries.append(
            {
                "id": record.id,
                "kind": record.kind.value,
                "amount": record.amount,
                "currency": record.currency,
                "state": record.state.value,
                "approved": record.receipt is not None,
                "acknowledged": record.acknowledged,
                "reversed": record.receipt is not None and record.state in {State.REVERSED, State.DECLINED},
                "refunded": refunded,
                "money": signed(record, memory) if record.stands else 0,
                "held": memory.held(record) if holds else 0,
                "result": record.result,
                "receipt": record.receipt,
                "trace": record.trace,
                "turnover": record.turnover,
                "prompts": record.prompts,
                "card": record.card,
                "original": record.original,
                "batch": record.batch,
            }
        )
    return entries
