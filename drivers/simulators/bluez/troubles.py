"""The named troubles of `--radio NAME[=ARG]`: what happens to Bluetooth itself, beside what a line does."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import TypeAlias

from drivers.simulators.ble_peripheral import UNLIKELY_ERROR, Peripheral
from drivers.simulators.bluez.service import SimulatedBluez

AWAY_S = 3.0
"""How long something is gone that comes back."""


class TroubleError(ValueError):
    """A trouble nobody knows, or one with an argument that makes no sense."""


Act: TypeAlias = Callable[[SimulatedBluez, Peripheral], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One entry: it happens every so many seconds (`every`), or so many times at once."""

    name: str
    summary: str
    default: float
    act: Act
    every: bool = True


async def _lose(bluez: SimulatedBluez, peripheral: Peripheral) -> None:
    bluez.lose(peripheral.address)


async def _go_away(bluez: SimulatedBluez, peripheral: Peripheral) -> None:
    del bluez
    peripheral.vanish()
    await asyncio.sleep(AWAY_S)
    peripheral.appear()


async def _crash(bluez: SimulatedBluez, peripheral: Peripheral) -> None:
    del peripheral
    await bluez.crash()
    await asyncio.sleep(AWAY_S)
    await bluez.start()


async def _restart(bluez: SimulatedBluez, peripheral: Peripheral) -> None:
    del peripheral
    await bluez.stop()
    await asyncio.sleep(AWAY_S)
    await bluez.start()


async def _hang(bluez: SimulatedBluez, peripheral: Peripheral) -> None:
    del peripheral
    bluez.hang()
    await asyncio.sleep(AWAY_S)
    bluez.resume()


async def _switch_off(bluez: SimulatedBluez, peripheral: Peripheral) -> None:
    del peripheral
    bluez.power("hci0", on=False)
    await asyncio.sleep(AWAY_S)
    bluez.power("hci0", on=True)


async def _unplug(bluez: SimulatedBluez, peripheral: Peripheral) -> None:
    del peripheral
    dongle = bluez.unplug("hci0")
    await asyncio.sleep(AWAY_S)
    bluez.plug(dongle)


async def _forget(bluez: SimulatedBluez, peripheral: Peripheral) -> None:
    bluez.remove(peripheral.address)


async def _abort(bluez: SimulatedBluez, peripheral: Peripheral) -> None:
    bluez.mishaps[peripheral.address].aborts += 1


async def _fail_a_write(bluez: SimulatedBluez, peripheral: Peripheral) -> None:
    bluez.mishaps[peripheral.address].writing.append(UNLIKELY_ERROR)


_LIST = (
    Trouble("lost", "the link is lost and the device advertises again; every ARG seconds", 30, _lose),
    Trouble("away", "the device is out of range for 3 s; every ARG seconds", 30, _go_away),
    Trouble("crash", "bluetoothd is killed and comes back after 3 s; every ARG seconds", 60, _crash),
    Trouble("restart", "bluetoothd is restarted in good order; every ARG seconds", 60, _restart),
    Trouble("hang", "bluetoothd answers nothing for 3 s; every ARG seconds", 60, _hang),
    Trouble("off", "the adapter is off for 3 s; every ARG seconds", 60, _switch_off),
    Trouble("unplugged", "the adapter is pulled for 3 s; every ARG seconds", 60, _unplug),
    Trouble("forgotten", "BlueZ forgets the device; every ARG seconds", 60, _forget),
    Trouble("abort", "interference: so many tries to connect are aborted", 1, _abort, every=False),
    Trouble("att-error", "so many writes fail with ATT error 0x0E", 1, _fail_a_write, every=False),
)

TROUBLES: Mapping[str, Trouble] = MappingProxyType({trouble.name: trouble for trouble in _LIST})
"""The list, by name."""


def troubles_of(texts: list[str]) -> list[tuple[Trouble, float]]:
    """Troubles written as NAME or NAME=NUMBER, each with its number. Errors: `TroubleError`."""
    return [_trouble(text) for text in texts]


def _trouble(text: str) -> tuple[Trouble, float]:
    name, equals, argument = text.partition("=")
    trouble = TROUBLES.get(name)
    if trouble is None:
        close = get_close_matches(name, TROUBLES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(TROUBLES)}"
        raise TroubleError(f"unknown radio trouble {name!r}; {hint}")
    try:
        value = float(argument) if equals else trouble.default
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise TroubleError(f"{name}={argument}: the argument is a number above 0: {trouble.summary}")
    return trouble, value


async def befall(bluez: SimulatedBluez, peripheral: Peripheral, trouble: Trouble, value: float) -> None:
    """Let it happen: so many times now, or every so many seconds until cancelled."""
    if not trouble.every:
        for _ in range(int(value)):
            await trouble.act(bluez, peripheral)
        return
    while True:
        await asyncio.sleep(value)
        await trouble.act(bluez, peripheral)
