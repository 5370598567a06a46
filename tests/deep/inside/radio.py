"""The store's surroundings as a process of its own: the virtual radio, and a terminal on it."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

from drivers.contract import Link
from drivers.links.ble_profiles import PROFILES
from drivers.simulators.ble_uart import UartListener, UartPeripheral
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.profiles import PROFILES as KINDS
from drivers.simulators.zvt_terminal.terminal import Terminal
from tests.deep.inside.air import Air, OnAir

ADDRESS = "F0:00:5E:00:53:C1"
NAME = "pt-1"


class Transcript:
    """A link that keeps what went over it; hexadecimal, so that it can be told."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.sent = bytearray()
        self.received = bytearray()

    async def send(self, data: bytes) -> None:
        """As in `Link`; what was tried counts."""
        self.sent += data
        await self._link.send(data)

    async def receive(self) -> bytes:
        """As in `Link`."""
        data = await self._link.receive()
        self.received += data
        return data

    async def close(self) -> None:
        """As in `Link`."""
        await self._link.close()


class Surroundings:
    """Does what the lines on stdin ask for."""

    def __init__(self) -> None:
        self.air = Air()
        self.model = UartPeripheral(ADDRESS, NAME, PROFILES["nus"])
        self.listener = UartListener(self.model)
        self.terminal = Terminal(KINDS["standard"], clock=lambda: datetime.now(UTC))
        self.on_air = OnAir(self.air, self.model)
        self.transcripts: list[Transcript] = []

    async def host(self) -> None:
        """Be the terminal for whoever connects."""
        async with asyncio.TaskGroup() as group:
            while True:
                transcript = Transcript(await self.listener.accept())
                self.transcripts.append(transcript)
                group.create_task(self.terminal.host(transcript, serial=True), name="the bridge's line")

    async def do(self, what: str, given: dict[str, Any]) -> Any:
        """One command; what comes of it."""
        match what:
            case "plug":
                await self.air.plug()
                await self.listener.open()
            case "pull":
                await self.air.pull()
            case "out_of_range":
                await self.on_air.silent_for(given["seconds"])
            case "reboot":
                await self.on_air.reboot(given["seconds"])
            case "customer":
                self.terminal.device.usual = Customer(**given)
            case "ledger":
                return sum(entry["money"] for entry in self.terminal.ledger())
            case "transcripts":
                return [[each.sent.hex(), each.received.hex()] for each in self.transcripts]
            case _:
                raise ValueError(what)
        return None


async def run() -> None:
    """Serve until stdin ends."""
    surroundings = Surroundings()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(surroundings.on_air.run(), name="peripheral"),
            group.create_task(surroundings.host(), name="terminal"),
        ]
        while line := await reader.readline():
            asked = json.loads(line)
            result = await surroundings.do(asked["do"], asked["given"])
            print(json.dumps({"result": result}), flush=True)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(run())
