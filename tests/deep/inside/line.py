"""The line to the host: one JSON object a line, written at once."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Line:
    """What is said has left the machine's memory when `say` returns, as far as a machine can know."""

    def __init__(self, port: Path) -> None:
        self._fd = os.open(port, os.O_RDWR | os.O_CLOEXEC)
        self._rest = b""

    def say(self, **what: Any) -> None:
        """Tell the host."""
        data = json.dumps(what).encode() + b"\n"
        while data:
            data = data[os.write(self._fd, data) :]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """What the host asks, one after the other."""
        while True:
            while b"\n" not in self._rest:
                self._rest += os.read(self._fd, 65536)
            line, _, self._rest = self._rest.partition(b"\n")
            yield json.loads(line)
