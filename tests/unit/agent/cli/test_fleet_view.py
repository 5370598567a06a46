"""What people and programs are shown of plans, drift and results."""

from agent.cli.fleet_view import apply_data, drift_data, drift_lines, plan_lines, summary
from agent.fleet.actions import Action, Change, Obstacle, Plan, Unmanaged, Verb
from agent.fleet.apply import Report, Result, Status
from agent.fleet.model import Kind, SecretValue
from agent.secret import Secret

PLAN = Plan(
    (
        Action(Verb.CREATE, Kind.LOCATION, "oslo", changes=(Change("phone", None, "1"),)),
        Action(
            Verb.UPDATE,
            Kind.CONFIGURATION,
            "net",
            "tmc_1",
            (
                Change("wifi.password", Secret("old"), SecretValue("file:/x")),
                Change("phone", "\x1b[2J1", None),
            ),
        ),
        Action(
            Verb.MOVE,
            Kind.READER,
            "till-1",
            "tmr_1",
            (Change("location", "a", "b"),),
            note="must show a code",
        ),
        Action(Verb.REMOVE, Kind.READER, "till-9", "tmr_9"),
    ),
    (
        Obstacle(Kind.READER, "till-2", "no code", ("f.yaml", 3, 4)),
        Obstacle(Kind.LOCATION, "x", "has readers"),
    ),
    (
        Unmanaged(Kind.READER, "tmr_9", "till-9", ours=True, here=True),
        Unmanaged(Kind.READER, "tmr_8", "till-8", ours=True, here=True),
        Unmanaged(Kind.READER, "tmr_5", "till-5", ours=True),
        Unmanaged(Kind.LOCATION, "tml_7", "Theirs"),
        Unmanaged(Kind.LOCATION, "tml_6", ""),
    ),
)


def test_a_plan_for_people() -> None:
    assert list(plan_lines(PLAN)) == [
        "+ create Location oslo",
        "    phone: 1",
        "~ update Configuration net (tmc_1)",
        "    wifi.password: *** -> ***",
        "    phone:  [2J1 -> (not set)",
        "± move Reader till-1 (tmr_1)",
        "    must show a code",
        "    location: a -> b",
        "- remove Reader till-9 (tmr_9)",
        "! f.yaml:3:4: Reader till-2: no code",
        "! Location x: has readers",
        "  Reader till-8 (tmr_8) is no longer declared; --prune removes it",
        "  1 with our names elsewhere in the account left alone (see --prune --everywhere)",
        "  2 other objects in the account left alone",
        "plan: 1 to create, 1 to change, 1 to move, 1 to remove, 2 for people to settle",
    ]


def test_an_empty_plan_says_so() -> None:
    assert list(plan_lines(Plan())) == ["nothing to do: the account is as declared"]
    assert summary(Plan(obstacles=PLAN.obstacles)) == "plan: 2 for people to settle"
    one = Plan(unmanaged=(Unmanaged(Kind.LOCATION, "tml_1", "x"),))
    assert "  1 other object in the account left alone" in list(plan_lines(one))


def test_drift_value_by_value() -> None:
    found = drift_data(PLAN)
    assert found["in_sync"] is False
    assert [(each["name"], each["path"], each["declared"], each["found"]) for each in found["drift"]] == [
        ("oslo", None, "present", "missing"),
        ("net", "wifi.password", "***", "***"),
        ("net", "phone", None, "\x1b[2J1"),
        ("till-1", "location", "b", "a"),
        ("till-9", None, "absent", "present"),
    ]
    assert len(found["obstacles"]) == 2
    assert len(found["unmanaged"]) == 5


def test_drift_for_people() -> None:
    lines = list(drift_lines(PLAN))
    assert lines[0] == "Location oslo: declared present, found missing"
    assert lines[2] == "Configuration net phone: declared (not set), found  [2J1"
    assert "Reader till-2: no code" in lines
    assert "Location tml_6 (tml_6): not declared" in lines
    assert lines[-1] == "the account is not as declared"
    assert list(drift_lines(Plan())) == ["in sync: the account is as declared"]


def test_results() -> None:
    done = Result(PLAN.actions[0], Status.DONE, id="tml_1")
    put_off = Result(PLAN.actions[2], Status.PUT_OFF, "a sale is on this reader")
    found = apply_data(Report((done, put_off), PLAN.obstacles))
    assert found["complete"] is False
    assert found["results"][0] == {
        "action": "create",
        "kind": "Location",
        "name": "oslo",
        "result": "done",
        "id": "tml_1",
        "message": "",
    }
    assert found["results"][1]["result"] == "put_off"
    assert found["obstacles"][1] == {"kind": "Location", "name": "x", "message": "has readers"}
