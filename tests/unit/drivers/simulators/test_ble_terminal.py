"""The program: it prints where the bus and the terminal are, sells over them, and leaves nothing behind."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bleak.backends.bluezdbus.version import BlueZFeatures

from drivers.contract import Kind, Money, PaymentRequest, ReaderConfig, ReaderName, SessionId, Verdict
from drivers.readers.zvt import make
from drivers.simulators.ble_terminal import main
from tests.ble_world import forget_bleak, needs_dbus_daemon
from tests.message_bus import MemoryBus
from tests.zvt_store import FakeReport

pytestmark = pytest.mark.real_time


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The program, its bus, and the terminal's link."""
    process = subprocess.Popen(
        [sys.executable, "-m", "drivers.simulators.ble_terminal", "--fast", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        bus = process.stdout.readline().strip().removeprefix("DBUS_SYSTEM_BUS_ADDRESS=")
        link = process.stdout.readline().split()[-1]
        try:
            yield process, bus, link
        finally:
            process.kill()


async def sell(link: str, **options: str) -> Verdict:
    driver = make(ReaderConfig(ReaderName("till-1"), "zvt", {"link": link, **options}), {})
    await driver.open()
    sale = PaymentRequest(SessionId("ses_1"), Kind.PAYMENT, Money(1200, "eur"))
    outcome = await driver.pay(sale, FakeReport())
    await driver.close()
    await forget_bleak()
    return outcome.verdict


@needs_dbus_daemon
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((), {}),
        (("--gatt", "hm10", "--mtu", "23", "--bare", "--address", "aa:bb:cc:dd:ee:0f"), {"framing": "bare"}),
    ],
)
def test_it_sells_and_stops_when_told(
    arguments: tuple[str, ...], options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BlueZFeatures, "checked_bluez_version", True)
    with running(*arguments) as (process, bus, link):
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus)
        assert asyncio.run(sell(link, **options)) is Verdict.PAID
        process.send_signal(signal.SIGUSR1)
        assert process.stdout is not None
        [row] = json.loads(process.stdout.readline())
        assert row["money"] == 1200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert not Path(bus.removeprefix("unix:path=")).parent.exists()


@needs_dbus_daemon
def test_troubles_happen_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BlueZFeatures, "checked_bluez_version", True)
    with running("--radio", "lost=0.2", "--radio", "abort", "--name", "Till", "--pairing") as (_, bus, link):
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus)

        async def until_lost() -> None:
            from drivers.contract import LinkError
            from drivers.links.schemes import connect

            assert link == "ble://00:00:5E:00:53:C1"
            made = await connect("ble://Till?pair=yes")
            with pytest.raises(LinkError, match="it disconnected"):
                await made.receive()
            await made.close()
            await forget_bleak()

        asyncio.run(until_lost())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--address", "nonsense"), 2, "no Bluetooth address, such as"),
        (("--address", "A/B"), 2, "no Bluetooth address"),
        (("--radio", "crahs"), 1, "did you mean 'crash'"),
        (("--bus", "unix:path=/nowhere/at/all"), 1, "No such file"),
        (("--help",), 0, "bluetoothd is killed"),
    ],
)
def test_what_it_does_not_understand(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    told = capsys.readouterr()
    assert said in told.err + told.out


def test_without_dbus_daemon_it_says_which_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main([]) == 1
    assert "Debian package dbus-daemon" in capsys.readouterr().err


def test_it_can_live_on_another_bus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In this process, stopped from within: the bus is the test's."""

    async def once() -> None:
        from drivers.simulators import ble_terminal
        from drivers.simulators.faults import Plan
        from drivers.simulators.zvt_terminal.terminal import Terminal

        async with MemoryBus(tmp_path) as bus:
            given = ble_terminal._arguments().parse_args(
                ["--bus", bus.address, "--radio", "lost=0.01", "--radio", "abort"]
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(ble_terminal._run(given, Terminal(), Plan()), name="terminal")
                await asyncio.sleep(0.2)
                signal.raise_signal(signal.SIGTERM)
            told = capsys.readouterr().out
            assert told.splitlines() == [
                f"DBUS_SYSTEM_BUS_ADDRESS={bus.address}",
                "listening on ble://00:00:5E:00:53:C1",
            ]

    asyncio.run(once())
