"""What bleak, D-Bus and BlueZ mean by their errors: why there is no link, and what people do about it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)
from dbus_fast.errors import AuthError, DBusFastError

from drivers.links.base import Cause, LinkLostError, LinkNotOpenedError
from drivers.links.ble_bus import BusError

TROUBLE = (BleakError, BusError, DBusFastError, OSError, EOFError, AssertionError, KeyError)
"""All that a call of bleak may raise; `TimeoutError` is an `OSError`. Its assertions are about a D-Bus
connection that ended meanwhile, its `KeyError` about objects that bluetoothd took away."""

_PAIR = "it wants to be paired: add pair=yes to its address, or pair it once with bluetoothctl"
_OFF = "is bluetoothd running? systemctl status bluetooth"
_RIGHTS = "the service's user may not use Bluetooth: it needs the group bluetooth, or a D-Bus policy"
_REPAIR = "pairing failed: bluetoothctl remove the device, make it ready for pairing, try again"

_BUS: Mapping[str, tuple[Cause, str]] = MappingProxyType(
    {
        "org.bluez.Error.NotReady": (Cause.ABSENT, "the adapter is off"),
        "org.bluez.Error.DoesNotExist": (Cause.ABSENT, ""),
        "org.bluez.Error.InProgress": (Cause.BUSY, "another program is connecting to it"),
        "org.bluez.Error.AlreadyConnected": (Cause.BUSY, "another program is connected to it"),
        "org.bluez.Error.NotAuthorized": (Cause.DENIED, _PAIR),
        "org.bluez.Error.NotPermitted": (Cause.DENIED, _PAIR),
        "org.bluez.Error.AuthenticationFailed": (Cause.DENIED, _REPAIR),
        "org.bluez.Error.AuthenticationCanceled": (Cause.DENIED, _REPAIR),
        "org.bluez.Error.AuthenticationRejected": (Cause.DENIED, _REPAIR),
        "org.bluez.Error.AuthenticationTimeout": (Cause.DENIED, _REPAIR),
        "org.bluez.Error.NotSupported": (Cause.UNSUITED, ""),
        "org.freedesktop.DBus.Error.AccessDenied": (Cause.DENIED, _RIGHTS),
        "org.freedesktop.DBus.Error.ServiceUnknown": (Cause.ABSENT, _OFF),
        "org.freedesktop.DBus.Error.NameHasNoOwner": (Cause.ABSENT, _OFF),
        "org.freedesktop.DBus.Error.NoReply": (Cause.ABSENT, _OFF),
        "org.freedesktop.DBus.Error.UnknownObject": (Cause.ABSENT, ""),
        "org.freedesktop.DBus.Error.UnknownMethod": (Cause.ABSENT, ""),
    }
)

_SECURITY = frozenset(
    {
        BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION,
        BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHORIZATION,
        BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION,
        BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION_KEY_SIZE,
    }
)

_UNAVAILABLE: Mapping[BleakBluetoothNotAvailableReason, tuple[Cause, str]] = MappingProxyType(
    {
        BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE: (Cause.UNSUITED, ""),
        BleakBluetoothNotAvailableReason.DENIED_BY_USER: (Cause.DENIED, _RIGHTS),
        BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM: (Cause.DENIED, _RIGHTS),
        BleakBluetoothNotAvailableReason.DENIED_BY_UNKNOWN: (Cause.DENIED, _RIGHTS),
    }
)


def not_opened(where: object, error: Exception) -> LinkNotOpenedError:
    """Why the link to `where` could not be made."""
    if isinstance(error, LinkNotOpenedError):
        return LinkNotOpenedError(f"cannot open {where}: {error}", cause=error.cause)
    cause, hint = _meaning(error)
    return LinkNotOpenedError(
        f"cannot open {where}: {words(error)}" + (f" ({hint})" if hint else ""), cause=cause
    )


def lost(where: object, error: Exception) -> LinkLostError:
    """How the link to `where` was lost by a call that failed."""
    return LinkLostError(f"{where} is lost: {words(error)}")


def words(error: Exception) -> str:
    """An error in words, also one that brings none."""
    if isinstance(error, BleakGATTProtocolError):
        code = error.code
        gone = ": the device is gone" if code is BleakGATTProtocolErrorCode.UNLIKELY_ERROR else ""
        return f"ATT error 0x{code:02X} {code.name.lower().replace('_', ' ')}{gone}"
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    return str(error) or type(error).__name__


def _meaning(error: Exception) -> tuple[Cause, str]:
    match error:
        case BleakDeviceNotFoundError():
            return Cause.ABSENT, ""
        case BleakBluetoothNotAvailableError():
            return _UNAVAILABLE.get(error.reason, (Cause.ABSENT, "is the dongle plugged in, and on?"))
        case BleakGATTProtocolError() if error.code in _SECURITY:
            return Cause.DENIED, _PAIR
        case BleakDBusError():
            return _bus_error(error.dbus_error, _text(error.args))
        case BusError():
            return _bus_error(error.name, error.text)
        case AuthError() | PermissionError():
            return Cause.DENIED, _RIGHTS
        case TimeoutError():
            return Cause.TIMEOUT, ""
        case OSError() | EOFError() | DBusFastError():
            return Cause.ABSENT, "is D-Bus running, and its socket within reach?"
        case _:
            return Cause.UNREACHABLE, ""


def _bus_error(name: str, text: str) -> tuple[Cause, str]:
    if name == "org.bluez.Error.Failed" and "Input/output" in text:
        return Cause.ABSENT, "the adapter is off or was pulled"
    return _BUS.get(name, (Cause.UNREACHABLE, ""))


def _text(args: tuple[Any, ...]) -> str:
    return str(args[1]) if len(args) > 1 else ""
