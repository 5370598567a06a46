"""The systemd files: systemd itself finds nothing to say about them, and they agree with the code."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from agent import settings
from agent.cli.options import DEFAULT_CONFIG

SYSTEMD = Path(__file__).parents[3] / "systemd"
UNIT = SYSTEMD / "tillgate.service"


def needs(command: str) -> str:
    path = shutil.which(command)
    if path is None:
        pytest.skip(f"no {command} here: apt-get install systemd")
    return path


def service() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.read(UNIT)
    return parser["Service"]


@pytest.mark.real_time
def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    command = needs("systemd-analyze")
    program = service()["ExecStart"].split()[0]
    copy = tmp_path / "tillgate.service"
    copy.write_text(UNIT.read_text().replace(program, "/bin/true"))  # it is not installed where this runs
    found = subprocess.run([command, "verify", str(copy)], capture_output=True, text=True, check=False)
    assert found.stdout + found.stderr == ""  # the exit code alone overlooks unknown keys
    assert found.returncode == 0


@pytest.mark.real_time
def test_the_user_can_be_made(tmp_path: Path) -> None:
    command = needs("systemd-sysusers")
    (tmp_path / "etc").mkdir()
    rules = SYSTEMD / "sysusers.d" / "tillgate.conf"
    found = subprocess.run(
        [command, "--dry-run", f"--root={tmp_path}", str(rules)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "Creating user 'tillgate'" in found.stdout + found.stderr


def test_the_unit_is_what_the_code_expects() -> None:
    found = service()
    assert found["Type"] == "notify"
    assert found["ExecStart"].split()[1:] == ["run"]
    assert found["Restart"] == "always"
    assert found["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert f"/var/lib/{found['StateDirectory']}" == str(settings.STATE_DIRECTORY)
    assert f"/run/{found['RuntimeDirectory']}" == str(settings.RUNTIME_DIRECTORY)
    assert Path(found["LoadCredential"].partition(":")[2]).parent == DEFAULT_CONFIG.parent
    assert "DynamicUser" not in found
    assert found["User"] == "tillgate"


def test_a_stop_leaves_the_sale_its_grace() -> None:
    assert float(service()["TimeoutStopSec"]) > settings.PaymentsSettings().shutdown_grace_s + 10


def test_the_user_of_every_file_is_the_same() -> None:
    assert "u tillgate " in (SYSTEMD / "sysusers.d" / "tillgate.conf").read_text()
    rules = [
        line.split()
        for line in (SYSTEMD / "tmpfiles.d" / "tillgate.conf").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert {rule[3] for rule in rules} == {"root", "tillgate"}
    assert {rule[4] for rule in rules} == {"root", "tillgate"}
    assert all(not int(rule[2], 8) & 0o007 for rule in rules)
