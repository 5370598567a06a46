"""Each thing the doctor looks at on this box, well and unwell."""

import os
import shutil
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.cli import checks
from agent.cli.checks import Check, Result
from agent.pos.tills import TillRegistry
from agent.settings import Settings, load

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
FLEET = """\
apiVersion: tillgate/v1
kind: Location
metadata: {name: here}
spec: {display_name: Here, address: {line1: A 1, city: Berlin, postal_code: "10117", country: DE}}
"""
READER = """\
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: till-1}
spec: {location: here, driver: stripe, registration_code: simulated-s700}
"""


def settings(directory: Path, more: str = "", *, location: str = "here") -> Settings:
    path = directory / "gateway.yaml"
    path.write_text(f"gateway: {{name: g1}}\nlocation: {location}\njournal: {{path: journal.db}}\n{more}")
    return load(path)


def only(found: Iterable[Check]) -> Check:
    (check,) = found
    return check


def test_config(tmp_path: Path) -> None:
    settings(tmp_path)
    found, told = checks.check_config(tmp_path / "gateway.yaml")
    assert found is not None
    assert only(told).result is Result.OK
    (tmp_path / "gateway.yaml").write_text("gateway: {}\n")
    found, told = checks.check_config(tmp_path / "gateway.yaml")
    assert found is None
    assert [each.result for each in told] == [Result.PROBLEM] * 2


def test_fleet_files(tmp_path: Path) -> None:
    assert only(checks.check_fleet_files(settings(tmp_path))).result is Result.WARNING
    told = settings(tmp_path, "fleet: {paths: fleet.yaml}\n")
    assert "cannot be read" in only(checks.check_fleet_files(told)).found
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert "no Reader is declared at here" in only(checks.check_fleet_files(told)).found
    (tmp_path / "fleet.yaml").write_text(FLEET + READER)
    assert only(checks.check_fleet_files(told)) == checks.ok("fleet files", "1 readers at here")
    elsewhere = settings(tmp_path, "fleet: {paths: fleet.yaml}\n", location="nowhere")
    assert "no Location is named nowhere" in only(checks.check_fleet_files(elsewhere)).found


def test_clock() -> None:
    assert checks.check_clock(datetime(1970, 1, 1, tzinfo=UTC)).result is Result.PROBLEM
    assert checks.check_clock(NOW, synchronised=False).result is Result.WARNING
    assert checks.check_clock(NOW, synchronised=True).result is Result.OK
    assert checks.check_clock(NOW).result in {Result.OK, Result.WARNING}  # as the kernel says


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("free", "result"), [(1, Result.PROBLEM), (500 * 2**20, Result.WARNING), (2**40, Result.OK)]
)
def test_space(free: int, result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**41, 0, free))
    space, _ = checks.check_disk(tmp_path)
    assert space.result is result


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "does not exist" in only(checks.check_disk(tmp_path / "none")).found


def test_kinds_of_file_systems(tmp_path: Path) -> None:
    data = tmp_path / "a b"
    data.mkdir()
    mounts = tmp_path / "mounts"
    escaped = str(data).replace(" ", "\\040")
    mounts.write_text(
        f"/dev/x / ext4 rw 0 0\nserver:/y {escaped} nfs4 rw 0 0\n/dev/z {data}-else xfs rw 0 0\n"
    )
    _, kind = checks.check_disk(data, mounts)
    assert kind.result is Result.PROBLEM
    _, kind = checks.check_disk(data, tmp_path / "none")
    assert kind == checks.ok("file system", "unknown")


def journal(path: Path, *states: str, version: int = 1) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE session (state TEXT)")
    connection.executemany("INSERT INTO session VALUES (?)", [(state,) for state in states])
    connection.execute(f"PRAGMA user_version = {version}")
    return connection


def test_a_journal_in_use_and_one_at_rest(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert "not there yet" in checks.check_journal(path, 1).found
    connection = journal(path, "paid", "declined")
    in_use = checks.check_journal(path, 1)
    connection.close()
    before = sorted(tmp_path.iterdir())
    assert in_use == checks.check_journal(path, 1)
    assert in_use == checks.ok("journal", f"{path}: schema 1, 2 sessions")
    assert sorted(tmp_path.iterdir()) == before  # looking leaves nothing behind


def test_a_journal_with_doubt_and_one_from_the_future(tmp_path: Path) -> None:
    journal(tmp_path / "journal.db", "in_doubt", "paid", version=3).close()
    found = checks.check_journal(tmp_path / "journal.db", 3)
    assert found.result is Result.WARNING
    assert found.found.endswith("2 sessions, 1 in doubt")
    found = checks.check_journal(tmp_path / "journal.db", 2)
    assert found.result is Result.PROBLEM
    assert "newer tillgate (schema 3, known here: 2)" in found.found


def test_a_journal_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"no database at all, but long enough to be read as one" * 20)
    assert checks.check_journal(tmp_path / "journal.db", 1).result is Result.PROBLEM


def test_tills(tmp_path: Path) -> None:
    told = settings(tmp_path)
    assert checks.check_tills(told).result is Result.WARNING
    TillRegistry(told.tills_path).add("t")
    assert checks.check_tills(told) == checks.ok("tills", "1 may sell")
    told.tills_path.write_text("torn")
    assert checks.check_tills(told).result is Result.PROBLEM


@pytest.mark.parametrize(
    ("door", "result"),
    [
        ("null", Result.OK),
        ("{}", Result.OK),
        ("{host: '::1'}", Result.OK),
        ("{host: 0.0.0.0}", Result.WARNING),
    ],
)
def test_doors(door: str, result: Result, tmp_path: Path) -> None:
    assert checks.check_doors(settings(tmp_path, f"doors: {{http: {door}}}\n")).result is result


@pytest.mark.parametrize(
    ("key", "result", "told"),
    [
        ("rk_live_1", Result.OK, "a restricted key of live mode"),
        ("rk_test_1", Result.OK, "a restricted key of test mode"),
        ("sk_test_1", Result.WARNING, "a secret key of test mode"),
        ("pk_live_1", Result.PROBLEM, "publishable"),
        ("hello", Result.PROBLEM, "does not look like"),
        ("rk_live_1 ", Result.PROBLEM, "spaces or line breaks"),
        ("rk_live_1\nrk_live_2", Result.PROBLEM, "spaces or line breaks"),
        ("", Result.PROBLEM, "is empty"),
    ],
)
def test_keys_are_judged_and_not_shown(key: str, result: Result, told: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{key}\n")
    (tmp_path / "key").chmod(0o600)
    stripe = settings(tmp_path, "stripe: {key: {file: key}}\n").stripe
    assert stripe is not None
    found = checks.check_key(stripe)
    assert found.result is result
    assert told in found.found
    assert not key or key not in found.found


def test_who_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_user(tmp_path).result is Result.OK

    def refuses(path: Path, mode: int) -> bool:
        return False

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "access", refuses)
    assert checks.check_user(tmp_path).result is Result.WARNING
