import pytest

from tests.thoroughness import chosen


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (None, list(range(10))),
        (0, []),
        (1, [0]),
        (2, [0, 9]),
        (4, [0, 3, 6, 9]),
        (10, list(range(10))),
        (99, list(range(10))),
    ],
)
def test_a_sample_is_spread_evenly_with_both_ends(count: int | None, expected: list[int]) -> None:
    assert chosen(range(10), count) == expected
