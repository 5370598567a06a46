"""Registration and administration."""

from dataclasses import replace
from datetime import datetime

import pytest

from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.commands.face import Face
from drivers.zvt.commands.setup import (
    Diagnosis,
    EndOfDay,
    Initialisation,
    LogOff,
    PrintConfiguration,
    Registration,
    RepeatReceipt,
    ReprintReceipts,
    Reset,
    SelectLanguage,
    SetTerminalClock,
    StatusEnquiry,
    StopRunning,
    TurnoverTotals,
)
from drivers.zvt.config import Config, RepeatService, StatusService

NOON = datetime(2024, 2, 29, 12, 1, 2)  # noqa: DTZ001 - the terminal's own clock has no zone


@pytest.mark.parametrize(
    ("face", "wire"),
    [
        (Registration("000000", Config(0x08)), "060006000000080978"),
        (Registration("000000", Config(0xBE), currency=None), "060004000000BE"),
        (
            Registration("123456", Config(0xBE), service=1, permitted=(0x06D3, 0x040D), container=True),
            "060014123456BE09780301060A26080A0206D30A02040D",
        ),
        (
            Registration(
                "123456", Config(0x8E), printer_width=40, max_apdu=4096, charsets=(0x01,), container=True,
                sequence=bytes(3),
            ),
            "06001A1234568E097806121201401A02100027031401011F7303000000",
        ),
        (Registration("000000", Config(0xBE), container=True), "060008000000BE09780600"),
        (
            Registration("000000", Config(0xBE), receipt_tags=b"\xf0", receipt_wishes=b"\xa0"),
            "06000F000000BE097806074001F01F0401A0",
        ),
        (LogOff(), "060200"),
        (StatusEnquiry(), "050100"),
        (StatusEnquiry("123456", StatusService.SEND_TLV), "0501051234560304"),
        (EndOfDay("000000"), "065003000000"),
        (EndOfDay("000000", mode=1), "06500900000006041F260101"),
        (TurnoverTotals("000000"), "061003000000"),
        (ReprintReceipts("000000", 4, 7), "06120F000000060A1F020200041F03020007"),
        (RepeatReceipt("000000", RepeatService.SEND_STATUS | RepeatService.DO_NOT_PRINT), "0620050000000303"),
        (RepeatReceipt("000000", receipt_id=2), "06200900000006041F010102"),
        (Diagnosis(), "067000"),
        (Diagnosis(2), "06700506031B0102"),
        (Initialisation("000000"), "069303000000"),
        (Reset(), "061800"),
        (PrintConfiguration(), "061A00"),
        (SetTerminalClock.at(NOON), "069108AA2402290C120102"),
        (SetTerminalClock.at(NOON, "000000"), "06910B000000AA2402290C120102"),
        (SelectLanguage(1), "08300101"),
        (StopRunning(), "06B000"),
    ],
)  # fmt: skip
def test_on_the_wire_and_back(face: Face, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert encode(face.to_message()).hex() == data.hex()
    message = decode_bytes(data)
    read = type(face).from_message(message)
    assert encode(read.to_message()) == data
    # whoever names an object gets a container without asking for one
    assert read == (
        replace(face, container=message.has_container) if isinstance(face, Registration) else face
    )


def test_a_registration_without_currency_is_read_as_one() -> None:
    read = Registration.from_message(decode_bytes(bytes.fromhex("060004000000DE")))
    assert int(read.config) == 0xDE
    assert read.currency is None
