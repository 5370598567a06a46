"""What the terminal's programs share: the help's lists, what is refused, how a run ends."""

import argparse
import asyncio
import json
import signal
from pathlib import Path

import pytest

from drivers.links.base import Cause, LinkNotOpenedError
from drivers.simulators.faults import Plan
from drivers.simulators.zvt_terminal.program import (
    StartError,
    add_options,
    new_parser,
    run,
    until_stopped,
)
from drivers.simulators.zvt_terminal.terminal import Terminal

pytestmark = pytest.mark.real_time


def parser() -> argparse.ArgumentParser:
    made = new_parser("nothing", "Does nothing.", colours={"red": "is red"})
    add_options(made)
    return made


async def nothing(given: argparse.Namespace, terminal: Terminal, plan: Plan) -> None:
    del given, terminal, plan


def test_the_help_lists_all_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parser(), ["--help"], nothing) == 0
    told = capsys.readouterr().out
    for word in ("profiles:", "standard", "faults:", "byte-by-byte", "colours:", "is red", "..05"):
        assert word in told


@pytest.mark.parametrize("wrong", [["--profile", "nobody"], ["--fault", "nobody"], ["--nonsense"]])
def test_wrong_usage(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parser(), wrong, nothing) == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    "error", [StartError("no"), LinkNotOpenedError("no", cause=Cause.BUSY), OSError("no")]
)
def test_what_prevents_the_start_is_said(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    async def fails(given: argparse.Namespace, terminal: Terminal, plan: Plan) -> None:
        raise error

    assert run(parser(), [], fails) == 1
    assert capsys.readouterr().err == "no\n"


def test_options_reach_the_terminal(tmp_path: Path) -> None:
    seen: list[tuple[str, str, int]] = []

    async def look(given: argparse.Namespace, terminal: Terminal, plan: Plan) -> None:
        assert given.seed == 7
        seen.append((terminal.device.profile.name, terminal.device.usual.card, len(plan.rules)))

    told = ["--profile", "deferred", "--card", "Mastercard", "--fast", "--fault", "cut-up", "--seed", "7"]
    assert run(parser(), [*told, "--state", str(tmp_path / "memory")], look) == 0
    assert seen == [("deferred", "Mastercard", 1)]


def test_it_works_until_told_to_stop_and_shows_its_books(capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append("ended")

    async def once(given: argparse.Namespace, terminal: Terminal, plan: Plan) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, signal.raise_signal, signal.SIGUSR1)
        loop.call_later(0.1, signal.raise_signal, signal.SIGTERM)
        await until_stopped(terminal, work())

    assert run(parser(), [], once) == 0
    assert ended == ["ended"]
    assert json.loads(capsys.readouterr().out) == []
