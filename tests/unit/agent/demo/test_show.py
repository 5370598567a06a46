"""What the demo prints."""

from typing import Any

import pytest
from rich.console import Console

from agent.demo import show
from agent.demo.books import Books
from agent.demo.script import Customer, Happening
from agent.demo.stage import Scene


def scene(**changes: Any) -> Scene:
    told = {
        "kind": "payment",
        "state": "paid",
        "amount": 1000,
        "amount_captured": 1100,
        "amount_tip": 100,
        "currency": "eur",
        "card": {"brand": "visa", "last4": "4242"},
        "verdict": {"code": "", "message": "", "decline_code": ""},
        "created_at": "2026-01-05T08:00:00Z",
    }
    happening = changes.pop("happening", Happening.TIPS)
    surprise = changes.pop("surprise", "")
    return Scene("till-1", Customer(1000, 5.0, "4242424242424242", happening), told | changes, "", surprise)


BOOKS = Books(1100, 600, 500, 1100, 1, ())


def test_a_tip_and_a_reason_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    declined = scene(
        state="declined",
        amount_captured=0,
        happening=Happening.DECLINED,
        card=None,
        verdict={"code": "card_declined", "decline_code": "insufficient_funds"},
    )
    show.summary([scene(), declined], BOOKS, restarts=1)

    printed = capsys.readouterr().out
    assert "tip 1.00 EUR" in printed
    assert "insufficient_funds" in printed
    assert "11.00 EUR" in printed
    assert "1 paid, 1 declined, 0 canceled, 0 failed" in printed
    assert "journal 11.00 EUR = Stripe 6.00 EUR + terminals 5.00 EUR = tills 11.00 EUR" in printed


def test_a_surprise_says_what_was_expected_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    odd = scene(state="failed", surprise="expected paid", verdict={"code": "never_sent", "message": "no"})
    show.summary([odd], BOOKS, restarts=0)

    assert "expected paid: never_sent: no" in capsys.readouterr().out


def test_without_a_terminal_every_end_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with show.Screen() as screen:
        screen.say("gateway", "serving")
        screen.say("till-1", "waiting for card")
        screen.enter(scene())

    assert capsys.readouterr().out.splitlines() == [
        "gateway: serving",
        "till-1  paid          11.00 EUR  leaves a tip",
    ]


def test_on_a_terminal_progress_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(force_terminal=True, width=100, highlight=False, record=True)
    monkeypatch.setattr(show, "_console", lambda: console)
    with show.Screen() as screen:
        screen.say("till-1", "waiting for card")
        screen.enter(scene())

    assert "leaves a tip" in console.export_text()


def test_what_is_kept_can_be_found(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    show.kept("http://127.0.0.1:8470", "http://127.0.0.1:12111", tmp_path, "tg_secret")

    printed = capsys.readouterr().out
    for part in ("http://127.0.0.1:8470", "http://127.0.0.1:12111", "tg_secret", f"{tmp_path}/gateway.yaml"):
        assert part in printed
