"""Errors of bleak, D-Bus and BlueZ get a cause for machines and a hint for people."""

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from dbus_fast.errors import AuthError, InvalidAddressError

from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.ble_bus import BusError
from drivers.links.ble_trouble import TROUBLE, lost, not_opened, words

FAILED = "org.bluez.Error.Failed"


@pytest.mark.parametrize(
    ("error", "cause", "said"),
    [
        (BleakDeviceNotFoundError("AA", "not found"), Cause.ABSENT, "not found"),
        (
            BleakBluetoothNotAvailableError("none", BleakBluetoothNotAvailableReason.POWERED_OFF),
            Cause.ABSENT,
            "dongle",
        ),
        (
            BleakBluetoothNotAvailableError("no", BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM),
            Cause.DENIED,
            "group bluetooth",
        ),
        (BleakGATTProtocolError(0x05), Cause.DENIED, "pair=yes"),
        (BleakGATTProtocolError(0x0F), Cause.DENIED, "pair=yes"),
        (BleakGATTProtocolError(0x0D), Cause.UNREACHABLE, "0x0D invalid attribute value length"),
        (BleakDBusError("org.bluez.Error.NotPermitted", ["Not paired"]), Cause.DENIED, "pair=yes"),
        (BleakDBusError(FAILED, ["Input/output error"]), Cause.ABSENT, "off or was pulled"),
        (BleakDBusError(FAILED, ["br-connection-canceled"]), Cause.UNREACHABLE, "br-connection-canceled"),
        (BleakDBusError("org.bluez.Error.InProgress", []), Cause.BUSY, "another program"),
        (BusError("org.freedesktop.DBus.Error.ServiceUnknown", "no"), Cause.ABSENT, "systemctl"),
        (BusError("org.freedesktop.DBus.Error.AccessDenied", ""), Cause.DENIED, "D-Bus policy"),
        (AuthError("refused"), Cause.DENIED, "group bluetooth"),
        (PermissionError(13, "Permission denied"), Cause.DENIED, "group bluetooth"),
        (FileNotFoundError(2, "No such file"), Cause.ABSENT, "is D-Bus running"),
        (EOFError(), Cause.ABSENT, "EOFError"),
        (InvalidAddressError("what"), Cause.ABSENT, "what"),
        (TimeoutError(), Cause.TIMEOUT, "no answer in time"),
        (BleakError("something else"), Cause.UNREACHABLE, "something else"),
        (LinkNotOpenedError("the adapter is off", cause=Cause.ABSENT), Cause.ABSENT, "the adapter is off"),
    ],
)
def test_each_error_has_a_cause_and_words(error: Exception, cause: Cause, said: str) -> None:
    assert isinstance(error, (*TROUBLE, LinkNotOpenedError))
    made = not_opened("ble://X", error)
    assert (made.cause, made.code) == (cause, cause.value)
    assert str(made).startswith("cannot open ble://X: ")
    assert said in str(made)


def test_a_loss_names_the_link_and_the_reason() -> None:
    assert str(lost("ble://X", BleakGATTProtocolError(0x0E))) == (
        "ble://X is lost: ATT error 0x0E unlikely error: the device is gone"
    )
    assert words(TimeoutError("ten seconds")) == "ten seconds"
