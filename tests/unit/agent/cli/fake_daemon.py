"""A daemon that answers what a test tells it to, and remembers what it was asked."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.cli import daemon
from agent.cli.daemon import Document

Answer = Document | Exception | Callable[[], Awaitable[Document]]


def nobody(text: str) -> None:
    """Hears every step and says nothing."""
    del text


@dataclass
class FakeDaemon:
    """Answers by method and path; the last answer for a path is given again and again."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def expect(self, call: str, *answers: Answer) -> None:
        """What `GET /v1/x` or `POST /v1/x` gives, time after time."""
        self.answers[call] = list(answers)

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, wait_s: float = 0) -> Document:
        wanted = {name: value for name, value in (query or {}).items() if value}
        return await self._answer(f"GET {path}", {**wanted, **({"wait_s": wait_s} if wait_s else {})})

    async def post(self, path: str, body: Mapping[str, Any]) -> Document:
        return await self._answer(f"POST {path}", dict(body))

    async def _answer(self, call: str, said: Any) -> Document:
        self.asked.append((call, said))
        answers = self.answers[call]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return await answer() if callable(answer) else answer


def running(monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    """A fake daemon in the place of the real one."""
    fake = FakeDaemon()

    @asynccontextmanager
    async def connect(settings: object = None) -> AsyncIterator[FakeDaemon]:
        del settings
        yield fake

    monkeypatch.setattr(daemon, "connect", connect)
    return fake


def session(state: str = "in_flight", **changes: Any) -> Document:
    """A session as the daemon shows it."""
    return {
        "id": "ses_1",
        "pos_key": "k1",
        "till": "operator",
        "reader": "till-1",
        "kind": "payment",
        "state": state,
        "seq": 3,
        "amount": 1250,
        "currency": "eur",
        "progress": None,
        "verdict": None,
        "references": {},
        "card": None,
        "created_at": "2026-01-31T09:00:00.000Z",
        "updated_at": "2026-01-31T09:00:01.000Z",
        **changes,
    }
