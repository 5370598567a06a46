"""What is measured of Bluetooth is what it says: both sides carry the same bytes, and sales are sales."""

from pathlib import Path

import pytest
from bleak.backends.bluezdbus.version import BlueZFeatures

from bench import ble, parts
from bench.parts import Effort
from tests.ble_world import forget_closed_loops, needs_dbus_daemon

QUICK = Effort(rounds=1, echoes=10, ble_readers=2, serial_readers=1, paced=1)


@needs_dbus_daemon
@pytest.mark.real_time
def test_each_size_has_its_figures_and_the_store_sells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BlueZFeatures, "checked_bluez_version", True)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "")
    monkeypatch.setattr(ble, "STREAM", 2000)
    monkeypatch.setattr(ble, "SETTLED_S", 0.1)
    figures = {figure.name: figure for figure in parts.bluetooth(tmp_path, QUICK)}
    for name in ("echo of 20 B", "echo of 1000 B", "stream there and back"):
        assert figures[name].value > 0
        assert figures[f"{name} / bleak's"].most == 1.15
    assert figures["RSS, 3 readers"].value > 10
    assert figures["sale, 3 readers at once"].note == "3 sales, 1 of the readers on serial ports"
    assert figures["the same while one of each kind is not there"].value > 0
    assert figures["CPU per sale"].value > 0
    forget_closed_loops()
