"""What will happen later: a heap of happenings, carried out in the order of their time."""

import heapq
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Happening:
    """At `at` (Unix seconds) `name` happens to an object, if its turn is still `turn`."""

    at: float
    seq: int
    name: str
    account: str
    target: str
    turn: int = 0
    note: str = ""


class Agenda:
    """Happenings by time, then by the order they were planned in."""

    def __init__(self) -> None:
        self._heap: list[Happening] = []
        self.changes: dict[int, Happening | None] = {}
        """What was planned and what is over since the state file was written."""

    def add(self, happening: Happening) -> None:
        """Plan one."""
        heapq.heappush(self._heap, happening)
        self.changes[happening.seq] = happening

    def due(self, now: float) -> Happening | None:
        """Take the earliest whose time has come."""
        if self._heap and self._heap[0].at <= now:
            happening = heapq.heappop(self._heap)
            self.changes[happening.seq] = None
            return happening
        return None

    def next_at(self) -> float | None:
        """When the earliest is due."""
        return self._heap[0].at if self._heap else None

    def __len__(self) -> int:
        return len(self._heap)
