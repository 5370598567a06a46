"""The journal's file as plain SQL sees it."""

from datetime import UTC, datetime
from pathlib import Path

from agent.chaos.journal import Peephole, read
from agent.payments.journal import Journal
from agent.payments.model import EventKind, Order, PosKey, TillName
from drivers.contract import Money, ReaderName

AT = datetime(2026, 1, 5, tzinfo=UTC)


async def test_sessions_and_events_are_read_as_they_are_stored(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    assert read(path) == {}
    journal = Journal(path, now=lambda: AT, inline=True)
    order = Order(TillName("t"), PosKey("s1"), ReaderName("r"), Money(100, "eur"))
    session = await journal.open_session(order)
    hole = Peephole(path)
    assert not hole.attempted(session.id)
    assert not hole.attempted_at("r")
    await journal.record(session.id, EventKind.STARTED, {"driver": "x", "options": {}})
    await journal.record(session.id, EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"})
    assert not hole.promised("pi_1")
    await journal.record(session.id, EventKind.ATTEMPT, {"operation": "process", "number": 1})
    assert hole.promised("pi_1")
    assert hole.attempted(session.id)
    assert hole.attempted_at("r")
    assert not hole.promised("pi_1", settlement="capture")
    await journal.record(session.id, EventKind.CONCLUDED, {"verdict": "authorized", "amount_authorized": 100})
    await journal.record(session.id, EventKind.SETTLING, {"settlement": "capture"})
    assert hole.promised("pi_1", settlement="capture")
    hole.close()
    kept = read(path)[session.id]
    assert (kept.key, kept.state, kept.amount, kept.settling) == ("s1", "authorized", 100, 1)
    assert [each.seq for each in kept.events] == [1, 2, 3, 4, 5, 6]
    assert kept.last("concluded") == {"verdict": "authorized", "amount_authorized": 100}
    assert kept.last("ruled") is None
    assert kept.has("settling")
    journal.close()
