"""The register's dialogue: whole conversations, and every turn of its table."""

from typing import Any

import pytest

from drivers.zvt.apdu import Apdu, parse_apdu
from drivers.zvt.commands import answers
from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.setup import LogOff, Registration, StopRunning
from drivers.zvt.commands.table import row_of
from drivers.zvt.config import Config
from drivers.zvt.ecr import (
    TURNS,
    Aborted,
    Accepted,
    Completed,
    Event,
    Malformed,
    Refused,
    RegisterDialogue,
    State,
    StopAnswered,
    Told,
)
from drivers.zvt.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from drivers.zvt.message import Message
from drivers.zvt.turns import Repeated, Stray, Topic, Wait, Waiting
from tests.unit.drivers.zvt.cases import ids, load

DIALOGUES = load("dialogues.json")
PAY = Authorisation(1000).to_message()
YES = "800000"


def hear(dialogue: RegisterDialogue, wire: str) -> Event:
    [event] = dialogue.receive(parse_apdu(bytes.fromhex(wire)))
    return event


def sent(message: Message = PAY) -> RegisterDialogue:
    dialogue = RegisterDialogue()
    dialogue.send(message)
    return dialogue


def running(message: Message = PAY) -> RegisterDialogue:
    dialogue = sent(message)
    hear(dialogue, YES)
    return dialogue


@pytest.mark.parametrize("case", DIALOGUES, ids=ids(DIALOGUES))
def test_known_dialogues(case: dict[str, Any]) -> None:
    dialogue = RegisterDialogue()
    for side, wire in case["steps"]:
        if side == "-":
            dialogue = RegisterDialogue()
        elif side == "<":
            hear(dialogue, wire)
        else:
            message = decode_bytes(bytes.fromhex(wire))
            if dialogue.state is State.OWING:
                written = dialogue.answer(_without_id(message))
            else:
                written = dialogue.send(_without_id(message) if dialogue.sequence.active else message)
            assert written.hex().upper() == wire
    # a dialogue that the link ended is the only one that does not come to rest
    assert dialogue.state in {State.READY, State.OWING}


def _without_id(message: Message) -> Message:
    """The message before the dialogue stamps it."""
    if message.find(0x1F73) is None:
        return message
    fields = tuple(field for field in message.fields if field.id != 0x06)
    return Message(message.command, message.params, fields)


def test_a_payment() -> None:
    dialogue = RegisterDialogue()
    assert dialogue.waiting == Waiting(Wait.NOTHING)
    assert dialogue.send(PAY) == encode(PAY)
    assert dialogue.waiting == Waiting(Wait.T3)
    assert dialogue.command == 0x0601
    assert hear(dialogue, YES) == Accepted(0x0601, Message(0x8000), ended=False)
    assert dialogue.waiting == Waiting(Wait.T4)

    told = hear(dialogue, "04FF020A02")
    assert isinstance(told, Told)
    assert told.topic is Topic.PROGRESS
    assert not told.unsolicited
    assert dialogue.waiting == Waiting(Wait.US)
    assert dialogue.answer() == bytes.fromhex(YES)
    assert dialogue.waiting == Waiting(Wait.T4, minutes=2)

    told = hear(dialogue, "040F022700")
    assert isinstance(told, Told)
    assert told.topic is Topic.RESULT
    assert dialogue.answer(answers.postponed()) == bytes.fromhex("849C00")
    hear(dialogue, "040F022700")
    dialogue.answer()
    told = hear(dialogue, "06D10140")
    assert isinstance(told, Told)
    assert told.topic is Topic.PRINT
    dialogue.answer()
    assert hear(dialogue, "060F00") == Completed(0x0601, Message(0x060F))
    assert dialogue.waiting == Waiting(Wait.US)
    dialogue.answer()
    assert dialogue.state is State.READY
    assert dialogue.command is None


@pytest.mark.parametrize(
    ("wire", "topic"),
    [("040108AA2402290C101112", Topic.CLOCK), ("040D00", Topic.QUESTION), ("06EE00", Topic.QUESTION)],
)
def test_other_things_a_terminal_says(wire: str, topic: Topic) -> None:
    told = hear(running(), wire)
    assert isinstance(told, Told)
    assert told.topic is topic


def test_a_failed_payment() -> None:
    dialogue = running()
    event = hear(dialogue, "061E016C")
    assert isinstance(event, Aborted)
    assert (event.command, event.code) == (0x0601, 0x6C)
    dialogue.answer()
    assert dialogue.state is State.READY


def test_an_abort_without_a_code_is_another_error() -> None:
    event = hear(running(), "061E00")
    assert isinstance(event, Aborted)
    assert event.code == 0xFF


def test_refusals() -> None:
    dialogue = sent()
    assert hear(dialogue, "848300") == Refused(0x0601, 0x83, Message(0x8483))
    assert dialogue.state is State.READY
    # 84 00 is a yes
    assert hear(sent(), "840000") == Accepted(0x0601, Message(0x8400), ended=False)


def test_commands_that_end_with_their_answer() -> None:
    dialogue = sent(LogOff().to_message())
    assert hear(dialogue, YES) == Accepted(0x0602, Message(0x8000), ended=True)
    assert dialogue.state is State.READY
    asked = sent(Message(0x06E1))
    event = hear(asked, "8000010D")
    assert isinstance(event, Accepted)
    assert event.message.params == {"raw": b"\x0d"}


def test_reading_a_card_ends_with_its_status() -> None:
    dialogue = running(Message(0x06C0, {"timeout": b"\x0f"}))
    hear(dialogue, "04FF010A")
    dialogue.answer()
    assert dialogue.waiting.wait is Wait.T4
    hear(dialogue, "040F0406021400")
    dialogue.answer()
    assert dialogue.state is State.READY


def test_stopping_while_it_runs() -> None:
    dialogue = running()
    assert dialogue.stop() == bytes.fromhex("06B000")
    assert hear(dialogue, YES) == StopAnswered(accepted=True, code=0)
    assert isinstance(hear(dialogue, YES), Stray)
    dialogue.stop()
    assert hear(dialogue, "848300") == StopAnswered(accepted=False, code=0x83)
    event = hear(dialogue, "061E016C")
    assert isinstance(event, Aborted)


def test_stopping_before_the_command_is_accepted_keeps_the_order_of_answers() -> None:
    dialogue = sent()
    dialogue.stop()
    assert isinstance(hear(dialogue, YES), Accepted)
    assert hear(dialogue, YES) == StopAnswered(accepted=True, code=0)


def test_a_stop_that_crosses_a_message_is_answered_behind_it() -> None:
    dialogue = running()
    dialogue.stop()
    hear(dialogue, "04FF010E")
    assert hear(dialogue, YES) == StopAnswered(accepted=True, code=0)
    assert dialogue.state is State.OWING
    with pytest.raises(LocalProtocolError, match="answer the terminal"):
        dialogue.stop()
    dialogue.answer()


def test_stopping_an_idle_terminal() -> None:
    dialogue = RegisterDialogue()
    dialogue.stop()
    assert dialogue.waiting == Waiting(Wait.T3)
    assert hear(dialogue, YES) == StopAnswered(accepted=True, code=0)
    assert dialogue.waiting == Waiting(Wait.NOTHING)


def test_an_end_takes_an_unanswered_stop_with_it() -> None:
    for end in ("060F00", "061E016C"):
        dialogue = running()
        dialogue.stop()
        hear(dialogue, end)
        dialogue.answer()
        assert isinstance(hear(dialogue, YES), Stray)


def test_what_a_terminal_says_unasked() -> None:
    dialogue = RegisterDialogue()
    told = hear(dialogue, "040F022700")
    assert isinstance(told, Told)
    assert told.unsolicited
    dialogue.answer(answers.goods_failed())
    assert dialogue.state is State.READY
    assert hear(dialogue, "060F00") == Completed(None, Message(0x060F))
    dialogue.answer()
    event = hear(dialogue, "061E016C")
    assert isinstance(event, Aborted)
    assert event.command is None


def test_something_old_that_comes_before_the_acceptance() -> None:
    dialogue = sent()
    told = hear(dialogue, "040F022700")
    assert isinstance(told, Told)
    assert told.unsolicited
    dialogue.answer(answers.goods_failed())
    assert dialogue.state is State.SENT
    assert isinstance(hear(dialogue, YES), Accepted)


def test_an_end_instead_of_the_acceptance() -> None:
    dialogue = sent()
    assert isinstance(hear(dialogue, "061E016B"), Aborted)
    dialogue.answer()
    assert dialogue.state is State.READY


def test_giving_up() -> None:
    dialogue = running()
    dialogue.give_up()
    assert dialogue.state is State.READY
    told = hear(dialogue, "040F022700")
    assert isinstance(told, Told)
    assert told.unsolicited
    with pytest.raises(LocalProtocolError, match="waits for us"):
        dialogue.give_up()


def test_a_second_word_before_our_answer() -> None:
    dialogue = running()
    hear(dialogue, "04FF010E")
    assert hear(dialogue, "04FF010E") == Repeated(decode_bytes(bytes.fromhex("04FF010E")), None)
    for wire in ("04FF010F", "060F00", "061E016C"):
        with pytest.raises(RemoteProtocolError, match="answer to 04FF is still owed"):
            hear(dialogue, wire)


def test_what_a_terminal_never_says() -> None:
    with pytest.raises(RemoteProtocolError, match="does not send 0601"):
        hear(running(), "060100")


def test_what_cannot_be_read_is_answered_all_the_same() -> None:
    dialogue = running()
    event = hear(dialogue, "040F03990000")
    assert isinstance(event, Malformed)
    assert "unknown BMP 99" in str(event.error)
    assert dialogue.answer(answers.unknown_command()) == bytes.fromhex("848300")
    assert dialogue.command == 0x0601
    event = hear(dialogue, "060F03990000")
    assert isinstance(event, Malformed)
    dialogue.answer()
    assert dialogue.state is State.READY


def test_answers_that_cannot_be_read_end_everything() -> None:
    with pytest.raises(DecodeError):
        hear(sent(), "80000406051F73")
    owing = running()
    hear(owing, "04FF010E")
    with pytest.raises(DecodeError):
        hear(owing, "040F03990000")


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (Message(0x040F), "a register does not send 040F"),
        (Message(0x8000), "a register does not send 8000"),
        (StopRunning().to_message(), "use stop"),
        (decode_bytes(bytes.fromhex("060103870042")), "does not carry BMP 87"),
    ],
)
def test_what_a_register_must_not_send(message: Message, complaint: str) -> None:
    with pytest.raises(LocalProtocolError, match=complaint):
        RegisterDialogue().send(message)


def test_out_of_turn_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="cannot be sent while running"):
        running().send(PAY)
    with pytest.raises(LocalProtocolError, match="no answer is owed"):
        running().answer()
    owing = running()
    hear(owing, "04FF010E")
    with pytest.raises(LocalProtocolError, match="0601 is no answer"):
        owing.answer(PAY)


def test_printing_at_the_terminal_and_makers_own_commands_are_possible() -> None:
    assert isinstance(hear(sent(Message(0x06D1, {"attr": b"\0", "text": b"x"})), YES), Accepted)
    dialogue = running(Message(0x0FA1, {"raw": b"\x00\x01"}))
    event = hear(dialogue, "060F0331324A")
    assert isinstance(event, Completed)
    assert event.message.params == {"raw": b"12J"}


REGISTER_WITH_IDS = Registration("000000", Config(0xBE), container=True, sequence=bytes(3)).to_message()


def test_sequence_ids_are_used_when_both_want_them() -> None:
    dialogue = running(REGISTER_WITH_IDS)
    hear(dialogue, "060F0806061F7303000000")
    dialogue.answer()
    assert dialogue.sequence.active
    assert dialogue.send(PAY).endswith(bytes.fromhex("1F7303000001"))
    hear(dialogue, "80000806061F7303000001")
    hear(dialogue, "04FF091706061F7303000002")
    first = dialogue.answer()
    assert first == bytes.fromhex("80000806061F7303000002")
    repeated = hear(dialogue, "04FF091706061F7303000002")
    assert isinstance(repeated, Repeated)
    assert repeated.answer == first
    assert dialogue.state is State.RUNNING
    hear(dialogue, "060F0806061F7303000003")
    dialogue.answer()
    dialogue.send(LogOff().to_message())
    assert not dialogue.sequence.active


def test_sequence_ids_are_not_used_when_one_does_not_want_them() -> None:
    dialogue = running(REGISTER_WITH_IDS)
    hear(dialogue, "060F00")
    dialogue.answer()
    assert not dialogue.sequence.active
    unasked = running(Registration("000000", Config(0xBE)).to_message())
    hear(unasked, "060F0806061F7303000000")
    unasked.answer()
    assert not unasked.sequence.active


def test_the_table_has_every_turn() -> None:
    heard = {what for _, what in TURNS}
    assert set(TURNS) == {(state, what) for state in State for what in heard}
    assert row_of(0x0601).name == "payment"


def test_stray_answers_are_told() -> None:
    assert isinstance(hear(RegisterDialogue(), YES), Stray)
    assert isinstance(hear(RegisterDialogue(), "848300"), Stray)
    [event] = RegisterDialogue().receive(Apdu(0x8000))
    assert event == Stray(Message(0x8000))
