"""The readable line."""

import pytest

from drivers.zvt.commands.codec import decode_bytes
from drivers.zvt.summary import LINE_MAX, display_lines, summarise
from tests.unit.drivers.zvt.cases import load


@pytest.mark.parametrize(
    ("wire", "line"),
    [
        ("06010A04000000001234490978", "payment, 12.34 EUR"),
        ("06010A04000000001234490756", "payment, 12.34 CHF"),
        ("800000", "accepted"),
        ("840000", "refused"),
        ("846C00", "refused 6C: stopped by the stop key or by a time-out"),
        ("849C00", "wait and ask again"),
        ("849D0704000000000750", "only part of the goods was handed out, 7.50 EUR"),
        ("04FF010A", "intermediate status (insert the card)"),
        ("04FF020A01", "intermediate status (insert the card; wait 01 min)"),
        ("04FF0EFF01060A2408070648656C6C6F21", "intermediate status (see the text; wait 01 min), 'Hello!'"),
        ("060F01DC", "completion (a card is inserted: use it, or eject it)"),
        ("060F07F0F0F3312E3000", "completion ('1.0'; ready)"),
        ("061E016C", "abort (6C, stopped by the stop key or by a time-out)"),
        ("061E036F0978", "abort (6F, the terminal does not take this currency; cc 0978)"),
        ("06230387FFFF", "partial reversal, are any open?"),
        ("065003123456", "end of day"),
        ("069506000000123456", "change password"),
        ("06C0010F", "read card (15 s)"),
        ("0FA1020001", "maker's own command 0FA1 (raw 0001)"),
        ("06FF00", "unknown command 06FF"),
        ("06D10840" + b"K\xc4UFER!".hex(), "print line (attr 40; 'KÄUFER!')"),
        (
            "060F0A19002912345678490978",
            "completion, payment type or status 00, terminal id 12345678, currency 0978",
        ),
        ("040F0427058A0A", "status information, result 05: declined, Visa"),
        ("0620050000000303", "repeat receipt, service byte 03"),
        ("040F0322F0F0", "status information, card number empty"),
        ("040F063CF0F0F24F4B", "status information, additional text 'OK'"),
        ("060F0806061F7303000001", "completion, message sequence id 000001"),
    ],
)
def test_lines(wire: str, line: str) -> None:
    assert summarise(decode_bytes(bytes.fromhex(wire))) == line


def test_objects_of_the_container() -> None:
    message = decode_bytes(
        bytes.fromhex("06011E061C240507034F4B0A07001F0C01411F11002F041F100102DF0100C20105")
    )
    assert summarise(message) == (
        "payment, 'OK', licence plate 'A', online empty, payment kind [cardholder check 2], tag DF01 empty, "
        "bonus points 05"
    )


def test_what_is_not_well_formed_inside_is_told() -> None:
    line = summarise(decode_bytes(bytes.fromhex("04FF080A01060424020741")))
    assert line.endswith("display texts not well formed 0741")


def test_the_texts_character_set_is_the_one_it_names() -> None:
    message = decode_bytes(bytes.fromhex("06D30C060A" + "140102" + "2505" + "0703" + "A6E6EA"))
    assert "'ŚćA" not in summarise(message)
    assert "Ś" in summarise(message)
    assert display_lines(message) == ()


def test_lines_for_a_display() -> None:
    message = decode_bytes(
        bytes.fromhex("04FF110A01" + "060D" + "240B" + "0703" + "4F4E45" + "0704" + "54574F20")
    )
    assert display_lines(message) == ("ONE", "TWO")


def test_a_long_receipt_is_cut() -> None:
    message = decode_bytes(bytes.fromhex("06D1FF0002" + "40" + "41" * 511))
    assert len(summarise(message)) == LINE_MAX


def test_every_case_has_a_line() -> None:
    for case in load("messages.json"):
        line = summarise(decode_bytes(bytes.fromhex(case["wire"])))
        assert line
        assert line.isprintable()
