"""Where the conformance suite plays: benches for our drivers, and the worlds that every promise runs in.

To add a way of reaching a ZVT terminal, write a `Stretch` and a line in `WORLDS`; another kind of reader
needs a bench of its own (`drivers.conformance_bench.Bench`) and a `World` that makes it.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from drivers.conformance import PROMISES, Finding, check
from drivers.conformance_bench import Act, Bench, Books, Customer
from drivers.contract import (
    NOTHING,
    Decision,
    Driver,
    Link,
    Money,
    Outcome,
    PaymentRequest,
    ReaderConfig,
    ReaderInfo,
    ReaderName,
    Report,
    SessionId,
)
from drivers.links.address import Rfc2217Address
from drivers.links.base import Breakable, Cause, LinkNotOpenedError
from drivers.links.memory import MemoryNetwork, pair
from drivers.links.reconnect import Connect
from drivers.links.rfc2217 import negotiate
from drivers.links.schemes import connect
from drivers.links.tcp import TcpListener
from drivers.readers.zvt import ZvtReader
from drivers.readers.zvt_options import setup_of
from drivers.simulators.ble_uart import UartListener
from drivers.simulators.fault_list import FAULTS, Harm, plan_for
from drivers.simulators.faulty import FaultyConnector
from drivers.simulators.pty import PtyListener
from drivers.simulators.rfc2217 import Rfc2217Listener
from drivers.simulators.uart import LineSettings
from drivers.simulators.virtual_time import ScaledTimeLoop, VirtualTimeLoop
from drivers.simulators.zvt_terminal import customers
from drivers.simulators.zvt_terminal.memory import Kind, Record, State
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.simulators.zvt_terminal.server import serve
from drivers.simulators.zvt_terminal.terminal import Terminal
from drivers.zvt.apdu import ApduReader
from drivers.zvt.serial_frame import Frame, FrameReader
from tests.ble_world import ble_world
from tests.stripe_store import StripeStore
from tests.zvt_store import local, now

Wrap: TypeAlias = Callable[[Driver], Driver]
"""What a test puts around each driver: nothing, or something that bends it."""

SPEED = 40.0
"""How fast time passes while a world with real descriptors waits."""


def unbent(driver: Driver) -> Driver:
    """The driver as it is."""
    return driver


@dataclass(frozen=True, slots=True)
class World:
    """One line of the list. `bench` makes a fresh bench; `loop` the clock that it lives by."""

    name: str
    bench: Callable[[Wrap], AbstractAsyncContextManager[Bench]]
    loop: Callable[[], asyncio.AbstractEventLoop] = VirtualTimeLoop

    @property
    def real(self) -> bool:
        """Whether it has real descriptors, and so takes real time."""
        return self.loop is not VirtualTimeLoop

    def check(self, promise: str, wrap: Wrap = unbent) -> Finding:
        """Put one promise to the test."""

        async def play() -> Finding:
            async with self.bench(wrap) as bench:
                return await check(promise, bench)

        with asyncio.Runner(loop_factory=self.loop) as runner:
            return runner.run(play())


def side_by_side(worlds: Iterable[World]) -> list[tuple[World, Finding]]:
    """Every promise in worlds with real descriptors, all at once: they mostly wait."""

    async def play(world: World, promise: str) -> tuple[World, Finding]:
        async with world.bench(unbent) as bench:
            return world, await check(promise, bench)

    async def all_of_them() -> list[tuple[World, Finding]]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(play(world, promise), name=f"{world.name} {promise}")
                for world in worlds
                for promise in PROMISES
            ]
        return [task.result() for task in tasks]

    with asyncio.Runner(loop_factory=faster) as runner:
        return runner.run(all_of_them())


def faster() -> asyncio.AbstractEventLoop:
    """A loop for worlds with real descriptors."""
    return ScaledTimeLoop(SPEED)


# -- Stripe's readers -----------------------------------------------------------------------------------


class StripeBench:
    """The Stripe driver on the simulated Stripe."""

    money = Money(1200, "eur")
    cannot: ClassVar[Mapping[Act, str]] = {Act.RESTART: "the simulated smart reader has no power switch"}

    def __init__(self, store: StripeStore, wrap: Wrap) -> None:
        self._store = store
        self._wrap = wrap
        self._refund_of = SessionId("")

    def driver(self) -> Driver:
        return self._wrap(self._store.driver())

    async def customer(self, does: Customer) -> None:
        wishes: dict[str, Any] = {"auto_present": None, "auto_cancel": None}
        match does:
            case Customer.PAYS:
                wishes["auto_present"] = {"after": 7}
            case Customer.IS_DECLINED:
                wishes["auto_present"] = {"after": 7, "number": "4000000000009995"}
            case Customer.CANCELS:
                wishes["auto_cancel"] = {"after": 6}
            case Customer.STAYS_AWAY:
                pass
        await self._store.customer(**wishes)

    async def line(self, *, up: bool) -> None:
        self._store.stripe.exchange.down = not up

    async def lose_answer(self) -> None:
        path = "/v1/terminal/readers/*/process_payment_intent"
        await self._store.stripe.fault("drop_after", method="POST", path=path)

    async def restart(self) -> None:
        raise NotImplementedError(self.cannot[Act.RESTART])

    async def books(self, session: SessionId) -> Books:
        if session == self._refund_of:
            [row] = await self._store.rows_of("ses_1")
            return Books(moved=row["refunded"])
        rows = await self._store.rows_of(session)
        return Books(
            held=sum(row["authorized"] for row in rows if row["status"] == "requires_capture"),
            moved=sum(row["captured"] for row in rows),
            prompts=sum(row["prompts_shown"] for row in rows),
            payable=any(row["payable_now"] for row in rows),
        )

    def refund_references(self, paid: Outcome) -> Mapping[str, str]:
        self._refund_of = SessionId("ses_2")
        return {f"refund_of_{name}": value for name, value in paid.references.items()}


@asynccontextmanager
async def _stripe(wrap: Wrap) -> AsyncIterator[Bench]:
    store = StripeStore()
    await store.begin()
    yield StripeBench(store, wrap)


# -- ZVT terminals --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reached:
    """A terminal within reach: `link` is the reader's option, `connect` makes a link to it."""

    link: str
    connect: Connect


Stretch: TypeAlias = Callable[[Terminal], AbstractAsyncContextManager[Reached]]
"""Hosts a terminal on some kind of line for as long as it is entered."""


class _LossyLink:
    """A link on which one answer can be lost, and all that comes behind it."""

    def __init__(self, link: Link, lost: Callable[[int], bool], *, framed: bool) -> None:
        self.link = link
        self._lost = lost
        self._frames = FrameReader() if framed else None
        self._apdus = ApduReader()
        self._deaf = False

    async def send(self, data: bytes) -> None:
        for command in self._commands(data):
            self._deaf = self._deaf or self._lost(command)
        await self.link.send(data)

    async def receive(self) -> bytes:
        while True:
            data = await self.link.receive()
            if not data or not self._deaf:
                return data

    async def close(self) -> None:
        await self.link.close()

    def abort(self) -> None:
        self.link.abort()  # type: ignore[attr-defined]  # every link of ours can break

    def _commands(self, data: bytes) -> list[int]:
        if self._frames is None:
            return [apdu.command for apdu in self._apdus.feed(data)]
        frames = [piece for piece in self._frames.feed(data) if isinstance(piece, Frame)]
        return [int.from_bytes(frame.apdu[:2], "big") for frame in frames]


class ZvtBench:
    """The ZVT driver on the simulated terminal, over whatever line."""

    money = Money(1200, "eur")
    PAYING = frozenset({0x0601, 0x0622})

    def __init__(
        self,
        terminal: Terminal,
        reached: Reached,
        options: Mapping[str, str],
        cannot: Mapping[Act, str],
        wrap: Wrap,
    ) -> None:
        self.cannot: Mapping[Act, str] = cannot
        config = ReaderConfig(ReaderName("till-zvt"), "zvt", {"link": reached.link, **options})
        self._setup = setup_of(config)
        self._terminal = terminal
        self._reached = reached
        self._wrap = wrap
        self._links: list[_LossyLink] = []
        self._up = True
        self._loses = False
        self._current = SessionId("")
        self._whose: list[SessionId] = []

    def driver(self) -> Driver:
        return self._wrap(_Naming(ZvtReader(self._setup, self._connect, now=now), self.serves))

    def serves(self, session: SessionId) -> None:
        """What is booked from now on belongs to this session."""
        self._assign()
        self._current = session

    async def customer(self, does: Customer) -> None:
        self._terminal.device.usual = CUSTOMERS[does]

    async def line(self, *, up: bool) -> None:
        self._up = up
        if not up:
            for link in self._links:
                link.abort()

    async def lose_answer(self) -> None:
        self._loses = True

    async def restart(self) -> None:
        self._terminal.device.reboot()

    async def books(self, session: SessionId) -> Books:
        self._assign()
        rows = self._terminal.ledger()
        records = self._terminal.memory.records
        ours = [at for at, whose in enumerate(self._whose) if whose == session]
        return Books(
            held=sum(rows[at]["held"] for at in ours),
            moved=sum(abs(rows[at]["money"]) for at in ours),
            prompts=sum(rows[at]["prompts"] for at in ours),
            payable=any(_payable(records[at]) for at in ours),
        )

    def refund_references(self, paid: Outcome) -> Mapping[str, str]:
        return {f"refund_of_{name}": value for name, value in paid.references.items()}

    def _assign(self) -> None:
        new = len(self._terminal.memory.records) - len(self._whose)
        self._whose += [self._current] * new

    async def _connect(self) -> Link:
        if not self._up:
            raise LinkNotOpenedError("the bench has cut the line", cause=Cause.ABSENT)
        link = _LossyLink(await self._reached.connect(), self._is_lost, framed=self._setup.framed)
        self._links.append(link)
        return link

    def _is_lost(self, command: int) -> bool:
        lost = self._loses and command in self.PAYING
        self._loses = self._loses and not lost
        return lost


def _payable(record: Record) -> bool:
    return record.state is State.STARTED and record.kind in {Kind.PAYMENT, Kind.HOLD} and record.prompts > 0


CUSTOMERS = {
    Customer.PAYS: customers.Customer("Visa contactless", comes_after_s=4.0),
    Customer.IS_DECLINED: customers.Customer(comes_after_s=4.0, wrong_pins=2),
    Customer.CANCELS: customers.Customer(stops_after_s=4.0),
    Customer.STAYS_AWAY: customers.Customer(comes_after_s=None),
}

REVERSES = "a ZVT terminal takes back what its own register did not acknowledge (PA00P015 2.2.8)"


class _Naming:
    """Tells the bench which session a call is for: a terminal knows nothing of sessions."""

    def __init__(self, inner: ZvtReader, serves: Callable[[SessionId], None]) -> None:
        self._inner = inner
        self._serves = serves

    async def open(self) -> ReaderInfo:
        return await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        self._serves(request.session)
        return await self._inner.pay(request, report)

    async def cancel(self) -> None:
        await self._inner.cancel()

    async def inquire(self, request: PaymentRequest) -> Outcome:
        return await self._inner.inquire(request)

    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        self._serves(request.session)
        return await self._inner.settle(request, decision, report)


@asynccontextmanager
async def in_memory(terminal: Terminal, *, serial: bool = False, fault: str = "") -> AsyncIterator[Reached]:
    """A line of this process; `serial` with frames, `fault` one of the list."""
    async with asyncio.TaskGroup() as group:
        hosts: list[asyncio.Task[None]] = []

        async def plug() -> Link:
            ours, theirs = pair("terminal", "register")
            hosts.append(group.create_task(terminal.host(theirs, serial=serial), name="terminal's link"))
            return ours

        async with FaultyConnector(plug, plan_for(*filter(None, [fault]))) as faulty:
            yield Reached("serial:///dev/ttyUSB0" if serial else "tcp://192.0.2.7", faulty if fault else plug)
        for host in hosts:
            host.cancel()


@asynccontextmanager
async def behind_a_server(terminal: Terminal, *, fault: str = "") -> AsyncIterator[Reached]:
    """A serial line behind a terminal server in this process; `fault` is on the way to the server."""
    calls = MemoryNetwork().listen("server")
    server = Rfc2217Listener(calls)
    address = Rfc2217Address("192.0.2.7", 4001)

    async def call() -> Link:
        return calls.call()

    async with (
        FaultyConnector(call, plan_for(*filter(None, [fault]))) as faulty,
        asyncio.TaskGroup() as group,
    ):
        serving = group.create_task(serve(terminal, server, serial=True), name="terminal")

        async def plug() -> Link:
            inner = await (faulty if fault else call)()
            assert isinstance(inner, Breakable)
            return await negotiate(inner, address)

        yield Reached(str(address), plug)
        serving.cancel()


@asynccontextmanager
async def _listening(
    terminal: Terminal, listener: TcpListener | PtyListener | Rfc2217Listener | UartListener, *, serial: bool
) -> AsyncIterator[Reached]:
    await listener.open()
    address = listener.address

    async def plug() -> Link:
        return await connect(address)

    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(terminal, listener, serial=serial), name="terminal")
        yield Reached(str(address), plug)
        serving.cancel()


@asynccontextmanager
async def over_tcp(terminal: Terminal) -> AsyncIterator[Reached]:
    """Real sockets on the loopback interface."""
    async with _listening(terminal, TcpListener("127.0.0.1", 0), serial=False) as reached:
        yield reached


@asynccontextmanager
async def over_a_pty(terminal: Terminal) -> AsyncIterator[Reached]:
    """A serial port of the kernel's, opened by pyserial."""
    with tempfile.TemporaryDirectory() as folder:
        async with _listening(terminal, PtyListener(Path(folder) / "port"), serial=True) as reached:
            yield reached


@asynccontextmanager
async def over_rfc2217(terminal: Terminal) -> AsyncIterator[Reached]:
    """A terminal server on the loopback interface."""
    server = Rfc2217Listener(TcpListener("127.0.0.1", 0), LineSettings(19_200, 8, "E", 1))
    async with _listening(terminal, server, serial=True) as reached:
        yield reached


@asynccontextmanager
async def over_ble(terminal: Terminal, *, profile: str = "nus") -> AsyncIterator[Reached]:
    """A bridge on Bluetooth LE: bleak's own Linux backend on a simulated BlueZ."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            ble_world(Path(folder)) as world,
            _listening(terminal, world.device(profile=profile), serial=True) as reached,
        ):
            yield reached


@dataclass(frozen=True, slots=True)
class ZvtStage:
    """Makes benches of the ZVT driver: `model` is the terminal's profile, `options` are the reader's."""

    stretch: Stretch
    model: str = "standard"
    options: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    cannot: Mapping[Act, str] = field(default_factory=dict)

    @asynccontextmanager
    async def __call__(self, wrap: Wrap) -> AsyncIterator[Bench]:
        terminal = Terminal(PROFILES[self.model], clock=local)
        cannot = {Act.RESUME: REVERSES, **self.cannot}
        async with self.stretch(terminal) as reached:
            yield ZvtBench(terminal, reached, self.options, cannot, wrap)


def zvt_world(
    name: str, stretch: Stretch, model: str = "standard", *, real: bool = False, bad: str = "", **options: str
) -> World:
    """A world with a ZVT terminal. `real`: with real descriptors; `bad`: why its line cannot be relied on."""
    cannot = {Act.GOOD_LINE: bad} if bad else {}
    stage = ZvtStage(stretch, model, options, cannot)
    return World(name, stage, faster) if real else World(name, stage)


# -- the list -------------------------------------------------------------------------------------------

STRIPE = World("stripe", _stripe)
ZVT = zvt_world("zvt", in_memory)

ZVT_DEFERRED = zvt_world(
    "zvt deferred", in_memory, "deferred", profile="status-only", pre_authorisation="true"
)

WORLDS = [
    STRIPE,
    ZVT,
    zvt_world("zvt serial", partial(in_memory, serial=True)),
    zvt_world("zvt holding", in_memory, "feig", profile="feig-cvend"),
    ZVT_DEFERRED,
    zvt_world("zvt ble", over_ble),
    zvt_world("zvt ble on one characteristic", partial(over_ble, profile="hm10"), "deferred"),
    zvt_world("zvt pty", over_a_pty, real=True),
    zvt_world("zvt tcp", over_tcp, real=True),
    zvt_world("zvt behind a server", behind_a_server),
    zvt_world("zvt rfc2217", over_rfc2217, real=True),
]
"""Every promise is kept in each of these."""

FAULTY = [
    zvt_world(
        f"zvt {'serial' if serial else 'tcp'} {name}",
        partial(in_memory, serial=serial, fault=name),
        bad="" if fault.harm is Harm.TIMING else fault.summary,
    )
    for name, fault in FAULTS.items()
    for serial in (False, True)
    # without frames nothing protects bytes, and what they say may be another amount
    if serial or (fault.harm is not Harm.BYTES and not fault.serial_only)
] + [
    zvt_world(
        f"zvt behind a server {name}",
        partial(behind_a_server, fault=name),
        bad="" if fault.harm is Harm.TIMING else fault.summary,
    )
    for name, fault in FAULTS.items()
    # TCP carries the bytes to the server: it loses the link, and no bytes of it
    if fault.harm is not Harm.BYTES
]
"""And in each of these, as far as a line can be relied on that does this."""
