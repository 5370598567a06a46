"""The tests for real terminals, run against simulated ones as their own programs."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.real_time

ROOT = Path(__file__).parents[2]
AMOUNT = "200"
"""Not a cent: the simulated terminal declines amounts that end in 01."""


@contextmanager
def terminal(*where: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "drivers.simulators.zvt_terminal.command", *where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def hil(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "tests/hil", "-p", "no:cacheprovider", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )


def test_the_promises_are_kept_on_a_serial_port_and_over_tcp(tmp_path: Path) -> None:
    with terminal("--pty", str(tmp_path / "port")) as serial, terminal("--tcp", "127.0.0.1:0") as tcp:
        yes = ("--amount", AMOUNT, "--yes-charge-one-cent")
        # side by side: most of their time they wait
        runs = [(process, hil("--reader", link, *yes)) for process, link in (serial, tcp)]
        for process, run in runs:
            said, _ = run.communicate()
            assert run.returncode == 0, said
            assert "5 passed" in said
            assert "If the terminal asks for a card, present one." in said
            process.send_signal(signal.SIGUSR1)
            assert process.stdout is not None
            rows = json.loads(process.stdout.readline())
            assert sorted(row["money"] for row in rows) == [-int(AMOUNT), 0, int(AMOUNT)]


def test_nobody_who_says_yes_is_no_sale() -> None:
    with terminal("--tcp", "127.0.0.1:0") as (process, link):
        said, _ = hil("--reader", link, "--amount", AMOUNT, "-k", "reversal").communicate()
        process.send_signal(signal.SIGUSR1)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == []
    assert "nobody typed yes: no money was moved" in said
    assert "Type yes to go on" in said


def test_without_a_terminal_it_says_how_to_call_it() -> None:
    run = hil()
    said, _ = run.communicate()
    assert run.returncode == 4
    assert "pytest tests/hil --reader=serial:///dev/serial/by-id/..." in said
