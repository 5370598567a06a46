"""The inner side of the plugged and pulled serial port: a store whose terminal is behind a USB adapter."""

import asyncio
import os
from pathlib import Path
from typing import Any

from tests.deep.inside.line import Line
from tests.deep.inside.service import Calls, serve, when
from tests.deep.inside.zvt_shop import ZvtShop

FOLDER = Path("/srv/usb")


def store(line: Line, *, links: dict[str, str]) -> None:
    """Run the store until the host lets go."""
    asyncio.run(_store(line, links))


async def _store(line: Line, links: dict[str, str]) -> None:
    async with ZvtShop(FOLDER, links).open() as shop:
        port = Port()
        calls: Calls = {
            "there": port.there,
            "away": port.away,
            "hold": port.hold,
            "let_go": port.let_go,
            "sell": shop.sell,
            "progress": shop.progress,
            "ready": shop.ready,
            "linked": shop.linked,
            "unlinked": shop.unlinked,
            "describe": shop.describe,
        }
        await serve(line, calls)


class Port:
    """A device node, seen by another program than the gateway."""

    def __init__(self) -> None:
        self._kept: list[int] = []

    async def there(self, path: str) -> dict[str, Any]:
        """Wait until a port is there: when that was, and which device it is."""
        return {"at": await when(Path(path).exists), "device": _device(path)}

    async def away(self, path: str) -> float:
        """Wait until it is gone; when that was."""
        return await when(lambda: not Path(path).exists())

    async def hold(self, path: str) -> None:
        """Keep the device open, so that its name is not free when it goes."""
        self._kept.append(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))

    async def let_go(self) -> None:
        """Close what `hold` opened."""
        while self._kept:
            os.close(self._kept.pop())


def _device(path: str) -> str:
    return str(Path(path).resolve())
