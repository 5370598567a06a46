"""What stands on receipts."""

import pytest

from agent.pos.register import slip
from drivers.contract import Card
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.config import ReceiptKind
from drivers.zvt.receipts import Line
from drivers.zvt.values import TOTAL_KINDS, Total, Totals
from tests.unit.agent.pos.register.test_status import session

TOLD = StatusInformation(
    result=0,
    amount=1150,
    trace=7,
    receipt=3,
    time="174923",
    date="0308",
    terminal_id="52000001",
    approval="123456",
    card_number="EEEEEEEEEEEE4242",
    card_type=10,
)


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


@pytest.mark.parametrize(
    ("language", "title"), [("de", "Kartenzahlung"), ("en", "Card payment"), ("it", "Card payment")]
)
def test_a_receipt_has_what_the_standard_wants(language: str, title: str) -> None:
    sold = session(Card(), dedicated_file_name="A0000000031010").but({"amount_tip": 150})
    lines = texts(
        slip.transaction(
            TOLD, "payment", ReceiptKind.MERCHANT, sold, language=language, header=("Shop",), sign=True
        )
    )
    assert lines[0] == "Shop"
    assert title in lines
    for wanted in ("11.50 EUR", "Terminal-ID 52000001", "08.03. 17:49:23", "Visa", "AID A0000000031010"):
        assert wanted in lines
    assert lines[-1].startswith("____")
    assert any("1.50 EUR" in line for line in lines)


def test_what_is_not_known_is_left_out_and_customers_sign_nothing() -> None:
    bare = StatusInformation(result=0, amount=100)
    lines = texts(
        slip.transaction(
            bare, "reversal", ReceiptKind.CUSTOMER, session(), language="en", header=(), sign=True
        )
    )
    assert lines[:2] == ["* Customer copy *", "Reversal"]
    assert lines[-1] == "Carried out"
    assert not any(word in " ".join(lines) for word in ("Card", "Authorisation", "Signature"))


def test_the_closing_lists_only_the_cards_there_were() -> None:
    cards = tuple(Total(2 if name == "visa" else 0, 1150) for name in TOTAL_KINDS)
    told = StatusInformation(result=0, amount=1150, terminal_id="52000001", totals=Totals(1, 2, cards))
    lines = texts(slip.closing(told, "closing", "eur", language="de", header=("Shop",)))
    assert lines == [
        "Shop",
        "Kassenschnitt",
        "Terminal-ID 52000001",
        "Belege 0001 - 0002",
        "visa 2 x 11.50 EUR",
        "Summe 11.50 EUR",
    ]
    assert texts(slip.closing(StatusInformation(result=0), "totals", "eur", language="en", header=()))[
        -1
    ] == ("Sum 0.00 EUR")


def test_emv_data_in_one_line() -> None:
    sold = session(Card(), dedicated_file_name="A0", application_cryptogram="99")
    assert slip.emv_text(sold) == "AID A0 AC 99"
    assert slip.emv_text(session()) == ""
    assert texts(
        slip.failure("payment", "declined", "1.00 EUR", "52000001", language="de", header=("Shop",))
    )[-1] == ("declined")
