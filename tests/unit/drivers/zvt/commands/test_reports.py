"""What the terminal tells."""

from datetime import datetime

from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.commands.reports import (
    Abort,
    Completion,
    IntermediateStatus,
    SetRegisterClock,
    StatusInformation,
)
from drivers.zvt.values import TOTAL_KINDS, Total, Totals

FULL = StatusInformation(
    result=0,
    amount=1234,
    trace=731,
    original_trace=730,
    time="101112",
    date="0229",
    expiry="2612",
    card_sequence="0001",
    handling=0x70,
    card_number="424242EEEEEE4242",
    terminal_id="12345678",
    approval="471100",
    currency=978,
    totals=Totals(1, 9, tuple(Total(index, index * 100) for index in range(len(TOTAL_KINDS)))),
    receipt=42,
    card_type=10,
    merchant="990001",
    additional="approved",
    host_result=0,
    turnover=731,
    card_name="VISA",
    application_id=bytes.fromhex("A0000000031010"),
    verification=2,
    technology=1,
    unique_id=bytes.fromhex("0042"),
    long_trace=10000731,
    texts=("approved", "thank you"),
)


def test_a_full_status_both_ways_in_the_order_of_the_standard() -> None:
    data = encode(FULL.to_message())
    assert StatusInformation.from_message(decode_bytes(data)) == FULL
    order = [field.id for field in decode_bytes(data).fields]
    assert order[:4] == [0x27, 0x04, 0x0B, 0x37]
    assert order[-1] == 0x06


def test_the_smallest_status() -> None:
    status = StatusInformation.from_message(decode_bytes(bytes.fromhex("040F022700")))
    assert status == StatusInformation(result=0)
    assert status.approved


def test_approval_needs_both_results() -> None:
    assert not StatusInformation(result=5).approved
    assert not StatusInformation().approved
    assert not StatusInformation(result=0, host_result=1).approved
    assert StatusInformation(result=0, host_result=0).approved


def test_values_that_stand_in_several_places() -> None:
    nested = StatusInformation(
        result=0,
        trace=0,
        long_trace=10000731,
        card_type=0xFF,
        wide_card_type=260,
        verification_nested=1,
        technology_nested=2,
        application_id_nested=b"\xa0",
    )
    read = StatusInformation.from_message(decode_bytes(encode(nested.to_message())))
    assert read.trace_number == 10000731
    assert read.card_kind == 260
    assert read.cardholder_check == 1
    assert read.card_technology == 2
    assert read.aid == b"\xa0"
    assert FULL.trace_number == 10000731
    assert FULL.card_kind == 10
    assert FULL.cardholder_check == 2
    assert FULL.card_technology == 1
    assert FULL.aid == bytes.fromhex("A0000000031010")
    assert StatusInformation(trace=7).trace_number == 7


def test_a_long_trace_takes_whole_bytes() -> None:
    for number in (1, 123456789, 1234567890):
        status = StatusInformation(result=0, long_trace=number)
        assert StatusInformation.from_message(decode_bytes(encode(status.to_message()))) == status


def test_intermediate_status() -> None:
    status = IntermediateStatus(0x4A + 0x01, 2, ("Please", "wait"))
    data = encode(status.to_message())
    assert IntermediateStatus.from_message(decode_bytes(data)) == status
    assert status.remove_card
    assert status.text == "Please wait"
    plain = IntermediateStatus(0x0E)
    assert encode(plain.to_message()) == bytes.fromhex("04FF010E")
    assert not plain.remove_card
    assert plain.text == "being processed, please wait"
    assert IntermediateStatus(0x0B).remove_card
    assert not IntermediateStatus(0xC7).remove_card


def test_completion_after_registration_and_after_enquiry() -> None:
    registered = Completion(
        flags=0, terminal_id="12345678", currency=978, permitted=(0x06D3,), sequence=bytes(3)
    )
    assert Completion.from_message(decode_bytes(encode(registered.to_message()))) == registered
    enquired = Completion(sw_version="1.2", status=0xDC, device_name="box", serial_number="0011AABB")
    assert Completion.from_message(decode_bytes(encode(enquired.to_message()))) == enquired


def test_abort() -> None:
    abort = Abort(0xB8, receipt=42, open_receipts=(42, 43), error_code=b"\x01", error_text="open")
    assert Abort.from_message(decode_bytes(encode(abort.to_message()))) == abort
    wrong = Abort(0x6F, currency=978)
    assert encode(wrong.to_message()) == bytes.fromhex("061E036F0978")
    assert Abort.from_message(decode_bytes(bytes.fromhex("061E036F0978"))) == wrong


def test_the_clock() -> None:
    clock = SetRegisterClock.at(datetime(2031, 12, 25, 23, 59, 59))  # noqa: DTZ001 - the terminal's own clock
    assert encode(clock.to_message()) == bytes.fromhex("040108AA3112250C235959")
    assert SetRegisterClock.from_message(clock.to_message()) == clock


def test_a_number_that_is_none_is_left_out_of_many() -> None:
    wire = bytes.fromhex("061E0DB8060A2308080200420802453A")
    assert Abort.from_message(decode_bytes(wire)).open_receipts == (42,)
