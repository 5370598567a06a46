"""The three books: what agrees, and every way in which they can quarrel."""

from typing import Any

import pytest

from agent.demo.books import compare


def sale(**changes: Any) -> dict[str, Any]:
    made = {
        "id": "ses_1",
        "kind": "payment",
        "state": "paid",
        "amount": 1000,
        "amount_captured": 1000,
        "references": {"payment_intent": "pi_1"},
    }
    return made | changes


def row(**changes: Any) -> dict[str, Any]:
    return {"id": "pi_1", "captured": 1000, "refunded": 0, "payable_now": False} | changes


REFUND = sale(id="ses_2", kind="refund", amount=300, amount_captured=300, references={"refund": "re_1"})


def test_books_that_agree() -> None:
    books = compare([sale(), REFUND], [row(refunded=300)], [sale(), REFUND])

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
    assert not compare(journal, ledger, told).agree
