"""The terminal's dialogue: whole conversations with our own register, and every turn of its table."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from drivers.zvt.apdu import Apdu, ApduReader, parse_apdu
from drivers.zvt.commands import answers
from drivers.zvt.commands.answers import Decision
from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.commands.payments import Authorisation, PartialReversal, Refund, Reversal
from drivers.zvt.commands.reports import Abort, Completion, IntermediateStatus, StatusInformation
from drivers.zvt.commands.screens import AskKey, InputRequest
from drivers.zvt.commands.setup import (
    EndOfDay,
    LogOff,
    Registration,
    RepeatReceipt,
    SelectLanguage,
    StatusEnquiry,
    StopRunning,
)
from drivers.zvt.config import Config, ReceiptKind
from drivers.zvt.ecr import Aborted, Accepted, Completed, Refused, StopAnswered, Told
from drivers.zvt.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from drivers.zvt.message import Message
from drivers.zvt.permits import Permits
from drivers.zvt.receipts import Line, print_blocks
from drivers.zvt.sequence import sequence_id
from drivers.zvt.terminal import (
    GOODS_TIMEOUT_S,
    TURNS,
    Answered,
    Event,
    Ordered,
    Rejected,
    State,
    StopAsked,
    TerminalDialogue,
    registration_completion,
)
from drivers.zvt.turns import Repeated, Stray, Wait, Waiting
from drivers.zvt.values import TOTAL_KINDS, Total, Totals
from tests.unit.drivers.zvt.cases import ids, load
from tests.unit.drivers.zvt.conversation import Conversation

DIALOGUES = load("dialogues.json")
PAY = Authorisation(1000).to_message()
REGISTER = Registration("000000", Config(0x8E), permitted=(0x06D3, 0x040D), container=True).to_message()


def hear(dialogue: TerminalDialogue, data: bytes | str) -> Event:
    wire = bytes.fromhex(data) if isinstance(data, str) else data
    [event] = dialogue.receive(parse_apdu(wire))
    return event


def working(message: Message = PAY, *, permits: Permits | None = None) -> TerminalDialogue:
    dialogue = TerminalDialogue(permits=permits or Permits(Config(0x8E)))
    hear(dialogue, encode(message))
    dialogue.accept()
    return dialogue


def registered(talk: Conversation, message: Message = REGISTER) -> Conversation:
    assert isinstance(talk.to_terminal(talk.register.send(message)), Ordered)
    assert isinstance(talk.to_register(talk.terminal.accept()), Accepted)
    done = talk.to_register(talk.terminal.complete(registration_completion("12345678", 978)))
    assert isinstance(done, Completed)
    assert Completion.from_message(done.message).terminal_id == "12345678"
    assert isinstance(talk.to_terminal(talk.register.answer()), Answered)
    assert talk.terminal.state is State.READY
    return talk


def order(talk: Conversation, message: Message) -> None:
    assert isinstance(talk.to_terminal(talk.register.send(message)), Ordered)
    assert isinstance(talk.to_register(talk.terminal.accept()), Accepted)


def report(talk: Conversation, message: Message, answer: Message | None = None) -> Answered:
    told = talk.to_register(talk.terminal.tell(message))
    assert isinstance(told, Told)
    assert not told.unsolicited
    answered = talk.to_terminal(talk.register.answer(answer))
    assert isinstance(answered, Answered)
    return answered


def finish(talk: Conversation) -> None:
    assert isinstance(talk.to_register(talk.terminal.complete()), Completed)
    assert isinstance(talk.to_terminal(talk.register.answer()), Answered)
    assert talk.terminal.state is State.READY
    assert talk.register.waiting.wait is Wait.NOTHING


def fail(talk: Conversation, code: int) -> None:
    assert isinstance(talk.to_register(talk.terminal.abort(code)), Aborted)
    talk.to_terminal(talk.register.answer())
    assert talk.terminal.state is State.READY


def test_a_whole_payment() -> None:
    talk = registered(Conversation())
    order(talk, Authorisation(1234, 978).to_message())
    report(talk, IntermediateStatus(0x0A, 1, ("Insert card",)).to_message())
    report(talk, IntermediateStatus(0x0E).to_message())
    yes = report(talk, StatusInformation(result=0, amount=1234, receipt=42).to_message())
    assert yes.verdict.decision is Decision.YES
    for block in print_blocks([Line("TOTAL 12.34")] * 40, ReceiptKind.CUSTOMER, max_apdu=300):
        report(talk, block)
    finish(talk)
    assert talk.wire[4].startswith("> 0601")


def test_goods_late_partly_and_not_at_all() -> None:
    talk = registered(Conversation())
    order(talk, Authorisation(3300, repetitions=2, goods_timeout_s=60).to_message())
    status = StatusInformation(result=0, amount=3300).to_message()
    assert report(talk, status, answers.postponed()).verdict.decision is Decision.LATER
    partly = report(talk, status, answers.partly_issued(2200)).verdict
    assert (partly.decision, partly.amount) == (Decision.PARTLY, 2200)
    assert report(talk, status, answers.goods_failed()).verdict.decision is Decision.NO
    fail(talk, 0x6C)


def test_reversal_refund_end_of_day_and_repeat() -> None:
    talk = registered(Conversation())
    order(talk, Reversal("000000", 42, 1234).to_message())
    report(talk, StatusInformation(result=0, amount=1234, original_trace=731).to_message())
    finish(talk)
    order(talk, Refund("000000", 500).to_message())
    fail(talk, 0x83)
    order(talk, EndOfDay("000000").to_message())
    totals = Totals(1, 42, tuple(Total(1, 100) for _ in TOTAL_KINDS))
    report(talk, StatusInformation(result=0, amount=700, totals=totals).to_message())
    finish(talk)
    order(talk, RepeatReceipt("000000", 3).to_message())
    report(talk, StatusInformation(result=0, amount=1234, receipt=42).to_message())
    finish(talk)
    order(talk, PartialReversal.ask_for_open().to_message())
    event = talk.to_register(talk.terminal.abort(Abort(0xB8, receipt=0xFFFF).to_message()))
    assert isinstance(event, Aborted)
    assert Abort.from_message(event.message).receipt == 0xFFFF
    talk.to_terminal(talk.register.answer())


def test_status_display_language_and_input() -> None:
    talk = registered(Conversation())
    order(talk, StatusEnquiry().to_message())
    done = talk.to_register(talk.terminal.complete(Completion(sw_version="1.0", status=0xDC).to_message()))
    assert isinstance(done, Completed)
    assert Completion.from_message(done.message).status == 0xDC
    talk.to_terminal(talk.register.answer())
    order(talk, SelectLanguage(1).to_message())
    finish(talk)
    talk.to_terminal(talk.register.send(AskKey("Coffee?").to_message()))
    key = talk.to_register(talk.terminal.accept(answers.key_answer(0x0D)))
    assert isinstance(key, Accepted)
    assert key.ended
    assert key.message.params == {"raw": b"\x0d"}
    assert talk.terminal.state is State.READY
    order(talk, PAY)
    answered = report(talk, InputRequest(("Tip",), 2).to_message(), answers.input_answer(b"100"))
    assert answered.message.find_bytes(0x32, 0x1F3A) == b"100"
    fail(talk, 0x6C)


def test_reading_a_card_has_no_completion() -> None:
    talk = registered(Conversation())
    order(talk, Message(0x06C0, {"timeout": b"\x0f"}))
    report(talk, StatusInformation(card_number="401288EEEEEE1881").to_message())
    assert talk.terminal.state is State.READY
    assert talk.register.command is None


def test_the_register_stops_a_payment() -> None:
    talk = registered(Conversation())
    order(talk, PAY)
    stop = talk.to_terminal(talk.register.stop())
    assert isinstance(stop, StopAsked)
    assert stop.running == 0x0601
    assert talk.to_register(talk.terminal.answer_stop()) == StopAnswered(accepted=True, code=0)
    report(talk, StatusInformation(result=0x6C).to_message())
    fail(talk, 0x6C)


def test_a_stop_before_the_acceptance_and_one_that_comes_too_late() -> None:
    talk = registered(Conversation())
    talk.to_terminal(talk.register.send(PAY))
    assert isinstance(talk.to_terminal(talk.register.stop()), StopAsked)
    assert isinstance(talk.to_register(talk.terminal.accept()), Accepted)
    assert talk.to_register(talk.terminal.answer_stop(0x83)) == StopAnswered(accepted=False, code=0x83)
    report(talk, StatusInformation(result=0).to_message())
    finish(talk)
    idle = TerminalDialogue()
    event = hear(idle, encode(StopRunning().to_message()))
    assert isinstance(event, StopAsked)
    assert event.running is None
    assert idle.answer_stop() == bytes.fromhex("800000")
    with pytest.raises(LocalProtocolError, match="nobody asked"):
        idle.answer_stop()


def test_refusals() -> None:
    talk = Conversation()
    talk.to_terminal(talk.register.send(Registration("000000", Config(0xBE), currency=840).to_message()))
    refused = talk.to_register(talk.terminal.refuse(answer=answers.wrong_currency(978)))
    assert isinstance(refused, Refused)
    assert refused.code == 0x1E
    talk.to_terminal(talk.register.send(PAY))
    assert isinstance(talk.to_register(talk.terminal.refuse()), Refused)
    assert talk.terminal.state is State.READY
    unknown = talk.to_terminal(talk.register.send(Message(0x06FF)))
    assert isinstance(unknown, Rejected)
    assert isinstance(talk.to_register(unknown.answer), Refused)


def test_what_registration_and_log_off_change() -> None:
    talk = registered(Conversation())
    assert talk.terminal.permits.registered
    assert talk.terminal.permits.print_command == 0x06D3
    talk.to_terminal(talk.register.send(LogOff().to_message()))
    accepted = talk.to_register(talk.terminal.accept())
    assert isinstance(accepted, Accepted)
    assert accepted.ended
    assert int(talk.terminal.permits.config) == 0x86
    assert talk.terminal.state is State.READY


WITH_IDS = Registration("000000", Config(0x8E), container=True, sequence=bytes(3)).to_message()


def test_sequence_ids_in_a_whole_conversation() -> None:
    talk = registered(Conversation(), WITH_IDS)
    assert talk.register.sequence.active
    assert talk.terminal.sequence.active
    order(talk, PAY)
    report(talk, IntermediateStatus(0x0E).to_message())
    finish(talk)
    numbers = [sequence_id(decode_bytes(bytes.fromhex(line[2:]))) for line in talk.wire]
    assert numbers == [0, None, 0, None, 1, 1, 2, 2, 3, 3]
    written = talk.register.send(PAY)
    talk.to_terminal(written)
    accepted = talk.terminal.accept()
    again = hear(talk.terminal, written)
    assert isinstance(again, Repeated)
    assert again.answer == accepted


def test_sequence_ids_only_where_the_terminal_supports_them() -> None:
    talk = registered(Conversation(TerminalDialogue(sequences=False)), WITH_IDS)
    assert not talk.register.sequence.active
    own = Conversation()
    own.to_terminal(own.register.send(WITH_IDS))
    own.terminal.accept()
    completion = Completion(flags=0, sequence=bytes(3)).to_message()
    assert own.terminal.complete(completion) == encode(completion)
    assert own.terminal.sequence.active


@pytest.mark.parametrize("case", DIALOGUES, ids=ids(DIALOGUES))
def test_known_dialogues(case: dict[str, Any]) -> None:
    permits = Permits(Config(0xBE), container=True, listed=frozenset({0x06D1, 0x06D3}))
    dialogue = TerminalDialogue(permits=permits, sequences="in vain" not in case["name"])
    for side, wire in case["steps"]:
        if side == "-":
            dialogue = TerminalDialogue(permits=permits)
        elif side == ">":
            event = hear(dialogue, wire)
            if isinstance(event, Rejected):
                assert event.answer == bytes.fromhex("848300")
                return
        else:
            message = decode_bytes(bytes.fromhex(wire))
            if dialogue.sequence.active:
                fields = tuple(field for field in message.fields if field.id != 0x06)
                bare = [item for item in message.tlv if item.tag != 0x1F73]
                message = Message(message.command, message.params, fields)
                message = message.with_tlv(*bare) if bare else message
                assert sequence_id(decode_bytes(_say(dialogue, message))) is not None
                continue
            assert _say(dialogue, message) == bytes.fromhex(wire)


def _say(dialogue: TerminalDialogue, message: Message) -> bytes:
    if message.command == 0x8000:
        return dialogue.accept(message)
    if message.command >> 8 == 0x84:
        return dialogue.refuse(answer=message)
    if message.command == 0x060F:
        return dialogue.complete(message)
    if message.command == 0x061E:
        return dialogue.abort(message)
    if dialogue.command is not None and dialogue.command.command == 0x0600:
        dialogue.permits = Permits(Config(0xBE), container=True, listed=frozenset({0x06D1, 0x06D3}))
    return dialogue.tell(message)


def test_what_is_waited_for() -> None:
    dialogue = TerminalDialogue(permits=Permits(Config(0x8E)))
    assert dialogue.waiting == Waiting(Wait.NOTHING)
    hear(dialogue, encode(Authorisation(1, goods_timeout_s=60).to_message()))
    assert dialogue.waiting == Waiting(Wait.US)
    dialogue.accept()
    assert dialogue.waiting == Waiting(Wait.US)
    dialogue.tell(IntermediateStatus(0x0E).to_message())
    assert dialogue.waiting == Waiting(Wait.T3)
    hear(dialogue, "800000")
    dialogue.tell(StatusInformation(result=0).to_message())
    assert dialogue.waiting == Waiting(Wait.GOODS, seconds=60)
    other = working()
    other.tell(StatusInformation(result=0).to_message())
    assert other.waiting == Waiting(Wait.GOODS, seconds=GOODS_TIMEOUT_S)


def test_an_answer_that_never_comes() -> None:
    dialogue = working()
    dialogue.tell(StatusInformation(result=0).to_message())
    dialogue.give_up()
    assert dialogue.state is State.MASTER
    assert isinstance(hear(dialogue, "800000"), Stray)
    dialogue.abort(0x6C)
    dialogue.give_up()
    with pytest.raises(LocalProtocolError, match="no answer is awaited"):
        dialogue.give_up()


def test_busy_and_repeated_commands() -> None:
    dialogue = TerminalDialogue()
    hear(dialogue, encode(PAY))
    assert hear(dialogue, encode(PAY)) == Repeated(PAY, None)
    accepted = dialogue.accept()
    assert hear(dialogue, encode(PAY)) == Repeated(PAY, accepted)
    busy = hear(dialogue, encode(StatusEnquiry().to_message()))
    assert isinstance(busy, Rejected)
    assert busy.reason == "busy with 0601"
    assert busy.answer == bytes.fromhex("84A000")
    assert hear(dialogue, encode(PAY)) == Repeated(PAY, accepted)


def test_a_refusal_that_is_asked_for_again_is_the_same_refusal() -> None:
    talk = registered(Conversation(), WITH_IDS)
    order(talk, PAY)
    enquiry = encode(talk.register.sequence.stamp(StatusEnquiry().to_message()))
    busy = hear(talk.terminal, enquiry)
    assert isinstance(busy, Rejected)
    again = hear(talk.terminal, enquiry)
    assert isinstance(again, Repeated)
    assert again.answer == busy.answer
    assert busy.answer[:2] == bytes.fromhex("84A0")
    finish(talk)
    strange = encode(talk.register.sequence.stamp(Message(0x06FE)))
    unknown = hear(talk.terminal, strange)
    assert isinstance(unknown, Rejected)
    repeated = hear(talk.terminal, strange)
    assert isinstance(repeated, Repeated)
    assert repeated.answer == unknown.answer


def test_a_transaction_of_the_terminals_own() -> None:
    dialogue = TerminalDialogue()
    dialogue.tell(StatusInformation(result=0).to_message())
    assert dialogue.waiting == Waiting(Wait.GOODS, seconds=GOODS_TIMEOUT_S)
    busy = hear(dialogue, encode(PAY))
    assert isinstance(busy, Rejected)
    assert busy.reason == "busy with its own affairs"
    assert isinstance(hear(dialogue, "800000"), Answered)
    assert dialogue.state is State.READY
    dialogue.tell(StatusInformation(result=0).to_message())
    dialogue.give_up()
    assert dialogue.state is State.READY
    locked = TerminalDialogue(permits=Permits(Config.NO_AMOUNT_ENTRY))
    with pytest.raises(LocalProtocolError, match="starts everything itself"):
        locked.tell(StatusInformation(result=0).to_message())


def test_what_cannot_be_read() -> None:
    dialogue = TerminalDialogue()
    event = hear(dialogue, "060103990000")
    assert isinstance(event, Rejected)
    assert event.answer == bytes.fromhex("848300")
    assert dialogue.state is State.READY
    with pytest.raises(DecodeError):
        hear(dialogue, "80000406051F73")
    with pytest.raises(RemoteProtocolError, match="does not send 040F"):
        hear(dialogue, "040F022700")
    assert isinstance(hear(dialogue, "800000"), Stray)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (Message(0x0601), "a terminal does not send 0601"),
        (Message(0x8000), "a terminal does not send 8000"),
        (Message(0x060F), "complete"),
        (Message(0x06E4), "did not permit 06E4"),
        (InputRequest(("Tip",)).to_message(), "did not permit 040D"),
        (StatusInformation(result=0, unique_id=b"\0\1").to_message(), "takes none"),
    ],
)
def test_what_a_terminal_must_not_send(message: Message, complaint: str) -> None:
    with pytest.raises(LocalProtocolError, match=complaint):
        working().tell(message)


def test_a_container_in_the_command_permits_one_in_the_report() -> None:
    dialogue = working(Authorisation(1, container=True).to_message())
    dialogue.tell(StatusInformation(result=0, unique_id=b"\0\1").to_message())


def test_messages_larger_than_the_register_takes() -> None:
    small = Permits(Config(0x8E), container=True, listed=frozenset({0x06D3}), max_apdu=60)
    [block] = print_blocks([Line("x" * 60)], ReceiptKind.CUSTOMER)
    with pytest.raises(LocalProtocolError, match="the register takes 60"):
        working(permits=small).tell(block)


def test_out_of_turn_is_our_mistake() -> None:
    fresh = TerminalDialogue()
    with pytest.raises(LocalProtocolError, match="no command waits"):
        fresh.accept()
    with pytest.raises(LocalProtocolError, match="no command waits"):
        fresh.refuse()
    with pytest.raises(LocalProtocolError, match="no command is being worked on"):
        fresh.complete()
    with pytest.raises(LocalProtocolError, match="no command is being worked on"):
        fresh.abort(0x6C)
    hear(fresh, encode(PAY))
    with pytest.raises(LocalProtocolError, match="0601 is no answer"):
        fresh.accept(PAY)
    with pytest.raises(LocalProtocolError, match="while deciding"):
        fresh.tell(Message(0x040F))
    master = working()
    with pytest.raises(LocalProtocolError, match="is no completion"):
        master.complete(PAY)
    with pytest.raises(LocalProtocolError, match="is no abort"):
        master.abort(PAY)


def test_the_table_has_every_turn() -> None:
    heard = {what for _, what in TURNS}
    assert set(TURNS) == {(state, what) for state in State for what in heard}


class AnyDialogue(RuleBasedStateMachine):
    """Whatever two applications of ours do in turn, neither side ever sees the other break the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.talk = registered(Conversation())

    @precondition(lambda self: self.talk.register.waiting.wait is Wait.NOTHING)
    @rule(
        message=st.sampled_from([PAY, EndOfDay("000000").to_message(), StatusEnquiry().to_message()]),
        yes=st.booleans(),
    )
    def command(self, message: Message, yes: bool) -> None:
        self.talk.to_terminal(self.talk.register.send(message))
        self.talk.to_register(self.talk.terminal.accept() if yes else self.talk.terminal.refuse())

    @precondition(lambda self: self.talk.terminal.state is State.MASTER)
    @rule(
        message=st.sampled_from(
            [IntermediateStatus(0x0E).to_message(), StatusInformation(result=0).to_message()]
        ),
        answer=st.sampled_from([None, answers.postponed(), answers.goods_failed()]),
    )
    def tell(self, message: Message, answer: Message | None) -> None:
        report(self.talk, message, answer)

    @precondition(lambda self: self.talk.terminal.state is State.MASTER)
    @rule(well=st.booleans())
    def end(self, well: bool) -> None:
        if well:
            finish(self.talk)
        else:
            fail(self.talk, 0x6C)

    @rule()
    def stop(self) -> None:
        self.talk.to_terminal(self.talk.register.stop())
        assert isinstance(self.talk.to_register(self.talk.terminal.answer_stop()), StopAnswered)

    @rule(data=st.binary(max_size=30))
    def noise_is_no_crash(self, data: bytes) -> None:
        register, terminal = Conversation().register, TerminalDialogue()
        for dialogue in (register, terminal):
            try:
                for apdu in ApduReader().feed(data):
                    dialogue.receive(apdu)
            except RemoteProtocolError:
                pass


AnyDialogue.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestAnyDialogue = AnyDialogue.TestCase


def test_apdus_are_what_both_sides_exchange() -> None:
    assert hear(TerminalDialogue(), Apdu(0x0501).encode()) == Ordered(Message(0x0501))


def test_a_command_whose_answer_was_lost_with_its_connection_is_an_order_again() -> None:
    talk = registered(Conversation(), Registration("000000", Config(0x8E), sequence=b"\0\0\0").to_message())
    order(talk, PAY)
    first = talk.wire[-2].removeprefix("> ")
    assert sequence_id(decode_bytes(bytes.fromhex(first))) is not None
    talk.terminal.abort(0x6C)
    later = TerminalDialogue(hands_on_repeats=True)
    later.sequence = talk.terminal.sequence
    assert isinstance(hear(later, first), Ordered)
    assert isinstance(hear(later, first), Repeated), "while it is worked on it is a repeat"
    shy = TerminalDialogue()
    shy.sequence = talk.terminal.sequence
    assert isinstance(hear(shy, first), Repeated)
