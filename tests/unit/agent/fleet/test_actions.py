"""What plans are made of."""

from agent.fleet.actions import Action, Obstacle, Plan, Verb, shown
from agent.fleet.model import Kind, Purpose, Reference, SecretValue, Upload
from agent.secret import Secret


def test_only_a_plan_without_actions_and_obstacles_is_empty() -> None:
    assert Plan().empty
    assert not Plan((Action(Verb.CREATE, Kind.LOCATION, "a"),)).empty
    assert not Plan(obstacles=(Obstacle(Kind.LOCATION, "a", "no"),)).empty


def test_what_people_may_see() -> None:
    assert shown(None) is None
    assert shown(False) is False
    assert shown((1, 2)) == [1, 2]
    assert shown(Secret("x")) == shown(SecretValue("file:/x", Secret("x"))) == "***"
    assert shown(Reference(Kind.LOCATION, "a")) == "a"
    assert shown(Upload(Purpose.SPLASHSCREEN, "file:/a.png", "ab")) == "/a.png (sha256 ab)"


def test_where_something_was_declared_makes_no_difference() -> None:
    here = Action(Verb.CREATE, Kind.LOCATION, "a", place=("f", 1, 1))
    assert here == Action(Verb.CREATE, Kind.LOCATION, "a", place=("g", 2, 2))
