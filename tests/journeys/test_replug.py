"""A reader's cable is pulled in mid-sale and plugged in again: doubt, then the truth, and nobody helps."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.discovery.hotplug import HotPlug
from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import LinkState, Order, PosKey, ReaderState, Session, State, TillName
from agent.payments.policy import LanePolicy
from drivers.contract import Money, ReaderConfig, ReaderName
from drivers.links.tcp import TcpListener
from drivers.readers.zvt import make
from drivers.simulators.pty import PtyListener
from drivers.simulators.rfc2217 import Rfc2217Listener
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.memory import Memory
from drivers.simulators.zvt_terminal.profiles import INSTANT, PROFILES
from drivers.simulators.zvt_terminal.terminal import Terminal

pytestmark = pytest.mark.real_time

AWAY_S = 0.6
BACK_S = 1.0
"""How soon after its node a reader on a port is of use again."""

NAME = ReaderName("till-1")
Listening = PtyListener | TcpListener | Rfc2217Listener


@dataclass
class Cable:
    """What can be pulled: the listener for new callers, and the links that are there."""

    listener: Listening
    terminal: Terminal
    group: asyncio.TaskGroup

    async def run(self) -> None:
        while True:
            link = await self.listener.accept()
            self.link = link
            serial = not isinstance(self.listener, TcpListener)
            self.group.create_task(self.terminal.host(link, serial=serial), name="terminal's link")

    async def pull(self) -> None:
        if isinstance(self.listener, PtyListener):
            await self.listener.unplug()
        else:
            await self.listener.shut()
            self.link.abort()

    async def plug(self) -> None:
        await self.listener.open()


def listener_of(kind: str, folder: Path) -> Listening:
    match kind:
        case "serial":
            return PtyListener(folder / "usb-terminal")
        case "rfc2217":
            return Rfc2217Listener(TcpListener("127.0.0.1", 0))
        case _:
            return TcpListener("127.0.0.1", 0)


@dataclass
class Store:
    journal: Journal
    lane: Lane
    cable: Cable

    async def sell(self, key: str) -> Session:
        order = Order(TillName("front"), PosKey(key), NAME, Money(1200, "eur"))
        session = await self.journal.open_session(order)
        self.lane.offer(session)
        return session

    async def until(self, session: Session, *states: State) -> Session:
        session = self.journal.session(session.id)
        while session.state not in states:
            session = await self.journal.changed(session.id, session.seq)
        return session

    async def ready(self) -> float:
        """Seconds until the reader is ready."""
        began = asyncio.get_running_loop().time()
        while self.lane.status.state is not ReaderState.READY:  # noqa: ASYNC110 -- a state has no event
            await asyncio.sleep(0.005)
        return asyncio.get_running_loop().time() - began


@asynccontextmanager
async def store(kind: str, folder: Path) -> AsyncIterator[Store]:
    by_id = folder / "by-id"
    by_id.mkdir()
    listener = listener_of(kind, by_id)
    await listener.open()
    terminal = Terminal(PROFILES["standard"], Memory(), times=INSTANT, clock=datetime.now)
    terminal.device.usual = Customer("Visa contactless", comes_after_s=0.5)
    options = {"link": str(listener.address), "busy_pause_s": "0.2"}
    config = ReaderConfig(NAME, "zvt", options)
    journal = Journal(folder / "journal.db", now=lambda: datetime.now(UTC), inline=True)
    lane = Lane(config, make(config, {}), journal, now=lambda: datetime.now(UTC), policy=LanePolicy())
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            cable = Cable(listener, terminal, group)
            tasks = [
                group.create_task(cable.run(), name="cable"),
                group.create_task(lane.run(), name="lane"),
                group.create_task(HotPlug(lambda: [lane], by_id=by_id).run(), name="hot-plug"),
            ]
            made = Store(journal, lane, cable)
            await made.ready()
            yield made
            for task in tasks:
                task.cancel()
            await listener.close()
            with suppress(AttributeError):
                cable.link.abort()
    finally:
        journal.close()


@pytest.mark.parametrize("kind", ["serial", "tcp", "rfc2217"])
async def test_a_cable_pulled_in_mid_sale(kind: str, tmp_path: Path) -> None:
    async with store(kind, tmp_path) as shop:
        session = await shop.sell("k1")
        while shop.journal.session(session.id).progress != "waiting_for_card":
            await shop.journal.changed(session.id, shop.journal.session(session.id).seq)
        await shop.cable.pull()
        await shop.until(session, State.IN_DOUBT)
        await asyncio.sleep(AWAY_S)
        status = shop.lane.status
        assert (status.state, status.link and LinkState.of(status.link)) == (
            ReaderState.IN_DOUBT,
            LinkState.DOWN,
        )
        plugged = asyncio.get_running_loop().time()
        await shop.cable.plug()
        ended = await shop.until(session, State.PAID, State.FAILED, State.CANCELED, State.DECLINED)
        await shop.ready()
        took_s = asyncio.get_running_loop().time() - plugged
        print(f"{kind}: {ended.state} and ready {took_s:.3f} s after the plug")
        [row] = shop.cable.terminal.ledger()
        assert (ended.state is State.PAID) is (row["money"] == 1200)
        again = await shop.until(await shop.sell("k2"), State.PAID, State.FAILED)
        assert again.state is State.PAID
        assert shop.lane.status.link is not None
        assert shop.lane.status.link.losses_total == 1


async def test_a_port_pulled_while_nobody_pays_is_missed_and_found_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "drivers.links.reconnect")
    async with store("serial", tmp_path) as shop:
        for _ in range(2):
            pulled = asyncio.get_running_loop().time()
            await shop.cable.pull()
            while shop.lane.status.state is not ReaderState.OFFLINE:  # noqa: ASYNC110 -- a state has no event
                await asyncio.sleep(0.005)
            missed_s = asyncio.get_running_loop().time() - pulled
            await asyncio.sleep(0.1)
            await shop.cable.plug()
            back_s = await shop.ready()
            print(f"missed after {missed_s:.3f} s, back after {back_s:.3f} s")
            assert missed_s < BACK_S
            assert back_s < BACK_S
    words = [each.message.split(" after")[0].split(": ")[1] for each in caplog.records]
    assert words == ["link lost", "back", "link lost", "back"]
