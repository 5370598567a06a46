"""Values of fields."""

import pytest

from drivers.zvt.errors import LocalProtocolError
from drivers.zvt.values import (
    ANY_RECEIPT,
    BYTE,
    CARD_NUMBER,
    CURRENCY,
    NAME,
    RECEIPT,
    TOTAL_KINDS,
    TOTALS,
    Codec,
    Total,
    Totals,
    digits,
    number,
    padded,
    unpack,
)


@pytest.mark.parametrize(
    ("codec", "value", "written"),
    [
        (CURRENCY, 978, "0978"),
        (BYTE, 255, "FF"),
        (number(4), 1, "00000001"),
        (RECEIPT, 42, "0042"),
        (RECEIPT, ANY_RECEIPT, "FFFF"),
        (digits(4), "5252353A", "5252353A"),
        (padded(8, b"\0"), "AB12", "4142313200000000"),
        (CARD_NUMBER, "42424E4", "42424E4F"),
        (NAME, "VISA", "5649534100"),
        (TOTALS, Totals(1, 2, (Total(3, 400),) * 7), "00010002" + "03000000000400" * 7),
    ],
)
def test_both_ways(codec: Codec, value: object, written: str) -> None:
    assert codec.encode(value) == bytes.fromhex(written)
    assert codec.decode(bytes.fromhex(written)) == value


@pytest.mark.parametrize(
    ("codec", "value"),
    [
        (CURRENCY, 10000),
        (BYTE, 256),
        (digits(2), "123"),
        (digits(2), "12x4"),
        (padded(2, b" "), "ABC"),
        (CARD_NUMBER, "4x"),
        (TOTALS, Totals(1, 2, ())),
    ],
)
def test_what_does_not_fit_is_our_mistake(codec: Codec, value: object) -> None:
    with pytest.raises(LocalProtocolError):
        codec.encode(value)


def test_reading_is_lenient() -> None:
    assert unpack(b"\x1a") is None
    assert TOTALS.decode(b"\x00") is None
    odd = TOTALS.decode(b"\xff" * (4 + 7 * len(TOTAL_KINDS)))
    assert odd == Totals(0, 0, (Total(255, 0),) * 7)


def test_a_count_that_does_not_fit_is_shown_as_the_largest() -> None:
    assert TOTALS.encode(Totals(1, 2, (Total(300, 1),) * 7))[4] == 0xFF
