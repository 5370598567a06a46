"""What 04 0F and result codes mean in the contract's words."""

import pytest

from drivers.contract import Card, Verdict
from drivers.readers.zvt_outcome import (
    Booked,
    Wanted,
    card_of,
    code_name,
    references_of,
    refused,
    status_number,
    tip_of,
    why,
)
from drivers.zvt.commands.reports import Abort, StatusInformation
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv
from drivers.zvt.values import AMOUNT


def told(amount: int | None = 1200, *, tip: int | None = None, **facts: object) -> Message:
    message = StatusInformation(result=0, amount=amount, **facts).to_message()  # type: ignore[arg-type]  # any
    return message if tip is None else message.with_tlv(Tlv(0x1F36, AMOUNT.encode(tip)))


@pytest.mark.parametrize(
    ("code", "verdict", "decline"),
    [
        (0x6C, Verdict.CANCELED, ""),
        (0x05, Verdict.DECLINED, "05"),
        (0x78, Verdict.DECLINED, "78"),
        (0xF0, Verdict.FAILED, ""),
        (0xC2, Verdict.FAILED, ""),
        (0x83, Verdict.FAILED, ""),
    ],
)
def test_what_a_result_code_means(code: int, verdict: Verdict, decline: str) -> None:
    outcome = refused(code, None)
    assert (outcome.verdict, outcome.decline_code) == (verdict, decline)
    assert outcome.code == code_name(code) == f"zvt_{code:02x}"
    assert outcome.message


def test_the_terminals_own_words_come_first() -> None:
    assert why(StatusInformation(result=5, additional="NEIN").to_message(), 5) == "NEIN"
    assert why(Abort(0xFF, error_text="KAPUTT").to_message(), 0xFF) == "KAPUTT"
    assert why(Abort(0x05).to_message(), 5) == why(None, 5) == "declined"


def test_a_hosts_code_beyond_bcd_counts() -> None:
    assert status_number(StatusInformation(result=0, host_result=0xA5)) == 0xA5
    assert status_number(StatusInformation(result=0x33)) == 0x33
    assert status_number(StatusInformation()) == 0


def test_references() -> None:
    assert references_of(StatusInformation(terminal_id="52523535", receipt=42, trace=7, turnover=9)) == {
        "terminal_id": "52523535",
        "receipt_no": "0042",
        "trace_no": "000007",
        "turnover_no": "000009",
    }
    assert references_of(StatusInformation(receipt=0xFFFF, trace=0)) == {}


def test_cards() -> None:
    girocard = told(card_type=5, card_number="EEEE5726", technology=1, expiry="2912", card_name="girocard")
    assert card_of(girocard) == Card("girocard", "5726", "contact_emv", exp_month=12, exp_year=2029)
    assert card_of(told(card_type=10, technology_nested=2, expiry="9999")) == Card(
        "visa", "", "contactless_emv"
    )
    local = card_of(told(card_type=255, wide_card_type=260))
    assert local is not None
    assert local.brand == "BlueCode"
    named = card_of(told(card_name="Hauskarte"))
    assert named is not None
    assert named.brand == "Hauskarte"
    unnamed = card_of(told(card_number="EEEE5726"))
    assert unnamed is not None
    assert (unnamed.brand, unnamed.last4, unnamed.read_method) == ("", "5726", "")
    assert card_of(told()) is None


def test_tips() -> None:
    assert tip_of(told(1300, tip=100), 1200, offered=False) == 100
    assert tip_of(told(1300), 1200, offered=True) == 100
    assert tip_of(told(1200), 1200, offered=True) == 0
    assert tip_of(told(None), 1200, offered=True) == 0
    assert tip_of(told(1200), 1200, offered=False) is None


@pytest.mark.parametrize(
    ("wanted", "message", "fits"),
    [
        (Wanted(1200, 978), told(), True),
        (Wanted(1200, 978), told(currency=978), True),
        (Wanted(1200, 978), told(currency=756), False),
        (Wanted(1200, 978), told(None), True),
        (Wanted(1200, 978), told(1100), False),
        (Wanted(1200, 978), told(1300), False),
        (Wanted(1200, 978), told(1300, tip=100), False),
        (Wanted(1200, 978, tip=True), told(1300, tip=100), True),
        (Wanted(1200, 978, tip=True), told(1300), True),
        (Wanted(1200, 978, tip=True), told(1300, tip=50), False),
        (Wanted(1200, 978, tip=True), told(1100), False),
        (Wanted(1200, 978, exact=False), told(5), True),
    ],
)
def test_only_what_was_asked_for_is_accepted(wanted: Wanted, message: Message, *, fits: bool) -> None:
    assert (wanted.misfit(message) == "") is fits


def test_booked_amounts() -> None:
    paid = Booked(told(1300, tip=100, receipt=3), Wanted(1200, 978, tip=True)).outcome(Verdict.PAID)
    assert (paid.amount_authorized, paid.amount_captured, paid.amount_tip) == (1300, 1300, 100)
    assert paid.references == {"receipt_no": "0003", "booked_amount": "1300"}
    held = Booked(told(None), Wanted(1200, 978)).outcome(Verdict.AUTHORIZED)
    assert (held.amount_authorized, held.amount_captured) == (1200, 0)
    let_go = Booked(told(0), Wanted(1200, 978, exact=False)).outcome(Verdict.RELEASED)
    assert (let_go.amount_authorized, let_go.amount_captured) == (0, 0)
    assert let_go.references["booked_amount"] == "1200"
