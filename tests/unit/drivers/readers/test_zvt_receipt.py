"""Receipts: printed through us in lines or blocks, or built from 04 0F."""

import pytest

from drivers.readers.zvt_receipt import TEXT_MAX, Paper, built, facts, last_digits, shown_number, text_of
from drivers.zvt.charset import Charset
from drivers.zvt.commands.codec import decode_bytes
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.config import ReceiptKind
from drivers.zvt.message import Message
from drivers.zvt.receipts import Line, print_blocks, print_lines
from drivers.zvt.tlv import Tlv
from tests.scripted_pt import approved


def paper(*messages: Message, charset: Charset | None = None) -> dict[str, str]:
    sheet = Paper(charset)
    for message in messages:
        sheet.print(message)
    return sheet.texts


def test_blocks_say_whose_they_are() -> None:
    merchant = print_blocks([Line("HÄNDLER"), Line(""), Line("12,00")], ReceiptKind.MERCHANT)
    customer = print_blocks([Line("KUNDE")], ReceiptKind.CUSTOMER)
    closing = print_blocks([Line("SUMME")], ReceiptKind.ADMINISTRATION)
    assert paper(*merchant, *customer, *closing) == {
        "merchant_text": "HÄNDLER\n\n12,00",
        "customer_text": "KUNDE",
        "administration_text": "SUMME",
    }


def test_lines_without_a_kind_are_the_customers_then_the_merchants() -> None:
    one, two = print_lines([Line("first"), Line("copy")]), print_lines([Line("second")])
    assert paper(*one, *two) == {"customer_text": "first\ncopy", "merchant_text": "second"}
    third = print_lines([Line("third")])
    assert paper(*one, *two, *third)["merchant_text"] == "second\nthird"
    unfinished = one[:-1]
    assert paper(*unfinished) == {"customer_text": "first\ncopy"}
    assert paper(one[-1]) == {}


def test_the_terminals_character_set_counts() -> None:
    line = print_lines([Line("Ä")], Charset.LATIN_1)
    assert paper(*line, charset=Charset.LATIN_1) == {"customer_text": "Ä"}
    assert paper(*line) == {"customer_text": "Ä"}


def test_a_terminal_that_prints_for_ever_is_not_kept() -> None:
    texts = paper(*[line for _ in range(60) for line in print_lines([Line("x" * 1000)])[:1]])
    assert len(texts["customer_text"]) <= TEXT_MAX


FULL = StatusInformation(
    result=0,
    amount=1234,
    trace=22,
    time="164923",
    date="0308",
    card_sequence="0001",
    card_number="EEEEEEEEEEEE5726",
    terminal_id="29001006",
    approval="291675",
    currency=978,
    receipt=22,
    merchant="100764992",
    additional="GEN.NR.:291675",
    host_result=0,
    card_name="Debit Mastercard",
    application_id=bytes.fromhex("A0000000041010"),
    verification=2,
).to_message()


def test_facts_use_the_words_of_all_readers() -> None:
    assert facts(FULL.with_tlv(Tlv(0x46, b"AID 1234")), None) == {
        "authorization_code": "291675",
        "application_preferred_name": "Debit Mastercard",
        "dedicated_file_name": "A0000000041010",
        "cardholder_verification_method": "online_pin",
        "merchant_number": "100764992",
        "additional_text": "GEN.NR.:291675",
        "terminal_date": "0308",
        "terminal_time": "164923",
        "emv_data": "AID 1234",
    }
    assert facts(StatusInformation(result=0).to_message(), None) == {}
    other = StatusInformation(result=0, verification=0xFF).to_message()
    assert facts(other, None) == {}


def test_a_built_receipt_has_what_chapter_6_demands() -> None:
    text = built(FULL, what="payment", amount=1234, currency=978, charset=None)
    assert text.splitlines() == [
        "payment",
        "12.34 EUR",
        "Terminal: 29001006",
        "Date: 03-08",
        "Time: 16:49:23",
        "Trace: 000022",
        "Receipt: 0022",
        "Host result: 00",
        "Card: Debit Mastercard",
        "Number: ************5726",
        "Sequence: 0001",
        "Approval: 291675",
        "Merchant: 100764992",
        "GEN.NR.:291675",
    ]
    little = StatusInformation(result=0, receipt=0xFFFF).to_message()
    assert built(little, what="refund", amount=5, currency=978, charset=None) == "refund\n0.05 EUR"


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("EEEEEEEEEEEE5726", "5726"),
        ("6725904411001000142D2412", "0142"),
        ("EEEEEEEEEEEEEEEE", ""),
        (None, ""),
        ("12", ""),
    ],
)
def test_a_card_number_is_never_shown(number: str | None, digits: str) -> None:
    assert last_digits(number) == digits
    assert shown_number(number) == (f"************{digits}" if digits else "")


def test_texts_are_read_in_the_set_the_terminal_uses() -> None:
    message = decode_bytes(bytes.fromhex(approved(more="3CF0F0F1C4")))
    assert text_of(message, 0x3C, Charset.LATIN_1) == "Ä"
    assert text_of(message, 0x3C, None) == "Ä"
    assert text_of(message, 0x3C, Charset.CP437) == "─"
    assert text_of(message, 0x8B, None) == ""
