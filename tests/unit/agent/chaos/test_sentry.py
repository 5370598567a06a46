"""Nothing that could move money passes unwritten."""

from datetime import UTC, datetime
from pathlib import Path

from agent.chaos.sentry import Sentry
from agent.payments.journal import Journal
from agent.payments.model import EventKind, Order, PosKey, TillName
from drivers.contract import Money, ReaderName

AT = datetime(2026, 1, 5, tzinfo=UTC)
PROCESS = "/v1/terminal/readers/tmr_1/process_payment_intent"


async def test_what_was_not_written_is_blamed_and_what_was_is_not(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = Journal(path, now=lambda: AT, inline=True)
    order = Order(TillName("t"), PosKey("s1"), ReaderName("zvt-1"), Money(100, "eur"))
    session = await journal.open_session(order)
    await journal.record(session.id, EventKind.STARTED, {"driver": "x", "options": {}})
    await journal.record(session.id, EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"})
    blamed: list[str] = []
    sentry = Sentry(path, blamed.append)

    def all_of_it() -> None:
        sentry.request("POST", PROCESS, b"payment_intent=pi_1&expand[0]=action")
        sentry.request("POST", "/v1/refunds?x=1", f"metadata[tillgate_session]={session.id}".encode())
        sentry.bytes_leave("zvt-1", b"\x06\x01\x07")
        sentry.bytes_leave("zvt-1", b"\x10\x02\x06\x31\x07")

    sentry.request("GET", PROCESS, b"")
    sentry.request("POST", "/v1/payment_intents", b"amount=1")
    sentry.bytes_leave("zvt-1", b"\x06\x00\x00")
    assert blamed == []
    all_of_it()
    sentry.request("POST", "/v1/payment_intents/pi_1/capture", b"")
    assert len(blamed) == 5
    assert all("is not in the journal" in each for each in blamed)
    blamed.clear()
    await journal.record(session.id, EventKind.ATTEMPT, {"operation": "process", "number": 1})
    await journal.record(session.id, EventKind.SETTLING, {"settlement": "capture"})
    sentry.forget()
    all_of_it()
    sentry.request("POST", "/v1/payment_intents/pi_1/capture", b"")
    assert blamed == []
    sentry.forget()
    sentry.forget()
    journal.close()
