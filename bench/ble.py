"""Bluetooth: our link beside bare bleak on the same simulated BlueZ; and a store full of readers."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.air import ECHOES, NOBODY, PORTS, SILENT, TERMINALS
from bench.processes import Process, environment, python
from drivers.contract import (
    Driver,
    DriverError,
    Kind,
    Money,
    PaymentRequest,
    Progress,
    ReaderConfig,
    ReaderName,
    SessionId,
)
from drivers.links.ble_profiles import PROFILES
from drivers.links.schemes import connect
from drivers.readers.zvt import make

SIZES = (20, 244, 1000)
STREAM = 48 * 1024
CHUNK = 244
TURNS = 10
SETTLED_S = 3.0
NUS = PROFILES["nus"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One length of message there and back: all times in milliseconds, and turn by turn ours to bleak's."""

    size: int
    ours_ms: list[float]
    bare_ms: list[float]
    ratios: list[float]


@dataclass(frozen=True, slots=True)
class Store:
    """A process with a link to each of so many readers; the times of each sale, alone and beside trouble."""

    readers: int
    rss_mb: float
    idle_percent: float
    sale_cpu_ms: float
    quiet_ms: list[float]
    beside_trouble_ms: list[float]


class _Pipe:
    """One way of talking to an echoing device: send, and wait until so many bytes are back."""

    def __init__(
        self, send: Callable[[bytes], Awaitable[None]], close: Callable[[], Awaitable[None]]
    ) -> None:
        self._send = send
        self.close = close
        self._back = 0
        self._wanted = 0
        self._done = asyncio.Event()

    def heard(self, data: bytes | bytearray) -> None:
        self._back += len(data)
        if self._back >= self._wanted:
            self._done.set()

    async def echo(self, data: bytes) -> None:
        self._back, self._wanted = 0, len(data)
        self._done.clear()
        await self._send(data)
        await self._done.wait()


async def _bare(address: str) -> _Pipe:
    """What a script on bleak does: find, connect, subscribe, write in pieces."""
    from bleak import BleakClient, BleakScanner

    found = await BleakScanner.find_device_by_address(address)
    assert found is not None
    client = BleakClient(found)
    await client.connect()

    async def send(data: bytes) -> None:
        for at in range(0, len(data), CHUNK):
            await client.write_gatt_char(NUS.write, data[at : at + CHUNK], response=True)

    pipe = _Pipe(send, client.disconnect)
    await client.start_notify(NUS.notify, lambda _, data: pipe.heard(data))
    return pipe


class _Ours:
    """Our link, as a driver uses it."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def open(self) -> "_Ours":
        self._link = await connect(f"ble://{self._address}")
        return self

    async def close(self) -> None:
        await self._link.close()

    async def echo(self, data: bytes) -> None:
        await self._link.send(data)
        back = 0
        while back < len(data):
            back += len(await self._link.receive())


async def _times(pipe: "_Pipe | _Ours", data: bytes, count: int) -> list[float]:
    took = []
    for _ in range(count):
        began = time.perf_counter()
        await pipe.echo(data)
        took.append((time.perf_counter() - began) * 1e3)
    return took


async def _compare(rounds: int, count: int) -> list[Compared]:
    bare, ours = await _bare(ECHOES[0]), await _Ours(ECHOES[1]).open()
    found = [Compared(size, [], [], []) for size in (*SIZES, STREAM)]
    for turn in range(-TURNS, rounds * TURNS):
        for each in found:
            data, times = bytes(each.size), 1 if each.size == STREAM else count // TURNS
            # each first as often as second: whatever else the machine does befalls both
            if turn % 2:
                bare_ms = await _times(bare, data, times)
                ours_ms = await _times(ours, data, times)
            else:
                ours_ms = await _times(ours, data, times)
                bare_ms = await _times(bare, data, times)
            if turn >= 0:  # those before only warm up
                each.ours_ms.extend(ours_ms)
                each.bare_ms.extend(bare_ms)
                each.ratios.append(median(ours_ms) / median(bare_ms))
    await ours.close()
    await bare.close()
    return found


def compare(rounds: int, count: int) -> list[Compared]:
    """Both in one process and one run, on one BlueZ; each with a device of its own."""
    with tempfile.TemporaryDirectory(prefix="tillgate-") as folder, python("bench.air", folder) as air:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = air.line()
        return asyncio.run(_compare(rounds, count))


class _Report:
    """A journal that forgets."""

    async def progress(self, step: Progress) -> None:
        """Nothing to do."""

    async def reference(self, name: str, value: str) -> None:
        """Nothing to do."""

    async def attempt(self, operation: str) -> int:
        """Always the first."""
        del operation
        return 1


async def _sell(driver: Driver, sales: int, took: list[float]) -> None:
    for number in range(sales):
        sale = PaymentRequest(SessionId(f"ses_{number}"), Kind.PAYMENT, Money(1200, "eur"))
        began = time.perf_counter()
        outcome = await driver.pay(sale, _Report())
        took.append((time.perf_counter() - began) * 1e3)
        if outcome.amount_captured != 1200:
            raise RuntimeError(f"not paid: {outcome}")


def _driver(name: str, link: str) -> Driver:
    return make(ReaderConfig(ReaderName(name), "zvt", {"link": link}), {})


async def _keep(folder: Path, over_air: int, over_cable: int) -> None:
    """The readers' process: says READY, and sells when told how much, beside trouble or not."""
    drivers = [
        *(_driver(f"air-{number}", f"ble://{each}") for number, each in enumerate(TERMINALS[:over_air])),
        *(_driver(each, f"serial://{folder / each}") for each in PORTS[:over_cable]),
    ]
    troubled = [_driver("nobody", f"ble://{NOBODY}"), _driver("silent", f"serial://{folder / SILENT}")]
    async with asyncio.TaskGroup() as group:
        for driver in drivers:
            group.create_task(driver.open(), name="open")
    _say("READY")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, input):
        sales, _, trouble = line.partition(" ")
        took: list[float] = []
        async with asyncio.TaskGroup() as group:
            fighting = [group.create_task(_fight(each), name="trouble") for each in troubled if trouble]
            async with asyncio.TaskGroup() as selling:
                for driver in drivers:
                    selling.create_task(_sell(driver, int(sales), took), name="sell")
            for task in fighting:
                task.cancel()
        _say(" ".join(f"{each:.3f}" for each in took))


async def _fight(driver: Driver) -> None:
    """Try to reach a reader that is not there, again and again."""
    while True:
        with suppress(DriverError):
            await driver.open()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # to the parent


def store(over_air: int, over_cable: int, sales: int) -> Store:
    """So many readers at once, each selling; measured at their own process."""
    with tempfile.TemporaryDirectory(prefix="tillgate-") as folder, python("bench.air", folder) as air:
        bus = environment(DBUS_SYSTEM_BUS_ADDRESS=air.line())
        with Process(_command(folder, over_air, over_cable), env=bus) as process:
            process.line()
            time.sleep(SETTLED_S)
            rss = process.memory_mb()["rss"]
            before = process.cpu_s()
            time.sleep(SETTLED_S)
            idle = (process.cpu_s() - before) / SETTLED_S * 100
            before = process.cpu_s()
            quiet = _sold(process, str(sales))
            spent = (process.cpu_s() - before) * 1e3 / len(quiet)
            beside_trouble = _sold(process, f"{sales} trouble")
    return Store(over_air + over_cable, rss, idle, spent, quiet, beside_trouble)


def _sold(process: Process, order: str) -> list[float]:
    process.say(order)
    return [float(each) for each in process.line().split()]


def _command(folder: str, over_air: int, over_cable: int) -> Sequence[str]:
    return [
        sys.executable,
        "-c",
        f"from bench.ble import keep; keep({folder!r}, {over_air}, {over_cable})",
    ]


def keep(folder: str, over_air: int, over_cable: int) -> None:
    """Run the readers' process until its input ends."""
    try:
        asyncio.run(_keep(Path(folder), over_air, over_cable))
    except EOFError:
        return
