"""Sales over Bluetooth LE whose air fails at every byte, and whose Bluetooth fails in every way and phase.

bleak's own Linux backend runs against a simulated BlueZ. The judge is the terminal's own ledger.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import Order, PosKey, Session, State, TillName
from agent.payments.policy import LanePolicy
from drivers.contract import Link, Money, ReaderConfig, ReaderName
from drivers.links.schemes import connect
from drivers.readers.zvt import ZvtReader
from drivers.readers.zvt_options import setup_of
from drivers.simulators.bluez.troubles import TROUBLES, Trouble
from drivers.simulators.faults import AfterBytes, Direction, Kind, Plan, Rule
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.simulators.zvt_terminal.server import serve
from drivers.simulators.zvt_terminal.terminal import Terminal
from tests.ble_world import BleWorld, ble_world
from tests.thoroughness import THOROUGH, sample
from tests.zvt_store import Tap, local, now

AMOUNT = 1200
PATIENCE_S = 1200.0
REST_S = 60.0
"""Between two sales: by then whatever was gone is back."""

PARTS = 12 if THOROUGH else 1
"""Each takes its share of the positions, so that none takes minutes."""

EVERYDAY_CUTS = 12
EVERYDAY_MOMENTS = 3
MOMENTS = 40
QUICK = Customer("Visa contactless", comes_after_s=0.5)


class Counted:
    """A link that counts what comes, and does something when it is so much."""

    def __init__(self, link: Link, air: "AirShop") -> None:
        self._link = link
        self._air = air

    async def send(self, data: bytes) -> None:
        await self._air.passed(Direction.UP, len(data))
        await self._link.send(data)

    async def receive(self) -> bytes:
        data = await self._link.receive()
        await self._air.passed(Direction.DOWN, len(data))
        return data

    async def close(self) -> None:
        await self._link.close()


@dataclass
class AirShop:
    """A terminal behind a bridge, a lane with a real journal, and the air between them."""

    world: BleWorld
    journal: Journal
    profile: str = "standard"
    plan: Plan = field(default_factory=Plan)
    trouble: Trouble | None = None
    at: int = -1
    """After how many bytes, both ways together, the trouble comes."""

    def __post_init__(self) -> None:
        self.terminal = Terminal(PROFILES[self.profile], clock=local)
        self.terminal.device.usual = QUICK
        self.listener = self.world.device()
        self.up: list[str] = []
        self.bytes: Counter[Direction] = Counter()
        self.group = asyncio.TaskGroup()

    async def passed(self, direction: Direction, count: int) -> None:
        before = self.bytes.total()
        self.bytes[direction] += count
        if self.trouble is not None and before <= self.at < before + count:
            acting = self.trouble.act(self.world.bluez, self.listener.peripheral)
            self.group.create_task(_await(acting), name=self.trouble.name)
            await asyncio.sleep(0)

    async def sell(self, name: str, count: int) -> list[Session]:
        """Sales one after another, each to its end or to the end of our patience."""
        config = ReaderConfig(ReaderName(name), "zvt", {"link": str(self.listener.address)})

        async def open_link() -> Link:
            return Tap(Counted(await connect(self.listener.address), self), self.up, serial=True)

        driver = ZvtReader(setup_of(config), open_link, now=now)
        policy = LanePolicy(payment_timeout_s=150.0)
        lane = Lane(config, driver, self.journal, now=now, policy=policy, chance=lambda: 0.0)
        sessions: list[Session] = []
        async with self.group:
            serving = self.group.create_task(
                serve(self.terminal, self.listener, self.plan, serial=True), name="terminal"
            )
            running = self.group.create_task(lane.run(), name="lane")
            for number in range(count):
                amount = Money(AMOUNT + 100 * number, "eur")
                order = Order(TillName("front"), PosKey(f"{name}-{number}"), ReaderName(name), amount)
                session = await self.journal.open_session(order)
                lane.offer(session)
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE_S):
                        while not session.state.ended:
                            session = await self.journal.changed(session.id, session.seq)
                sessions.append(self.journal.session(session.id))
                await asyncio.sleep(REST_S)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await driver.close()
            serving.cancel()
        return sessions

    def judge(self, sessions: list[Session], where: str) -> list[str]:
        """What the journal says wrongly, compared with the terminal's own books."""
        wrong: list[str] = []
        if self.up.count("0601") > len(sessions):
            wrong.append(f"{where}: 06 01 was sent {self.up.count('0601')} times for {len(sessions)} sales")
        books = self.terminal.ledger()
        for session in sessions:
            amount = session.order.money.amount
            held = sum(entry["money"] for entry in books if entry["amount"] == amount)
            said = session.amount_captured
            right = {
                State.PAID: held == said == amount,
                State.FAILED: held == 0 == said,
            }.get(session.state, False)
            if not right:
                wrong.append(f"{where}: {session.state} {session.code} ({said}), books hold {held}")
        return wrong


async def _await(acting: Awaitable[None]) -> None:
    await acting


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal(tmp_path / "journal.db", now=now, inline=True)
    # nobody cuts the gateway's power here, and many sales would wait for the disk
    opened._store._writer.execute("PRAGMA synchronous=OFF")
    yield opened
    opened.close()


@asynccontextmanager
async def shop(folder: Path, journal: Journal, **about: object) -> AsyncIterator[AirShop]:
    async with ble_world(folder) as world:
        yield AirShop(world, journal, **about)  # type: ignore[arg-type]  # fields by name


async def undisturbed(folder: Path, journal: Journal, profile: str) -> Counter[Direction]:
    """How many bytes each way a sale takes when nothing happens to it."""
    async with shop(folder, journal, profile=profile) as made:
        sessions = await made.sell(f"good-{profile}", 1)
    assert [session.state for session in sessions] == [State.PAID]
    assert made.judge(sessions, "nothing") == []
    return made.bytes


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("profile", ["standard", "deferred"])
async def test_cut_the_air_at_every_byte(
    tmp_path: Path, journal: Journal, profile: str, direction: Direction, part: int
) -> None:
    total = (await undisturbed(tmp_path, journal, profile))[direction]
    positions = sample(range(total), EVERYDAY_CUTS)[part::PARTS]
    wrong: list[str] = []
    ends: Counter[State] = Counter()
    for number, at in enumerate(positions):
        plan = Plan([Rule(Kind.CUT, direction, AfterBytes(at))])
        async with shop(tmp_path, journal, profile=profile, plan=plan) as made:
            sessions = await made.sell(f"{profile}-{direction}-{at}", 2 if number % 8 == 0 else 1)
        assert plan.fired == 1
        ends.update(session.state for session in sessions)
        wrong += made.judge(sessions, f"{profile} {direction} {at}")
    print(f"{len(positions)} of {total} positions, {len(wrong)} violations", dict(ends))
    assert wrong == []
    assert set(ends) <= {State.PAID, State.FAILED}


@pytest.mark.parametrize("name", TROUBLES)
async def test_each_trouble_of_bluetooth_in_every_phase(tmp_path: Path, journal: Journal, name: str) -> None:
    total = (await undisturbed(tmp_path, journal, "standard")).total()
    moments = [total * number // MOMENTS for number in range(MOMENTS)]
    wrong: list[str] = []
    ends: Counter[State] = Counter()
    for at in sample(moments, EVERYDAY_MOMENTS):
        async with shop(tmp_path, journal, trouble=TROUBLES[name], at=at) as made:
            sessions = await made.sell(f"{name}-{at}", 2)
        ends.update(session.state for session in sessions)
        wrong += made.judge(sessions, f"{name} at {at}")
        # whatever became of the first, the reader is of use again
        assert sessions[1].state is State.PAID, (name, at, sessions[1].message)
    print(f"{name}: {len(wrong)} violations", dict(ends))
    assert wrong == []
