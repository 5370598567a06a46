"""Cut the line to a ZVT terminal at every byte of a payment, and compare the journal with its books.

The judge is the simulated terminal's own ledger: what it holds, the session must say, and no payment may be
sent to it a second time.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import EventKind, Order, PosKey, Session, State, TillName
from agent.payments.policy import LanePolicy
from drivers.contract import Link, Money, ReaderConfig, ReaderName
from drivers.links.address import Rfc2217Address, parse_address
from drivers.links.base import Breakable, LinkLostError
from drivers.links.rfc2217 import negotiate
from drivers.readers.zvt import ZvtReader
from drivers.readers.zvt_options import setup_of
from drivers.simulators.fault_list import FAULTS, Harm, plan_for
from drivers.simulators.faults import Direction
from drivers.simulators.faulty import FaultyConnector
from drivers.simulators.rfc2217 import PortDialogue, PortLink
from drivers.simulators.uart import FakeUart
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.memory import Memory
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.simulators.zvt_terminal.sale import WAIT_FOR_HOST
from drivers.simulators.zvt_terminal.terminal import Terminal
from drivers.zvt.serial_frame import ACK
from tests.thoroughness import sample
from tests.zvt_store import Tap, local, now

AMOUNT = 1200
PATIENCE_S = 1200.0
"""A session that is not decided after so long counts as in doubt for ever."""

AGAIN_EVERY = 16
"""After every so many cuts another sale follows: the reader must be of use again, and nothing be undone."""

EVERYDAY = 38
"""Places of one line and direction that are cut every day, evenly spread: some 300 in all."""

QUICK = Customer("Visa contactless", comes_after_s=0.5)


@dataclass
class Harmed:
    """One place on the line where something happens, once: after `at` bytes of one direction."""

    direction: Direction
    at: int
    passed: dict[Direction, int] = field(default_factory=lambda: dict.fromkeys(Direction, 0))
    done: bool = False

    def through(self, direction: Direction, data: bytes) -> tuple[bytes, bool]:
        """What arrives of these bytes, and whether the line is cut behind them."""
        start = self.passed[direction]
        self.passed[direction] += len(data)
        if self.done or direction is not self.direction or not start <= self.at < start + len(data):
            return data, False
        self.done = True
        return data[: self.at - start], True


class CutLink:
    """A link that breaks at one byte."""

    def __init__(self, link: Breakable, harm: Harmed) -> None:
        self._link = link
        self._harm = harm

    async def send(self, data: bytes) -> None:
        rest, cut = self._harm.through(Direction.UP, data)
        await self._link.send(rest)
        if cut:
            self._link.abort()
            raise LinkLostError("cut on the way to the terminal")

    async def receive(self) -> bytes:
        data = await self._link.receive()
        rest, cut = self._harm.through(Direction.DOWN, data)
        if not cut:
            return data
        self._link.abort()
        if not rest:
            raise LinkLostError("cut on the way from the terminal")
        return rest

    async def close(self) -> None:
        await self._link.close()

    def abort(self) -> None:
        self._link.abort()


class LosesAck:
    """A serial line on which one ACK is lost: the n-th of one direction."""

    def __init__(self, link: Link, harm: Harmed) -> None:
        self._link = link
        self._harm = harm

    async def send(self, data: bytes) -> None:
        if not (data == ACK and self._harm.through(Direction.UP, b"x")[1]):
            await self._link.send(data)

    async def receive(self) -> bytes:
        while True:
            data = await self._link.receive()
            # the simulated terminal writes its ACK alone or in front of the frame that answers
            if data[:1] == ACK and self._harm.through(Direction.DOWN, b"x")[1]:
                data = data[1:]
                if not data:
                    continue
            return data

    async def close(self) -> None:
        await self._link.close()


class CutAtTheHost(CutLink):
    """A link that breaks once, as soon as the terminal says that it asks its host."""

    async def receive(self) -> bytes:
        data = await self._link.receive()
        if data[:2] == b"\x04\xff" and data[3] == WAIT_FOR_HOST and not self._harm.done:
            self._harm.done = True
            self._link.abort()
            raise LinkLostError("cut while the host is asked")
        return data

    async def send(self, data: bytes) -> None:
        await self._link.send(data)


@dataclass
class Shop:
    """A terminal, a gateway's lane with a real journal, and a line between them."""

    journal: Journal
    profile: str = "standard"
    serial: bool = False
    options: dict[str, str] = field(default_factory=dict)

    earlier: Memory | None = None
    """What the terminal held before: a sale that looks like ours and is not."""

    def __post_init__(self) -> None:
        memory = Memory()
        if self.earlier is not None:
            memory.facts, memory.records = deepcopy((self.earlier.facts, self.earlier.records))
        self.old = len(memory.records)
        self.terminal = Terminal(PROFILES[self.profile], memory, clock=local)
        self.terminal.device.usual = QUICK
        address = parse_address(self.options.get("link", "memory://terminal"))
        self.server = address if isinstance(address, Rfc2217Address) else None
        self.up: list[str] = []
        self.hosts: asyncio.TaskGroup | None = None
        self.sales = 0

    def lane(self, name: str, wrap: "type[CutLink | LosesAck]", harm: Harmed) -> tuple[Lane, ReaderConfig]:
        async def connect() -> Link:
            link = wrap(self.call(), harm)
            if self.server is None:
                return Tap(link, self.up, serial=self.serial)
            assert isinstance(link, CutLink)
            # the bytes that are counted and cut are those on the way to the server
            return Tap(await negotiate(link, self.server), self.up, serial=True)

        return self.lane_over(name, connect)

    def lane_over(self, name: str, connect: object) -> tuple[Lane, ReaderConfig]:
        link = "serial:///dev/ttyUSB0" if self.serial else "tcp://192.0.2.7"
        config = ReaderConfig(ReaderName(name), "zvt", {"link": link, **self.options})
        driver = ZvtReader(setup_of(config), connect, now=now)  # type: ignore[arg-type]  # a Connect or a fake
        policy = LanePolicy(payment_timeout_s=150.0)
        return Lane(config, driver, self.journal, now=now, policy=policy, chance=lambda: 0.0), config

    def call(self) -> Breakable:
        """A new link to the terminal."""
        from drivers.links.memory import pair

        ours, theirs = pair("terminal", "register")
        assert self.hosts is not None
        if self.server is not None:
            port = PortLink(theirs, PortDialogue(FakeUart()))
            self.hosts.create_task(self.terminal.host(port, serial=True), name="terminal")
            return ours
        self.hosts.create_task(self.terminal.host(theirs, serial=self.serial), name="terminal")
        return ours

    async def sell(self, lane: Lane, name: str, amount: int = AMOUNT) -> Session:
        """One sale to its end, or to the end of our patience."""
        self.sales += 1
        order = Order(
            TillName("front"), PosKey(f"{name}-{self.sales}"), ReaderName(name), Money(amount, "eur")
        )
        session = await self.journal.open_session(order)
        lane.offer(session)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not session.state.ended:
                    session = await self.journal.changed(session.id, session.seq)
        return self.journal.session(session.id)


async def carried_out(shop: Shop, lane: Lane, name: str, *, sales: int = 2) -> list[Session]:
    """Sales one after another on one lane, while it and the terminal live."""
    sessions: list[Session] = []
    async with asyncio.TaskGroup() as shop.hosts, asyncio.TaskGroup() as gateway:
        running = gateway.create_task(lane.run(), name="lane")
        for number in range(sales):
            session = await shop.sell(lane, name, AMOUNT + 100 * number)
            sessions.append(session)
            if not session.state.ended:
                break
        running.cancel()
    return sessions


OUTCOMES: Counter[State] = Counter()
"""How the sales of a test ended, for people."""


def judge(shop: Shop, sessions: list[Session], where: str, *, doubts: bool = False) -> list[str]:
    """What the journal says wrongly, compared with the terminal's own books."""
    wrong: list[str] = []
    books = shop.terminal.ledger()[shop.old :]
    if shop.up.count("0601") > len(sessions):
        wrong.append(f"{where}: 06 01 was sent {shop.up.count('0601')} times for {len(sessions)} sales")
    for session in sessions:
        OUTCOMES[session.state] += 1
        amount = session.order.money.amount
        held = sum(entry["money"] for entry in books if entry["amount"] == amount)
        said = session.amount_captured
        match session.state:
            case State.PAID:
                right = held == said == amount
            case State.DECLINED | State.CANCELED | State.FAILED:
                right = held == 0 == said
            case _:
                right = doubts
        if not right:
            wrong.append(
                f"{where}: {session.state} {session.code} {session.message} ({said}), books hold {held}"
            )
    return wrong


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal(tmp_path / "journal.db", now=now, inline=True)
    # nobody cuts the gateway's power here, and thousands of sales would wait for the disk
    opened._store._writer.execute("PRAGMA synchronous=OFF")
    yield opened
    opened.close()


@contextmanager
def counting(positions: int, of: int | None = None) -> Iterator[list[str]]:
    """Gathers violations; there may be none, over a number of positions that is not small."""
    wrong: list[str] = []
    yield wrong
    among = "" if of is None else f" of {of}"
    print(f"{positions}{among} positions, {len(wrong)} violations")
    if OUTCOMES:
        print(dict(OUTCOMES))
        OUTCOMES.clear()
    assert positions > 0
    assert wrong == []


async def length(
    journal: Journal, profile: str, *, serial: bool, options: dict[str, str], earlier: Memory | None = None
) -> tuple[dict[Direction, int], Memory]:
    """How many bytes each way a sale takes when nothing happens to it, and what the terminal then holds."""
    shop = Shop(journal, profile, serial, options, earlier)
    harm = Harmed(Direction.UP, 1_000_000)
    name = f"good-{profile}-{serial}-{shop.old}"
    lane, _ = shop.lane(name, CutLink, harm)
    sessions = await carried_out(shop, lane, name, sales=1)
    assert [session.state for session in sessions] == [State.PAID]
    assert judge(shop, sessions, "nothing") == []
    return harm.passed, shop.terminal.memory


LINES = [
    pytest.param("standard", False, {}, id="tcp"),
    pytest.param("standard", True, {}, id="serial"),
    pytest.param("standard", True, {"link": "rfc2217://192.0.2.7:4001"}, id="rfc2217"),
    pytest.param("deferred", False, {"unique_ids": "true", "profile": "status-only"}, id="tcp deferred"),
    pytest.param("deferred", True, {"profile": "status-only"}, id="serial deferred"),
]


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize(("profile", "serial", "options"), LINES)
async def test_cut_at_every_byte(
    journal: Journal, profile: str, serial: bool, options: dict[str, str], direction: Direction
) -> None:
    _, earlier = await length(journal, profile, serial=serial, options=options)
    passed, _ = await length(journal, profile, serial=serial, options=options, earlier=earlier)
    total = passed[direction]
    positions = sample(range(total), EVERYDAY)
    with counting(len(positions), total) as wrong:
        for number, at in enumerate(positions):
            shop = Shop(journal, profile, serial, options, earlier)
            name = f"{profile}-{serial}-{direction}-{at}"
            lane, _ = shop.lane(name, CutLink, Harmed(direction, at))
            again = number % (2 if "unique_ids" in options else AGAIN_EVERY) == 0
            sessions = await carried_out(shop, lane, name, sales=2 if again else 1)
            wrong.extend(judge(shop, sessions, name))


@pytest.mark.parametrize("direction", list(Direction))
async def test_lose_every_single_ack(journal: Journal, direction: Direction) -> None:
    shop = Shop(journal, serial=True)
    counter = Harmed(direction, 1_000_000)
    lane, _ = shop.lane("all-acks", LosesAck, counter)
    await carried_out(shop, lane, "all-acks", sales=1)
    total = counter.passed[direction]
    assert total > 8
    paid = 0
    with counting(total) as wrong:
        for at in range(total):
            shop = Shop(journal, serial=True)
            name = f"ack-{direction}-{at}"
            lane, _ = shop.lane(name, LosesAck, Harmed(direction, at))
            sessions = await carried_out(shop, lane, name, sales=1)
            wrong.extend(judge(shop, sessions, name))
            paid += sessions[0].state is State.PAID
    # a lost ACK costs T2, five seconds, and never the sale: T3 begins when a message has arrived
    assert paid == total


SEEDS = range(3)


# some faults are about serial framing and say nothing without it
FRAMED = [
    (name, serial)
    for name, fault in FAULTS.items()
    for serial in (False, True)
    if serial or not fault.serial_only
]


@pytest.mark.parametrize("profile", ["standard", "deferred"])
@pytest.mark.parametrize(
    ("fault", "serial"), FRAMED, ids=[f"{name}-{'serial' if serial else 'tcp'}" for name, serial in FRAMED]
)
async def test_every_named_fault(journal: Journal, fault: str, profile: str, *, serial: bool) -> None:
    harm = FAULTS[fault].harm
    with counting(len(SEEDS)) as wrong:
        for seed in SEEDS:
            shop = Shop(journal, profile, serial)
            name = f"{fault}-{profile}-{serial}-{seed}"

            async def connect(shop: Shop = shop) -> Link:
                return shop.call()

            async with FaultyConnector(connect, plan_for(fault, seed=seed)) as faulty:

                async def tapped(shop: Shop = shop, faulty: FaultyConnector = faulty) -> Link:
                    return Tap(await faulty(), shop.up, serial=serial)

                lane, _ = shop.lane_over(name, tapped)
                sessions = await carried_out(shop, lane, name)
            # without serial framing nothing protects bytes: what they say may be another amount
            wrong.extend(judge(shop, sessions, name, doubts=harm is not Harm.TIMING))
            if harm is Harm.TIMING and [session.state for session in sessions] != [State.PAID, State.PAID]:
                wrong.extend(f"{name}: {session.state} {session.message}" for session in sessions)


@pytest.mark.parametrize("amount", [1296, 1297, 1298])
@pytest.mark.parametrize("profile", ["standard", "deferred", "card-complete"])
@pytest.mark.parametrize("serial", [False, True], ids=["tcp", "serial"])
async def test_the_terminal_loses_its_power(
    journal: Journal, profile: str, amount: int, *, serial: bool
) -> None:
    options = {"profile": "card-complete"} if profile == "card-complete" else {}
    shop = Shop(journal, profile, serial, options)
    name = f"power-{profile}-{amount}-{serial}"
    lane, _ = shop.lane(name, CutLink, Harmed(Direction.UP, 1_000_000))
    sessions: list[Session] = []
    async with asyncio.TaskGroup() as shop.hosts, asyncio.TaskGroup() as gateway:
        running = gateway.create_task(lane.run(), name="lane")
        sessions += [await shop.sell(lane, name, amount), await shop.sell(lane, name, AMOUNT)]
        running.cancel()
    assert judge(shop, sessions, name) == []
    assert sessions[1].state is State.PAID


@pytest.mark.parametrize(("profile", "end"), [("standard", State.CANCELED), ("deferred", State.PAID)])
async def test_a_terminal_that_stays_at_work_is_asked_until_it_rests(
    journal: Journal, profile: str, end: State
) -> None:
    """The line breaks while the host is asked, and the host takes longer than any customer waits."""
    shop = Shop(journal, profile, options={"profile": "status-only"})
    shop.terminal.device.times = replace(shop.terminal.device.times, host_s=400.0)
    name = f"slow-{profile}"
    lane, _ = shop.lane(name, CutAtTheHost, Harmed(Direction.DOWN, 0))
    [session] = await carried_out(shop, lane, name, sales=1)
    assert session.state is end, session
    assert judge(shop, [session], name) == []
    events = [event.kind for event in journal.history(session.id)]
    # asked, taken up again while there was time for a customer, then let go for good
    assert {EventKind.DOUBTED, EventKind.RESUMED, EventKind.CHECKED, EventKind.SETTLING} <= set(events)
    taken_s = (session.updated_at - session.created_at).total_seconds()
    assert 400 <= taken_s <= 560
