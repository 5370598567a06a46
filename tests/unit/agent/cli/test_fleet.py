"""`tillgate check|plan|apply|drift|export`, on an account in memory and once on the simulated Stripe."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent import cli
from agent.cli import fleet
from agent.cli.errors import CommandError
from agent.fleet.errors import PermanentError, TemporaryError
from agent.fleet.model import Kind
from agent.settings import Settings, load
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.server import serve
from tests.unit.agent.cli.fake_daemon import running
from tests.unit.agent.fleet.fake_account import FakeAccount

GATEWAY = "gateway: {name: g1}\nlocation: berlin\nfleet: {paths: [fleet.yaml]}\nstripe: {key: {file: key}}\n"
FLEET = """
apiVersion: tillgate/v1
kind: Location
metadata: {name: berlin}
spec:
  display_name: Berlin
  address: {line1: S 1, city: Berlin, postal_code: "10117", country: DE}
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: till-1}
spec: {location: berlin, driver: stripe, registration_code: simulated-s700, label: Till 1}
"""
NO_CODE = FLEET.replace("registration_code: simulated-s700, ", "")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "gateway.yaml").write_text(GATEWAY)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "key").write_text("sk_test_1\n")
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setenv("TILLGATE_CONFIG", str(tmp_path / "gateway.yaml"))
    return tmp_path


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> FakeAccount:
    account = FakeAccount()

    @asynccontextmanager
    async def give(settings: Settings) -> AsyncIterator[FakeAccount]:
        assert settings.stripe is not None
        yield account

    monkeypatch.setattr(fleet, "account", give)
    return account


class Said:
    """What a command line printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *words: str, code: int = 0) -> str:
        assert cli.main(words) == code
        captured = self._capsys.readouterr()
        self.err = captured.err
        return captured.out

    def data(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.run(*words, "-o", "json", code=code))


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


def test_check_of_good_files(shop: Path, said: Said) -> None:
    assert said.run("check") == "2 files checked, no problems\n"
    assert said.run("check", str(shop / "fleet.yaml")) == "1 file checked, no problems\n"
    assert said.data("check") == {"files": 2, "problems": []}


def test_check_names_every_problem_with_its_place(shop: Path, said: Said) -> None:
    path = shop / "fleet.yaml"
    path.write_text(
        FLEET.replace("registration_code", "regsitration_code").replace("display_name", "displayname")
    )
    assert said.run("check", code=1) == ""
    assert f"{path}:12:42: unknown key `regsitration_code`, did you mean `registration_code`?\n" in said.err
    assert said.err.endswith("tillgate: 2 problems found\n")
    found = said.data("check", code=1)
    assert [each["line"] for each in found["problems"]] == [6, 12]
    assert found["problems"][0]["path"] == "spec.displayname"


def test_a_plan_is_shown_and_changes_nothing(shop: Path, there: FakeAccount, said: Said) -> None:
    out = said.run("plan")
    assert out.startswith("+ create Location berlin\n    display_name: Berlin\n")
    assert out.endswith("plan: 2 to create\n")
    assert there.calls == ["observe"]
    assert [each["action"] for each in said.data("plan")["actions"]] == ["create", "register"]
    assert yaml.safe_load(said.run("plan", "-o", "yaml"))["empty"] is False


def test_detailed_exit_codes(shop: Path, there: FakeAccount, said: Said) -> None:
    said.run("plan", "--detailed-exitcode", code=2)
    said.run("drift", "--detailed-exitcode", code=2)
    said.run("apply", "--yes")
    assert said.run("plan", "--detailed-exitcode") == "nothing to do: the account is as declared\n"
    assert said.run("drift", "--detailed-exitcode") == "in sync: the account is as declared\n"


def test_files_may_be_named(shop: Path, there: FakeAccount, said: Said) -> None:
    other = shop / "other"
    other.mkdir()
    (other / "a.yaml").write_text(FLEET.split("---", maxsplit=1)[0])
    assert "plan: 1 to create" in said.run("plan", "-f", str(other))


def test_apply_does_it_once_and_shows_progress_on_stderr(shop: Path, there: FakeAccount, said: Said) -> None:
    out = said.run("apply", "--yes")
    assert out.splitlines()[1].split() == ["create", "Location", "berlin", "done", "tml_1"]
    assert "register Reader till-1: started\n" in said.err
    assert "register Reader till-1: done\n" in said.err
    assert said.data("apply", "--yes") == {"complete": True, "results": [], "obstacles": []}
    assert len(there.objects[Kind.READER]) == 1


def test_apply_tells_the_daemon_when_anything_was_done(
    shop: Path, there: FakeAccount, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = running(monkeypatch)
    daemon.expect("POST /v1/fleet/look", {"object": "fleet_look"})
    said.run("apply", "--yes")
    assert said.err.endswith("the daemon has been told\n")
    assert daemon.asked == [("POST /v1/fleet/look", {})]
    said.run("apply", "--yes")
    assert len(daemon.asked) == 1


def test_apply_without_a_terminal_and_without_yes_refuses(shop: Path, there: FakeAccount, said: Said) -> None:
    said.run("apply", code=2)
    assert "nobody is there to ask" in said.err
    assert there.calls == ["observe"]


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1)])
def test_apply_asks_on_a_terminal(
    shop: Path, there: FakeAccount, said: Said, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("agent.cli.fleet.typer.confirm", lambda text, err: answer == "y\n")
    said.run("apply", code=code)
    assert bool(there.objects[Kind.LOCATION]) == (code == 0)


def test_apply_with_failures_is_partly_done(shop: Path, there: FakeAccount, said: Said) -> None:
    (shop / "fleet.yaml").write_text(NO_CODE)
    found = said.data("apply", "--yes", code=3)
    assert [each["result"] for each in found["results"]] == ["done"]
    assert found["obstacles"][0]["name"] == "till-1"
    said.run("apply", "--yes", code=1)
    assert "Reader till-1: is not in the account" in said.err
    there.faults["create"] = [PermanentError("Stripe says no")]
    (shop / "fleet.yaml").write_text(FLEET)
    assert "Stripe says no" in said.run("apply", "--yes", code=1)


def test_a_saved_plan_is_applied_as_it_was_shown(shop: Path, there: FakeAccount, said: Said) -> None:
    saved = shop / "plan.json"
    said.run("plan", "--out", str(saved))
    (shop / "fleet.yaml").write_text("broken")
    found = said.data("apply", str(saved), "--yes")
    assert found["complete"]
    assert len(there.objects[Kind.READER]) == 1
    said.run("apply", str(saved), "--yes", code=1)
    assert f"{saved} is stale: the account has changed since it was made; plan again" in said.err


def test_a_saved_plan_goes_with_nothing_else(shop: Path, there: FakeAccount, said: Said) -> None:
    said.run("apply", "plan.json", "--prune", code=2)
    assert "a saved plan is applied as it is" in said.err
    said.run("apply", str(shop / "none.json"), code=1)
    assert "cannot read the plan" in said.err
    said.run("apply", str(shop / "gateway.yaml"), code=1)
    assert "plan again" in said.err


def test_prune(shop: Path, there: FakeAccount, said: Said) -> None:
    said.run("apply", "--yes")
    (shop / "fleet.yaml").write_text(FLEET.split("---", maxsplit=1)[0])
    assert "Reader till-1 (tmr_2) is no longer declared; --prune removes it" in said.run("plan")
    assert "- remove Reader till-1" in said.run("plan", "--prune")
    said.run("apply", "--prune", "--yes")
    assert there.objects[Kind.READER] == {}


def test_other_stores_go_only_when_everywhere_is_said(shop: Path, there: FakeAccount, said: Said) -> None:
    said.run("apply", "--yes")
    there.put(Kind.LOCATION, display_name="Rome", metadata={"tillgate_name": "rome"})
    rome = list(there.objects[Kind.LOCATION])[-1]
    there.put(Kind.READER, location=rome, metadata={"tillgate_name": "till-1"})
    before = {kind: dict(each) for kind, each in there.objects.items()}
    assert "2 with our names elsewhere in the account left alone" in said.run("plan", "--prune")
    said.run("apply", "--prune", "--yes")
    assert there.objects == before
    told = said.run("plan", "--prune", "--everywhere")
    assert "- remove Location rome" in told
    assert "is elsewhere in the account (--everywhere), carries our name and is not declared" in told
    said.run("apply", "--prune", "--everywhere", "--yes")
    assert len(there.objects[Kind.LOCATION]) == len(there.objects[Kind.READER]) == 1


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_everywhere_says_where_prune_removes(shop: Path, there: FakeAccount, said: Said, verb: str) -> None:
    said.run(verb, "--everywhere", code=2)
    assert "give both or neither" in said.err
    assert there.calls == []


def test_drift_is_shown_value_by_value(shop: Path, there: FakeAccount, said: Said) -> None:
    said.run("apply", "--yes")
    next(iter(there.objects[Kind.READER].values()))["label"] = "Theirs"
    assert said.run("drift").splitlines()[0] == "Reader till-1 label: declared Till 1, found Theirs"
    [row] = said.data("drift")["drift"]
    assert (row["path"], row["declared"], row["found"]) == ("label", "Till 1", "Theirs")


def test_export_has_an_empty_plan(shop: Path, there: FakeAccount, said: Said) -> None:
    there.put(
        Kind.CONFIGURATION,
        name="Net",
        wifi={"type": "personal_psk", "personal_psk": {"ssid": "S", "password": "hunter2"}},
    )
    there.put(Kind.READER, label="lost")
    said.run("apply", "--yes")
    out = said.run("export")
    assert "hunter2" not in out + said.err
    assert "not shown: secrets/net-wifi-personal-psk-password" in said.err
    assert "has no Location and was left out" in said.err
    assert len(list(yaml.safe_load_all(out))) == 3
    assert len(said.data("export")) == 3
    back = shop / "back"
    said.run("export", "--out", str(back))
    assert (back / "secrets" / "net-wifi-personal-psk-password").stat().st_mode & 0o777 == 0o600
    assert said.data("plan", "-f", str(back))["empty"] is True
    said.run("export", "--out", str(back), code=1)
    assert "is there already" in said.err


def test_without_secrets_an_export_says_nothing_of_them(shop: Path, there: FakeAccount, said: Said) -> None:
    assert said.run("export") == ""
    assert said.err == ""


def test_the_account_out_of_reach_is_a_message(shop: Path, there: FakeAccount, said: Said) -> None:
    there.faults["observe"] = [TemporaryError("could not read the account: no connection")]
    said.run("plan", code=1)
    assert said.err == "tillgate: could not read the account: no connection\n"


def test_no_files_is_wrong_usage(shop: Path, there: FakeAccount, said: Said) -> None:
    (shop / "gateway.yaml").write_text("gateway: {name: g1}\nlocation: berlin\n")
    said.run("plan", code=2)
    assert "no fleet files" in said.err


async def test_an_account_needs_a_stripe_section_and_a_key(shop: Path) -> None:
    (shop / "gateway.yaml").write_text("gateway: {name: g1}\nlocation: berlin\n")
    with pytest.raises(CommandError, match="has no `stripe` section"):
        async with fleet.account(load(shop / "gateway.yaml")):
            pass
    (shop / "gateway.yaml").write_text(GATEWAY)
    (shop / "key").unlink()
    with pytest.raises(CommandError, match="does not exist"):
        async with fleet.account(load(shop / "gateway.yaml")):
            pass


@pytest.mark.real_time
async def test_the_account_of_a_gateway_is_reached_over_http(shop: Path) -> None:
    serving = await serve(StripeSimulator(), port=0)
    try:
        config = shop / "gateway.yaml"
        config.write_text(
            GATEWAY.replace("{key: {file: key}}", f"{{key: {{file: key}}, base_url: '{serving.url}'}}")
        )
        async with fleet.account(load(config)) as there:
            identifier = await there.create(Kind.CONFIGURATION, {"name": "x"}, "k")
            assert identifier in [each.id for each in (await there.observe()).configurations]
        config.write_text(
            GATEWAY.replace(
                "{key: {file: key}}",
                f"{{key: {{file: key}}, base_url: '{serving.url}', files_url: '{serving.url}'}}",
            )
        )
        async with fleet.account(load(config)) as there:
            assert identifier in [each.id for each in (await there.observe()).configurations]
    finally:
        await serving.close()
