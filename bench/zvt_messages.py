"""Messages as terminals and registers send them every day, of the kinds that others were measured on."""

from collections.abc import Mapping

from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.reports import IntermediateStatus, StatusInformation
from drivers.zvt.commands.setup import Registration
from drivers.zvt.config import Config
from drivers.zvt.fields import container
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv

PRINT_BLOCK = 0x06D3

_LINE = b"Kartenzahlung  girocard"


def _payment() -> Message:
    return Authorisation(amount=1234, currency=978, kind=0x40, repetitions=2).to_message()


def _registration() -> Message:
    return Registration(
        password="000000",  # noqa: S106 - printed in every manual
        config=Config(0xBE),
        printer_width=40,
        max_apdu=4096,
        permitted=(0x040D, 0x040E, 0x040F, 0x04FF, 0x060F, 0x061E, 0x06D0, 0x06D1, 0x06D3, 0x06E0, 0x06E1),
        charsets=(0, 1, 2, 3),
        receipt_tags=bytes.fromhex("1F071F0419"),
        receipt_wishes=b"\xd0",
        transaction_wishes=b"\x80",
        sequence=b"\x00\x00\x01",
    ).to_message()


def _intermediate() -> Message:
    return IntermediateStatus(0x0A, 1, ("Karte bitte einstecken",)).to_message()


def _status(*, tlv: bool) -> Message:
    message = StatusInformation(
        result=0,
        amount=1234,
        trace=42,
        time="164923",
        date="0308",
        expiry="2812",
        card_sequence="0001",
        handling=0x70,
        card_number="EEEEEEEEEEEE1234",
        terminal_id="52500042",
        approval="AB123456",
        currency=978,
        receipt=42,
        card_type=5,
        merchant="455600042",
        additional="Genehmigt. Vielen Dank fuer Ihren Einkauf, auf Wiedersehen.",
        turnover=17,
        card_name="girocard",
    ).to_message()
    if not tlv:
        return message
    return message.with_tlv(
        Tlv(0x41, b"\x00\x05"),
        Tlv(0x2F, (Tlv(0x1F10, b"\x02"), Tlv(0x1F12, b"\x02"))),
        Tlv(0x60, (Tlv(0x43, bytes.fromhex("A000000359101002")), Tlv(0x44, b"girocard"))),
        Tlv(0x1F2B, bytes.fromhex("00000042")),
        Tlv(0x1F1F, bytes.fromhex("0042")),
    )


def _receipt(lines: int) -> Message:
    text = tuple(Tlv(0x07, b"%02d " % (number % 100) + _LINE) for number in range(lines))
    block = Tlv(0x25, (*text, Tlv(0x09, b"\xff")))
    return Message(PRINT_BLOCK, fields=(container(Tlv(0x1F07, b"\x02"), block),))


def messages() -> Mapping[str, Message]:
    """By what they are."""
    return {
        "06 01 payment": _payment(),
        "06 00 registration, TLV": _registration(),
        "04 FF intermediate, text": _intermediate(),
        "04 0F status": _status(tlv=False),
        "04 0F status, TLV": _status(tlv=True),
        "06 D3 receipt": _receipt(35),
    }
