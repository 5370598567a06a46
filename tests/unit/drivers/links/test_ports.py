"""The list of ports: sysfs tells what is plugged in, by-id how to name it."""

import os
from pathlib import Path

import pytest
from serial.tools.list_ports_common import ListPortInfo

from drivers.links import ports
from drivers.links.ports import Port, holder, list_ports


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two USB adapters and a built-in port."""
    infos = []
    for name in ("ttyUSB0", "ttyUSB1", "ttyS0"):
        (tmp_path / name).touch()
        infos.append(ListPortInfo(str(tmp_path / name)))
    infos[0].vid, infos[0].pid, infos[0].serial_number = 0x0403, 0x6001, "A1"
    infos[0].manufacturer, infos[0].product = "FTDI", "FT232R"
    infos[1].vid, infos[1].pid = 0x1A86, 0x7523
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: infos)
    return tmp_path


async def test_each_port_is_named_by_what_is_plugged_in(plugged: Path) -> None:
    by_id = plugged / "by-id"
    by_id.mkdir()
    for link in ("usb-FTDI_A1-if00", "usb-FTDI_A1-other"):
        (by_id / link).symlink_to(plugged / "ttyUSB0")
    (by_id / "usb-gone").symlink_to(plugged / "ttyUSB9")
    (by_id / ".usb-half").symlink_to(plugged / "ttyUSB1")
    (by_id / "virtual").symlink_to(plugged / "ttyS0")
    (plugged / "elsewhere").touch()
    (by_id / "strange").symlink_to(plugged / "elsewhere")
    found = {port.path.name: port for port in await list_ports(by_id)}
    assert list(found) == ["strange", "usb-FTDI_A1-if00", "virtual", "ttyUSB1"]
    assert found["usb-FTDI_A1-if00"] == Port(
        by_id / "usb-FTDI_A1-if00", plugged / "ttyUSB0", "FTDI", "FT232R", "A1", "0403:6001"
    )
    assert [port.device for port in found.values()] == ["strange", "FTDI FT232R", "virtual", "1a86:7523"]


async def test_without_udev_s_links_the_nodes_are_named(plugged: Path) -> None:
    found = await list_ports(plugged / "nothing")
    assert [port.path.name for port in found] == ["ttyS0", "ttyUSB0", "ttyUSB1"]
    assert found[0].device == "a built-in port"


async def test_who_has_a_port_open_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = tmp_path / "ttyS0"
    node.touch()
    monkeypatch.setattr(ports, "CONSOLES", tmp_path / "active")
    assert await holder(node) == ""
    with node.open():
        assert f"(process {os.getpid()})" in await holder(node)
    (tmp_path / "active").write_text("tty0 ttyS0\n")
    assert await holder(node) == "the system's console"
    assert await holder(tmp_path / "ttyS1") == ""
    monkeypatch.setattr(ports, "PTYS", tmp_path)
    assert await holder(node) == "", "a pty is open at its device's end"


async def test_processes_that_end_or_hide_while_one_looks_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, opened in (("1", "/dev/null"), ("2", None), ("3", "/dev/ttyUSB0"), ("4", "/dev/ttyUSB0")):
        (tmp_path / number / "fd").mkdir(parents=True)
        if opened is None:
            (tmp_path / number / "fd" / "0").touch()  # no link
        else:
            (tmp_path / number / "fd" / "0").symlink_to(opened)
    (tmp_path / "4" / "comm").write_text("agetty\n")
    (tmp_path / "5").mkdir()
    monkeypatch.setattr(ports, "PROC", tmp_path)
    monkeypatch.setattr(ports, "CONSOLES", tmp_path / "nothing")
    assert await holder(Path("/dev/ttyUSB0")) == "agetty (process 4)"
