"""QEMU's own control socket (QMP): one command at a time, and the events in between."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self


class QmpError(Exception):
    """QEMU refused a command; the message is its own."""


class Qmp:
    """A connection. Use: `await Qmp.connect(path)`, then `await ask(...)`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.events: list[dict[str, Any]] = []

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """Connect to QEMU's socket and say hello."""
        reader, writer = await asyncio.open_unix_connection(path)
        qmp = cls(reader, writer)
        await qmp._answer()
        await qmp.ask("qmp_capabilities")
        return qmp

    async def ask(self, command: str, **given: Any) -> Any:
        """Carry out a command (underscores for its hyphens in arguments); what it returns."""
        arguments = {name.replace("_", "-"): value for name, value in given.items()}
        self._writer.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        await self._writer.drain()
        while True:
            answer = await self._answer()
            if "error" in answer:
                raise QmpError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    async def happened(self, event: str) -> Mapping[str, Any]:
        """Wait for an event; one that came before counts, once."""
        while True:
            for seen in self.events:
                if seen["event"] == event:
                    self.events.remove(seen)
                    return seen
            await self._answer()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def _answer(self) -> dict[str, Any]:
        line = await self._reader.readline()
        if not line:
            raise QmpError("QEMU is gone")
        answer: dict[str, Any] = json.loads(line)
        if "event" in answer:
            self.events.append(answer)
        return answer
