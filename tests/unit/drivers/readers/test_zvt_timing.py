"""Times are options, and odd ones are refused."""

import pytest

from drivers.readers.zvt_timing import Timing, TimingError


def test_defaults_are_those_of_the_standard() -> None:
    timing = Timing.of({"link": "x"})
    assert (timing.t1_s, timing.t2_s, timing.t3_s, timing.t4_s) == (0.2, 5.0, 5.0, 180.0)


def test_an_option_sets_a_time() -> None:
    assert Timing.of({"t3_s": "2.5"}).t3_s == 2.5


@pytest.mark.parametrize("value", ["soon", "0", "-1", "inf", "nan"])
def test_a_time_that_cannot_be_is_refused(value: str) -> None:
    with pytest.raises(TimingError, match="t4_s"):
        Timing.of({"t4_s": value})
