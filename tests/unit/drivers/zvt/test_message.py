"""Reading messages."""

from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.fields import Field
from drivers.zvt.message import Message, make
from drivers.zvt.tlv import Tlv


def test_fields_and_objects_are_found() -> None:
    message = decode_bytes(bytes.fromhex("040F0E2700040000000001000603140101"))
    assert message.get(0x27) == b"\x00"
    assert message.get(0x06) is None
    assert message.get(0x99) is None
    assert message.find_bytes(0x14) == b"\x01"
    assert message.find(0x24) is None
    assert message.has_container


def test_objects_are_added_to_the_container_or_make_one() -> None:
    bare = Message(0x060F)
    assert bare.tlv == ()
    one = bare.with_tlv(Tlv(0x14, b"\x01"))
    assert encode(one) == bytes.fromhex("060F050603140101")
    two = decode_bytes(bytes.fromhex("060F0727000603140101")).with_tlv(Tlv(0x1F73, bytes(3)))
    assert encode(two) == bytes.fromhex("060F0D270006091401011F7303000000")


def test_messages_are_equal_by_what_they_say() -> None:
    assert Message(0x0601) == Message(0x0601, {}, ())
    assert Message(0x0601) != Message(0x0602)


def test_a_message_made_quickly_is_a_message() -> None:
    made = make(0x0600, {"config": b"\x86"}, (Field(0x03, b"\x00"),), True)
    assert made == Message(0x0600, {"config": b"\x86"}, (Field(0x03, b"\x00"),), True)
    assert repr(made) == repr(Message(0x0600, {"config": b"\x86"}, (Field(0x03, b"\x00"),), True))


def test_objects_of_one_tag_are_taken_out() -> None:
    message = Message(0x0601, fields=(Field(0x04, bytes(6)),))
    assert message.without_tlv(0x07) is message
    both = message.with_tlv(Tlv(0x07, b"a"), Tlv(0x08, b"\x00\x01"), Tlv(0x07, b""))
    assert both.without_tlv(0x07) == message.with_tlv(Tlv(0x08, b"\x00\x01"))
