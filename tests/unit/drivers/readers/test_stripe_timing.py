"""Times as options."""

import pytest

from drivers.readers.stripe_timing import Timing, TimingError


def test_options_change_what_they_name_and_nothing_else() -> None:
    assert Timing.of({"reader": "tmr_1"}) == Timing()
    assert Timing.of({"patience_s": "90", "busy_for_s": "2.5"}) == Timing(patience_s=90.0, busy_for_s=2.5)


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", ""])
def test_a_time_that_cannot_be_is_named(value: str) -> None:
    with pytest.raises(TimingError, match="patience_s"):
        Timing.of({"patience_s": value})
