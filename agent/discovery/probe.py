"""Who speaks at the other end of a link: listen, then ask one question that starts nothing, then leave.

The question is 05 01, ZVT's own for a terminal's state (PA00P015 2.56): it moves no money and needs no
registration. Nothing else is ever said but what ends that exchange. A terminal that tells of something else
is in the middle of somebody's sale: its results are not answered, since a yes would move money and a no would
take it back.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from drivers.contract import Link, LinkError
from drivers.zvt import results, statuses
from drivers.zvt.apdu import Apdu, ApduReader, parse_apdu
from drivers.zvt.commands import answers, table
from drivers.zvt.commands.reports import Completion
from drivers.zvt.commands.setup import StatusEnquiry
from drivers.zvt.ecr import Aborted, Accepted, Completed, Refused, RegisterDialogue
from drivers.zvt.errors import ZvtError
from drivers.zvt.foreign import HEAD_BYTES, recognise, show
from drivers.zvt.serial_link import Confirmed, Delivered, SerialLink, Step, Write

LISTEN_S = 0.4
"""How long a greeting is waited for before anything is said."""

ACK_S = 1.0
"""A terminal acknowledges a frame within milliseconds; most ports that say nothing have none."""

ANSWER_S = 5.0
"""T3: how long a terminal may take for its answer (PA00P016 5.2)."""


class Speaker(StrEnum):
    """What kind of peer it is."""

    ZVT = "zvt"
    STRANGER = "stranger"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a probe found out; `what` is for people."""

    speaker: Speaker
    what: str
    terminal_id: str = ""


async def probe(link: Link, *, framed: bool) -> Heard:
    """Find out who is there; the link is of no more use afterwards. `framed`: as on a serial line."""
    asking = _Asking(link, framed=framed)
    try:
        async with asyncio.timeout(LISTEN_S):
            await asking.listen()
    except TimeoutError:
        pass
    except LinkError as error:
        return asking.verdict() or Heard(Speaker.SILENT, f"hung up at once: {error}")
    found = asking.verdict()
    if found is not None:
        return found
    try:
        return await asking.ask()
    except TimeoutError:
        return asking.verdict(last=True) or Heard(Speaker.SILENT, "says nothing")
    except LinkError as error:
        return asking.verdict(last=True) or Heard(Speaker.SILENT, f"hung up: {error}")


class _Asking:
    """One question on one link."""

    def __init__(self, link: Link, *, framed: bool) -> None:
        self._link = link
        self._framed = framed
        self._serial = SerialLink()
        self._bare = ApduReader()
        self._dialogue = RegisterDialogue()
        self._heard = b""
        self._confirmed = False
        self._broken = False
        self._at_work: int | None = None
        self._accepted = False

    async def listen(self) -> None:
        """Take what comes unasked, and answer none of it."""
        while data := await self._link.receive():
            self._heard = (self._heard + data)[:HEAD_BYTES]
            for apdu in self._read(data, answer=lambda _: None):
                self._at_work = apdu.command

    def verdict(self, *, last: bool = False) -> Heard | None:
        """What is certain by now; with `last` also what is likely."""
        if self._at_work is not None:
            return _at_work(self._at_work)
        stranger = recognise(self._heard, framed=self._framed)
        if stranger is not None:
            return Heard(Speaker.STRANGER, f"{stranger.name}; {stranger.remedy}")
        if not last:
            return None
        if self._confirmed:
            return Heard(Speaker.ZVT, "a ZVT terminal that confirms frames and does not answer")
        if self._heard:
            return Heard(Speaker.STRANGER, f"something unknown that says {show(self._heard)}")
        return None

    async def ask(self) -> Heard:
        """Say 05 01 and see the answer to its end. Raises `TimeoutError` and `LinkError`."""
        question = self._dialogue.send(StatusEnquiry().to_message())
        await self._send(question)
        async with asyncio.timeout(ACK_S if self._framed else ANSWER_S) as patience:
            while True:
                data = await self._link.receive()
                if not data:
                    raise LinkError("it closed the link")
                self._heard = (self._heard + data)[:HEAD_BYTES]
                writes: list[bytes] = []
                apdus = self._read(data, answer=writes.append)
                if self._confirmed:
                    patience.reschedule(asyncio.get_running_loop().time() + ANSWER_S)
                for apdu in apdus:
                    if not _is_answer(apdu.command):
                        return _at_work(apdu.command)  # not even its frame is confirmed
                for written in writes:
                    await self._link.send(written)
                for apdu in apdus:
                    found = await self._take(apdu)
                    if found is not None:
                        return found
                if self._broken:
                    raise LinkError("its bytes are no messages")

    async def _take(self, apdu: Apdu) -> Heard | None:
        try:
            events = self._dialogue.receive(apdu)
        except ZvtError:
            return Heard(Speaker.ZVT, f"a ZVT terminal that answers oddly ({apdu.command:04X})")
        match events[0] if events else None:
            case Accepted():
                self._accepted = True
                return None
            case Refused(_, code, _):
                text = results.RESULTS.get(code, "no reason that is known")
                return Heard(Speaker.ZVT, f"a ZVT terminal that does not say how it is: {code:02X}, {text}")
            case Completed(_, message) if self._accepted:
                await self._send(self._dialogue.answer(answers.positive()))
                told = Completion.from_message(message)
                state = statuses.terminal_state_text(told.status or statuses.READY)
                number = message.find_bytes(0x1F44)
                device = f" ({told.device_name})" if told.device_name else ""
                return Heard(
                    Speaker.ZVT,
                    f"a ZVT terminal{device}: {state}",
                    terminal_id=number.hex().upper() if number else "",
                )
            case Aborted(_, code, _) if self._accepted:
                await self._send(self._dialogue.answer(answers.positive()))
                return Heard(Speaker.ZVT, f"a ZVT terminal: {statuses.terminal_state_text(code)}")
            case _:
                return _at_work(apdu.command)

    async def _send(self, apdu: bytes) -> None:
        if not self._framed:
            await self._link.send(apdu)
            return
        for step in self._serial.send(apdu):
            if isinstance(step, Write):
                await self._link.send(step.data)

    def _read(self, data: bytes, answer: Callable[[bytes], None]) -> list[Apdu]:
        if not self._framed:
            apdus, error = self._bare.drain(data)
            self._broken = self._broken or error is not None
            return apdus
        return self._steps(self._serial.feed(data), answer)

    def _steps(self, steps: list[Step], answer: Callable[[bytes], None]) -> list[Apdu]:
        apdus: list[Apdu] = []
        for step in steps:
            match step:
                case Write(written):
                    answer(written)
                case Delivered(raw):
                    self._confirmed = True
                    try:
                        apdus.append(parse_apdu(raw))
                    except ZvtError:
                        self._broken = True
                case Confirmed():
                    self._confirmed = True
                case _:
                    pass
        return apdus


def _is_answer(command: int) -> bool:
    return table.is_answer(command) or command in {table.COMPLETION, table.ABORT}


def _at_work(command: int) -> Heard:
    return Heard(Speaker.ZVT, f"a ZVT terminal in the middle of something ({command:04X}); it was left alone")
