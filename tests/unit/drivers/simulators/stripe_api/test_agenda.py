"""What happens later happens in order."""

from drivers.simulators.stripe_api.agenda import Agenda, Happening


def test_the_earliest_comes_first_then_the_first_planned() -> None:
    agenda = Agenda()
    for at, seq in ((5.0, 1), (3.0, 2), (5.0, 0)):
        agenda.add(Happening(at, seq, "x", "a", "t"))
    assert (agenda.next_at(), len(agenda)) == (3.0, 3)
    assert agenda.due(2.9) is None
    order = []
    while (happening := agenda.due(5.0)) is not None:
        order.append((happening.at, happening.seq))
    assert order == [(3.0, 2), (5.0, 0), (5.0, 1)]
    assert agenda.next_at() is None


def test_changes_are_noted_for_the_state_file() -> None:
    agenda = Agenda()
    happening = Happening(1.0, 7, "x", "a", "t")
    agenda.add(happening)
    assert agenda.changes == {7: happening}
    agenda.due(1.0)
    assert agenda.changes == {7: None}
