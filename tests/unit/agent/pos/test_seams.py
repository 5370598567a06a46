"""What is handed to the door fits the shapes it asks for."""

from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from agent.payments import desk as payments
from agent.payments.journal import Journal
from agent.pos.http import make_app
from agent.pos.listening import on_tcp
from agent.pos.metrics import Metrics
from agent.pos.seams import Desk, Tills, TokenIssuer
from agent.pos.tills import TillRegistry
from tests.unit.agent.pos.conftest import SALE, FakeIssuer
from tests.unit.agent.pos.fake_desk import FakeDesk


def test_our_parts_have_the_shapes_the_door_asks_for(tmp_path: Path) -> None:
    tills: Tills = TillRegistry(tmp_path / "tills.json")
    desk: Desk = FakeDesk()
    issuer: TokenIssuer = FakeIssuer()

    assert tills.authenticate("tg_x") is None
    assert [reader.name for reader in desk.readers()] == ["till-1"]
    assert issuer.issue is not None


@pytest.mark.real_time
async def test_the_real_desk_behind_the_door(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db", now=lambda: datetime.now(UTC))
    desk: Desk = payments.Desk(journal, now=lambda: datetime.now(UTC))
    app = make_app(
        desk,
        TillRegistry(tmp_path / "tills.json"),
        None,
        lambda: {"status": "ok"},
        Metrics(),
        operator=True,
    )
    calls = [
        ("POST", "/v1/sessions", SALE, 404, "reader_not_found"),
        ("POST", "/v1/sessions", {**SALE, "retry_of": "ses_1"}, 404, "reader_not_found"),
        ("GET", "/v1/sessions/ses_1?wait=5", None, 404, "session_not_found"),
        ("GET", "/v1/sessions/ses_1/events", None, 404, "session_not_found"),
        ("GET", "/v1/sessions/ses_1/timeline", None, 404, "session_not_found"),
        ("POST", "/v1/sessions/ses_1/cancel", {}, 404, "session_not_found"),
        ("POST", "/v1/sessions/ses_1/capture", {"amount": 5}, 404, "session_not_found"),
        ("POST", "/v1/sessions/ses_1/refund", {"pos_key": "b1"}, 404, "session_not_found"),
        ("GET", "/v1/readers/till-1", None, 404, "reader_not_found"),
        ("GET", "/v1/sessions?state=paid&since=2026-01-05T00:00:00Z&pos_key=k1&reader=r", None, 200, None),
        ("GET", "/v1/readers", None, 200, None),
    ]
    try:
        async with on_tcp(app, "127.0.0.1", 0) as port, aiohttp.ClientSession() as client:
            for method, path, body, status, code in calls:
                url = f"http://127.0.0.1:{port}{path}"
                async with client.request(method, url, json=body) as response:
                    told = await response.json()
                    assert (response.status, told.get("error", {}).get("code")) == (status, code), path
    finally:
        journal.close()
