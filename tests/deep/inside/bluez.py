"""The gateway's side of real Bluetooth: sales over BlueZ and the kernel, while everything between breaks."""

import asyncio
import gc
import json
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from drivers.links.ble import BleLink
from tests.deep.inside.line import Line
from tests.deep.inside.radio import ADDRESS
from tests.deep.inside.zvt_shop import ZvtShop

FOLDER = Path("/srv/bluez")
READER = "till-1"

AWAY_S = 2.0
"""How long what broke stays broken."""

_log = logging.getLogger(__name__)

IDLE = "idle"
MOMENTS = (IDLE, "waiting_for_card", "authorizing")
"""When it breaks: before a sale, which then begins as soon as it is mended, or at a word of one under way."""

CUSTOMER = {"comes_after_s": 1.0, "pin_after_s": 0.3, "leaves_card_s": 0.1}


class Heard:
    """What each of our links was asked to send, and what it delivered."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.confirmed = 0
        self.received = bytearray()


class Wiretap:
    """Listens between the link and the protocol, for all links that are made from now on."""

    def __init__(self) -> None:
        self.links: dict[int, Heard] = {}
        self._kept: list[BleLink] = []  # so that no number is used twice
        send, receive = BleLink.send, BleLink.receive

        async def tapped_send(link: BleLink, data: bytes) -> None:
            heard = self._of(link)
            heard.sent += data
            await send(link, data)
            heard.confirmed = len(heard.sent)

        async def tapped_receive(link: BleLink) -> bytes:
            data = await receive(link)
            self._of(link).received += data
            return data

        setattr(BleLink, "send", tapped_send)  # noqa: B010  # mypy forbids the plain way, and is right
        setattr(BleLink, "receive", tapped_receive)  # noqa: B010  # as above

    def _of(self, link: BleLink) -> Heard:
        if id(link) not in self.links:
            self._kept.append(link)
        return self.links.setdefault(id(link), Heard())


class Radio:
    """The surroundings' process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, what: str, **given: Any) -> Any:
        """One command; what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, "given": given}).encode() + b"\n")
        line = await self._process.stdout.readline()
        return json.loads(line)["result"]


def store(line: Line, *, causes: list[str], cycles: int, seed: int) -> None:
    """Break things `cycles` times and tell of each; then tell what went over the links."""
    subprocess.run(["modprobe", "hci_vhci"], check=True)
    asyncio.run(_store(line, causes, cycles, random.Random(seed)))


async def _store(line: Line, causes: list[str], cycles: int, chance: random.Random) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.deep.inside.radio",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    try:
        radio = Radio(process)
        await radio.do("customer", **CUSTOMER)
        await radio.do("plug")
        tap = Wiretap()
        async with ZvtShop(FOLDER, {READER: f"ble://{ADDRESS}"}).open() as shop:
            began = time.monotonic()
            ready = await within(120, shop.ready(READER), shop)
            line.say(first=ready - began)
            store = Trial(shop, radio, chance)
            await store.sale()
            for number in range(cycles):
                line.say(cycle=await store.cycle(causes[number % len(causes)]))
            await within(60, shop.ready(READER), shop)
            line.say(
                ours=[
                    [bytes(each.sent).hex(), each.confirmed, bytes(each.received).hex()]
                    for each in tap.links.values()
                ],
                theirs=await radio.do("transcripts"),
            )
    finally:
        process.kill()
        await process.communicate()


class Trial:
    """One sale after the other, with something that breaks in each."""

    def __init__(self, shop: ZvtShop, radio: Radio, chance: random.Random) -> None:
        self._shop = shop
        self._radio = radio
        self._chance = chance
        self._number = 0
        self._captured = 0
        self._breaks: Mapping[str, Callable[[], Coroutine[None, None, float]]] = {
            "out of range": self._out_of_range,
            "bluetoothd killed": self._bluetoothd_killed,
            "adapter off and on": self._adapter_off_and_on,
            "dongle pulled": self._dongle_pulled,
            "peripheral rebooted": self._peripheral_rebooted,
        }

    async def sale(self) -> dict[str, Any]:
        """A sale to its end."""
        self._number += 1
        session = await self._shop.sell(READER, f"k{self._number}")
        self._captured += session["captured"]
        return session

    async def cycle(self, cause: str) -> dict[str, Any]:
        """Break something in or before a sale; how long it took until the terminal answered."""
        shop = self._shop
        moment = self._chance.choice(MOMENTS)
        _log.info("next: %s, while %s", cause, moment)
        breaks = self._breaks[cause]
        again = 0
        if moment == IDLE:
            mended = await breaks()
            back, state, again = await within(90, self._sold_again(), shop)
        else:
            async with asyncio.TaskGroup() as group:
                sale = group.create_task(self.sale(), name="sale")
                await within(60, shop.progress(READER, moment), shop)
                broken = group.create_task(breaks(), name=cause)
                await within(60, shop.unlinked(READER), shop)
                mended = await broken
                back = await within(90, shop.linked(READER), shop)
                state = (await within(120, sale, shop))["state"]
        await within(60, shop.ready(READER), shop)
        gc.collect()
        return {
            "cause": cause,
            "moment": moment,
            "back_s": max(0.0, back - mended),
            "sale": state,
            "again": again,
            "books": [self._captured, await self._radio.do("ledger")],
            "descriptors": _descriptors(),
            "resident_kib": _resident_kib(),
        }

    async def _sold_again(self) -> tuple[float, str, int]:
        """Sell as a cashier does; when the terminal asked for a card, and how often it was tried again."""
        again = 0
        while True:
            async with asyncio.TaskGroup() as group:
                sale = group.create_task(self.sale(), name="sale")
                asked = group.create_task(self._shop.progress(READER, "waiting_for_card"), name="prompt")
                await asyncio.wait({sale, asked}, return_when=asyncio.FIRST_COMPLETED)
                state = (await sale)["state"]
                if asked.done():
                    return await asked, state, again
                asked.cancel()
            again += 1

    # -- what breaks; each returns when it works again ---------------------------------------------------

    async def _out_of_range(self) -> float:
        await self._radio.do("out_of_range", seconds=AWAY_S)
        return time.monotonic()

    async def _bluetoothd_killed(self) -> float:
        """Nobody starts it again but D-Bus, when somebody asks for it."""
        await _run("systemctl", "kill", "--signal=KILL", "bluetooth.service")
        return time.monotonic()

    async def _adapter_off_and_on(self) -> float:
        await _run("bluetoothctl", "power", "off")
        await asyncio.sleep(AWAY_S)
        await _run("bluetoothctl", "power", "on")
        return time.monotonic()

    async def _dongle_pulled(self) -> float:
        await self._radio.do("pull")
        await asyncio.sleep(AWAY_S)
        await self._radio.do("plug")
        return time.monotonic()

    async def _peripheral_rebooted(self) -> float:
        await self._radio.do("reboot", seconds=AWAY_S)
        return time.monotonic()


async def within(seconds: float, what: Awaitable[Any], shop: ZvtShop) -> Any:
    """Wait for it, but not for ever; what is wrong is said with how the reader stands."""
    try:
        async with asyncio.timeout(seconds):
            return await what
    except TimeoutError:
        raise TimeoutError(f"not within {seconds} s: {await shop.describe(READER)}") from None


async def _run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL)
    await process.wait()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
