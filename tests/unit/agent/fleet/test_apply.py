"""Carrying out plans: order, repeats, failures, and hands off a reader that sells."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from agent.fleet.actions import Action, Obstacle, Plan, Verb
from agent.fleet.apply import ATTEMPTS, Executor, Report, Result, Status
from agent.fleet.errors import PermanentError, TemporaryError
from agent.fleet.model import Fields, Kind, Purpose, Reference, SecretValue, Upload
from agent.fleet.plan import plan
from tests.unit.agent.fleet.fake_account import FakeAccount
from tests.unit.agent.fleet.test_plan import FakeContents, desired_of

LOCATION: dict[str, Any] = {
    "apiVersion": "tillgate/v1",
    "kind": "Location",
    "metadata": {"name": "berlin"},
    "spec": {
        "display_name": "Berlin",
        "address": {"line1": "S 1", "city": "B", "postal_code": "1", "country": "DE"},
    },
}
OTHER = {**LOCATION, "metadata": {"name": "other"}, "spec": {**LOCATION["spec"], "display_name": "Other"}}


def reader(name: str = "till-1", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "tillgate/v1",
        "kind": "Reader",
        "metadata": {"name": name},
        "spec": {"location": "berlin", "driver": "stripe", "registration_code": "simulated-s700", **spec},
    }


async def apply(
    account: FakeAccount,
    documents: list[Any],
    *,
    busy: Callable[[str], bool] = lambda _: False,
    prune: bool = False,
) -> tuple[Report, list[Result]]:
    heard: list[Result] = []
    made = plan(desired_of(documents), await account.observe(), prune=prune)
    executor = Executor(account, FakeContents(), busy=busy, progress=heard.append)
    return await executor.apply(made, "n1"), heard


async def test_progress_is_told_twice_for_each_action() -> None:
    account = FakeAccount()
    report, heard = await apply(account, [LOCATION, reader()])
    assert [(each.status, each.action.name) for each in heard] == [
        (Status.STARTED, "berlin"),
        (Status.DONE, "berlin"),
        (Status.STARTED, "till-1"),
        (Status.DONE, "till-1"),
    ]
    assert report.complete
    assert report.exit_code == 0
    assert report.results[0].id in account.objects[Kind.LOCATION]


async def test_a_permanent_failure_stops_what_builds_on_it_and_nothing_else() -> None:
    account = FakeAccount()
    account.faults["create"] = [PermanentError("Stripe says no", code="parameter_missing")]
    report, _ = await apply(account, [LOCATION, OTHER, reader(), reader("till-2", location="other")])
    assert [each.status for each in report.results] == [
        Status.FAILED,
        Status.DONE,
        Status.SKIPPED,
        Status.DONE,
    ]
    assert report.results[0].message == "Stripe says no"
    assert report.results[2].message == "builds on berlin, which did not come about"
    assert report.exit_code == 3
    assert not report.complete


async def test_a_temporary_failure_is_repeated_with_the_same_key() -> None:
    account = FakeAccount()
    account.faults["create"] = [TemporaryError("no answer"), TemporaryError("no answer")]
    report, _ = await apply(account, [LOCATION])
    assert report.complete
    assert len(account.keys) == 3
    assert len(set(account.keys)) == 1


async def test_after_some_attempts_it_is_put_off() -> None:
    account = FakeAccount()
    account.faults["create"] = [TemporaryError("no answer")] * ATTEMPTS
    report, _ = await apply(account, [LOCATION])
    assert [each.status for each in report.results] == [Status.PUT_OFF]
    assert report.exit_code == 1


async def test_keys_differ_between_applies_and_hold_no_secret() -> None:
    action = Action(
        Verb.UPDATE, Kind.CONFIGURATION, "c", "tmc_1", params={("wifi", "password"): SecretValue("file:pw")}
    )
    account = FakeAccount()
    account.put(Kind.CONFIGURATION, id="tmc_1", name="c")
    executor = Executor(account, FakeContents())
    await executor.apply(Plan((action,)), "n1")
    await executor.apply(Plan((action,)), "n1")
    await executor.apply(Plan((action,)), "n2")
    first, second, third = account.keys
    assert first == second != third
    assert all(len(key) <= 255 and "secret of" not in key for key in account.keys)
    assert account.objects[Kind.CONFIGURATION]["tmc_1"]["wifi"] == {"password": "secret of pw"}


async def test_one_content_is_uploaded_once() -> None:
    account = FakeAccount()
    spec = {"stripe_s700": {"splashscreen": "logo.png"}, "stripe_s710": {"splashscreen": "logo.png"}}
    document = {
        "apiVersion": "tillgate/v1",
        "kind": "Configuration",
        "metadata": {"name": "c"},
        "spec": spec,
    }
    report, _ = await apply(account, [document])
    assert report.complete
    assert sum(call.startswith("upload") for call in account.calls) == 1


async def test_a_file_that_changed_after_the_plan_is_not_uploaded() -> None:
    upload = Upload(Purpose.SPLASHSCREEN, "file:/logo.png", "0" * 64)
    action = Action(Verb.CREATE, Kind.CONFIGURATION, "c", params={("stripe_s700", "splashscreen"): upload})
    report = await Executor(FakeAccount(), FakeContents()).apply(Plan((action,)), "n")
    assert report.results[0].status is Status.FAILED
    assert "changed since the plan" in report.results[0].message


async def test_a_file_that_is_gone_fails_its_action() -> None:
    upload = Upload(Purpose.SPLASHSCREEN, "file:/missing.png", "0" * 64)
    action = Action(Verb.CREATE, Kind.CONFIGURATION, "c", params={("stripe_s700", "splashscreen"): upload})
    report = await Executor(FakeAccount(), FakeContents()).apply(Plan((action,)), "n")
    assert report.results[0].message == "file:/missing.png cannot be read"


@pytest.mark.parametrize("change", ["label", "move", "remove"])
async def test_nothing_happens_to_a_reader_that_sells(change: str) -> None:
    account = FakeAccount()
    await apply(account, [LOCATION, OTHER, reader()])
    before = copy.deepcopy(account.objects[Kind.READER])
    documents = {
        "label": [LOCATION, OTHER, reader(label="New")],
        "move": [LOCATION, OTHER, reader(location="other")],
        "remove": [LOCATION, OTHER],
    }[change]
    report, _ = await apply(account, documents, busy=lambda name: name == "till-1", prune=True)
    assert [each.status for each in report.results] == [Status.PUT_OFF]
    assert report.results[0].message == "a sale is on this reader"
    assert account.objects[Kind.READER] == before
    report, _ = await apply(account, documents, prune=True)
    assert report.complete
    assert account.objects[Kind.READER] != before


async def test_stripe_is_asked_before_a_reader_is_deleted() -> None:
    account = FakeAccount()
    await apply(account, [LOCATION, OTHER, reader()])
    account.active = set(account.objects[Kind.READER])
    report, _ = await apply(account, [LOCATION, OTHER, reader(location="other")])
    assert [each.status for each in report.results] == [Status.PUT_OFF]
    assert len(account.objects[Kind.READER]) == 1


async def test_a_sale_that_begins_while_stripe_is_asked_is_seen() -> None:
    account = FakeAccount()
    await apply(account, [LOCATION, OTHER, reader()])
    answers = [False, True]
    documents = [LOCATION, OTHER, reader(location="other")]
    report, _ = await apply(account, documents, busy=lambda _: answers.pop(0))
    assert [each.status for each in report.results] == [Status.PUT_OFF]
    assert answers == []


async def test_a_move_that_fails_halfway_says_where_the_reader_is() -> None:
    account = FakeAccount()
    await apply(account, [LOCATION, OTHER, reader()])
    account.faults["create"] = [PermanentError("the code has expired")]
    report, _ = await apply(account, [LOCATION, OTHER, reader(location="other")])
    assert report.results[0].status is Status.FAILED
    assert report.results[0].message.startswith("the code has expired. The reader is out of the account now")
    assert account.objects[Kind.READER] == {}


async def test_a_move_that_fails_before_the_deletion_does_not() -> None:
    account = FakeAccount()
    await apply(account, [LOCATION, OTHER, reader()])
    account.faults["delete"] = [PermanentError("no permission")]
    report, _ = await apply(account, [LOCATION, OTHER, reader(location="other")])
    assert report.results[0].message == "no permission"
    assert len(account.objects[Kind.READER]) == 1


async def test_a_move_goes_on_after_an_answer_got_lost() -> None:
    account = FakeAccount()
    await apply(account, [LOCATION, OTHER, reader()])
    account.faults["create"] = [TemporaryError("no answer")]
    report, _ = await apply(account, [LOCATION, OTHER, reader(location="other")])
    assert report.complete
    assert len(account.objects[Kind.READER]) == 1


def test_a_report_with_nothing_but_obstacles_is_an_error() -> None:
    report = Report((), (Obstacle(Kind.READER, "till-1", "no code"),))
    assert report.exit_code == 1
    assert not report.complete


async def test_references_that_nobody_makes_are_said() -> None:
    params: Fields = {("location",): Reference(Kind.LOCATION, "x")}
    report = await Executor(FakeAccount(), FakeContents()).apply(
        Plan((Action(Verb.REGISTER, Kind.READER, "r", params=params),)), "n"
    )
    assert report.results[0].status is Status.SKIPPED
