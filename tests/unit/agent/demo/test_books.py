"""The three books: what agrees, and every way in which they can quarrel."""

from typing import Any

import pytest

from agent.demo.books import compare


def sale(**changes: Any) -> dict[str, Any]:
    made = {
        "id": "ses_1",
        "kind": "payment",
        "state": "paid",
        "reader": "till-1",
        "amount": 1000,
        "amount_captured": 1000,
        "references": {"payment_intent": "pi_1"},
    }
    return made | changes


def row(**changes: Any) -> dict[str, Any]:
    return {"id": "pi_1", "captured": 1000, "refunded": 0, "payable_now": False} | changes


REFUND = sale(id="ses_2", kind="refund", amount=300, amount_captured=300, references={"refund": "re_1"})


def test_books_that_agree() -> None:
    books = compare([sale(), REFUND], [row(refunded=300)], [sale(), REFUND], {})

    assert books.agree
    assert (books.journal, books.stripe, books.told, books.intents) == (700, 700, 700, 1)


@pytest.mark.parametrize(
    ("journal", "ledger", "told"),
    [
        ([sale()], [row(captured=2000)], [sale()]),  # charged twice
        ([sale()], [row(captured=0)], [sale()]),  # told paid, nothing moved
        ([sale(state="canceled", amount_captured=0)], [row()], [sale(state="canceled", amount_captured=0)]),
        ([sale()], [row()], [sale(state="declined", amount_captured=0)]),  # told declined, money moved
        ([sale()], [row()], []),  # never told
        ([], [row()], [sale()]),  # lost from the journal
        ([sale()], [row(payable_now=True)], [sale()]),  # a prompt is left
        ([sale(state="failed", references={}, amount_captured=5)], [], []),
        ([sale(), REFUND], [row()], [sale(), REFUND]),  # refunded in our books only
    ],
)
def test_books_that_quarrel(journal: list[Any], ledger: list[Any], told: list[Any]) -> None:
    assert not compare(journal, ledger, told, {}).agree


def at_terminal(**changes: Any) -> dict[str, Any]:
    return sale(id="ses_7", reader="till-4", references={"trace_no": "000007"}) | changes


def entry(**changes: Any) -> dict[str, Any]:
    return {"trace": 7, "money": 1000} | changes


BACK = at_terminal(id="ses_8", kind="refund", amount=200, references={"trace_no": "000008"})
LOST = at_terminal(state="failed", amount_captured=0, references={})


def test_a_terminals_own_books_count_beside_stripes() -> None:
    journal = [sale(), at_terminal(), BACK, at_terminal(id="ses_9", state="failed", amount_captured=0)]
    turnover = {"till-4": [entry(), entry(trace=8, money=-200), entry(trace=9, money=0)], "till-5": []}

    books = compare(journal, [row()], journal, turnover)

    assert books.quarrels == ()
    assert (books.journal, books.stripe, books.terminals, books.told) == (1800, 1000, 800, 1800)


@pytest.mark.parametrize(
    ("journal", "entries", "quarrel"),
    [
        ([at_terminal()], [], "ses_7 is paid, the terminal booked 0 as 7"),
        ([LOST], [entry()], "the terminal booked 1000 as 7, and no session says so"),
        ([at_terminal()], [entry(), entry(trace=8)], "booked 1000 as 8"),
        ([at_terminal()], [entry(money=900)], "booked 900 as 7"),
        ([at_terminal(), BACK], [entry()], "ses_8 is paid, the terminal booked 0 as 8"),
        ([at_terminal(), at_terminal(id="ses_9")], [entry()], "ses_9 is paid"),
    ],
)
def test_a_terminal_that_knows_better_is_believed(
    journal: list[Any], entries: list[Any], quarrel: str
) -> None:
    books = compare(journal, [], journal, {"till-4": entries})

    assert any(quarrel in each for each in books.quarrels), books.quarrels
    assert any(each.startswith("sums differ") for each in books.quarrels)
