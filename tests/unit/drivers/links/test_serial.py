"""Tests of serial ports, on ptys: the real path through pyserial, with the real clock."""

import asyncio
import fcntl
import termios
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from serial import Serial

from drivers.links import serial
from drivers.links.address import SerialAddress
from drivers.links.base import LinkLostError, LinkNotOpenedError
from drivers.links.serial import open_serial
from drivers.simulators.pty import PtyLink, PtyListener
from tests.unit.drivers.links.descriptors import open_descriptors

pytestmark = pytest.mark.real_time


def port_left(directory: Path) -> list[Path]:
    return list(directory.iterdir())


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[PtyListener]:
    # the loop's thread pool and the import of pyserial bring descriptors of their own, once
    await asyncio.get_running_loop().run_in_executor(None, __import__, "serial")
    before = open_descriptors()
    listener = PtyListener(tmp_path / "usb-Terminal_SIM0001-if00-port0")
    await listener.open()
    yield listener
    await listener.close()
    assert open_descriptors() == before, "descriptors are left"
    assert not port_left(tmp_path)


async def test_bytes_go_both_ways(port: PtyListener) -> None:
    device = await port.accept()
    link = await open_serial(port.address)
    every = bytes(range(256))
    await link.send(every)
    got = b""
    while len(got) < 256:
        got += await device.receive()
    assert got == every, "a raw line changes nothing: no echo, no newline, no XON"
    await device.send(every)
    got = b""
    while len(got) < 256:
        got += await link.receive()
    assert got == every
    await link.close()


async def test_the_line_is_set_as_the_address_says(port: PtyListener) -> None:
    device = await port.accept()
    link = await open_serial(port.address)
    settings = termios.tcgetattr(device._slave)
    assert settings[2] & termios.CSTOPB, "two stop bits"
    assert not settings[2] & termios.CRTSCTS
    assert settings[4] == settings[5] == termios.B9600
    assert settings[6][termios.VMIN] == 1
    await link.close()
    other = await open_serial(SerialAddress(str(port.path), 115_200, 8, "N", 1))
    settings = termios.tcgetattr(device._slave)
    assert not settings[2] & termios.CSTOPB
    assert settings[4] == settings[5] == termios.B115200
    await other.close()


async def test_a_port_is_ours_alone_while_it_is_open(port: PtyListener) -> None:
    link = await open_serial(port.address)
    with pytest.raises(LinkNotOpenedError, match="another program uses the port") as busy:
        await open_serial(port.address)
    assert busy.value.code == "link_busy"
    await link.close()
    again = await open_serial(port.address)
    again.abort()
    await (await open_serial(port.address)).close()


async def test_programs_that_do_not_ask_are_kept_out_too_and_only_so_long(port: PtyListener) -> None:
    device = await port.accept()
    link = await open_serial(port.address)
    assert is_claimed(device)
    await link.close()
    assert not is_claimed(device)


def is_claimed(device: PtyLink) -> bool:
    tiocgexcl = 0x80045440  # Linux; the termios module does not have it
    answer: bytes = fcntl.ioctl(device._slave, tiocgexcl, bytes(4))
    return any(answer)


async def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(LinkNotOpenedError, match="it is no serial port") as unsuited:
        await open_serial(SerialAddress(str(file)))
    assert unsuited.value.code == "link_unsuited"
    with pytest.raises(LinkNotOpenedError, match="is the cable plugged in") as absent:
        await open_serial(SerialAddress(str(tmp_path / "usb-gone")))
    assert absent.value.code == "link_absent"
    with pytest.raises(LinkNotOpenedError) as directory:
        await open_serial(SerialAddress(str(tmp_path)))
    assert directory.value.code == "link_unreachable"


async def test_a_setting_the_port_refuses(port: PtyListener) -> None:
    with pytest.raises(LinkNotOpenedError) as refused:
        await open_serial(SerialAddress(str(port.path), parity="X"))
    assert refused.value.code == "link_unsuited"


async def test_a_port_that_cannot_be_claimed_is_closed_again(
    port: PtyListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(opened: Serial) -> None:
        raise termios.error(22, f"Invalid argument {opened.fileno()}")

    monkeypatch.setattr(serial, "_claim", refuse)
    with pytest.raises(LinkNotOpenedError) as refused:
        await open_serial(port.address)
    assert refused.value.code == "link_unsuited"


async def test_unplugged_and_back_under_the_same_path(port: PtyListener) -> None:
    device = await port.accept()
    link = await open_serial(port.address)
    first = port.path.readlink()
    await device.send(b"last words")
    assert await link.receive() == b"last words"
    await port.unplug()
    assert not port.path.is_symlink()
    with pytest.raises(LinkLostError, match="is gone"):
        await link.receive()
    with pytest.raises(LinkLostError, match="is gone"):
        await link.send(b"into the void")
    with pytest.raises(LinkNotOpenedError, match="cable"):
        await open_serial(port.address)
    # the old name is free at once: the lost descriptor was not kept; here another device takes it
    other = PtyListener(port.path.with_name("other"))
    await other.open()
    assert other.path.readlink() == first
    await link.close()
    await port.open()
    assert port.path.readlink() != first
    again = await open_serial(port.address)
    device = await port.accept()
    await again.send(b"hello")
    assert await device.receive() == b"hello"
    await again.close()
    await other.close()


async def test_opening_does_not_block_the_loop_and_may_be_cancelled(
    port: PtyListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed, opened, closed = threading.Event(), threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    real_open, real_close = serial._open, serial._close

    def slow_open(address: SerialAddress) -> Serial:
        allowed.wait(5)
        made = real_open(address)
        opened.set()
        return made

    def noted_close(made: Serial) -> None:
        real_close(made)
        loop.call_soon(closed.set)

    monkeypatch.setattr(serial, "_open", slow_open)
    monkeypatch.setattr(serial, "_close", noted_close)
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(open_serial(port.address), name="open")
        await asyncio.sleep(0.01)
        assert not opening.done()
        opening.cancel()
        await asyncio.sleep(0)
        assert opening.cancelled()
    allowed.set()
    async with asyncio.timeout(5):
        await closed.wait()
    assert opened.is_set()
    monkeypatch.undo()
    await (await open_serial(port.address)).close()


async def test_a_cancelled_opening_that_fails_later_is_no_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = threading.Event()
    real_open = serial._open

    def slow_open(address: SerialAddress) -> Serial:
        allowed.wait(5)
        return real_open(address)

    monkeypatch.setattr(serial, "_open", slow_open)
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(open_serial(SerialAddress(str(tmp_path / "gone"))), name="open")
        await asyncio.sleep(0.01)
        opening.cancel()
    allowed.set()
    # a second turn through the pool: what was put in before is done
    await asyncio.get_running_loop().run_in_executor(None, allowed.wait)
    await asyncio.get_running_loop().shutdown_default_executor()
    await asyncio.sleep(0)


async def test_modem_lines_are_raised_where_there_are_any(
    port: PtyListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[str] = []
    monkeypatch.setattr(Serial, "_update_dtr_state", lambda made: raised.append(f"DTR {made.dtr}"))
    monkeypatch.setattr(Serial, "_update_rts_state", lambda made: raised.append(f"RTS {made.rts}"))
    await (await open_serial(port.address)).close()
    assert raised == ["DTR True", "RTS True"]
