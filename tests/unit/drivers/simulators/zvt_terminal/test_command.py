"""The program: it says where it listens, remembers after a kill, and stops cleanly."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers.contract import Link
from drivers.links.schemes import connect
from drivers.simulators.zvt_terminal.command import main
from drivers.simulators.zvt_terminal.ledger import ledger
from drivers.simulators.zvt_terminal.memory import Memory
from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.setup import RepeatReceipt
from drivers.zvt.message import Message
from tests.unit.drivers.simulators.zvt_terminal.till import SILENT, Answer, Till, to, yes

MODULE = "drivers.simulators.zvt_terminal.command"
TCP = ("--tcp", "127.0.0.1:0")


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE, "--fast", *arguments], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on ")
        try:
            yield process, line.split()[-1]
        finally:
            process.kill()


async def sell(address: str, amount: int, answer: Answer = yes) -> tuple[Till, Link]:
    link = await connect(address)
    till = Till(link, serial=not address.startswith("tcp"))
    await till.register()
    await till.run(Authorisation(amount, 978), answer)
    return till, link


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("line", ["tcp", "pty", "rfc2217"])
def test_it_sells_and_stops_when_told(number: signal.Signals, line: str, tmp_path: Path) -> None:
    async def once(address: str) -> None:
        till, link = await sell(address, 1200)
        assert till.result.card_name == "Mastercard"
        await link.close()

    where = {
        "tcp": TCP,
        "pty": ("--pty", str(tmp_path / "port")),
        "rfc2217": ("--rfc2217", "127.0.0.1:0", "--line", "19200-8E1"),
    }[line]
    with running(*where, "--card", "Mastercard", "--seed", "3") as (process, address):
        asyncio.run(once(address))
        process.send_signal(signal.SIGUSR1)
        assert process.stdout is not None
        [row] = json.loads(process.stdout.readline())
        assert (row["money"], row["acknowledged"]) == (1200, True)
        process.send_signal(number)
        assert process.wait(10) == 0


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    state = tmp_path / "memory"
    told: list[list[Message]] = []

    async def first(address: str, process: subprocess.Popen[str]) -> None:
        till, link = await sell(address, 1200)
        told.append(till.all(0x040F))
        await link.close()
        _, link = await sell(address, 700, to(0x040F, SILENT))
        process.kill()
        process.wait(10)
        await link.close()

    async def second(address: str) -> None:
        link = await connect(address)
        till = Till(link)
        await till.register()
        await till.run(RepeatReceipt("000000", 3))
        told.append(till.all(0x040F))
        await link.close()

    with running(*TCP, "--state", str(state)) as (process, address):
        asyncio.run(first(address, process))
    with running(*TCP, "--state", str(state)) as (process, address):
        asyncio.run(second(address))
        process.kill()
        process.wait(10)
    assert told[0] == told[1]
    memory = Memory(state)
    assert [(row["money"], row["state"]) for row in ledger(memory)] == [(1200, "stored"), (0, "reversed")]
    memory.close()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--tcp", "nowhere"),
        ("--tcp", ":20007"),
        ("--tcp", "127.0.0.1:99999"),
        (*TCP, "--pty", "/tmp/x"),
        (*TCP, "--profile", "none"),
        (*TCP, "--fault", "none"),
        (*TCP, "--card", "none"),
    ],
)
def test_wrong_usage_is_exit_code_two(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err


def test_the_help_lists_profiles_faults_and_amounts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for word in ("--state FILE", "valina", "nak-storm", "..55"):
        assert word in text


def test_what_cannot_be_used_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TCP, "--state", str(tmp_path)]) == 1
    assert "choose another path" in capsys.readouterr().err
    assert main(["--tcp", "192.0.2.1:20007"]) == 1
    assert "cannot listen on 192.0.2.1 port 20007" in capsys.readouterr().err
    assert main(["--pty", str(tmp_path / "none" / "port")]) == 1
    assert "none" in capsys.readouterr().err
