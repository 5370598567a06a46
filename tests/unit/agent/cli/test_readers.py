"""`tillgate readers` and `tillgate reader ...`."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent import cli
from agent.cli import fleet
from agent.cli.daemon import AwayError, RefusedError
from agent.fleet.model import Kind
from tests.unit.agent.cli.fake_account import FakeAccount
from tests.unit.agent.cli.fake_daemon import FakeDaemon, running
from tests.unit.agent.cli.test_devices import live, observed

ROW = {
    "name": "till-1",
    "driver": "stripe",
    "location": "here",
    "state": "ready",
    "why": "",
    "capabilities": [],
}
FLEET = """\
apiVersion: tillgate/v1
kind: Location
metadata: {name: here}
spec: {display_name: here, address: {line1: A 1, city: Berlin, postal_code: "10117", country: DE}}
---
apiVersion: tillgate/v1
kind: Location
metadata: {name: there}
spec: {display_name: there, address: {line1: A 1, city: Berlin, postal_code: "10117", country: DE}}
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: till-1}
spec: {location: here, driver: stripe, serial_number: S1}
"""


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    fake = running(monkeypatch)
    fake.expect("GET /v1/readers", {"data": [ROW]})
    fake.expect("GET /v1/readers/till-1", ROW)
    fake.expect("POST /v1/fleet/look", {"object": "fleet_look"})
    return fake


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text("gateway: {name: g1}\nlocation: here\nfleet: {paths: fleet.yaml}\n")
    (tmp_path / "fleet.yaml").write_text(FLEET)
    monkeypatch.setenv("TILLGATE_CONFIG", str(path))
    return path


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, gateway: Path) -> FakeAccount:
    fake = FakeAccount(observed(live("tmr_1", "till-1")))

    @asynccontextmanager
    async def opened(settings: object) -> AsyncIterator[FakeAccount]:
        yield fake

    monkeypatch.setattr(fleet, "account", opened)
    return fake


def done(account: FakeAccount) -> list[tuple[str, str]]:
    assert all(kind is Kind.READER for _, kind, _, _ in account.done)
    return [(verb, identifier) for verb, _, identifier, _ in account.done]


def test_the_list(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["readers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("NAME    DRIVER  LOCATION  STATE  SINCE AT  WHY  SESSION")
    assert lines[1].split() == ["till-1", "stripe", "here", "ready"]
    assert cli.main(["readers", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [ROW]


def test_readers_that_apps_drive_are_listed_too(
    daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = {
        "serial_number": "STRM1",
        "device_type": "stripe_m2",
        "product": "Stripe Reader M2",
        "label": "",
        "location": "here",
    }
    daemon.expect("GET /v1/readers", {"data": [ROW], "app_readers": [seen]})
    assert cli.main(["readers", "-o", "json"]) == 0
    row = json.loads(capsys.readouterr().out)[1]
    assert (row["name"], row["driver"], row["state"]) == ("STRM1", "app", "seen")
    assert row["why"] == "Stripe Reader M2: only an app with Stripe's SDK can drive it"


def test_show(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reader", "show", "till-1", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == ROW


def test_register(daemon: FakeDaemon, account: FakeAccount, capsys: pytest.CaptureFixture[str]) -> None:
    account.state = observed()
    assert cli.main(["reader", "register", "till-1", "--code", "fox", "--yes", "-o", "json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["complete"] is True
    assert "+ register Reader till-1" in captured.err
    assert captured.err.endswith("the daemon has been told\n")
    assert daemon.asked[-1] == ("POST /v1/fleet/look", {})
    ((_, _, _, params),) = account.done
    assert (params["registration_code"], params["location"]) == ("fox", "tml_here")


def test_one_that_is_there_already(
    daemon: FakeDaemon, account: FakeAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reader", "register", "till-1", "--code", "fox"]) == 0
    captured = capsys.readouterr()
    assert "nothing to do" in captured.err
    assert daemon.asked == []
    assert captured.out == ""
    assert account.done == []


def test_move_says_what_to_change_in_the_files(
    daemon: FakeDaemon, account: FakeAccount, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reader", "move", "till-1", "there", "--code", "fox", "--yes"]) == 0
    captured = capsys.readouterr()
    assert done(account) == [("delete", "tmr_1"), ("create", "new")]
    assert f"now change `spec.location` to there in {gateway.parent}/fleet.yaml:" in captured.err
    assert "till-1" in captured.out


def test_a_move_to_where_it_is_declared_needs_no_reminder(
    daemon: FakeDaemon, account: FakeAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    account.state = observed(live("tmr_1", "till-1", location="there"))
    assert cli.main(["reader", "move", "till-1", "here", "--code", "fox", "--yes"]) == 0
    assert "now change" not in capsys.readouterr().err


def test_replace(daemon: FakeDaemon, account: FakeAccount, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reader", "replace", "till-1", "--code", "fox", "--yes"]) == 0
    assert done(account) == [("create", "new"), ("delete", "tmr_1")]
    assert "now change `spec.serial_number` to the new device's" in capsys.readouterr().err


def test_a_wrong_code_leaves_the_old_device(
    daemon: FakeDaemon, account: FakeAccount, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account.refuse = frozenset({"create"})
    assert cli.main(["reader", "replace", "till-1", "--code", "wrong", "--yes"]) == 1
    told = capsys.readouterr().out
    assert "no such code" in told
    assert ("POST /v1/fleet/look", {}) not in daemon.asked
    assert "the step before it was not done" in told
    assert done(account) == []


def test_a_replacement_without_serial_numbers_needs_no_reminder(
    daemon: FakeDaemon, account: FakeAccount, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (gateway.parent / "fleet.yaml").write_text(FLEET.replace(", serial_number: S1", ""))
    assert cli.main(["reader", "replace", "till-1", "--code", "fox", "--yes"]) == 0
    assert "now change" not in capsys.readouterr().err


@pytest.mark.parametrize("state", ["busy", "in_doubt"])
def test_never_while_a_sale_is_on_it(
    state: str, daemon: FakeDaemon, account: FakeAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.expect("GET /v1/readers/till-1", {**ROW, "state": state})
    assert cli.main(["reader", "replace", "till-1", "--code", "fox", "--yes"]) == 1
    assert f"reader till-1 is {state}: a sale is on it" in capsys.readouterr().err
    assert account.done == []


@pytest.mark.parametrize(
    "answer", [AwayError("no daemon"), RefusedError("unknown", code="reader_not_found", status=404)]
)
def test_without_a_daemon_that_knows_it_there_is_no_sale_of_ours(
    answer: Exception, daemon: FakeDaemon, account: FakeAccount
) -> None:
    daemon.expect("GET /v1/readers/till-1", answer)
    assert cli.main(["reader", "replace", "till-1", "--code", "fox", "--yes"]) == 0


def test_nobody_to_ask_is_wrong_usage(
    daemon: FakeDaemon,
    account: FakeAccount,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert cli.main(["reader", "replace", "till-1", "--code", "fox"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert account.done == []


def test_the_files_must_declare_it(
    daemon: FakeDaemon, account: FakeAccount, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reader", "register", "till-9", "--code", "fox", "--yes"]) == 1
    assert "declare no Reader 'till-9'" in capsys.readouterr().err
    gateway.write_text("gateway: {name: g1}\nlocation: here\n")
    assert cli.main(["reader", "register", "till-1", "--code", "fox", "--yes"]) == 1
    assert "names no fleet files" in capsys.readouterr().err


def test_an_account_that_cannot_be_read(
    daemon: FakeDaemon,
    account: FakeAccount,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from agent.fleet.errors import TemporaryError

    async def lost() -> Any:
        raise TemporaryError("could not read the account: no answer")

    monkeypatch.setattr(account, "observe", lost)
    assert cli.main(["reader", "register", "till-1", "--code", "fox", "--yes"]) == 1
    assert "tillgate: could not read the account" in capsys.readouterr().err


def test_a_reader_is_claimed_for_this_gateway(
    daemon: FakeDaemon, account: FakeAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reader", "claim", "till-1", "--yes"]) == 0
    assert account.done == [("update", Kind.READER, "tmr_1", {"metadata": {"tillgate_gateway": "g1"}})]
    assert ("POST /v1/fleet/look", {}) in daemon.asked
