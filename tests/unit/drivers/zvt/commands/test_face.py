"""Typed messages: where values stand, what is left out, what is refused."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from drivers.zvt.commands.face import Face, Place, bmp, param, tag
from drivers.zvt.errors import LocalProtocolError, RemoteProtocolError
from drivers.zvt.fields import Field, container
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv
from drivers.zvt.values import AMOUNT, BYTE, TEXT


@dataclass(frozen=True, slots=True)
class Sample(Face):
    """A message that uses everything."""

    amount: int
    value: int | None = None
    texts: tuple[str, ...] = ()
    deep: int | None = None
    deeper: int | None = None
    container: bool = False

    COMMAND: ClassVar[int] = 0x0830
    PLACES: ClassVar[tuple[Place, ...]] = (
        param("value", BYTE),
        bmp("amount", 0x04, AMOUNT),
        tag("texts", TEXT, 0x24, 0x07, many=True),
        tag("deep", BYTE, 0x2F, 0x1F10),
        tag("deeper", BYTE, 0x2F, 0x1F12),
    )


def test_everything_has_its_place() -> None:
    sample = Sample(100, 1, ("one", "two"), 2, 3, container=True)
    message = sample.to_message()
    assert message == Message(
        0x0830,
        {"value": b"\x01"},
        (
            Field(0x04, bytes.fromhex("000000000100")),
            container(
                Tlv(0x24, (Tlv(0x07, b"one"), Tlv(0x07, b"two"))),
                Tlv(0x2F, (Tlv(0x1F10, b"\x02"), Tlv(0x1F12, b"\x03"))),
            ),
        ),
    )
    assert Sample.from_message(message) == sample


def test_what_is_none_is_left_out() -> None:
    message = Sample(5).to_message()
    assert message.params == {}
    assert not message.has_container
    assert Sample.from_message(message) == Sample(5)
    assert Sample(5, container=True).to_message().has_container


def test_texts_in_something_that_is_no_container_are_none() -> None:
    message = Message(0x0830, fields=(Field(0x04, bytes(6)), container(Tlv(0x24, b"raw"))))
    assert Sample.from_message(message).texts == ()


def test_reading_another_command_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="0601 read as Sample"):
        Sample.from_message(Message(0x0601))


def test_a_missing_field_is_the_peers() -> None:
    with pytest.raises(RemoteProtocolError, match="0830 lacks a field"):
        Sample.from_message(Message(0x0830))
