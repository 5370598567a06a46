"""A store full of Bluetooth readers: nobody waits for another's trouble, and nothing is left open."""

import asyncio
import gc
from pathlib import Path

import pytest

from drivers.contract import Driver, Kind, Money, PaymentRequest, ReaderConfig, ReaderName, SessionId, Verdict
from drivers.links.base import LinkLostError, LinkNotOpenedError
from drivers.links.ble_radio import radio
from drivers.links.schemes import connect
from drivers.readers.zvt import make
from drivers.simulators.ble_uart import UartListener
from drivers.simulators.bluez.daemon import PrivateBus
from drivers.simulators.zvt_terminal.customers import QUICK
from drivers.simulators.zvt_terminal.profiles import INSTANT, PROFILES
from drivers.simulators.zvt_terminal.server import serve
from drivers.simulators.zvt_terminal.terminal import Terminal
from tests.ble_world import BleWorld, ble_world, descriptors, linked, needs_dbus_daemon
from tests.thoroughness import sample
from tests.zvt_store import FakeReport, now

READERS = 21
CYCLES = 50
EVERYDAY_CYCLES = 15
TROUBLES = ("away", "writes held", "never resolved", "lost again and again")


def address(number: int) -> str:
    return f"AA:BB:CC:DD:EE:{number:02X}"


async def sale_s(driver: Driver, number: int) -> float:
    """How long a sale takes."""
    began = asyncio.get_running_loop().time()
    sale = PaymentRequest(SessionId(f"ses_{number}"), Kind.PAYMENT, Money(1200, "eur"))
    outcome = await driver.pay(sale, FakeReport())
    assert outcome.verdict is Verdict.PAID
    return asyncio.get_running_loop().time() - began


class Store:
    """Twenty-one terminals on the air, each with its driver."""

    def __init__(self, world: BleWorld, group: asyncio.TaskGroup) -> None:
        self.world = world
        self.group = group
        self.listeners: list[UartListener] = []
        self.drivers: list[Driver] = []
        self._serving: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        for number in range(READERS):
            listener = self.world.device(address(number), f"till-{number}")
            terminal = Terminal(PROFILES["standard"], times=INSTANT)
            terminal.device.usual = QUICK
            serving = serve(terminal, listener, serial=True)
            self._serving.append(self.group.create_task(serving, name=f"terminal {number}"))
            config = ReaderConfig(ReaderName(f"till-{number}"), "zvt", {"link": str(listener.address)})
            self.listeners.append(listener)
            self.drivers.append(make(config, {"now": now}))
        async with asyncio.TaskGroup() as group:
            for driver in self.drivers:
                group.create_task(driver.open(), name="open")

    async def close(self) -> None:
        for driver in self.drivers:
            await driver.close()
        for serving in self._serving:
            serving.cancel()

    async def sell_at_all_but_one(self) -> list[float]:
        async with asyncio.TaskGroup() as group:
            sales = [
                group.create_task(sale_s(driver, number), name=f"sale {number}")
                for number, driver in enumerate(self.drivers[1:])
            ]
        return [sale.result() for sale in sales]


@pytest.mark.parametrize("trouble", sample(TROUBLES, 2))
async def test_no_readers_sale_waits_for_anothers_trouble(tmp_path: Path, trouble: str) -> None:
    async with ble_world(tmp_path) as world, asyncio.TaskGroup() as group:
        store = Store(world, group)
        await store.open()
        quiet = await store.sell_at_all_but_one()
        troubled, peripheral = store.drivers[0], store.listeners[0].peripheral
        match trouble:
            case "away":
                peripheral.vanish()
            case "writes held":
                world.mishaps(address(0)).held = True
            case "never resolved":
                world.mishaps(address(0)).unresolved = True
                peripheral.vanish()
                peripheral.appear()
            case _:
                world.mishaps(address(0)).writing.extend([0x0E] * 100)

        async def keep_trying() -> None:
            while True:
                try:
                    await troubled.open()
                except Exception:  # noqa: BLE001  # whatever: it is tried again, as its lane would
                    await asyncio.sleep(0.5)
                await asyncio.sleep(0.1)

        trying = group.create_task(keep_trying(), name="the reader in trouble")
        await asyncio.sleep(0.3)
        during = await store.sell_at_all_but_one()
        trying.cancel()
        # virtual time: any waiting at all would show
        assert max(during) <= max(quiet) + 0.05
        await store.close()


@needs_dbus_daemon
@pytest.mark.real_time
async def test_many_reconnects_leave_no_connection_and_no_file_open(tmp_path: Path) -> None:
    async with ble_world(tmp_path, daemon=True) as world:
        listener = world.device()
        link, _ = await linked(listener)
        await link.close()
        await asyncio.sleep(0.1)
        gc.collect()
        before = descriptors()
        for turn in sample(range(CYCLES), EVERYDAY_CYCLES):
            link, device = await linked(listener)
            await device.send(b"%02d" % turn)
            assert await link.receive() == b"%02d" % turn
            match turn % 3:
                case 0:
                    world.bluez.lose(listener.peripheral.address)
                case 1:
                    await world.bluez.crash()
                case _:
                    device.abort()
            with pytest.raises(LinkLostError):
                await link.receive()
            await link.close()
            if turn % 3 == 1:
                await world.bluez.start()
        assert radio().bus.users == 0
        await asyncio.sleep(0.1)
        gc.collect()
        assert descriptors() == before


@needs_dbus_daemon
@pytest.mark.real_time
async def test_a_store_on_a_real_bus(tmp_path: Path) -> None:
    async with ble_world(tmp_path, daemon=True) as world, asyncio.TaskGroup() as group:
        store = Store(world, group)
        await store.open()
        before = descriptors()
        assert len(await store.sell_at_all_but_one()) == READERS - 1
        assert descriptors() == before
        await store.close()


@needs_dbus_daemon
@pytest.mark.real_time
async def test_the_end_of_d_bus_itself_is_a_loss_like_any_other(tmp_path: Path) -> None:
    async with ble_world(tmp_path, daemon=True) as world:
        assert isinstance(world.bus, PrivateBus)
        listener = world.device()
        link, _ = await linked(listener)
        await world.bus.end()
        with pytest.raises(LinkLostError, match="is lost"):
            async with asyncio.timeout(5):
                await link.receive()
        with pytest.raises(LinkLostError):
            await link.send(b"x")
        async with asyncio.timeout(5):
            await link.close()
        with pytest.raises(LinkNotOpenedError, match="is D-Bus running"):
            await connect(str(listener.address))
        assert radio().bus.users == 0
