"""`tillgate doctor`: all checks together, Stripe and the daemon."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from agent import cli
from agent.cli import doctor, probe
from agent.cli.checks import Check, Result
from agent.cli.daemon import AwayError, NoAnswerError, RefusedError, StoppingError
from agent.fleet.fitting import UNFIT
from agent.fleet.roster import NOT_REGISTERED
from agent.settings import Settings, load
from agent.stripe.errors import NotSentError
from agent.stripe.exchange import HttpRequest, HttpResponse
from tests.unit.agent.cli.fake_daemon import FakeDaemon, running


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    fake = running(monkeypatch)
    fake.expect("GET /v1/health", {"status": "ok", "version": "1", "uptime_s": 2, "problems": []})
    fake.expect("GET /v1/readers", {"data": [{"name": "till-1", "state": "ready", "why": ""}]})
    return fake


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text("gateway: {name: g1}\nlocation: here\njournal: {path: journal.db}\n")
    monkeypatch.setenv("TILLGATE_CONFIG", str(path))
    return path


def with_stripe(gateway: Path, key: str = "rk_test_1") -> Settings:
    (gateway.parent / "key").write_text(key)
    (gateway.parent / "key").chmod(0o600)
    gateway.write_text(gateway.read_text() + "stripe: {key: {file: key}, account: acct_1}\n")
    return load(gateway)


class FakeExchange:
    """One answer of Stripe's, or an error."""

    def __init__(
        self, status: int = 200, body: object = None, date: str = "", error: Exception | None = None
    ) -> None:
        self.seen: list[HttpRequest] = []
        self._status, self._body, self._date, self._error = status, body, date, error

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.seen.append(request)
        if self._error is not None:
            raise self._error
        headers: Mapping[str, str] = {"date": self._date} if self._date else {}
        body = self._body or {"object": "list", "data": [], "has_more": False, "url": "/"}
        return HttpResponse(self._status, headers, json.dumps(body).encode())


def date(offset_s: float = 0) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=offset_s), usegmt=True)


def results(found: list[Check]) -> dict[str, str]:
    return {each.name: each.result.value for each in found}


def test_all_is_told_and_0_if_nothing_is_wrong(
    daemon: FakeDaemon, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor"]) == 0
    captured = capsys.readouterr()
    assert f"ok       config: {gateway}: gateway g1 at here\n" in captured.out
    assert "warning  tills: no till may sell yet\n         -> `tillgate till add NAME`\n" in captured.out
    assert "ok       reader till-1: ready\n" in captured.out
    assert "asking the daemon" in captured.err


def test_a_problem_ends_with_1_and_json_has_everything(
    daemon: FakeDaemon, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_stripe(gateway, "pk_test_1")
    assert cli.main(["doctor", "-o", "json"]) == 1
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert found["stripe key"]["result"] == "problem"
    assert "stripe" not in found  # with such a key there is nothing to ask


def test_a_broken_config_is_all_there_is_to_see(
    daemon: FakeDaemon, gateway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.write_text("nonsense: 1\n")
    assert cli.main(["doctor"]) == 1
    assert "unknown key `nonsense`" in capsys.readouterr().out
    assert daemon.asked == []


def test_stripe_is_asked_when_the_key_may_work(
    daemon: FakeDaemon, gateway: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_stripe(gateway)

    async def asked(settings: Settings) -> list[Check]:
        return [Check("stripe", Result.OK, settings.gateway.name)]

    monkeypatch.setattr(doctor, "check_stripe", asked)
    assert cli.main(["doctor"]) == 0
    captured = capsys.readouterr()
    assert "ok       stripe: g1\n" in captured.out
    assert "asking https://api.stripe.com" in captured.err


async def test_stripe_answers(gateway: Path) -> None:
    exchange = FakeExchange(date=date(3))
    found = await doctor.check_stripe(with_stripe(gateway), exchange)
    assert results(found) == {"stripe": "ok", "clock against stripe": "ok"}
    (request,) = exchange.seen
    assert (request.method, request.url) == ("GET", "https://api.stripe.com/v1/terminal/locations?limit=1")
    assert request.headers["Stripe-Account"] == "acct_1"


@pytest.mark.parametrize(("offset", "result"), [(7200, "problem"), (-7200, "problem"), (None, "warning")])
async def test_a_clock_that_is_off(offset: int | None, result: str, gateway: Path) -> None:
    found = await doctor.check_stripe(
        with_stripe(gateway), FakeExchange(date="yesterday" if offset is None else date(offset))
    )
    assert results(found)["clock against stripe"] == result


@pytest.mark.parametrize(
    ("status", "fix"),
    [(401, "put a valid key"), (403, "permission that is missing"), (500, "status.stripe.com")],
)
async def test_stripe_says_no(status: int, fix: str, gateway: Path) -> None:
    body = {"error": {"type": "invalid_request_error", "message": "no: rk_test_1"}}
    (found,) = await doctor.check_stripe(with_stripe(gateway), FakeExchange(status, body))
    assert found.result is Result.PROBLEM
    assert fix in found.fix
    assert "rk_test_1" not in found.found


async def test_stripe_is_not_reached(gateway: Path) -> None:
    exchange = FakeExchange(error=NotSentError("no connection: no such host"))
    (found,) = await doctor.check_stripe(with_stripe(gateway), exchange)
    assert "cable, DNS, proxy" in found.fix


async def daemons(gateway: Path) -> list[Check]:
    return await doctor.check_daemon(load(gateway))


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (AwayError("the daemon does not run", fix="start it"), "warning"),
        (NoAnswerError("cut"), "warning"),
        (RefusedError("no", code="x", status=500), "problem"),
    ],
)
async def test_a_daemon_that_does_not_answer(
    error: Exception, result: str, daemon: FakeDaemon, gateway: Path
) -> None:
    daemon.expect("GET /v1/health", error)
    (found,) = await daemons(gateway)
    assert found.result.value == result
    assert found.fix


async def test_without_a_daemon_the_readers_are_called(
    daemon: FakeDaemon, gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def called(settings: Settings) -> list[Check]:
        return [Check("reader a", Result.OK, settings.gateway.name)]

    monkeypatch.setattr(probe, "check_readers", called)
    for error in (
        NoAnswerError("cut"),
        StoppingError("shutting down"),
        RefusedError("no", code="x", status=500),
    ):
        daemon.expect("GET /v1/health", error)
        assert list(results(await daemons(gateway))) == ["daemon"]
    daemon.expect("GET /v1/health", AwayError("the daemon does not run", fix="start it"))
    assert results(await daemons(gateway)) == {"daemon": "warning", "reader a": "ok"}


async def test_a_daemon_in_bad_health(daemon: FakeDaemon, gateway: Path) -> None:
    daemon.expect(
        "GET /v1/health",
        {
            "status": "failing",
            "version": "1",
            "uptime_s": 2,
            "problems": ["journal: x", "readers: a is offline"],
        },
    )
    daemon.expect("GET /v1/readers", {"data": []})
    found = await daemons(gateway)
    assert results(found) == {"daemon": "problem", "readers": "warning"}
    assert found[0].found == "failing, version 1, up 2 s; journal: x"


async def test_readers_that_cannot_be_used(daemon: FakeDaemon, gateway: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"name": "a", "state": "offline", "why": "no answer; is it on?"},
        {"name": "b", "state": "in_doubt", "why": ""},
        {"name": "c", "state": "busy"},
        {"name": "d", "state": "sleeping"},
    ]
    daemon.expect("GET /v1/readers", {"data": rows})
    found = await daemons(gateway)
    assert results(found[1:]) == {
        "reader a": "problem",
        "reader b": "warning",
        "reader c": "ok",
        "reader d": "warning",
    }
    assert found[1].found == "offline: no answer"
    assert found[1].fix == "is it on?; `tillgate reader show a` tells since when"


async def test_a_reader_without_a_driver_is_told_as_what_it_is(daemon: FakeDaemon, gateway: Path) -> None:
    cause = "reader z: no driver is called 'zvt' (installed: stripe): correct the name or install its package"
    rows: list[dict[str, Any]] = [
        {"name": "z", "state": "connecting", "why": f"{UNFIT}: {cause}"},
        {"name": "n", "state": "connecting", "why": NOT_REGISTERED},
        {"name": "c", "state": "connecting", "why": ""},
    ]
    daemon.expect("GET /v1/readers", {"data": rows})
    _, unfit, new, slow = await daemons(gateway)
    assert (unfit.result, unfit.found) == (Result.PROBLEM, f"not in service: {cause}")
    assert "correct its `spec`" in unfit.fix
    assert "install its driver" in unfit.fix
    assert "power" not in unfit.fix + new.fix
    assert new.fix == "`tillgate apply`, or `tillgate reader register n --code CODE`"
    assert "power and network" in slow.fix
