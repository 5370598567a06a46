"""`tillgate sessions` and `tillgate session ...`."""

import json
from typing import Any

import pytest

from agent import cli
from tests.unit.agent.cli.fake_daemon import FakeDaemon, running, session


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    return running(monkeypatch)


def page(*found: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": list(found), "has_more": more}


def test_the_list_as_a_table(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = {"code": "card_declined", "message": "no"}
    daemon.expect("GET /v1/sessions", page(session("paid"), session("declined", verdict=verdict)))
    assert cli.main(["sessions"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "CREATED",
        "AT",
        "ID",
        "READER",
        "KIND",
        "AMOUNT",
        "CURRENCY",
        "STATE",
        "REASON",
        "POS",
        "KEY",
    ]
    assert lines[1].split()[-2:] == ["paid", "k1"]
    assert lines[2].split()[-3:] == ["declined", "no", "k1"]
    assert daemon.asked == [("GET /v1/sessions", {"limit": "20"})]


def test_pages_are_turned_until_there_are_enough(
    daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    full = [session("paid", id=f"ses_{number}") for number in range(100)]
    daemon.expect("GET /v1/sessions", page(*full, more=True), page(session("paid", id="last"), more=True))
    line = [
        "sessions",
        "--limit",
        "101",
        "--state",
        "paid",
        "--reader",
        "r",
        "--pos-key",
        "k",
        "--since",
        "2026-01-01T00:00:00Z",
        "-o",
        "json",
    ]
    assert cli.main(line) == 0
    assert len(json.loads(capsys.readouterr().out)) == 101
    first, second = (said for _, said in daemon.asked)
    assert first == {
        "state": "paid",
        "reader": "r",
        "pos_key": "k",
        "since": "2026-01-01T00:00:00Z",
        "limit": "100",
    }
    assert (second["limit"], second["starting_after"]) == ("1", "ses_99")


def test_no_sessions_is_said_on_stderr(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.expect("GET /v1/sessions", page(more=True))
    assert cli.main(["sessions"]) == 0
    assert capsys.readouterr().err == "no sessions\n"


def test_show(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.expect("GET /v1/sessions/ses_1", session("paid"))
    assert cli.main(["session", "show", "ses_1", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == session("paid")


def test_cancel_waits_for_what_became_of_it(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.expect("POST /v1/sessions/ses_1/cancel", session())
    daemon.expect("GET /v1/sessions/ses_1", session("canceled"))
    assert cli.main(["session", "cancel", "ses_1"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "ses_1  1250 eur  canceled\n"
    assert captured.err == "till-1: under way\n"
    assert cli.main(["session", "cancel", "ses_1", "--no-wait", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "in_flight"


def test_capture(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.expect("POST /v1/sessions/ses_1/capture", session("paid"), session("authorized"))
    assert cli.main(["session", "capture", "ses_1", "--amount", "1000"]) == 0
    assert cli.main(["session", "capture", "ses_1"]) == 1
    assert [said for _, said in daemon.asked] == [{"amount": 1000}, {}]
    assert capsys.readouterr().out.splitlines() == ["ses_1  1250 eur  paid", "ses_1  1250 eur  authorized"]


def test_refund(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.expect("POST /v1/sessions/ses_1/refund", session(id="ses_2"), session("failed", id="ses_2"))
    daemon.expect("GET /v1/sessions/ses_2", session("paid", id="ses_2", kind="refund"))
    assert cli.main(["session", "refund", "ses_1", "--amount", "50", "--pos-key", "mine"]) == 0
    assert cli.main(["session", "refund", "ses_1"]) == 1
    assert capsys.readouterr().out.startswith("ses_2  refund of 1250 eur  paid\n")
    said = [said for call, said in daemon.asked if call.startswith("POST")]
    assert said[0] == {"amount": 50, "pos_key": "mine"}
    assert list(said[1]) == ["pos_key"]
    assert said[1]["pos_key"].startswith("cli-")


def test_explain(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    events = [{"seq": 1, "kind": "started", "at": "2026-01-31T09:00:00.000Z", "facts": {}}]
    daemon.expect("GET /v1/sessions/ses_1", session("paid"))
    daemon.expect("GET /v1/sessions/ses_1/timeline", page(*events))
    assert cli.main(["session", "explain", "ses_1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ses_1  payment of 1250 eur on till-1: paid"
    assert "handed to the reader" in lines[1]
    assert cli.main(["session", "explain", "ses_1", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"session": session("paid"), "timeline": events}


def test_resolve_passes_the_operators_word_on(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.expect("POST /v1/sessions/ses_1/resolve", session("paid"), session("failed"))
    line = ["session", "resolve", "ses_1", "--as", "paid", "--because", "receipt 0042"]
    assert cli.main([*line, "--amount", "1200"]) == 0
    assert cli.main(line) == 0
    assert [said for _, said in daemon.asked] == [
        {"state": "paid", "because": "receipt 0042", "amount": 1200},
        {"state": "paid", "because": "receipt 0042"},
    ]
    assert capsys.readouterr().out.splitlines()[0].endswith("paid")
