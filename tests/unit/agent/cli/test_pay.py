"""`tillgate pay`."""

import asyncio
import json
import os
import signal
from typing import Any

import pytest

from agent import cli
from agent.cli.daemon import AwayError, RefusedError
from tests.unit.agent.cli.fake_daemon import FakeDaemon, running, session


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    return running(monkeypatch)


def paid(**changes: Any) -> dict[str, Any]:
    return session("paid", card={"brand": "visa", "last4": "4242"}, **changes)


def test_a_paid_sale_ends_with_0(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.expect("POST /v1/sessions", paid())
    assert cli.main(["pay", "1250", "EUR", "--reader", "till-1"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "ses_1  1250 eur  visa 4242  paid\n"
    assert captured.err == "opening the sale\n"
    (_, order) = daemon.asked[0]
    assert order.pop("pos_key").startswith("cli-")
    assert order == {"reader": "till-1", "amount": 1250, "currency": "eur"}


def test_everything_that_can_be_asked_for(daemon: FakeDaemon) -> None:
    daemon.expect("POST /v1/sessions", session("authorized"))
    line = [
        "pay",
        "1250",
        "eur",
        "--reader",
        "r",
        "--pos-key",
        "mine",
        "--manual-capture",
        "--tip",
        "--description",
        "coffee",
    ]
    assert cli.main(line) == 0
    assert daemon.asked[0][1] == {
        "reader": "r",
        "amount": 1250,
        "currency": "eur",
        "pos_key": "mine",
        "capture": "manual",
        "tip": {"skip": False},
        "description": "coffee",
    }
    assert cli.main(["pay", "1", "eur", "--reader", "r", "--no-tip"]) == 0
    assert daemon.asked[1][1]["tip"] == {"skip": True}


@pytest.mark.parametrize("line", [["-o", "json", "pay"], ["pay", "-o", "json"]])
def test_json_is_the_whole_session_and_nothing_else(
    line: list[str], daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.expect("POST /v1/sessions", paid())
    assert cli.main([*line, "1250", "eur", "--reader", "r"]) == 0
    assert json.loads(capsys.readouterr().out) == paid()


def test_a_decline_ends_with_1_and_its_reason(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = {"code": "card_declined", "message": "Your card was declined.", "decline_code": "lost_card"}
    daemon.expect("POST /v1/sessions", session("declined", verdict=verdict))
    assert cli.main(["pay", "105", "eur", "--reader", "r"]) == 1
    assert capsys.readouterr().out == "ses_1  1250 eur  declined: Your card was declined. / lost_card\n"


def test_a_refusal_and_a_missing_daemon(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.expect("POST /v1/sessions", RefusedError("reader 'r' is busy", code="reader_busy", status=409))
    assert cli.main(["pay", "105", "eur", "--reader", "r"]) == 1
    assert "tillgate: reader 'r' is busy\n" in capsys.readouterr().err
    daemon.expect("POST /v1/sessions", AwayError("the daemon does not run", fix="start it"))
    assert cli.main(["pay", "105", "eur", "--reader", "r"]) == 1
    assert "the daemon does not run\n  start it\n" in capsys.readouterr().err


@pytest.mark.real_time
def test_ctrl_c_cancels_and_a_second_one_only_stops_watching(
    daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.expect("POST /v1/sessions", session())
    canceled: list[asyncio.Event] = []

    async def cancel() -> dict[str, Any]:
        canceled[0].set()
        return session()

    async def first() -> dict[str, Any]:
        canceled.append(asyncio.Event())
        os.kill(os.getpid(), signal.SIGINT)
        await canceled[0].wait()
        return session(progress="canceling")

    async def second() -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()
        raise AssertionError("nobody ends this wait but a cancellation")

    daemon.expect("POST /v1/sessions/ses_1/cancel", cancel)
    daemon.expect("GET /v1/sessions/ses_1", first, second)
    assert cli.main(["pay", "1", "eur", "--reader", "r", "--pos-key", "mine"]) == 130
    assert daemon.asked[2] == ("POST /v1/sessions/ses_1/cancel", {})
    captured = capsys.readouterr()
    assert "tillgate sessions --pos-key mine" in captured.err
    assert captured.out == ""
