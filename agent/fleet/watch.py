"""Notices that the fleet files have changed: a few stats every other second, no more."""

import asyncio
from collections.abc import Callable
from typing import Final

from agent.fleet.sources import Source

EVERY_S: Final = 2.0
"""How often the files are looked at. A change counts at the second look that sees the same: within 4 s."""


class FileWatch:
    """Calls `changed` after each change of what a source says, once it is at rest.

    An admin's copy of many files must not be taken for what is wanted while it is half done.
    """

    def __init__(self, source: Source, changed: Callable[[], None]) -> None:
        self._source = source
        self._changed = changed

    async def run(self) -> None:
        """Watch until canceled."""
        told = before = self._source.read()
        while True:
            await asyncio.sleep(EVERY_S)
            now = self._source.read()
            # The same object stands for the same files: a secret may differ where nothing else does.
            if now is before and now is not told:
                told = now
                self._changed()
            before = now
