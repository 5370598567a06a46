"""Stands at the way out: what could move money must be in the journal's file before it leaves."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

from agent.chaos.journal import Peephole

_PROCESS = re.compile(r"/v1/terminal/readers/[^/]+/process_payment_intent$")
_CAPTURE = re.compile(r"/v1/payment_intents/([^/]+)/capture$")
_REFUNDS = "/v1/refunds"

MONEY_COMMANDS = frozenset({b"\x06\x01", b"\x06\x22", b"\x06\x30", b"\x06\x31"})
"""Payment, pre-authorisation, reversal, refund (PA00P015 chapters 2.2, 2.8, 2.10, 2.14)."""

_FRAME = b"\x10\x02"

Blame = Callable[[str], None]


class Sentry:
    """Hears of all that leaves the gateway, and blames what was not written down before."""

    def __init__(self, path: Path, blame: Blame) -> None:
        self._path = path
        self._blame = blame
        self._hole: Peephole | None = None

    def forget(self) -> None:
        """The file is another one now: a new life began."""
        if self._hole is not None:
            self._hole.close()
            self._hole = None

    def request(self, method: str, path: str, body: bytes) -> None:
        """A request leaves for Stripe."""
        if method != "POST":
            return
        route = path.partition("?")[0]
        captured = _CAPTURE.search(route)
        if captured is not None:
            self._check(self._look().promised(captured.group(1), settlement="capture"), f"{method} {route}")
        elif _PROCESS.search(route) is not None:
            intent = parse_qs(body.decode())["payment_intent"][0]
            self._check(self._look().promised(intent), f"{method} {route} of {intent}")
        elif route == _REFUNDS:
            session = parse_qs(body.decode()).get("metadata[tillgate_session]", [""])[0]
            self._check(self._look().attempted(session), f"{method} {route} of {session}")

    def bytes_leave(self, reader: str, data: bytes) -> None:
        """Bytes leave for a terminal."""
        start = 2 if data[:2] == _FRAME else 0
        if data[start : start + 2] in MONEY_COMMANDS:
            self._check(self._look().attempted_at(reader), f"{data[start : start + 2].hex()} to {reader}")

    def _look(self) -> Peephole:
        if self._hole is None:
            self._hole = Peephole(self._path)
        return self._hole

    def _check(self, written: bool, what: str) -> None:
        if not written:
            self._blame(f"{what} leaves and is not in the journal")
