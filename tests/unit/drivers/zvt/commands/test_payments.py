"""Payments and what undoes them."""

import pytest

from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.commands.face import Face
from drivers.zvt.commands.payments import (
    Authorisation,
    BookTotal,
    PartialReversal,
    PreAuthorisation,
    Refund,
    ReleasePreAuthorisation,
    Reversal,
)
from drivers.zvt.config import PaymentType
from drivers.zvt.currency import EURO
from drivers.zvt.errors import LocalProtocolError
from drivers.zvt.unique_id import mirror


@pytest.mark.parametrize(
    ("face", "wire"),
    [
        (Authorisation(1234), "06010704000000001234"),
        (Authorisation(1234, EURO, PaymentType.TERMINAL_DECIDES), "06010C040000000012344909781940"),
        (
            Authorisation(3300, goods_timeout_s=60, repetitions=10),
            "06010B040000000033000 13C020A".replace(" ", ""),
        ),
        (Authorisation(1, unique_id=mirror(175)), "06010E0400000000000106051F1F020175"),
        (Authorisation(1, unique_id=mirror(None)), "06010C0400000000000106031F1F00"),
        (
            Authorisation(1, additional="AB", order_number="N1"),
            "0601140400000000000 13CF0F0F2414206051F0D024E31".replace(" ", ""),
        ),
        (
            Authorisation(1100, tip=100, container=True),
            "06011204000000001100060 91F3606000000000100".replace(" ", ""),
        ),
        (PreAuthorisation(5000, EURO), "06220A04000000005000490978"),
        (
            PreAuthorisation(trace=731, approval="12AB56", reservation=3),
            "0622130B0007313B313241423536000006041F060103",
        ),
        (PartialReversal(42, 2000, EURO), "06230D87004204000000002000490978"),
        (PartialReversal.ask_for_open(), "06230387FFFF"),
        (BookTotal(42, 3000, EURO), "06240D87004204000000003000490978"),
        (ReleasePreAuthorisation(231, currency=EURO, kind=0x40), "0625088702314909781940"),
        (Reversal("000000", 42, 1234), "06300D00000087004204000000001234"),
        (Reversal("000000", 42), "063006000000870042"),
        (Refund("000000", 500, EURO), "06310D00000004000000000500490978"),
    ],
)
def test_on_the_wire_and_back(face: Face, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert encode(face.to_message()).hex() == data.hex()
    read = type(face).from_message(decode_bytes(data))
    assert encode(read.to_message()) == data


@pytest.mark.parametrize("amount", [-1, 10**12])
def test_amounts_that_do_not_fit_are_our_mistake(amount: int) -> None:
    with pytest.raises(LocalProtocolError, match="12 digits"):
        Authorisation(amount).to_message()
