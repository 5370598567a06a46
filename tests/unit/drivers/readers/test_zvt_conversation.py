"""One command over one connection: every way it can end, and everything odd that can be said meanwhile."""

import asyncio

import pytest

from drivers.contract import LinkError
from drivers.links.memory import pair
from drivers.readers.zvt_conversation import (
    Conversation,
    End,
    TerminalProtocolError,
    TerminalSilentError,
    listen_only,
)
from drivers.readers.zvt_timing import Timing
from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.setup import LogOff, StatusEnquiry
from drivers.zvt.ecr import Told
from drivers.zvt.message import Message
from drivers.zvt.serial_frame import ACK, Frame, FrameReader, encode_frame
from tests.scripted_pt import CUT, DONE, HANG_UP, OK, SILENT, ScriptedPt, approved, status

PAY = Authorisation(1200).to_message()
ASK = StatusEnquiry().to_message()


async def conversation(pt: ScriptedPt) -> Conversation:
    return Conversation(await pt.connect(), Timing(), framed=False)


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_every_end() -> None:
    async with ScriptedPt({"0602": [OK], "0601": [OK, "04FF010A", "061E016C"]}) as pt:
        talk = await conversation(pt)
        assert (await talk.run(ASK)).end is End.DONE
        ended = await talk.run(PAY)
        assert (ended.end, ended.code) == (End.ABORTED, 0x6C)
        assert (await talk.run(LogOff().to_message())).end is End.DONE
        pt.then("0501", ["84A000"])
        ended = await talk.run(ASK)
        assert (ended.end, ended.code) == (End.REFUSED, 0xA0)
        assert not talk.broken
        # each word of the terminal had its one answer
        await pt.heard_all()
        assert pt.heard == [
            "050100",
            OK,
            "060107040000000012 00".replace(" ", ""),
            OK,
            OK,
            "060200",
            "050100",
        ]
        await talk.link.close()


async def test_answers_come_from_who_listens() -> None:
    heard: list[Message] = []

    async def hear(told: Told) -> Message | None:
        heard.append(told.message)
        return Message(0x849C) if len(heard) == 1 else None

    async with ScriptedPt({"0601": [OK, approved(), approved(), DONE]}) as pt:
        talk = await conversation(pt)
        assert (await talk.run(PAY, hear)).end is End.DONE
        assert [message.command for message in heard] == [0x040F, 0x040F]
        await pt.heard_all()
        assert pt.heard[1:] == ["849C00", OK, OK]
        await talk.link.close()


@pytest.mark.parametrize("said", [CUT, HANG_UP])
async def test_a_lost_link_is_an_error(said: str) -> None:
    async with ScriptedPt({"0601": [OK, said]}) as pt:
        talk = await conversation(pt)
        with pytest.raises(LinkError):
            await talk.run(PAY)
        assert talk.broken
        await talk.link.close()


async def test_silence_after_the_command_lasts_t3_and_while_it_works_t4() -> None:
    async with ScriptedPt({"0601": [SILENT]}) as pt:
        talk = await conversation(pt)
        with pytest.raises(TerminalSilentError):
            await talk.run(PAY)
        assert now() == pytest.approx(5)
        await talk.link.close()
        pt.then("0601", [OK, "04FF010A", SILENT])
        talk = await conversation(pt)
        with pytest.raises(TerminalSilentError):
            await talk.run(PAY)
        assert now() == pytest.approx(185)
        await talk.link.close()


@pytest.mark.parametrize(("minutes", "seconds"), [("01", 60), ("99", 900), ("00", 900)])
async def test_the_terminal_may_name_its_own_t4(minutes: str, seconds: float) -> None:
    async with ScriptedPt({"0601": [OK, f"04FF020A{minutes}", SILENT]}) as pt:
        talk = await conversation(pt)
        with pytest.raises(TerminalSilentError):
            await talk.run(PAY)
        assert now() == pytest.approx(seconds)
        await talk.link.close()


async def test_an_end_before_the_acceptance_belongs_to_something_else() -> None:
    for said in (DONE, "061E016C"):
        async with ScriptedPt({"0601": [said]}) as pt:
            talk = await conversation(pt)
            with pytest.raises(TerminalProtocolError) as caught:
                await talk.run(PAY)
            assert caught.value.code == "out_of_turn"
            await talk.link.close()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("48545450", "not_zvt"),
        ("0601020000", "zvt_violation"),
    ],
)
async def test_nonsense_ends_the_connection(said: str, code: str) -> None:
    async with ScriptedPt({"0601": [said]}) as pt:
        talk = await conversation(pt)
        with pytest.raises(TerminalProtocolError) as caught:
            await talk.run(PAY)
        assert caught.value.code == code
        assert talk.broken
        await talk.link.close()


async def test_what_cannot_be_read_is_refused_and_the_command_goes_on() -> None:
    async with ScriptedPt({"0601": [OK, "040F0122", "061E016C"]}) as pt:
        talk = await conversation(pt)
        assert (await talk.run(PAY)).code == 0x6C
        await pt.heard_all()
        assert pt.heard[1:] == ["848300", OK]
        await talk.link.close()


async def test_an_end_that_cannot_be_read_is_doubt() -> None:
    async with ScriptedPt({"0601": [OK, "060F020400"]}) as pt:
        talk = await conversation(pt)
        with pytest.raises(TerminalProtocolError) as caught:
            await talk.run(PAY)
        assert caught.value.code == "zvt_malformed"
        await talk.link.close()


async def test_the_outcome_stands_even_if_its_end_cannot_be_answered() -> None:
    ours, theirs = pair()
    talk = Conversation(ours, Timing(), framed=False)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(talk.run(ASK))
        await theirs.receive()
        await theirs.send(bytes.fromhex(OK + DONE))
        theirs.abort()
    assert running.result().end is End.DONE
    assert talk.broken


async def test_stray_answers_are_ignored_and_repeats_answered_again() -> None:
    async with ScriptedPt({"0601": [OK, OK, "04FF010A", DONE]}) as pt:
        talk = await conversation(pt)
        assert (await talk.run(PAY)).end is End.DONE
        await talk.link.close()
    # with sequence ids a repeated message is known by its number
    script = {
        "0600": [OK, "060F0806061F7303000000"],
        "0601": [
            "8000080606 1F7303000001".replace(" ", ""),
            *["04FF090A0606 1F7303000002".replace(" ", "")] * 2,
            "060F0806061F7303000003",
        ],
    }
    async with ScriptedPt(script) as pt:
        conv = await pt.driver._terminal.ready()
        ended = await conv.run(PAY)
        assert ended.end is End.DONE
        await pt.heard_all()
        answers = [text for text in pt.heard if text.startswith("8000")]
        assert answers[-3] == answers[-2] != answers[-1]


class Wish:
    """A wish to stop that comes after a while."""

    def __init__(self) -> None:
        self.here = False

    def __call__(self) -> bool:
        return self.here


async def stopped(pt: ScriptedPt, after_s: float) -> tuple[Conversation, asyncio.Task[object]]:
    talk, wish = await conversation(pt), Wish()
    async with asyncio.TaskGroup() as group:
        running: asyncio.Task[object] = group.create_task(talk.run(PAY, stop=wish))
        await asyncio.sleep(after_s)
        wish.here = True
        talk.interrupt()
    return talk, running


async def test_a_stop_goes_out_at_once_and_the_end_comes_from_the_command() -> None:
    async with ScriptedPt({"0601": [OK, "04FF010A", SILENT], "06B0": [OK, "061E016C"]}) as pt:
        talk, running = await stopped(pt, 3)
        assert running.result().code == 0x6C  # type: ignore[attr-defined]  # an Ended
        assert pt.sent("06B0") == 1
        assert now() == pytest.approx(3)
        await talk.link.close()


async def test_a_stop_is_said_again_until_it_is_taken() -> None:
    async with ScriptedPt({"0601": [OK, SILENT]}) as pt:
        pt.then("06B0", ["84A000"], [SILENT], [OK], [OK])
        with pytest.raises(ExceptionGroup) as caught:
            await stopped(pt, 3)
        assert caught.group_contains(TerminalSilentError)
        assert pt.sent("06B0") == 3
        await pt.links[0].close()


async def test_stopping_what_runs_for_nobody() -> None:
    async with ScriptedPt({"06B0": ["04FF0105", OK]}) as pt:
        talk = await conversation(pt)
        await talk.stop()
        await talk.link.close()
        pt.then("06B0", [SILENT])
        talk = await conversation(pt)
        with pytest.raises(TerminalSilentError):
            await talk.stop()
        assert talk.broken
        await talk.link.close()


async def test_what_nobody_waits_for() -> None:
    script = {"0501": [approved(), status("2705"), "040D00", OK, status("2700"), DONE]}
    async with ScriptedPt(script) as pt:
        talk = await conversation(pt)
        assert (await talk.run(ASK, listen_only)).end is End.DONE
        await pt.heard_all()
        # refused: reversed by the terminal; noted; not known; and what belongs to our command is fine
        assert pt.heard[1:] == ["846600", OK, "848300", OK, OK]
        await talk.link.close()


async def test_a_frame_that_was_lost_is_sent_again_before_the_terminals_time_begins() -> None:
    ours, theirs = pair()
    talk = Conversation(ours, Timing(), framed=True)
    reader = FrameReader()
    frames: list[Frame] = []
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(talk.run(LogOff().to_message()), name="log off")
        while len(frames) < 2:
            frames += [each for each in reader.feed(await theirs.receive()) if isinstance(each, Frame)]
        assert now() == pytest.approx(5)
        await theirs.send(ACK)
        await asyncio.sleep(4.5)
        await theirs.send(encode_frame(bytes.fromhex("800000")))
    assert asked.result().end is End.DONE
    assert frames[0] == frames[1]


async def test_a_serial_line_where_nobody_is_is_left_after_three_tries() -> None:
    ours, _ = pair()
    talk = Conversation(ours, Timing(), framed=True)
    with pytest.raises(LinkError, match="no ACK after 3 tries"):
        await talk.run(LogOff().to_message())
    assert now() == pytest.approx(15)
    assert talk.broken
