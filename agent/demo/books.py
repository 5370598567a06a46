"""The books of the morning: the journal, the simulated Stripe, the terminals' own, what tills were told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Books:
    """Sums in minor units, refunds taken off; `quarrels` says what does not agree."""

    journal: int
    stripe: int
    terminals: int
    told: int
    intents: int
    quarrels: tuple[str, ...]

    @property
    def agree(self) -> bool:
        """Whether no cent and no customer differs."""
        return not self.quarrels


def compare(
    journal: Sequence[Mapping[str, Any]],
    ledger: Sequence[Mapping[str, Any]],
    told: Iterable[Mapping[str, Any]],
    turnover: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Books:
    """Hold the books against each other, as sums and sale by sale."""
    quarrels: list[str] = []
    told = list(told)
    by_intent = {row["id"]: row for row in ledger}
    in_journal, in_tills = _moved(journal), _moved(told)
    at_stripe = sum(row["captured"] - row["refunded"] for row in ledger)
    at_terminals = sum(row["money"] for rows in turnover.values() for row in rows)
    if not in_journal == in_tills == at_stripe + at_terminals:
        quarrels.append(
            f"sums differ: journal {in_journal}, tills {in_tills}, Stripe {at_stripe}, "
            f"terminals {at_terminals}"
        )
    journaled = {session["id"]: session for session in journal}
    quarrels.extend(
        f"{session['id']}: the till was told {session['state']}"
        for session in told
        if journaled.get(session["id"], {}).get("state") != session["state"]
    )
    quarrels.extend(f"{row['id']} can still be paid" for row in ledger if row["payable_now"])
    for session in journal:
        if session["kind"] != "payment" or session["reader"] in turnover:
            continue
        row = by_intent.get(session["references"].get("payment_intent", ""))
        captured = 0 if row is None else row["captured"]
        if (
            session["state"] in {"paid", "canceled", "failed", "released"}
            and captured != session["amount_captured"]
        ):
            quarrels.append(f"{session['id']} is {session['state']}, Stripe captured {captured}")
    for reader, rows in turnover.items():
        quarrels.extend(_at_terminal([each for each in journal if each["reader"] == reader], rows))
    return Books(in_journal, at_stripe, at_terminals, in_tills, len(ledger), tuple(quarrels))


def _at_terminal(journal: Iterable[Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What one terminal's memory and its sessions do not agree on; the trace number joins them."""
    booked = {row["trace"]: row["money"] for row in rows if row["money"]}
    for session in journal:
        trace = int(session["references"].get("trace_no", 0))
        money = booked.pop(trace, 0) if session["state"] == "paid" else 0
        if money != _moved([session]):
            yield f"{session['id']} is {session['state']}, the terminal booked {money} as {trace}"
    for trace, money in booked.items():
        yield f"the terminal booked {money} as {trace}, and no session says so"


def _moved(sessions: Iterable[Mapping[str, Any]]) -> int:
    signs = {"payment": 1, "refund": -1}
    return sum(signs[each["kind"]] * _amount(each) for each in sessions if each["state"] == "paid")


def _amount(session: Mapping[str, Any]) -> int:
    amount: int = session["amount_captured"] if session["kind"] == "payment" else session["amount"]
    return amount
