"""Unique transaction ids."""

import pytest

from drivers.zvt.commands.codec import encode
from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.table import ROWS
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv
from drivers.zvt.unique_id import COMMANDS, Finding, compare, id_object, mirror


@pytest.mark.parametrize(
    ("mirrored", "own", "finding"),
    [
        (175, 175, Finding.AGREED),
        (175, 176, Finding.LAST_IS_UNKNOWN),
        (9999, 1, Finding.LAST_IS_UNKNOWN),
        (174, 176, Finding.NOTHING),
        (177, 176, Finding.NOTHING),
        (None, 176, Finding.NOTHING),
        (175, None, Finding.NOTHING),
    ],
)
def test_what_the_mirrored_number_tells(mirrored: int | None, own: int | None, finding: Finding) -> None:
    command = Authorisation(100, unique_id=mirror(mirrored)).to_message()
    assert compare(command, own) is finding


def test_a_command_without_the_tag_or_that_may_not_have_it_tells_nothing() -> None:
    assert compare(Authorisation(100).to_message(), 5) is Finding.NOTHING
    other = Message(0x0670).with_tlv(Tlv(0x1F1F, mirror(4)))
    assert compare(other, 5) is Finding.NOTHING


def test_no_history_is_empty_and_never_zero() -> None:
    assert encode(Authorisation(1, unique_id=mirror(None)).to_message()).endswith(bytes.fromhex("06031F1F00"))
    assert id_object(42) == Tlv(0x1F1F, bytes.fromhex("0042"))
    assert set(ROWS) >= COMMANDS
