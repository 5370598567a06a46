"""The list of ports: sysfs tells what is plugged in, by-id how to name it."""

from pathlib import Path

import pytest
from serial.tools.list_ports_common import ListPortInfo

from drivers.links.ports import Port, list_ports


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
    ports = {port.path.name: port for port in await list_ports(by_id)}
    assert list(ports) == ["strange", "usb-FTDI_A1-if00", "virtual", "ttyUSB1"]
    assert ports["usb-FTDI_A1-if00"] == Port(
        by_id / "usb-FTDI_A1-if00", plugged / "ttyUSB0", "FTDI", "FT232R", "A1", "0403:6001"
    )
    assert [port.device for port in ports.values()] == ["strange", "FTDI FT232R", "virtual", "1a86:7523"]


async def test_without_udev_s_links_the_nodes_are_named(plugged: Path) -> None:
    ports = await list_ports(plugged / "nothing")
    assert [port.path.name for port in ports] == ["ttyS0", "ttyUSB0", "ttyUSB1"]
    assert ports[0].device == "a built-in port"
