"""A terminal behind a USB adapter that is pulled and plugged: found again by its name, its sale settled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from drivers.links.tcp import TcpListener
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.simulators.zvt_terminal.terminal import Terminal
from tests.deep.bench import Bench
from tests.deep.guest import Guest
from tests.deep.table import quantile

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(1800), pytest.mark.takes(60)]

SERIAL = "SIM0001"
BY_ID = f"/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_{SERIAL}-if00-port0"
READER = "till-1"
SLOW_S = 60.0
"""What an emulated machine may need for anything."""

BACK_S = 1.0
WORST_S = 5.0
"""How soon a reader is back, counted from when its node is there: mostly, and on a busy host."""

PULLS = (
    ("waiting_for_card", Customer(comes_after_s=4.0)),
    ("authorizing", Customer(comes_after_s=0.5)),
    ("waiting_for_card", Customer(comes_after_s=1.0)),
    ("authorizing", Customer(comes_after_s=0.2)),
    ("entering_pin", Customer(comes_after_s=0.2, pin_after_s=3.0)),
)
"""At what word the adapter is pulled, and what the customer does."""


class Adapter:
    """The USB adapter with the terminal at its other end; the terminal is on this side of the emulator."""

    def __init__(self, guest: Guest, listener: TcpListener) -> None:
        self._guest = guest
        self._listener = listener
        self._times = 0

    async def plug(self) -> None:
        """Plug it in."""
        self._times += 1
        where = {"type": "inet", "data": {"host": self._listener.host, "port": str(self._listener.port)}}
        line = {"type": "socket", "data": {"addr": where, "server": False}}
        await self._guest.qmp.ask("chardev-add", id=f"cable{self._times}", backend=line)
        await self._guest.qmp.ask(
            "device_add",
            driver="usb-serial",
            bus="usb.0",
            id=f"adapter{self._times}",
            chardev=f"cable{self._times}",
            serial=SERIAL,
        )

    async def pull(self) -> None:
        """Pull it: the terminal's line is cut in the same moment."""
        await self._guest.qmp.ask("device_del", id=f"adapter{self._times}")
        async with asyncio.timeout(SLOW_S):
            await self._guest.qmp.happened("DEVICE_DELETED")
        await self._guest.qmp.ask("chardev-remove", id=f"cable{self._times}")


class UsbStore:
    """The guest's store, its terminal and its adapter."""

    def __init__(self, guest: Guest, adapter: Adapter, terminal: Terminal) -> None:
        self.guest = guest
        self.adapter = adapter
        self.terminal = terminal

    async def call(self, call: str, **given: Any) -> Any:
        return await self.guest.call(call, within_s=SLOW_S, **given)

    async def taken(self) -> int:
        """What the terminal's own books say the merchant has, in minor units."""
        return sum(entry["money"] for entry in self.terminal.ledger())


@asynccontextmanager
async def usb_store(bench: Bench) -> AsyncIterator[UsbStore]:
    terminal = Terminal(PROFILES["standard"], clock=lambda: datetime.now(UTC).replace(tzinfo=None))
    async with (
        asyncio.TaskGroup() as group,
        TcpListener("127.0.0.1", 0) as listener,
        bench.guest("usb", resumed_from=bench.booted) as guest,
    ):
        hosting = group.create_task(_host(listener, terminal), name="terminal")
        adapter = Adapter(guest, listener)
        async with asyncio.timeout(SLOW_S):
            await guest.tell("usb.store", links={READER: f"serial://{BY_ID}"})
            await guest.hear("serving")
        yield UsbStore(guest, adapter, terminal)
        hosting.cancel()


async def _host(listener: TcpListener, terminal: Terminal) -> None:
    async with asyncio.TaskGroup() as group:
        while True:
            link = await listener.accept()
            group.create_task(terminal.host(link, serial=True), name="the terminal's cable")


@pytest.fixture
def booted(bench: Bench) -> Bench:
    """The bench with a machine that is up."""
    _ = bench.booted
    return bench


async def test_a_terminal_pulled_in_mid_sale_is_back_at_once_and_the_sale_settled(booted: Bench) -> None:
    table = booted.table(
        "USB adapter pulled in mid-sale (seconds in the guest)",
        "pulled at",
        "port",
        "gone noticed after",
        "back after its node",
        "sale",
    )
    async with usb_store(booted) as it:
        await it.adapter.plug()
        first = await it.call("there", path=BY_ID)
        assert first["device"] == "/dev/ttyUSB0"
        ready = await it.call("ready", reader=READER)
        table.add("(first plugged in)", first["device"], "-", ready - first["at"], "-")
        expected = 0
        backs = []
        for number, (word, customer) in enumerate(PULLS):
            it.terminal.device.usual = customer
            sale = await it.guest.start("sell", reader=READER, key=f"k{number}")
            await it.call("progress", reader=READER, word=word)
            await it.adapter.pull()
            gone = await it.call("away", path=BY_ID)
            noticed = await it.call("unlinked", reader=READER)
            await asyncio.sleep(1.5)
            back = await plugged(it)
            session = await it.guest.answer(sale, within_s=120)
            assert session["state"] in {"paid", "failed"}
            expected += session["captured"]
            assert await it.taken() == expected, (session, it.terminal.ledger())
            await it.call("ready", reader=READER)
            table.add(word, back["device"], noticed - gone, back["after_s"], session["state"])
            backs.append(back["after_s"])
        assert quantile(backs, 0.5) < BACK_S
        assert max(backs) < WORST_S


async def plugged(it: UsbStore) -> dict[str, Any]:
    """Plug it in; which device it is now, and how long after it was there its reader was linked again."""
    linked = await it.guest.start("linked", reader=READER)
    there = await it.guest.start("there", path=BY_ID)
    await it.adapter.plug()
    node = await it.guest.answer(there, within_s=SLOW_S)
    return {"device": node["device"], "after_s": await it.guest.answer(linked, within_s=SLOW_S) - node["at"]}


async def test_a_terminal_that_comes_back_under_another_number_is_found_by_its_name(booted: Bench) -> None:
    table = booted.table(
        "replugged while another program keeps the old port open", "port", "back after its node"
    )
    async with usb_store(booted) as it:
        await it.adapter.plug()
        await it.call("there", path=BY_ID)
        await it.call("ready", reader=READER)
        await it.call("hold", path="/dev/ttyUSB0")
        await it.adapter.pull()
        await it.call("away", path=BY_ID)
        await it.call("unlinked", reader=READER)
        back = await plugged(it)
        assert back["device"] == "/dev/ttyUSB1"
        table.add(back["device"], back["after_s"])
        assert back["after_s"] < WORST_S
        await it.call("ready", reader=READER)
        it.terminal.device.usual = Customer(comes_after_s=0.2)
        session = await it.guest.call("sell", within_s=120, reader=READER, key="after")
        assert session["state"] == "paid"
        assert await it.taken() == session["captured"] == 1200
        await it.call("let_go")
