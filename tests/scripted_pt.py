"""A ZVT terminal that says what a test tells it to say, however odd, on a link in memory."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from drivers.contract import Link, LinkError, ReaderConfig, ReaderName
from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.memory import MemoryLink, pair
from drivers.readers.zvt import ZvtReader
from drivers.readers.zvt_options import setup_of
from drivers.zvt.apdu import Apdu, ApduReader
from tests.zvt_store import NAME, now

OK = "800000"
DONE = "060F00"
CUT, HANG_UP, SILENT = "cut", "hang up", "silent"

READY: Mapping[str, Sequence[str]] = {
    "0600": [OK, "060F0A19002952523535490978"],
    "0501": [OK, "060F0100"],
    "0620": [OK, "061E01FF"],
}
"""What a terminal says that is there and has no transaction yet."""


class ScriptedPt:
    """Answers each command by its script; the last script of a command is used again and again.

    A script is a list of APDUs in hex, or `CUT`, `HANG_UP`, `SILENT`; what is no answer waits for one.
    """

    def __init__(self, *scripts: Mapping[str, Sequence[str]], **options: str) -> None:
        self.scripts: dict[str, list[Sequence[str]]] = {}
        for script in (READY, *scripts):
            for command, said in script.items():
                self.scripts[command] = [said]
        self.heard: list[str] = []
        self.absent = False
        self.links: list[MemoryLink] = []
        link = {"link": "tcp://192.0.2.7", **options}
        self.setup = setup_of(ReaderConfig(ReaderName(NAME), "zvt", link))
        self.driver = ZvtReader(self.setup, self.connect, now=now)
        self._group = asyncio.TaskGroup()

    def then(self, command: str, *scripts: Sequence[str]) -> Self:
        """What it says the first time it hears this, the second time, and so on."""
        self.scripts[command] = list(scripts)
        return self

    async def connect(self) -> Link:
        if self.absent:
            raise LinkNotOpenedError("nobody there", cause=Cause.REFUSED)
        ours, theirs = pair("pt", "ecr")
        self.links.append(ours)
        self._group.create_task(self._serve(theirs), name="scripted terminal")
        return ours

    def sent(self, command: str) -> int:
        """How often it heard this."""
        return sum(1 for each in self.heard if each.startswith(command))

    async def heard_all(self) -> None:
        """Let it read what is on the wire."""
        await asyncio.sleep(0.001)

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.driver.close()
        await self._group.__aexit__(kind, error, trace)

    async def _serve(self, link: MemoryLink) -> None:
        reader, waiting = ApduReader(), []
        script: list[str] = []
        try:
            while data := await link.receive():
                waiting = reader.feed(data)
                for apdu in waiting:
                    script = self._next(apdu, script)
                    while script:
                        said = script.pop(0)
                        if said == CUT:
                            link.abort()
                            return
                        if said == HANG_UP:
                            await link.close()
                            return
                        if said == SILENT:
                            script.clear()
                            break
                        await link.send(bytes.fromhex(said))
                        if said[:2] not in {"80", "84"}:
                            break
        except LinkError:
            return

    def _next(self, apdu: Apdu, script: list[str]) -> list[str]:
        text = apdu.encode().hex().upper()
        self.heard.append(text)
        if text[:2] in {"80", "84"}:
            return script
        known = self.scripts.get(text[:4], [["848300"]])
        said = list(known.pop(0) if len(known) > 1 else known[0])
        # what interrupts a script leaves the rest of it
        return [*said, *script] if text[:4] == "06B0" else said


def status(body: str) -> str:
    """A 04 0F with these data."""
    return Apdu(0x040F, bytes.fromhex(body)).encode().hex().upper()


def approved(
    amount: int = 1200, *, receipt: int = 1, trace: int = 1, more: str = "", time: str = "174930"
) -> str:
    """An approved 04 0F as most terminals send it."""
    return status(
        f"270004{amount:012}0B{trace:06}0C{time}0D030817000122F0F8EEEEEEEEEEEE57262952523535"
        f"49097887{receipt:04}88{trace:06}8A05{more}"
    )
