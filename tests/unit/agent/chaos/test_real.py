"""The daemon as a process that is killed, and the judge over its books: shortly here, longer in a soak."""

import asyncio
import random
import signal
from pathlib import Path

import pytest

from agent.chaos import real
from agent.chaos.judge import Violation
from agent.chaos.real import Soak

pytestmark = pytest.mark.real_time


def test_a_soak_of_a_few_seconds_breaks_no_promise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(random.Random, "random", _all_kinds())
    found = real.main(0.2, 7)
    assert found.violations == []
    assert found.sales >= 4
    assert found.signals["SIGTERM"] >= 1
    assert sum(found.signals.values()) >= 2
    assert "violations" in capsys.readouterr().err


def _all_kinds() -> object:
    """Dice that show every kind of signal soon."""
    rolls = iter([0.5, 0.85, 0.95] * 100_000)
    return lambda _self: next(rolls)


def test_what_was_found_is_told_to_people_and_programs() -> None:
    soak = Soak(sales=2, elapsed_s=3.0)
    soak.signals["SIGKILL"] += 2
    soak.states["paid"] += 2
    assert str(soak).splitlines() == ["3 s, 2 SIGKILL", "2 sales (2 paid)", "no promise was broken"]
    soak.violations.append(Violation("ends", 1.0, "it does not"))
    assert "[ends]" in str(soak)
    assert soak.as_data()["violations"] == [{"invariant": "ends", "what": "it does not"}]


async def test_a_daemon_that_cannot_start_is_told(tmp_path: Path) -> None:
    soak = Soak()
    daemon = real._Daemon(tmp_path / "nothing.yaml", 1, soak, random.Random(1))
    await daemon.start()
    await daemon.stop(signal.SIGTERM)
    await daemon.close()
    assert [each.invariant for each in soak.violations] == ["lives on", "lives on"]


async def test_a_simulator_that_waits_is_a_mistake() -> None:
    waiting = asyncio.sleep(1)
    with pytest.raises(AssertionError, match="waits"):
        real._at_once(waiting)
    waiting.close()
