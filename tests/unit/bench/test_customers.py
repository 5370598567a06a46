"""The same customers for everybody."""

from bench.customers import AT_ONCE, OTHERS, USUAL, Customers


def test_customers_depend_on_reader_number_and_seed_only() -> None:
    again = Customers(USUAL.least_s, USUAL.most_s)
    assert USUAL.takes_s("till-1", 3, 7) == again.takes_s("till-1", 3, 7)
    others = {
        USUAL.takes_s("till-1", 4, 7),
        USUAL.takes_s("till-2", 3, 7),
        USUAL.takes_s("till-1", 3, 8),
        USUAL.takes_s("till-1", 3, 7),
    }
    assert len(others) == 4


def test_customers_keep_to_their_times() -> None:
    for crowd in (USUAL, AT_ONCE, *OTHERS.values()):
        times = [crowd.takes_s("till-1", number, 1) for number in range(500)]
        assert crowd.least_s <= min(times) <= max(times) <= crowd.most_s
    assert str(USUAL) == "4-20 s"


def test_shops_are_not_in_step_unless_nobody_takes_any_time() -> None:
    first = [USUAL.comes_s(f"till-{number}", 1) for number in range(40)]
    assert first == [USUAL.comes_s(f"till-{number}", 1) for number in range(40)]
    assert 0.0 <= min(first) < 5.0
    assert 15.0 < max(first) <= USUAL.most_s
    assert AT_ONCE.comes_s("till-1", 1) == 0.0
