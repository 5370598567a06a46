"""Ports are asked one by one settings, never where somebody is at work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from agent.discovery import serial_ports
from agent.discovery.finding import Finding
from agent.discovery.serial_ports import find_ports
from drivers.contract import Link, LinkError
from drivers.links.address import SerialAddress
from drivers.links.memory import pair
from drivers.links.ports import Port
from drivers.links.serial import open_serial
from drivers.simulators.pty import PtyListener
from drivers.simulators.uart import LineSettings, cross
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.simulators.zvt_terminal.server import serve
from drivers.simulators.zvt_terminal.terminal import Terminal
from tests.zvt_store import local


@pytest.fixture
def only_by_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    return tmp_path


@asynccontextmanager
async def terminal_at(path: Path) -> AsyncIterator[Terminal]:
    terminal = Terminal(PROFILES["standard"], clock=local)
    listener = PtyListener(path)
    await listener.open()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(terminal, listener, serial=True), name="terminal")
        yield terminal
        serving.cancel()


@pytest.mark.real_time
async def test_a_terminal_on_a_port_is_found_and_can_be_adopted(only_by_id: Path) -> None:
    async with terminal_at(only_by_id / "usb-1") as terminal:
        [found] = await find_ports({}, {}, by_id=only_by_id)
        assert (found.kind, found.speaks, found.reader) == ("serial", "a ZVT terminal: ready", "")
        assert found.link == f"serial://{only_by_id}/usb-1"
        assert found.hint.startswith("zvt-")
        assert terminal.ledger() == []


@pytest.mark.real_time
async def test_a_port_that_somebody_holds_is_not_asked(only_by_id: Path) -> None:
    async with terminal_at(only_by_id / "usb-1"):
        held = await open_serial(SerialAddress(str(only_by_id / "usb-1")))
        [found] = await find_ports({}, {}, by_id=only_by_id)
        assert found.speaks == "not asked: another program has the port"
        assert found.link == ""
        await held.close()


@pytest.mark.real_time
async def test_a_declared_reader_is_named_and_left_alone_where_it_must_be(only_by_id: Path) -> None:
    link = f"serial://{only_by_id}/usb-1"
    used = {"tcp://192.0.2.1": "till-2", "nonsense": "till-3", link: "till-4"}
    async with terminal_at(only_by_id / "usb-1"):
        [found] = await find_ports(used, {"till-4": "the daemon uses it"}, by_id=only_by_id)
        assert (found.reader, found.speaks) == ("till-4", "not asked: the daemon uses it")
        [found] = await find_ports(used, {}, by_id=only_by_id)
        assert (found.reader, found.speaks, found.link) == ("till-4", "a ZVT terminal: ready", "")
        [found] = await find_ports({}, {}, by_id=only_by_id, ask=False)
        assert found.speaks == "not asked"


@pytest.mark.real_time
async def test_what_is_no_port(only_by_id: Path) -> None:
    (only_by_id / "file").touch()
    [found] = await find_ports({}, {}, by_id=only_by_id)
    assert found.speaks.startswith("not asked: cannot open serial://")


class Bench:
    """One port in memory with something at its end, set as `device`."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, device: LineSettings, *, stranger: bytes = b""
    ) -> None:
        self.tried: list[int] = []
        self._device = device
        self._stranger = stranger
        self.terminal = Terminal(PROFILES["standard"], clock=local)
        port = Port(Path("/dev/ttyUSB0"), Path("/dev/ttyUSB0"), serial_number="A1")

        async def ports(by_id: Path) -> list[Port]:
            return [port]

        monkeypatch.setattr(serial_ports, "list_ports", ports)
        monkeypatch.setattr(serial_ports, "connect", self.connect)
        self.group = asyncio.TaskGroup()

    async def connect(self, address: SerialAddress) -> Link:
        self.tried.append(address.baudrate)
        line = LineSettings(address.baudrate, stopbits=address.stopbits)
        ours, theirs = pair()
        near, far = pair()

        async def carry(source: Link, target: Link, ends: tuple[LineSettings, LineSettings]) -> None:
            with suppress(LinkError):
                while data := await source.receive():
                    await target.send(cross(data, *ends)[0])
                await target.close()

        self.group.create_task(carry(theirs, near, (line, self._device)), name="up")
        self.group.create_task(carry(near, theirs, (self._device, line)), name="down")
        if self._stranger:
            self.group.create_task(self._mumble(far), name="stranger")
        else:
            self.group.create_task(self.terminal.host(far, serial=True), name="terminal")
        return ours

    async def _mumble(self, link: Link) -> None:
        while await link.receive():
            await link.send(self._stranger)


async def test_other_settings_are_tried_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, LineSettings(57_600, stopbits=1))
    async with bench.group:
        [found] = await find_ports({}, {})
    assert bench.tried == [9600, 115_200, 57_600]
    assert found.speaks == "a ZVT terminal: ready (at 57600 baud)"
    assert found.link == "serial:///dev/ttyUSB0?baudrate=57600&stopbits=1"
    assert found.hint == "zvt-A1"


async def test_a_stranger_is_told_even_if_later_tries_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, LineSettings(), stranger=b"hello")
    async with bench.group:
        [found] = await find_ports({}, {})
    assert found.speaks.startswith("something unknown that says 68 65 6C")
    assert found.link == ""
    assert isinstance(found, Finding)


async def test_a_port_that_a_program_has_open_without_a_lock_is_not_even_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch, LineSettings())

    async def getty(node: Path) -> str:
        return "agetty (process 812)"

    monkeypatch.setattr(serial_ports, "holder", getty)
    async with bench.group:
        [found] = await find_ports({}, {})
    assert (found.speaks, bench.tried) == ("not asked: agetty (process 812) has it", [])
