"""Message sequence ids."""

from drivers.zvt.commands.answers import positive
from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.message import Message
from drivers.zvt.sequence import LAST, MessageSequence, sequence_id
from drivers.zvt.tlv import Tlv


def numbered(number: int) -> Message:
    return Message(0x0601).with_tlv(Tlv(0x1F73, bytes.fromhex(f"{number:06}")))


def test_nothing_happens_before_both_agreed() -> None:
    sequence = MessageSequence()
    message = Message(0x0601)
    assert sequence.stamp(message) is message
    assert sequence.echo(positive(), numbered(1)) == positive()
    assert not sequence.is_repeat(numbered(1))
    assert not sequence.is_repeat(numbered(1))


def test_new_messages_count_and_answers_echo() -> None:
    ours, theirs = MessageSequence(), MessageSequence()
    ours.agree()
    theirs.agree()
    first = ours.stamp(Message(0x0601))
    assert sequence_id(first) == 1
    assert not theirs.is_repeat(first)
    assert theirs.is_repeat(first)
    assert encode(theirs.echo(positive(), first)) == bytes.fromhex("80000806061F7303000001")
    second = theirs.stamp(decode_bytes(bytes.fromhex("04FF0117")))
    assert sequence_id(second) == 2
    assert not ours.is_repeat(second)
    ours.drop()
    assert sequence_id(ours.stamp(Message(0x0602))) is None


def test_an_offer_made_anew_is_no_repeat() -> None:
    sequence = MessageSequence()
    sequence.agree()
    assert not sequence.is_repeat(numbered(0))
    assert not sequence.is_repeat(numbered(0))


def test_messages_that_cross_are_not_taken_for_repeats() -> None:
    ours, theirs = MessageSequence(), MessageSequence()
    ours.agree()
    theirs.agree()
    from_us, from_them = ours.stamp(Message(0x06B0)), theirs.stamp(Message(0x060F))
    assert sequence_id(from_us) == sequence_id(from_them) == 1
    assert not ours.is_repeat(from_them)
    assert not theirs.is_repeat(from_us)


def test_after_the_last_comes_one() -> None:
    sequence = MessageSequence()
    sequence.agree()
    assert not sequence.is_repeat(numbered(LAST))
    assert sequence_id(sequence.stamp(Message(0x060F))) == 1


def test_what_cannot_carry_an_id_goes_without() -> None:
    sequence = MessageSequence()
    sequence.agree()
    line = Message(0x06D1, {"attr": b"\0", "text": b""})
    assert sequence.stamp(line) == line
    keys = Message(0x8000, {"raw": b"\x0d"})
    assert sequence.echo(keys, numbered(3)) == keys
    assert sequence.echo(positive(), Message(0x0601)) == positive()
    assert sequence_id(Message(0x0601).with_tlv(Tlv(0x1F73, b""))) is None


def test_a_side_that_was_started_again_goes_on_behind_what_it_remembers() -> None:
    sequence = MessageSequence()
    sequence.resume(7)
    assert sequence.active
    assert sequence.is_repeat(numbered(7))
    assert not sequence.is_repeat(numbered(8))
    assert sequence_id(sequence.stamp(Message(0x040F))) == 9


def test_an_id_that_the_application_brought_along_gives_way() -> None:
    sequence = MessageSequence()
    sequence.agree()
    other = Tlv(0x07, b"text")
    stamped = sequence.stamp(numbered(7).with_tlv(other))
    assert stamped.tlv == (other, Tlv(0x1F73, bytes.fromhex("000001")))
    assert sequence.echo(numbered(7), numbered(9)).tlv == numbered(9).tlv
