"""The program: it says where it listens, remembers after a kill, and stops cleanly."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.simulators.stripe_api import courier
from drivers.simulators.stripe_api.command import main

MODULE = "drivers.simulators.stripe_api.command"


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        try:
            yield process, line.split()[-1]
        finally:
            process.kill()


def call(url: str, path: str, body: str | None = None) -> Any:
    request = urllib.request.Request(
        url + path,
        data=None if body is None else body.encode(),
        headers={"Authorization": "Bearer sk_test_one", "Content-Type": "application/x-www-form-urlencoded"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told(number: signal.Signals) -> None:
    with running("--busy", "1", "--rate-limit") as (process, url):
        assert call(url, "/_sim")["object"] == "controls"
        process.send_signal(number)
        assert process.wait(10) == 0


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    with running("--state", state, "--seed", "5") as (process, url):
        made = call(url, "/v1/payment_intents", "amount=1000&currency=eur")
        process.kill()
        process.wait(10)
    with running("--state", state) as (process, url):
        assert call(url, "/v1/payment_intents")["data"][0]["id"] == made["id"]
        other = call(url, "/v1/payment_intents", "amount=1000&currency=eur")
        assert other["id"] != made["id"]


def test_wrong_usage_is_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--nonsense"]) == 2
    assert main(["--help"]) == 0
    assert "--state FILE" in capsys.readouterr().out


def test_an_unusable_state_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state", str(tmp_path)]) == 1
    assert "choose another path" in capsys.readouterr().err


def test_an_unusable_address_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "99999"]) == 1
    assert "cannot listen on 127.0.0.1:99999" in capsys.readouterr().err


def test_it_serves_in_this_process_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def stop_at_once(simulator: object) -> None:
        del simulator
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(courier, "run", stop_at_once)
    assert main(["--port", "0"]) == 0
    assert capsys.readouterr().out.startswith("listening on http://127.0.0.1:")
