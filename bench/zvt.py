"""ZVT: messages and check sums a second, and a payment over a serial port beside its bare bytes."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.zvt_messages import messages
from drivers.contract import Link
from drivers.links.serial import open_serial
from drivers.readers.zvt_conversation import Conversation, End
from drivers.readers.zvt_timing import Timing
from drivers.readers.zvt_wire import NEVER, FramedWire
from drivers.simulators.pty import PtyListener
from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.commands.setup import Registration
from drivers.zvt.message import Message
from drivers.zvt.permits import Permits
from drivers.zvt.serial_frame import FrameReader, crc, encode_frame
from drivers.zvt.terminal import Ordered, State, TerminalDialogue

ECRTERM: Mapping[str, tuple[float, float]] = {
    "06 01 payment": (21, 55),
    "06 00 registration, TLV": (3.1, 18),
    "04 FF intermediate, text": (14, 82),
    "04 0F status": (13, 19),
    "04 0F status, TLV": (5.0, 15),
    "06 D3 receipt": (2.0, 6.5),
}
"""What the Python library ecrterm reads and writes of messages of these lengths, in thousands a second.

Its best figures on a machine of this kind (2 cores of an AMD EPYC, Python 3.11); it is no package that could
be installed and run beside ours.
"""

TIMES_ECRTERM = 10.0
SLICE = 200
"""Calls that are timed at once: short enough that other programs leave some slices alone."""

BITS_PER_BYTE = 11  # 8N2 with its start bit
BAUD = 9600


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one message: reading and writing it, and its serial frame, in thousands a second."""

    name: str
    size: int
    decode: float
    encode: float
    frame: float
    unframe: float


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A payment over a pty and its bytes alone, the best of each, in milliseconds; its bytes and writes."""

    payment_ms: float
    bytes_ms: float
    size: int
    turns: int


def rates(slices: int) -> Sequence[Rates]:
    """Each message's best slice: what the machine can do when nothing else wants it."""
    wires: dict[str, bytes] = {}
    best: dict[str, list[float]] = {}
    made = messages()
    for name, message in made.items():
        wires[name] = encode(message)
        best[name] = [0.0] * 4
        if decode_bytes(wires[name]) != message:
            raise RuntimeError(f"{name} is not read as it was written")
    for _ in range(slices):
        # all in turn, so that a moment in which others are busy spoils a slice of each
        for name, wire in wires.items():
            now = (
                _per_ms(decode_bytes, wire),
                _per_ms(encode, made[name]),
                _per_ms(encode_frame, wire),
                _per_ms(_unframe, encode_frame(wire)),
            )
            best[name] = [max(pair) for pair in zip(best[name], now, strict=True)]
    return [Rates(name, len(wires[name]), *best[name]) for name in made]


def _unframe(frame: bytes) -> object:
    return FrameReader().feed(frame)


def crc_rate(size: int, slices: int) -> float:
    """Check sums a second over messages of this size, in thousands."""
    data = bytes(index % 251 for index in range(size))
    return max(_per_ms(crc, data) for _ in range(slices))


def _per_ms(action: Callable[[Any], object], given: object) -> float:
    began = time.perf_counter()
    for _ in range(SLICE):
        action(given)
    return SLICE / (time.perf_counter() - began) / 1000.0


class _Tap:
    """Writes down who wrote what, in order."""

    def __init__(self, link: Link, log: list[tuple[bool, bytes]], *, up: bool) -> None:
        self._link = link
        self._log = log
        self._up = up

    async def send(self, data: bytes) -> None:
        self._log.append((self._up, data))
        await self._link.send(data)

    async def receive(self) -> bytes:
        return await self._link.receive()

    async def close(self) -> None:
        await self._link.close()


def _reports() -> list[Message]:
    """What a terminal says in a payment with a card, a PIN and two receipts."""
    by_name = messages()
    progress, status = by_name["04 FF intermediate, text"], by_name["04 0F status, TLV"]
    return [progress, progress, progress, status, by_name["06 D3 receipt"], by_name["06 D3 receipt"]]


async def _terminal(link: Link, timing: Timing) -> None:
    """A terminal that never has to think: the next report goes out as soon as the last is answered."""
    registered = Permits.of(Registration.from_message(messages()["06 00 registration, TLV"]))
    wire, dialogue = FramedWire(link, timing), TerminalDialogue(permits=registered)
    reports = iter(_reports())
    while True:
        for apdu in await wire.receive(NEVER):
            for event in dialogue.receive(apdu):
                if isinstance(event, Ordered):
                    await wire.send(dialogue.accept())
                if dialogue.state is State.MASTER:
                    report = next(reports, None)
                    await wire.send(dialogue.complete() if report is None else dialogue.tell(report))


async def _pay(link: Link, timing: Timing, payment: Message) -> None:
    ended = await Conversation(link, timing, framed=True).run(payment)
    if ended.end is not End.DONE:
        raise RuntimeError(f"the payment ended with {ended}")


async def _pump(ours: Link, theirs: Link, log: Sequence[tuple[bool, bytes]]) -> None:
    """The same writes in the same order, each read by the other end before the next is made."""
    for up, data in log:
        sender, reader = (ours, theirs) if up else (theirs, ours)
        await sender.send(data)
        left = len(data)
        while left:
            left -= len(await reader.receive())


async def _dialogue(folder: Path, rounds: int) -> Dialogue:
    payment, timing = messages()["06 01 payment"], Timing()
    listener = PtyListener(folder / "ttyBench")
    await listener.open()
    theirs = await listener.accept()
    ours = await open_serial(listener.address)
    log: list[tuple[bool, bytes]] = []
    paid, pumped = [], []
    try:
        for number in range(rounds + 1):
            log.clear()
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(_terminal(_Tap(theirs, log, up=False), timing), name="terminal")
                began = time.perf_counter()
                await _pay(_Tap(ours, log, up=True), timing, payment)
                paid.append(time.perf_counter() - began)
                serving.cancel()
            began = time.perf_counter()
            await _pump(ours, theirs, log)
            pumped.append(time.perf_counter() - began)
            if not number:  # the first of each only fills the caches
                paid.clear()
                pumped.clear()
    finally:
        await ours.close()
        await listener.close()
    size = sum(len(data) for _, data in log)
    return Dialogue(min(paid) * 1e3, min(pumped) * 1e3, size, len(log))


def dialogue(rounds: int, place: Path | None = None) -> Dialogue:
    """Payments over a pty, opened by pyserial as a real port is, and their bytes, by turns."""
    with tempfile.TemporaryDirectory(prefix="bench-pty-", dir=place) as folder:
        return asyncio.run(_dialogue(Path(folder), rounds))
