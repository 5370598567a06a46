"""Plans as files: what goes in comes out (see test_plan.py for all cases), what is damaged is refused."""

import json
from typing import Any

import pytest

from agent.fleet.actions import Action, Change, Plan, Verb
from agent.fleet.errors import PlanFileError
from agent.fleet.model import Kind, Purpose, Reference, SecretValue, Upload
from agent.fleet.plan_file import SavedPlan, data, load, save
from agent.secret import Secret

ACTION = Action(
    Verb.UPDATE,
    Kind.CONFIGURATION,
    "c",
    "tmc_1",
    (
        Change("wifi.password", Secret("old"), SecretValue("file:/pw", Secret("new"))),
        Change("a", None, (1, 2)),
    ),
    {
        ("wifi", "password"): SecretValue("file:/pw", Secret("new")),
        ("splash",): Upload(Purpose.SPLASHSCREEN, "file:/a.png", "ab"),
        ("ref",): Reference(Kind.LOCATION, "x"),
        ("list",): (1, 2),
        ("on",): False,
        ("n",): 5,
    },
    ("wifi",),
    "note",
    ("f.yaml", 1, 2),
)
SAVED = SavedPlan(Plan((ACTION,), observed="abc"), "n1")


def damaged(change: Any) -> str:
    content = json.loads(save(SAVED))
    change(content)
    return json.dumps(content)


def test_there_and_back() -> None:
    text = save(SAVED)
    assert "old" not in json.dumps(json.loads(text)["actions"][0]["changes"][0]["old"])
    assert '"new"' not in text.replace('"new":', "")
    back = load(text)
    [action] = back.plan.actions
    assert action.params == ACTION.params
    assert action.reset == ("wifi",)
    assert action.changes[1] == Change("a", None, (1, 2))
    assert back.nonce == "n1"
    assert back.plan.observed == "abc"


def test_data_for_programs() -> None:
    found = data(SAVED.plan)
    assert found["empty"] is False
    assert found["actions"][0]["declared_at"] == "f.yaml:1:2"
    assert found["actions"][0]["changes"][0] == {"path": "wifi.password", "old": "***", "new": "***"}
    assert "params" not in found["actions"][0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "tillgate-plan/2"}',
        '{"format": "tillgate-plan/1"}',
        "[" * 100_000,
        damaged(lambda plan: plan["actions"][0].update(action="explode")),
        damaged(lambda plan: plan["actions"][0].update(params=[[["a"], None]])),
        damaged(lambda plan: plan["actions"][0].update(params=[[["a"], {"odd": 1}]])),
        damaged(lambda plan: plan["actions"][0].update(params=[[["a"], 1.5]])),
        damaged(lambda plan: plan.update(actions=5)),
        damaged(lambda plan: plan.update(obstacles=["x"])),
    ],
)
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(PlanFileError, match="plan"):
        load(text)


def test_a_bare_secret_never_goes_into_a_file() -> None:
    action = Action(Verb.UPDATE, Kind.CONFIGURATION, "c", params={("p",): Secret("x")})
    with pytest.raises(TypeError, match="does not go into a plan file"):
        save(SavedPlan(Plan((action,)), "n"))
