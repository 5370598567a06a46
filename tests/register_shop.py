"""A gateway's ZVT door on simulated smart readers, in memory on virtual time, and registers that call it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.payments.desk import Desk
from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import Session, SessionQuery, TillName
from agent.payments.policy import LanePolicy
from agent.pos.register.door import Place, ZvtDoor
from agent.pos.register.memory_file import MemoryFile
from agent.pos.register.options import RegisterOptions
from agent.pos.register.terminal import TillTerminal
from drivers.contract import Driver, Link, LinkError, ReaderConfig, ReaderName
from drivers.links.address import MemoryAddress
from drivers.links.memory import MemoryNetwork
from drivers.readers.stripe import StripeReader
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.zvt.apdu import ApduReader
from drivers.zvt.commands.codec import decode, encode
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.message import Message
from drivers.zvt.serial_frame import ACK, Frame, FrameReader, encode_frame
from tests.simulated_exchange import SimulatedExchange, SimulatedStripe

EPOCH = datetime(2026, 3, 8, 16, 49, 23, tzinfo=UTC)
ZONE = timedelta(hours=1)
TILL = TillName("kasse-1")
READER = ReaderName("till-1")

YES = bytes.fromhex("800000")
STATUS = 0x040F
PROGRESS = 0x04FF
COMPLETION = 0x060F
ABORT = 0x061E
PRINTS = frozenset({0x06D1, 0x06D3})


def now() -> datetime:
    """UTC of a world that began with the test's loop."""
    return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


def local() -> datetime:
    """What the store's clocks show."""
    return now() + ZONE


def _unix_time() -> float:
    return now().timestamp()


class HungUpError(Exception):
    """The terminal closed the connection."""


@dataclass
class Heard:
    """Everything one command brought, in order; `answer` is the 80 00 or 84 xx."""

    answer: str = ""
    messages: list[Message] = field(default_factory=list)

    @property
    def commands(self) -> list[int]:
        """What came, without signs of life."""
        return [message.command for message in self.messages if message.command != PROGRESS]

    @property
    def statuses(self) -> list[StatusInformation]:
        """Every 04 0F."""
        return [StatusInformation.from_message(each) for each in self.messages if each.command == STATUS]

    @property
    def status(self) -> StatusInformation:
        """The only 04 0F."""
        [status] = self.statuses
        return status

    @property
    def prints(self) -> list[Message]:
        """Every print command."""
        return [message for message in self.messages if message.command in PRINTS]

    @property
    def end(self) -> str:
        """`06 0F`, `06 1E xx` or what else there was."""
        if not self.messages:
            return self.answer
        last = self.messages[-1]
        if last.command == ABORT:
            return f"06 1E {last.params['result'].hex().upper()}"
        return f"{last.command >> 8:02X} {last.command & 0xFF:02X}"


Answer = Callable[[Message], "bytes | None"]
"""What a register says to a message; None: nothing."""


def yes(message: Message) -> bytes | None:
    """80 00 to everything."""
    del message
    return YES


class Register:
    """A cash register on one connection: raw bytes out, whole messages in."""

    def __init__(self, link: Link, *, serial: bool = False) -> None:
        self.link = link
        self.serial = serial
        self._apdus = ApduReader()
        self._frames = FrameReader()
        self._inbox: list[Message] = []
        self.raw: list[bytes] = []

    async def send(self, data: bytes | str) -> None:
        raw = bytes.fromhex(data) if isinstance(data, str) else data
        await self.link.send(encode_frame(raw) if self.serial else raw)

    async def receive(self, within_s: float = 400.0) -> Message:
        """The next message."""
        async with asyncio.timeout(within_s):
            while not self._inbox:
                try:
                    data = await self.link.receive()
                except LinkError:
                    data = b""
                if not data:
                    raise HungUpError
                await self._take(data)
        return self._inbox.pop(0)

    async def _take(self, data: bytes) -> None:
        if not self.serial:
            for apdu in self._apdus.feed(data):
                self.raw.append(apdu.encode())
                self._inbox.append(decode(apdu))
            return
        for piece in self._frames.feed(data):
            if isinstance(piece, Frame):
                await self.link.send(ACK)
                self.raw.append(piece.apdu)
                self._inbox += [decode(apdu) for apdu in ApduReader().feed(piece.apdu)]

    async def run(self, command: bytes | str | Message, answer: Answer = yes) -> Heard:
        """One command to its end."""
        await self.send(encode(command) if isinstance(command, Message) else command)
        heard = Heard()
        first = await self.receive()
        heard.answer = f"{first.command >> 8:02X} {first.command & 0xFF:02X}"
        if first.command != 0x8000 or _ends_at_once(command):
            return heard
        while True:
            message = await self.receive()
            if message.command >> 8 in {0x80, 0x84}:
                continue
            heard.messages.append(message)
            said = answer(message)
            if said is not None:
                await self.send(said)
            if message.command in {COMPLETION, ABORT}:
                return heard

    async def register(self, config: str = "BE", tlv: str = "06 06 26 04 0A 02 06 D3") -> Heard:
        """06 00 with a config byte, euros and a container."""
        rest = bytes.fromhex("000000" + config + "0978" + tlv)
        return await self.run(b"\x06\x00" + bytes((len(rest),)) + rest)

    async def pay(self, amount: int = 1200, answer: Answer = yes, extra: str = "") -> Heard:
        """06 01 in euros."""
        rest = bytes.fromhex(f"04{amount:012}490978" + extra)
        return await self.run(b"\x06\x01" + bytes((len(rest),)) + rest, answer)

    async def close(self) -> None:
        await self.link.close()


def numbered(command: str, number: int) -> bytes:
    """A command with a message number (1F73) in its container."""
    rest = bytes.fromhex(command) + bytes.fromhex(f"06061F7303{number:06}")
    return rest[:2] + bytes((len(rest) - 2,)) + rest[2:]


def _ends_at_once(command: bytes | str | Message) -> bool:
    if isinstance(command, Message):
        number = command.command
    else:
        raw = bytes.fromhex(command) if isinstance(command, str) else command
        number = int.from_bytes(raw[:2], "big")
    return number in {0x0602, 0x06E0, 0x06B0}


class RegisterShop:
    """Enter it with `open`. A second `open` is the next life of the gateway, on the same files."""

    def __init__(
        self,
        folder: Path,
        *,
        readers: Sequence[str] = (READER,),
        driver: Callable[[str], Driver] | None = None,
        serial: bool = False,
        policy: LanePolicy | None = None,
        **options: Any,
    ) -> None:
        self.folder = folder
        self.serial = serial
        self.readers = readers
        self.policy = policy
        self.options = options
        self.network = MemoryNetwork()
        self.simulator = StripeSimulator(now=_unix_time)
        self.exchange = SimulatedExchange(self.simulator, latency_s=0.05)
        self.stripe = SimulatedStripe(self.simulator, exchange=self.exchange)
        self.ids: dict[str, str] = {}
        self._driver = driver
        self.journal: Journal
        self.desk: Desk
        self.door: ZvtDoor

    def till(self, reader: str) -> TillName:
        """The till that sells on a reader."""
        return TILL if reader == READER else TillName(f"kasse-{reader}")

    @property
    def terminal(self) -> TillTerminal:
        return self.door.terminal(TILL)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["RegisterShop"]:
        """One life of the gateway; it ends without a word, as by SIGKILL, where the block raises."""
        if self._driver is None and not self.ids:
            for name in self.readers:
                self.ids[name] = await self.stripe.new_reader() if not self.ids else await self._another(name)
        self.journal = Journal(self.folder / "journal.db", now=now, inline=True)
        file = MemoryFile(self.folder / "registers.db")
        try:
            self.desk = Desk(self.journal, now=now)
            for name in self.readers:
                driver = self._driver(name) if self._driver else StripeReader(self.ids[name], self.stripe.api)
                config = ReaderConfig(ReaderName(name), "stripe", {})
                self.desk.lanes.adopt(
                    Lane(config, driver, self.journal, now=now, policy=self.policy, chance=lambda: 0.5)
                )
            places = [
                Place(
                    RegisterOptions(self.till(name), ReaderName(name), **self.options),
                    self.network.listen(name),
                    self.serial,
                )
                for name in self.readers
            ]
            self.door = ZvtDoor(self.desk, file, places, now=now, local=local, gateway="store")
            async with asyncio.TaskGroup() as group:
                desk = group.create_task(self.desk.run(), name="desk")
                await asyncio.sleep(1)
                try:
                    async with self.door.open():
                        yield self
                finally:
                    desk.cancel()
        finally:
            self.journal.close()
            file.close()

    async def _another(self, name: str) -> str:
        first = await self.stripe.api.retrieve_reader(next(iter(self.ids.values())))
        made = await self.stripe.api.register_reader(
            {"registration_code": "simulated-s700", "location": first.location, "label": name}, key=name
        )
        return made.id

    def call(self, reader: str = READER) -> Link:
        """A link to the door, as a register opens one."""
        return self.network.call(MemoryAddress(reader))

    def register(self, reader: str = READER) -> Register:
        """A register that has just connected."""
        return Register(self.call(reader), serial=self.serial)

    async def customer(self, reader: str = READER, after: float = 2.0, **wishes: Any) -> None:
        """What the customers at a reader will do; by default they present a good card."""
        if not wishes:
            wishes = {"auto_present": {"after": after}}
        await self.stripe.customer(self.ids[reader], **wishes)

    def sessions(self, till: TillName | None = TILL) -> list[Session]:
        """Every session, newest first."""
        return self.desk.find(SessionQuery(limit=100), till)

    async def captured(self) -> int:
        """What the simulated bank took, less what it gave back."""
        return sum(row["captured"] - row["refunded"] for row in await self.stripe.ledger())

    async def held(self) -> int:
        """What the simulated bank still holds."""
        rows = await self.stripe.ledger()
        return sum(row["authorized"] for row in rows if row["status"] == "requires_capture")

    async def settled(self, within_s: float = 600.0) -> None:
        """Wait until nothing is left to be done by anybody."""
        await asyncio.sleep(0.5)
        async with asyncio.timeout(within_s):
            while self._is_busy():  # noqa: ASYNC110  # nobody tells when all of it is over
                await asyncio.sleep(0.5)

    def _is_busy(self) -> bool:
        terminal = self.terminal
        return bool(
            terminal.memory.unsettled()
            or terminal.turn.locked()
            or any(each.needs_lane for each in self.sessions())
        )
