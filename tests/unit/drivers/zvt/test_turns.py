"""What dialogues wait for."""

from drivers.zvt.turns import Topic, Wait, Waiting


def test_a_wait_without_a_time_of_its_own_leaves_it_to_the_shell() -> None:
    waiting = Waiting(Wait.T4)
    assert (waiting.minutes, waiting.seconds) == (None, None)
    assert waiting != Waiting(Wait.T4, minutes=2)


def test_names_are_those_of_the_standard() -> None:
    assert {Wait.T3.value, Wait.T4.value} == {"T3", "T4"}
    assert Topic("result") is Topic.RESULT
