"""A register for these tests: our own dialogue over a link, with a say in every answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from drivers.contract import Link, LinkError
from drivers.links.memory import MemoryLink, pair
from drivers.simulators.virtual_time import EPOCH
from drivers.simulators.zvt_terminal.device import Device
from drivers.simulators.zvt_terminal.memory import Memory
from drivers.simulators.zvt_terminal.profiles import PROFILES, Profile, Times
from drivers.simulators.zvt_terminal.terminal import Terminal
from drivers.zvt import ecr
from drivers.zvt.apdu import Apdu, ApduReader, parse_apdu
from drivers.zvt.commands import answers, table
from drivers.zvt.commands.codec import decode, encode
from drivers.zvt.commands.face import Face
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.commands.setup import Registration
from drivers.zvt.commands.table import End, row_of
from drivers.zvt.config import Config
from drivers.zvt.message import Message
from drivers.zvt.serial_link import Delivered, SerialLink, Write

ALL = 0xBE
"""The usual config byte: everything through the register, with 04 FF and print commands."""

Answer = Callable[[Message], Message]

SILENT = Message(0)
"""Given as an answer: say nothing, and stop listening."""


def yes(_: Message) -> Message:
    """80 00 to everything."""
    return answers.positive()


def to(command: int, *given: Message) -> Answer:
    """These answers to a command, one after another, the last for ever; 80 00 to all others."""
    left = list(given)

    def answer(message: Message) -> Message:
        if message.command != command:
            return answers.positive()
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


class Till:
    """Our end of a link. `run` sends a command and answers until it is over; `heard` keeps what came."""

    def __init__(self, link: Link, *, serial: bool = False) -> None:
        self.link = link
        self.dialogue = ecr.RegisterDialogue()
        self.serial = SerialLink() if serial else None
        self.heard: list[Message] = []
        self.chunks: list[bytes] = []
        self._reader = ApduReader()
        self._ready: list[Apdu] = []

    async def run(
        self, command: Face | Message, answer: Answer = yes, *, stop_after_s: float | None = None
    ) -> list[Message]:
        """All that the terminal said until the command was over, or the link was."""
        message = command if isinstance(command, Message) else command.to_message()
        self.heard = []
        await self.write(self.dialogue.send(message))
        if stop_after_s is None:
            await self.follow(answer)
            return self.heard
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self.follow(answer), name="till follows")
            await asyncio.sleep(stop_after_s)
            await self.write(self.dialogue.stop())
            await following
        return self.heard

    async def follow(self, answer: Answer = yes) -> None:
        """Answer what comes until we are master again."""
        while self.dialogue.state is not ecr.State.READY:
            apdu = await self.next()
            if apdu is None:
                return
            message = decode(apdu, self.dialogue.command)
            self.heard.append(message)
            for _ in self.dialogue.receive(apdu):
                if self.dialogue.state is ecr.State.OWING:
                    given = answer(message)
                    if given is SILENT:
                        return
                    await self.write(self.dialogue.answer(given))

    async def say(self, message: Message) -> Message:
        """Send something whatever the dialogue thinks of it, and what comes next."""
        await self.write(encode(message))
        return await self.one(message.command)

    async def raw(self, apdu: Apdu) -> None:
        """Send these very bytes and answer until the terminal is done; for commands of no shape."""
        await self.write(apdu.encode())
        while (heard := await self.next()) is not None:
            if heard.command >> 8 == 0x84 or (
                heard.command == 0x8000 and row_of(apdu.command).end is End.ANSWER
            ):
                return
            if not table.is_answer(heard.command):
                await self.write(encode(answers.positive()))
            if heard.command in {table.COMPLETION, table.ABORT}:
                return

    async def one(self, after: int | None = None) -> Message:
        """The next thing that comes."""
        apdu = await self.next()
        assert apdu is not None
        return decode(apdu, after)

    async def write(self, data: bytes) -> None:
        """Send an APDU."""
        if self.serial is None:
            await self.link.send(data)
            return
        for step in self.serial.send(data):
            if isinstance(step, Write):
                await self.link.send(step.data)
        while not self.serial.idle and await self._read():
            pass

    async def next(self) -> Apdu | None:
        """The next APDU; None when the link is over."""
        while not self._ready:
            if not await self._read():
                return None
        return self._ready.pop(0)

    async def _read(self) -> bool:
        try:
            data = await self.link.receive()
        except LinkError:
            return False
        self.chunks.append(data)
        if self.serial is None:
            self._ready += self._reader.feed(data)
            return bool(data)
        for step in self.serial.feed(data):
            if isinstance(step, Write):
                await self.link.send(step.data)
            elif isinstance(step, Delivered):
                self._ready.append(parse_apdu(step.apdu))
        return bool(data)

    async def register(self, config: int = ALL, *, container: bool = True, currency: int = 978) -> None:
        """06 00, with 06 D3 permitted unless there is to be no container."""
        permitted = (0x0401, 0x06D3) if container else ()
        await self.run(Registration("000000", Config(config), currency=currency, permitted=permitted))

    @property
    def result(self) -> StatusInformation:
        """The last 04 0F that came."""
        return StatusInformation.from_message(self.all(table.STATUS_INFORMATION)[-1])

    @property
    def ended(self) -> int:
        """The result code of the 06 1E at the end, 0 for a 06 0F."""
        last = self.heard[-1]
        assert last.command in {table.COMPLETION, table.ABORT}
        return last.params["result"][0] if last.command == table.ABORT else 0

    def all(self, command: int) -> list[Message]:
        """What came of one command."""
        return [message for message in self.heard if message.command == command]

    @property
    def progress(self) -> list[int]:
        """The statuses of all 04 FF that came."""
        return [message.params["status"][0] for message in self.all(table.INTERMEDIATE_STATUS)]

    @property
    def commands(self) -> list[int]:
        """What came but for 80 00 and 04 FF."""
        shown = {table.POSITIVE, table.INTERMEDIATE_STATUS}
        return [message.command for message in self.heard if message.command not in shown]


class Shop:
    """A terminal and the tills that call it."""

    def __init__(self, terminal: Terminal, group: asyncio.TaskGroup) -> None:
        self.terminal = terminal
        self._group = group
        self.links: list[MemoryLink] = []

    @property
    def device(self) -> Device:
        return self.terminal.device

    def call(self, *, serial: bool = False, speed: Callable[[], int] | None = None) -> Till:
        """A till on a new link."""
        ours, theirs = pair("till", "terminal")
        self.links.append(ours)
        hosting = self.terminal.host(theirs, serial=serial, speed=speed)
        self._group.create_task(hosting, name="terminal hosts")
        return Till(ours, serial=serial)

    def books(self) -> list[tuple[str, str, int, bool]]:
        """The ledger in short: kind, state, money, acknowledged."""
        rows = self.terminal.ledger()
        return [(row["kind"], row["state"], row["money"], row["acknowledged"]) for row in rows]


@asynccontextmanager
async def shop(
    profile: str | Profile = "standard",
    *,
    state: Path | None = None,
    times: Times | None = None,
    seed: int = 0,
) -> AsyncIterator[Shop]:
    """A terminal that works as long as this lasts."""
    loop = asyncio.get_running_loop()

    def clock() -> datetime:
        return EPOCH + timedelta(seconds=loop.time())

    memory = Memory(state)
    chosen = PROFILES[profile] if isinstance(profile, str) else profile
    try:
        terminal = Terminal(chosen, memory, times=times, clock=clock, seed=seed)
        async with asyncio.TaskGroup() as group:
            opened = Shop(terminal, group)
            yield opened
            for link in opened.links:
                await link.close()
    finally:
        memory.close()
