"""A store with one simulated ZVT terminal, our driver on it, and a journal that is only a dict."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from drivers.contract import (
    NOTHING,
    Capture,
    Kind,
    Link,
    Money,
    Outcome,
    PaymentRequest,
    Progress,
    ReaderConfig,
    ReaderName,
    SessionId,
    TipPolicy,
)
from drivers.links.memory import MemoryLink, MemoryNetwork
from drivers.readers.zvt import ZvtReader
from drivers.readers.zvt_options import Setup, setup_of
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.memory import Memory
from drivers.simulators.zvt_terminal.profiles import PROFILES, Profile
from drivers.simulators.zvt_terminal.terminal import Terminal
from drivers.zvt.apdu import ApduReader
from drivers.zvt.serial_frame import Frame, FrameReader

EPOCH = datetime(2026, 3, 8, 16, 49, 23, tzinfo=UTC)
ZONE = timedelta(hours=1)
NAME = "till-zvt"


def now() -> datetime:
    """UTC of a world that began with the test's loop."""
    return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


def local() -> datetime:
    """What the terminal's clock shows."""
    return now() + ZONE


@dataclass
class FakeReport:
    """Keeps what a driver made durable, as the journal would; `fails` names what cannot be written."""

    references: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    steps: list[Progress] = field(default_factory=list)
    fails: str = ""

    async def progress(self, step: Progress) -> None:
        self.steps.append(step)

    async def reference(self, name: str, value: str) -> None:
        await asyncio.sleep(0)
        if name == self.fails:
            raise RuntimeError(f"the disk is full at {name}")
        self.references[name] = value

    async def attempt(self, operation: str) -> int:
        await asyncio.sleep(0)
        self.attempts[operation] = self.attempts.get(operation, 0) + 1
        return self.attempts[operation]


class Session:
    """One session as the lane would carry it: a request that grows with what was reported."""

    def __init__(
        self,
        amount: int = 1200,
        *,
        currency: str = "eur",
        name: str = "s1",
        kind: Kind = Kind.PAYMENT,
        capture: Capture = Capture.AUTOMATIC,
        tip: TipPolicy | None = None,
        references: Mapping[str, str] | None = None,
    ) -> None:
        self.report = FakeReport(references=dict(references or {}))
        self._facts: dict[str, Any] = {
            "session": SessionId(name),
            "kind": kind,
            "money": Money(amount, currency),
            "capture": capture,
            "tip": tip,
        }

    @property
    def request(self) -> PaymentRequest:
        """As the journal knows it now."""
        return PaymentRequest(
            **self._facts, references=dict(self.report.references), attempts=dict(self.report.attempts)
        )

    def concluded(self, outcome: Outcome) -> None:
        """What an outcome adds to the references."""
        self.report.references.update(outcome.references)

    def refund(self, amount: int | None = None) -> "Session":
        """A session that gives this one's money back."""
        money = self._facts["money"]
        return Session(
            money.amount if amount is None else amount,
            name="r1",
            kind=Kind.REFUND,
            references={f"refund_of_{name}": value for name, value in self.report.references.items()},
        )


class Tap:
    """A link that writes down the commands that go up through it."""

    def __init__(self, link: Link, heard: list[str], *, serial: bool) -> None:
        self._link = link
        self._heard = heard
        self._reader = ApduReader()
        self._frames = FrameReader()
        self._serial = serial

    async def send(self, data: bytes) -> None:
        if self._serial:
            for piece in self._frames.feed(data):
                if isinstance(piece, Frame):
                    self._heard.append(piece.apdu[:2].hex())
        else:
            self._heard.extend(f"{apdu.command:04x}" for apdu in self._reader.feed(data))
        await self._link.send(data)

    async def receive(self) -> bytes:
        return await self._link.receive()

    async def close(self) -> None:
        await self._link.close()


class ZvtStore:
    """Enter it with `async with`. `up` lists the commands that left the gateway, in order."""

    def __init__(
        self,
        model: str | Profile = "standard",
        *,
        serial: bool = False,
        memory: Memory | None = None,
        customers: Iterable[Customer] = (),
        clock: Callable[[], datetime] = local,
        options: Mapping[str, str] = NOTHING,
        **more: str,
    ) -> None:
        self.serial = serial
        self.network = MemoryNetwork()
        self.listener = self.network.listen("pt")
        known = PROFILES[model] if isinstance(model, str) else model
        self.terminal = Terminal(known, memory, clock=clock)
        self.terminal.device.coming.extend(customers)
        self.up: list[str] = []
        self.links: list[MemoryLink] = []
        link = "serial:///dev/ttyUSB0" if serial else "tcp://192.0.2.7"
        self.setup: Setup = setup_of(ReaderConfig(ReaderName(NAME), "zvt", {"link": link, **options, **more}))
        self.driver = self.reader()
        self._group = asyncio.TaskGroup()
        self._server: asyncio.Task[None] | None = None

    def reader(self) -> ZvtReader:
        """Another life of the gateway's driver."""
        return ZvtReader(self.setup, self.connect, now=now)

    async def connect(self) -> Link:
        link = self.listener.call()
        self.links.append(link)
        return Tap(link, self.up, serial=self.serial)

    def sent(self, command: str) -> int:
        """How often a command left us."""
        return self.up.count(command)

    async def pay(self, session: Session) -> Outcome:
        """A sale to its end; what it brings is kept with the session."""
        outcome = await self.driver.pay(session.request, session.report)
        session.concluded(outcome)
        return outcome

    def money(self) -> int:
        """What the merchant has, as the terminal's own books say."""
        return sum(entry["money"] for entry in self.terminal.ledger())

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._server = self._group.create_task(self._serve(), name="simulated terminal")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.driver.close()
        assert self._server is not None
        self._server.cancel()
        await self._group.__aexit__(kind, error, trace)

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                link = await self.listener.accept()
                group.create_task(self.terminal.host(link, serial=self.serial), name="terminal's link")
