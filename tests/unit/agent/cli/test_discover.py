"""`tillgate readers discover`: what is asked, what is left alone, and what is printed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent import cli
from agent.cli import probe
from agent.cli.daemon import AwayError
from agent.cli.options import DEFAULT_CONFIG, Options, choose
from agent.discovery.finding import Finding
from drivers.links.base import Cause, LinkNotOpenedError
from tests.unit.agent.cli.fake_daemon import FakeDaemon, running

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
spec: {location: here, driver: zvt, link: "serial:///dev/ttyUSB0"}
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: till-9}
spec: {location: there, driver: zvt, link: "serial:///dev/ttyUSB9"}
"""
PORT = Finding(
    "serial", "/dev/ttyUSB1", "FTDI", "a ZVT terminal: ready", link="serial:///dev/ttyUSB1", hint="till 1"
)
USED = Finding(
    "serial", "/dev/ttyUSB0", "FTDI", "not asked", reader="till-1", details={"usb": "0403:6001", "x": ""}
)
BRIDGE = Finding("bluetooth", "AA:BB:CC:DD:EE:01", "bridge", signal="-50 dBm")


class Searches:
    """Stands in for the three searches; remembers what each was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: dict[str, Any] = {}
        self.bluetooth: list[Finding] | Exception = [BRIDGE]
        monkeypatch.setattr("agent.discovery.serial_ports.find_ports", self.ports)
        monkeypatch.setattr("agent.discovery.network.find_terminals", self.terminals)
        monkeypatch.setattr("agent.discovery.bluetooth.find_devices", self.devices)

    async def ports(
        self, used: Mapping[str, str], left_alone: Mapping[str, str], *, ask: bool
    ) -> list[Finding]:
        self.calls["serial"] = (dict(used), dict(left_alone), ask)
        return [USED, PORT]

    async def terminals(self, asked: object, used: object, left_alone: object, *, ask: bool) -> list[Finding]:
        self.calls["tcp"] = (asked, ask)
        return []

    async def devices(self, used: object, registered: object) -> list[Finding]:
        self.calls["bluetooth"] = registered
        if isinstance(self.bluetooth, Exception):
            raise self.bluetooth
        return self.bluetooth


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> Searches:
    return Searches(monkeypatch)


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    fake = running(monkeypatch)
    fake.expect("GET /v1/readers", AwayError("nobody"))
    return fake


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, daemon: FakeDaemon) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "gateway: {name: g1}\nlocation: here\nfleet: {paths: fleet.yaml}\njournal: {path: journal.db}\n"
    )
    (tmp_path / "fleet.yaml").write_text(FLEET)
    monkeypatch.setenv("TILLGATE_CONFIG", str(path))
    return path


def run(*words: str) -> int:
    return cli.main(["readers", "discover", *words])


def test_a_table_and_the_documents_that_adopt(
    searches: Searches, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    out = capsys.readouterr().out
    table, _, documents = out.partition("\n\n")
    lines = table.splitlines()
    assert lines[0].split() == ["KIND", "WHERE", "DEVICE", "SPEAKS", "READER", "SIGNAL"]
    assert lines[1].split()[:2] == ["serial", "/dev/ttyUSB0"]
    assert "-50 dBm" in lines[3]
    [document] = list(yaml.safe_load_all(documents))
    assert document["kind"] == "Reader"
    assert document["metadata"] == {"name": "till-1-2"}, "till-1 is taken"
    assert document["spec"] == {"location": "here", "driver": "zvt", "link": "serial:///dev/ttyUSB1"}
    assert searches.calls["serial"] == ({"serial:///dev/ttyUSB0": "till-1"}, {}, True)
    assert "tcp" not in searches.calls


def test_json_has_everything_and_nothing_else(
    searches: Searches, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--serial", "--no-probe", "-o", "json") == 0
    used, new = json.loads(capsys.readouterr().out)
    assert (used["adopt"], used["usb"], "x" in used) == (None, "0403:6001", False)
    assert new["adopt"]["spec"]["link"] == "serial:///dev/ttyUSB1"
    assert searches.calls == {"serial": ({"serial:///dev/ttyUSB0": "till-1"}, {}, False)}


def test_the_network_is_called_only_where_it_is_named(
    searches: Searches, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--tcp", "192.0.2.7,192.0.2.8:1", "--tcp", "192.0.2.9") == 0
    asked = [("192.0.2.7", 20007), ("192.0.2.8", 1), ("192.0.2.9", 20007)]
    assert searches.calls == {"tcp": (asked, True)}
    assert "nothing found" in capsys.readouterr().err
    assert run("--tcp", "10.0.0.0/8") == 2
    assert "more than 1024 addresses" in capsys.readouterr().err


def test_readers_of_a_running_daemon_are_left_alone(
    searches: Searches, gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "locked", lambda path: path.name == "journal.db")
    assert run("--serial") == 0
    assert searches.calls["serial"][1] == {"till-1": "the running daemon uses it as reader till-1"}


@pytest.mark.parametrize(
    ("held", "left_alone"),
    [
        (frozenset({"till-1", "other"}), {"till-1": "it has a sale that is not settled; start the daemon"}),
        (frozenset({"other"}), {}),
        (None, {"till-1": "the journal cannot be read, and it may be in the middle of a sale"}),
    ],
)
def test_a_reader_with_a_sale_is_left_alone(
    searches: Searches,
    gateway: Path,
    monkeypatch: pytest.MonkeyPatch,
    held: frozenset[str] | None,
    left_alone: dict[str, str],
) -> None:
    monkeypatch.setattr(probe, "unsettled", lambda path: held)
    assert run("--serial") == 0
    assert searches.calls["serial"][1] == left_alone


def test_where_registers_call_nobody_is_asked(searches: Searches, gateway: Path) -> None:
    with gateway.open("a") as settings:
        settings.write("doors: {zvt: [{listen: 'serial:///dev/ttyUSB5', till: front, reader: till-1}]}\n")
    assert run("--serial") == 0
    used, left_alone, _ = searches.calls["serial"]
    assert used["serial:///dev/ttyUSB5"] == "register front"
    assert "a register calls there" in left_alone["register front"]


def test_the_daemon_tells_where_stripe_s_bluetooth_readers_belong(
    searches: Searches, gateway: Path, daemon: FakeDaemon
) -> None:
    listed = {"data": [], "app_readers": [{"serial_number": "STRM1", "location": "here"}]}
    daemon.expect("GET /v1/readers", listed)
    assert run("--ble") == 0
    assert searches.calls == {"bluetooth": {"STRM1": "here"}}


def test_no_bluetooth_is_an_error_only_where_it_was_asked_for(
    searches: Searches, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    searches.bluetooth = LinkNotOpenedError("no adapter", cause=Cause.ABSENT)
    assert run() == 0
    assert "no Bluetooth: no adapter" in capsys.readouterr().err
    assert run("--ble") == 1
    assert "no adapter" in capsys.readouterr().err


def test_a_box_without_a_gateway_yaml_can_be_looked_at(
    searches: Searches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TILLGATE_CONFIG", raising=False)
    missing = tmp_path / "gateway.yaml"
    monkeypatch.setattr("agent.cli.discover.DEFAULT_CONFIG", missing)
    monkeypatch.setattr("agent.cli.options.DEFAULT_CONFIG", missing)
    assert run("--serial") == 0
    assert "location: LOCATION" in capsys.readouterr().out
    choose(Options(config=DEFAULT_CONFIG))


def test_fleet_files_that_cannot_be_read_stop_it(
    searches: Searches, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (gateway.parent / "fleet.yaml").write_text("kind: Nonsense\n")
    assert run() == 1
    assert "what is in use is not known" in capsys.readouterr().err
    assert searches.calls == {}
    (gateway.parent / "gateway.yaml").write_text("gateway: {name: g1}\nlocation: here\n")
    assert run("--serial") == 0
