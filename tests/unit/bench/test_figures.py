"""Figures: statistics, verdicts, and the shapes of table and JSON."""

import json

import pytest

from bench.figures import Figure, quantile, shown, spread, table


@pytest.mark.parametrize(
    ("share", "expected"), [(0.001, 1), (0.01, 1), (0.5, 50), (0.501, 51), (0.99, 99), (1.0, 100)]
)
def test_a_quantile_is_a_sample_that_so_many_do_not_exceed(share: float, expected: int) -> None:
    samples = list(range(100, 0, -1))
    assert quantile(samples, share) == expected
    assert sum(sample <= expected for sample in samples) >= share * len(samples)


def test_quantiles_of_one_sample_and_of_none() -> None:
    assert quantile([7.0], 0.5) == quantile([7.0], 0.99) == 7.0
    with pytest.raises(ValueError, match="no samples"):
        quantile([], 0.5)


def test_noise_is_the_middle_half_by_the_median() -> None:
    assert spread([10.0, 10.0, 10.0]) == 0.0
    assert spread([8.0, 9.0, 10.0, 11.0, 12.0]) == pytest.approx(0.2)
    assert spread([0.0, 0.0]) == 0.0


@pytest.mark.parametrize(
    ("figure", "met", "target"),
    [
        (Figure("a", 5.0, "ms", most=5.0), True, "<= 5.00"),
        (Figure("a", 5.1, "ms", most=5.0), False, "<= 5.00"),
        (Figure("a", 200.0, "1/s", least=200.0), True, ">= 200"),
        (Figure("a", 199.0, "1/s", least=200.0), False, ">= 200"),
        (Figure("a", 1.0, "s"), None, ""),
    ],
)
def test_a_figure_is_judged_by_its_target(figure: Figure, met: bool | None, target: str) -> None:
    assert (figure.met, figure.target) == (met, target)
    assert json.loads(json.dumps(figure.document())) == {
        "name": "a",
        "value": figure.value,
        "unit": figure.unit,
        "beside": None,
        "target": target,
        "met": met,
        "note": "",
    }


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.01234, "0.012"), (1.5, "1.50"), (12.34, "12.3"), (1234.5, "1234")]
)
def test_numbers_show_what_counts(value: float, text: str) -> None:
    assert shown(value) == text


def test_the_table_has_a_line_for_each_figure_and_says_what_was_missed() -> None:
    good = Figure("good", 1.0, "s", beside=2.0, most=1.5, note="noise 3%")
    text = table([("first", [good]), ("second", [Figure("a worse one", 2.0, "x", most=1.0)])])
    lines = text.splitlines()
    assert lines[0].split() == ["figure", "tillgate", "beside", "unit", "target"]
    assert lines[2:4] == ["-- first", "good             1.00    2.00  s     <= 1.50  met     noise 3%"]
    assert lines[5] == "-- second"
    assert lines[6].endswith("MISSED")
    assert len({line.index("<=") for line in lines if "<=" in line}) == 1
