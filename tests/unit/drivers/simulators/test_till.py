"""The simulated register: what it sells, what it says, and when it exits with 0."""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.links.tcp import TcpListener
from drivers.simulators import till as program
from drivers.simulators.pty import PtyListener
from drivers.simulators.till import Till, main, setup_for, work
from drivers.simulators.zvt_terminal.hosted import HostedTerminal
from drivers.simulators.zvt_terminal.profiles import INSTANT, PROFILES

pytestmark = pytest.mark.real_time

QUICK = {"card": "Visa contactless", "comes_after_s": 0.0}


@asynccontextmanager
async def hosted(listener: TcpListener | PtyListener) -> AsyncIterator[HostedTerminal]:
    terminal = HostedTerminal(listener, PROFILES["standard"], clock=lambda: datetime.now(UTC), times=INSTANT)
    terminal.control({"customer": QUICK})
    await terminal.open()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(terminal.serve(), name="hosted")
        yield terminal
        serving.cancel()


def arguments(terminal: HostedTerminal, *more: str) -> argparse.Namespace:
    kind, _, where = terminal.link.partition("://")
    return program._arguments().parse_args([f"--{kind}", where, *more])


async def worked(terminal: HostedTerminal, *more: str) -> tuple[int, list[dict[str, Any]]]:
    given = arguments(terminal, *more)
    said: list[dict[str, Any]] = []
    till = Till(setup_for(given), said.append, takes_goods=not given.refuse)
    try:
        return await work(given, till), said
    finally:
        await till.close()


def of(said: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [each for each in said if each["event"] == event]


async def test_a_day_at_the_till(tmp_path: Path) -> None:
    async with hosted(PtyListener(tmp_path / "port")) as terminal:
        code, said = await worked(
            terminal,
            *("--amount", "1200", "--count", "2", "--repeat-receipt", "--reversal", "2", "--end-of-day"),
        )
        assert [each["money"] for each in terminal.ledger()] == [1200, 1200, -1200]

    assert code == 0
    assert said[0] == {"event": "registered", "terminal_id": "52523535"}
    sales = of(said, "sale")
    assert [(each["approved"], each["amount"], each["receipt"]) for each in sales] == [
        (True, 1200, 1),
        (True, 1200, 2),
    ]
    assert sales[0]["card"] == "Visa contactless"
    assert [
        each["approved"] for event in ("repeat_receipt", "reversal", "end_of_day") for each in of(said, event)
    ] == [
        True,
        True,
        True,
    ]
    assert {"insert the card", "waiting for the host's answer"} <= {
        each["text"] for each in of(said, "progress")
    }
    assert any("Kundenbeleg" in line for each in of(said, "print") for line in each["lines"])
    assert "12.00 EUR" in of(said, "result")[0]["text"]


@pytest.mark.parametrize(
    ("more", "code"), [(("--amount", "1205"), "05"), (("--amount", "1200", "--refuse"), "6C")]
)
async def test_what_is_not_approved_exits_with_1(more: tuple[str, ...], code: str) -> None:
    async with hosted(TcpListener("127.0.0.1", 0)) as terminal:
        exit_code, said = await worked(terminal, *more)
        assert sum(each["money"] for each in terminal.ledger()) == 0

    assert exit_code == 1
    [sale] = of(said, "sale")
    assert (sale["approved"], sale["end"], sale["code"]) == (False, "aborted", code)


async def test_a_cashier_who_gives_up_cancels_the_sale_and_sells_nothing_more() -> None:
    async with hosted(TcpListener("127.0.0.1", 0)) as terminal:
        terminal.control({"customer": {"comes_after_s": 30.0}})
        said: list[dict[str, Any]] = []
        given = arguments(terminal, "--amount", "1200", "--count", "3")
        till = Till(setup_for(given), said.append)

        def say(event: dict[str, Any]) -> None:
            said.append(event)
            if event.get("text") == "insert the card":
                till.stop()

        till._say = say
        assert await work(given, till) == 1
        await till.close()

    [sale] = of(said, "sale")
    assert (sale["approved"], sale["code"]) == (False, "6C")


def test_the_program_sells_and_exits_with_0(tmp_path: Path) -> None:
    port = tmp_path / "port"
    terminal = [sys.executable, "-m", "drivers.simulators.zvt_terminal.command", "--fast", "--pty", str(port)]
    with subprocess.Popen(terminal, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        serving.stdout.readline()
        sold = subprocess.run(
            [sys.executable, "-m", "drivers.simulators.till", "--serial", str(port), "--amount", "700"],
            capture_output=True,
            text=True,
            check=False,
        )
        serving.terminate()
    assert sold.returncode == 0
    last = json.loads(sold.stdout.splitlines()[-1])
    assert (last["event"], last["approved"], last["amount"]) == ("sale", True, 700)


def test_nobody_there_is_said_and_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--serial", str(tmp_path / "none"), "--amount", "100"]) == 1
    [error] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (error["event"], error["code"]) == ("error", "link_absent")


def test_ctrl_c_cancels_the_sale(tmp_path: Path) -> None:
    port = tmp_path / "port"
    terminal = [sys.executable, "-m", "drivers.simulators.zvt_terminal.command", "--pty", str(port)]
    register = [sys.executable, "-m", "drivers.simulators.till", "--serial", str(port), "--amount", "700"]
    with subprocess.Popen(terminal, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        serving.stdout.readline()
        with subprocess.Popen(register, stdout=subprocess.PIPE, text=True) as selling:
            assert selling.stdout is not None
            assert any("insert the card" in line for line in selling.stdout)
            selling.send_signal(signal.SIGINT)
            last = json.loads(selling.stdout.readlines()[-1])
            assert selling.wait() == 1
        serving.terminate()
    assert (last["event"], last["approved"], last["code"]) == ("sale", False, "6C")


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        ([], "one of the arguments --tcp --serial is required"),
        (["--tcp", "127.0.0.1:1", "--amount", "12.50"], "minor units"),
        (["--tcp", "127.0.0.1:1", "--password", "12"], "six digits"),
        (["--tcp", "127.0.0.1:x"], "is no address"),
        (["--tcp", "127.0.0.1:1", "--profile", "unheard-of"], "invalid choice"),
    ],
)
def test_wrong_usage(argv: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert why in capsys.readouterr().err
