"""What a gateway said before its machine died, held against what its disk remembers."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.payments.errors import UnknownSessionError
from agent.payments.journal import Journal
from agent.payments.machine import fold


@dataclass
class Witness:
    """All that was heard: events that the journal called stored, and what tills were told."""

    stored: dict[tuple[str, int], str] = field(default_factory=dict)
    told: dict[tuple[str, int], str] = field(default_factory=dict)
    _lines: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)

    def hear(self, said: Mapping[str, Any], at: int) -> None:
        """One line of the inner side, and the size of the disk's log when it was heard."""
        self._lines.append((at, said))
        for session, seq, kind in said.get("stored", ()):
            self.stored[session, seq] = kind
        if "told" in said:
            session, seq, state = said["told"]
            self.told[session, seq] = state

    def until(self, size: int) -> "Witness":
        """What had been heard when the disk's log was no larger."""
        earlier = Witness()
        for at, said in self._lines:
            if at <= size:
                earlier.hear(said, at)
        return earlier

    def missing_in(self, path: Path) -> list[str]:
        """What a restarted gateway does not find in its journal, which must be sound in any case."""
        missing = []
        with closing(Journal(path, now=lambda: datetime.now(UTC), inline=True)) as journal:
            list(journal.unsettled())
            histories = {session: self._history(journal, session) for session, _ in self.stored | self.told}
        for (session, seq), kind in self.stored.items():
            events = histories[session]
            if len(events) < seq or str(events[seq - 1].kind) != kind:
                missing.append(f"{session} {seq} {kind}")
        for (session, seq), state in self.told.items():
            events = histories[session]
            if len(events) < seq or fold(events[:seq]).state != state:
                missing.append(f"{session} {seq} told {state}")
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        return missing

    def _history(self, journal: Journal, session: str) -> Any:
        try:
            events = journal.history(session)
        except UnknownSessionError:
            return []
        fold(events)
        return events
