"""Who speaks there: found out without starting, confirming or refusing anything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.discovery.probe import Heard, Speaker, probe
from drivers.contract import LinkError
from drivers.links.memory import MemoryLink, pair
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.simulators.zvt_terminal.terminal import Terminal
from drivers.zvt.serial_frame import ACK, NAK, encode_frame
from tests.zvt_store import local

READY = bytes.fromhex("060F0100")
YES = bytes.fromhex("800000")


class Peer:
    """Says `greeting` at once and one of `answers` after each thing it hears; remembers what it heard."""

    def __init__(self, *answers: bytes, greeting: bytes = b"") -> None:
        self.answers = list(answers)
        self.greeting = greeting
        self.heard = b""

    @asynccontextmanager
    async def link(self) -> AsyncIterator[MemoryLink]:
        ours, theirs = pair()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._talk(theirs), name="peer")
            yield ours
            await ours.close()
            await asyncio.sleep(0.01)
            task.cancel()

    async def _talk(self, link: MemoryLink) -> None:
        try:
            if self.greeting:
                await link.send(self.greeting)
            while data := await link.receive():
                self.heard += data
                if not self.answers:
                    continue
                said = self.answers.pop(0)
                if not said:
                    await link.close()
                    return
                await link.send(said)
        except LinkError:
            pass


async def ask(peer: Peer, *, framed: bool = False) -> Heard:
    async with peer.link() as link:
        return await probe(link, framed=framed)


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("profile", ["standard", "deferred", "feig"])
async def test_a_terminal_says_how_it_is_and_nothing_happens_to_it(profile: str, framed: bool) -> None:
    terminal = Terminal(PROFILES[profile], clock=local)
    ours, theirs = pair()
    async with asyncio.TaskGroup() as group:
        hosting = group.create_task(terminal.host(theirs, serial=framed), name="terminal")
        heard = await probe(ours, framed=framed)
        await ours.close()
        await hosting
    assert heard.speaker is Speaker.ZVT
    assert "ready" in heard.what
    assert terminal.ledger() == []
    assert terminal.device.usual == Customer()


async def test_only_05_01_is_ever_said() -> None:
    peer = Peer(YES + READY)
    heard = await ask(peer)
    assert (heard.speaker, heard.what) == (Speaker.ZVT, "a ZVT terminal: ready")
    assert peer.heard == bytes.fromhex("050100 800000"), "the question, and the end of its answer"


async def test_in_frames() -> None:
    peer = Peer(ACK, encode_frame(YES) + encode_frame(READY))
    peer.answers = [ACK + encode_frame(YES), encode_frame(READY)]
    heard = await ask(peer, framed=True)
    assert heard.what == "a ZVT terminal: ready"
    assert peer.heard.startswith(encode_frame(bytes.fromhex("050100")))


async def test_what_a_terminal_tells_of_itself() -> None:
    told = bytes.fromhex("060F12 00 06 0F 1F4404 52523535 E406 1F4003 414243".replace(" ", ""))
    heard = await ask(Peer(YES + told))
    assert heard.what == "a ZVT terminal (ABC): ready"
    assert heard.terminal_id == "52523535"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (bytes.fromhex("848300"), "does not say how it is: 83"),
        (YES + bytes.fromhex("061E0183"), "a ZVT terminal: "),
        (YES + YES, "middle of something"),
        (READY, "middle of something"),
        (YES + bytes.fromhex("040F020000"), "middle of something (040F)"),
    ],
)
async def test_other_answers(said: bytes, words: str) -> None:
    heard = await ask(Peer(said))
    assert heard.speaker is Speaker.ZVT
    assert words in heard.what


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("unasked", [True, False])
async def test_somebody_s_result_is_neither_confirmed_nor_refused(framed: bool, unasked: bool) -> None:
    """A yes would move money, a no take it back: 04 0F stays without an answer, and its frame without ACK."""
    result = bytes.fromhex("040F022700")
    said = encode_frame(result) if framed else result
    peer = Peer(greeting=said) if unasked else Peer(ACK + said if framed else said)
    heard = await ask(peer, framed=framed)
    assert (heard.speaker, "(040F); it was left alone" in heard.what) == (Speaker.ZVT, True)
    question = bytes.fromhex("050100")
    assert peer.heard == (b"" if unasked else encode_frame(question) if framed else question)


@pytest.mark.parametrize(
    ("greeting", "framed", "name"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", False, "an SSH server"),
        (b"HTTP/1.1 400 Bad Request\r\n", False, "an HTTP server"),
        (b"\xff\xfd\x2c", False, "a telnet or RFC 2217 server"),
        (b"\x15\x03\x69", True, "an ECR17 terminal"),
    ],
)
async def test_strangers_who_greet_are_named_and_not_asked(greeting: bytes, framed: bool, name: str) -> None:
    peer = Peer(greeting=greeting)
    heard = await ask(peer, framed=framed)
    assert heard.speaker is Speaker.STRANGER
    assert name in heard.what
    assert peer.heard == b""


async def test_strangers_who_answer() -> None:
    heard = await ask(Peer(b"HTTP/1.1 400 Bad Request\r\n"))
    assert (heard.speaker, "an HTTP server" in heard.what) == (Speaker.STRANGER, True)
    heard = await ask(Peer(b"what?"))
    assert heard.what.startswith("something unknown that says 77 68 61 74")
    heard = await ask(Peer(NAK, NAK, NAK), framed=True)
    assert heard.speaker is not Speaker.ZVT


@pytest.mark.parametrize(("framed", "longest"), [(False, 5.4), (True, 1.4)])
async def test_silence(framed: bool, longest: float) -> None:
    began = asyncio.get_running_loop().time()
    assert await ask(Peer(), framed=framed) == Heard(Speaker.SILENT, "says nothing")
    assert asyncio.get_running_loop().time() - began == pytest.approx(longest + 0.01)


async def test_frames_that_are_confirmed_and_not_answered() -> None:
    heard = await ask(Peer(ACK), framed=True)
    assert heard.what == "a ZVT terminal that confirms frames and does not answer"


async def test_frames_that_hold_nonsense() -> None:
    heard = await ask(Peer(ACK + encode_frame(b"\x80\x00")), framed=True)
    assert "confirms frames" in heard.what


async def test_those_who_hang_up() -> None:
    heard = await ask(Peer(b""))
    assert heard.what.startswith("hung up: ")
    ours, theirs = pair()
    theirs.abort()
    heard = await probe(ours, framed=False)
    assert heard.what.startswith("hung up at once")
    ours, theirs = pair()
    await theirs.send(b"SSH-2.0-x")
    theirs.abort()
    assert "an SSH server" in (await probe(ours, framed=False)).what


async def test_an_answer_that_breaks_the_rules() -> None:
    heard = await ask(Peer(bytes.fromhex("8000020605")))
    assert heard == Heard(Speaker.ZVT, "a ZVT terminal that answers oddly (8000)")
