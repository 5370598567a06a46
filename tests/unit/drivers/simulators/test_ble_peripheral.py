"""The model of a peripheral: present or not, free or not, and what it takes."""

import pytest

from drivers.simulators.ble_peripheral import (
    INVALID_LENGTH,
    WRITE_NOT_PERMITTED,
    AttError,
    Characteristic,
    Peripheral,
    Service,
)


class FakeCentral:
    mtu = 247

    def __init__(self, peripheral: Peripheral) -> None:
        self._peripheral = peripheral

    def notify(self, uuid: str, value: bytes) -> None:
        raise AssertionError((uuid, value))

    def disconnect(self) -> None:
        self._peripheral.disconnected()

    async def drained(self) -> None:
        raise AssertionError


def test_it_advertises_while_it_is_there_and_free() -> None:
    changes: list[bool] = []
    peripheral = Peripheral("AA", "X", (Service("s", (Characteristic("c", frozenset({"read"})),)),))
    peripheral.changed = lambda: changes.append(peripheral.advertising)
    assert peripheral.uuids == ("s",)
    peripheral.connected(FakeCentral(peripheral))
    peripheral.central.disconnect()  # type: ignore[union-attr]  # it is connected
    peripheral.connected(FakeCentral(peripheral))
    peripheral.vanish()
    assert peripheral.central is None
    peripheral.vanish()
    peripheral.appear()
    assert changes == [False, True, False, False, False, False, True]


def test_it_may_advertise_other_services_than_it_has() -> None:
    assert Peripheral("AA", "X", advertised=("other",)).uuids == ("other",)


def test_what_it_refuses() -> None:
    peripheral = Peripheral("AA", "X")
    assert peripheral.read("c") == b""
    peripheral.subscribed("c", on=True)
    with pytest.raises(AttError, match="0x03") as caught:
        peripheral.write("c", b"x")
    assert caught.value.code == WRITE_NOT_PERMITTED
    with pytest.raises(AttError) as caught:
        peripheral.arrived("c", bytes(513), confirmed=True)
    assert caught.value.code == INVALID_LENGTH
    peripheral.arrived("c", bytes(513), confirmed=False)
    with pytest.raises(AttError):
        peripheral.arrived("c", bytes(512), confirmed=True)
