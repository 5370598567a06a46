"""Judging what a terminal shows after contact was lost: only what fits in every way is ours."""

from datetime import timedelta

import pytest

from drivers.contract import DriverError
from drivers.readers.zvt_mark import Before, Mark
from drivers.readers.zvt_outcome import Wanted
from drivers.readers.zvt_recovery import Claim, Ear, Finding, judge, last_shown, look, take_mark, totals_of
from drivers.readers.zvt_standing import TerminalBusyError
from drivers.zvt.commands.codec import decode_bytes
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.message import Message
from tests.scripted_pt import DONE, OK, SILENT, ScriptedPt, approved, status
from tests.zvt_store import EPOCH

HOUR = timedelta(hours=1)
MARK = Mark(receipt=4, trace=7, turnover=7, at="0308170000")


def told(text: str) -> Message:
    return decode_bytes(bytes.fromhex(text))


def claim(mark: Mark = MARK, *, skew: timedelta | None = HOUR, **facts: object) -> Claim:
    return Claim(Wanted(1200, 978), Before(mark, EPOCH, skew), **facts)  # type: ignore[arg-type]  # any of them


def ours(**facts: object) -> Message:
    shown = {"receipt": 5, "trace": 8, "amount": 1200, **facts}
    return told(approved(**shown))  # type: ignore[arg-type]  # any of them


def reversal(original: int, amount: int = 1200) -> Message:
    return told(approved(amount, receipt=6, trace=9, more=f"37{original:06}"))


BY_CLOCK = Mark()

CASES = [
    ("newer in every way", claim(), ours(), Finding.OURS),
    ("the one from before", claim(), told(approved(receipt=4, trace=7, time="170000")), Finding.NOTHING),
    ("another amount", claim(), ours(amount=1300), Finding.UNKNOWN),
    ("another terminal", claim(terminal_id="11111111"), ours(), Finding.UNKNOWN),
    ("this terminal", claim(terminal_id="52523535"), ours(), Finding.OURS),
    ("newer numbers, older time", claim(), ours(time="163000"), Finding.UNKNOWN),
    ("newer numbers, a clock nobody knows", claim(skew=None), ours(time="163000"), Finding.OURS),
    (
        "numbers that went back",
        claim(Mark(receipt=9, trace=20, turnover=20)),
        ours(time="170000"),
        Finding.NOTHING,
    ),
    (
        "numbers that jumped",
        claim(Mark(receipt=9, trace=20, turnover=20), skew=None),
        ours(),
        Finding.UNKNOWN,
    ),
    ("only the clock: after", claim(BY_CLOCK), ours(time="174930"), Finding.OURS),
    ("only the clock: long before", claim(BY_CLOCK), ours(time="164930"), Finding.NOTHING),
    ("only the clock: about then", claim(BY_CLOCK), ours(time="174900"), Finding.UNKNOWN),
    ("nothing to go by", claim(BY_CLOCK, skew=None), ours(), Finding.UNKNOWN),
    ("was empty before", claim(Mark(none=0xFF)), ours(time="174900"), Finding.OURS),
    ("was empty, clock unknown", claim(Mark(none=0xFF), skew=None), ours(), Finding.UNKNOWN),
    (
        "no amount told",
        claim(),
        told(status("27000B0000088800000887 0005".replace(" ", ""))),
        Finding.UNKNOWN,
    ),
    (
        "refused with a reason",
        claim(),
        told(status("2705 040000000012000B000008880000088 70005".replace(" ", ""))),
        Finding.DECLINED,
    ),
    (
        "another was refused",
        claim(),
        told(status("2705040000000099000B00000888000008870005")),
        Finding.NOTHING,
    ),
    (
        "refused by a code in A0",
        claim(),
        told(status("2700040000000012000B00000888000008870005A0A5")),
        Finding.NOTHING,
    ),
    ("ours was reversed", claim(), reversal(8), Finding.NOTHING),
    ("an older one was reversed", claim(), reversal(6), Finding.UNKNOWN),
    ("reversed, another amount", claim(), reversal(8, 700), Finding.UNKNOWN),
    ("our reversal", claim(follows=True, original_trace=7), reversal(7), Finding.OURS),
    ("somebody's reversal", claim(follows=True, original_trace=7), reversal(3), Finding.UNKNOWN),
    ("our reversal of unknown trace", claim(follows=True), reversal(3), Finding.OURS),
    (
        "our own 04 0F again",
        claim(Mark(), skew=None, record=Mark.of(StatusInformation.from_message(ours()))),
        ours(),
        Finding.OURS,
    ),
    ("a sale nobody wrote down before", Claim(Wanted(1200, 978), None), ours(), Finding.UNKNOWN),
]


@pytest.mark.parametrize(
    ("given", "shown", "finding"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_judgement(given: Claim, shown: Message, finding: Finding) -> None:
    found = judge(given, shown)
    assert found.finding is finding
    assert found.reason or finding is Finding.OURS


async def looked(pt: ScriptedPt, given: Claim) -> tuple[Finding, str]:
    known = pt.driver._terminal
    found = await look(known, await known.resting(), given)
    return found.finding, found.reason


async def test_a_look_asks_and_remembers() -> None:
    async with ScriptedPt({"0620": [OK, approved(receipt=5, trace=8), DONE]}) as pt:
        assert (await looked(pt, claim()))[0] is Finding.OURS
        assert pt.driver._terminal.mark == Mark(5, 8, 8, "0308174930")
        # the password, the service byte: with status, without print
        assert any(
            text == "0620050000000303" for text in (each.replace(" ", "") for each in pt.heard)
        ) or pt.sent("0620")


async def test_a_memory_that_is_still_empty() -> None:
    async with ScriptedPt() as pt:
        assert (await looked(pt, claim(Mark(none=0xFF))))[0] is Finding.NOTHING
        assert (await looked(pt, claim()))[0] is Finding.UNKNOWN
        assert (await looked(pt, Claim(Wanted(1, 978), None)))[0] is Finding.UNKNOWN


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([OK, DONE], "did not show"),
        (["848300"], "does not repeat"),
        ([OK, "061E01C2"], "does not repeat"),
    ],
)
async def test_terminals_that_cannot_tell(said: list[str], words: str) -> None:
    async with ScriptedPt({"0620": said}) as pt:
        finding, reason = await looked(pt, claim(Mark(none=0xC2)))
        assert finding is Finding.UNKNOWN
        assert words in reason


async def test_a_terminal_that_gets_busy_is_asked_again() -> None:
    async with ScriptedPt({"0620": ["84A000"]}) as pt:
        with pytest.raises(TerminalBusyError):
            await looked(pt, claim())
        pt.then("0620", [SILENT])
        with pytest.raises(DriverError):
            await looked(pt, claim())


def totals(count: int, amount: int) -> list[str]:
    card = f"{count:02X}{amount:012}"
    body = f"270004{amount:012}60F0F5F300010009{card}{'00' * 42}"
    return [OK, status(body), DONE]


@pytest.mark.parametrize(
    ("after", "finding"),
    [
        (totals(3, 4200), Finding.NOTHING),
        (totals(4, 5400), Finding.OURS),
        (totals(4, 5500), Finding.UNKNOWN),
        ([OK, DONE], Finding.UNKNOWN),
        (["848300"], Finding.UNKNOWN),
        ([OK, status("2700"), DONE], Finding.UNKNOWN),
    ],
)
async def test_totals_settle_what_06_20_cannot(after: list[str], finding: Finding) -> None:
    async with ScriptedPt({"0610": totals(3, 4200)}, profile="no-repeat") as pt:
        known = pt.driver._terminal
        mark = await take_mark(known, await known.ready())
        assert mark.totals == "3:4200"
        pt.then("0610", after)
        found, reason = await looked(pt, claim(mark, moved=1200))
        assert found is finding
        assert ("went from 3:4200 to 4:5500" in reason) is (after == totals(4, 5500))
        assert pt.sent("0620") == 0


async def test_totals_are_asked_of_those_who_have_them() -> None:
    async with ScriptedPt({"0610": ["84A000"]}) as pt:
        known = pt.driver._terminal
        talk = await known.ready()
        assert await totals_of(known, talk) is None
        assert pt.sent("0610") == 0
        pt.driver._terminal.setup = ScriptedPt(profile="no-repeat").setup
        with pytest.raises(TerminalBusyError):
            await totals_of(known, talk)


async def test_the_mark_is_asked_for_once() -> None:
    async with ScriptedPt({"0620": [OK, approved(receipt=5, trace=8), DONE]}) as pt:
        known = pt.driver._terminal
        talk = await known.ready()
        assert await take_mark(known, talk) == await take_mark(known, talk) == Mark(5, 8, 8, "0308174930")
        assert pt.sent("0620") == 1
        assert (await last_shown(known, talk)).message is not None


async def test_late_results_are_refused_and_repeated_ones_taken() -> None:
    script = [approved(), status("2705"), "040D00", OK, "04FF0105", status("2700"), DONE]
    async with ScriptedPt({"0620": script}) as pt:
        known = pt.driver._terminal
        shown = await last_shown(known, await known.ready())
        await pt.heard_all()
        assert pt.heard[-6:] == ["846600", OK, "848300", OK, OK, OK]
        assert shown.message is not None
    assert Ear().status is None
