"""The demo as a whole: a fast morning, and a morning whose books do not agree."""

import os
import signal
from typing import Any

import pytest

from agent import demo
from agent.demo import show
from agent.demo.books import Books
from agent.demo.script import Customer, Morning

pytestmark = pytest.mark.real_time

FAST = 30


def test_a_morning_ends_with_books_that_agree(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(keep=False, speed=FAST, seed=2) == 0

    printed = capsys.readouterr().out
    assert printed.rstrip().endswith("books agree")
    assert "insufficient_funds" in printed
    assert "the gateway was killed 1 time(s) in mid-sale" in printed
    paid = int(printed.rsplit(" paid, ", 1)[0].rsplit("\n", 1)[1])
    assert paid >= 35
    assert "line cut while the bank" in printed


def test_books_that_quarrel_end_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "compare", lambda *_: Books(1, 2, 3, 4, 5, ("ses_1 was charged twice",)))

    assert demo.main(keep=False, speed=FAST, seed=3) == 1

    printed = capsys.readouterr().out
    assert "ses_1 was charged twice" in printed
    assert printed.rstrip().endswith("BOOKS DO NOT AGREE")


def short_morning(seed: int) -> Morning:
    del seed
    return Morning({"till-1": [Customer(1000, 4.0, "4242424242424242")]})


def test_a_kept_demo_runs_until_it_is_told_to_stop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    really_kept = show.kept

    def kept(*where: Any) -> None:
        really_kept(*where)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(demo, "morning", short_morning)
    monkeypatch.setattr(demo, "KEPT_PORT", 0)
    monkeypatch.setattr(show, "kept", kept)

    assert demo.main(keep=True, speed=FAST, seed=1) == 0
    assert "status page" in capsys.readouterr().out


def test_ctrl_c_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seed: int) -> Morning:
        raise KeyboardInterrupt(seed)

    monkeypatch.setattr(demo, "morning", interrupt)

    assert demo.main(keep=False, speed=FAST, seed=1) == 130
