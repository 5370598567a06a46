"""Every typed face is found by its command, and reads whatever is sent under it."""

from typing import Any

import pytest

from drivers.zvt.commands.codec import decode_bytes
from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.table import ROWS
from drivers.zvt.commands.typed import FACES, typed
from drivers.zvt.errors import RemoteProtocolError
from drivers.zvt.message import Message
from tests.unit.drivers.zvt.cases import ids, load

MESSAGES = load("messages.json")


def test_faces_belong_to_commands_of_the_table_and_write_what_these_carry() -> None:
    for command, face in FACES.items():
        row = ROWS[command]
        assert {place.bmp for place in face.PLACES if place.bmp} <= row.fields
        assert {place.param for place in face.PLACES if place.param} <= set(row.layout.params)


def test_a_message_becomes_its_face() -> None:
    assert typed(decode_bytes(bytes.fromhex("06010704000000001000"))) == Authorisation(1000)
    assert typed(Message(0x06D3)) is None
    with pytest.raises(RemoteProtocolError, match="lacks"):
        typed(Message(0x0601))


@pytest.mark.parametrize("case", MESSAGES, ids=ids(MESSAGES))
def test_real_messages_become_faces(case: dict[str, Any]) -> None:
    message = decode_bytes(bytes.fromhex(case["wire"]))
    try:
        face = typed(message)
    except RemoteProtocolError as error:
        assert "lacks a field" in str(error)  # noqa: PT017 - both ways out are right, this says which
    else:
        assert face is None or face.to_message().command == message.command
