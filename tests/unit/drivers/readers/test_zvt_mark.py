"""Which transaction is newer: by numbers that begin again, and by clocks that are wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from drivers.readers.zvt_mark import Age, Before, Mark, terminal_time
from drivers.zvt.commands.reports import StatusInformation

AT = datetime(2026, 3, 8, 17, 49, 23)  # noqa: DTZ001 - a terminal's local time


def mark(
    receipt: int | None = None, trace: int | None = None, turnover: int | None = None, at: str | None = None
) -> Mark:
    return Mark(receipt, trace, turnover, at)


def test_a_mark_keeps_what_tells_transactions_apart() -> None:
    status = StatusInformation(result=0, receipt=7, trace=9, turnover=11, date="0308", time="174923")
    assert Mark.of(status) == mark(7, 9, 11, "0308174923")
    assert Mark.of(StatusInformation(result=0, receipt=0xFFFF, trace=0, long_trace=1234567)) == mark(
        None, 1234567
    )
    assert not Mark.of(StatusInformation(result=0)).known


@pytest.mark.parametrize(
    "each",
    [Mark(), mark(1, 2, 3, "0308174923"), Mark(none=0xFF), mark(5).with_totals("3:4200")],
)
def test_a_mark_survives_the_journal(each: Mark) -> None:
    assert Mark.from_text(each.to_text()) == each
    assert each.known == bool(each.to_text())


def test_what_is_not_understood_is_not_known() -> None:
    assert Mark.from_text("receipt=x trace= approved at") == Mark()


@pytest.mark.parametrize(
    ("before", "record", "age"),
    [
        (mark(1, 1, 1), mark(2, 2, 2), Age.NEWER),
        (mark(1, 1, 1), mark(1, 1, 1), Age.SAME),
        (mark(1, 1, 1, "a"), mark(1, 1, 1, "b"), Age.UNCLEAR),
        (mark(1, 1, 1, "a"), mark(1, 1, 1), Age.SAME),
        (mark(1, 1, 1), mark(2, 1, 1), Age.UNCLEAR),
        (mark(1, 5, 5), mark(1, 6, 6), Age.NEWER),  # receipts begin again after an end of day
        (mark(1, 5, 5), mark(2, 5, 6), Age.UNCLEAR),
        (mark(1, 5), mark(2, 4), Age.UNCLEAR),
        (mark(9999, 999_999, 999_999), mark(1, 1, 1), Age.NEWER),
        (mark(1, 1), mark(9, 5000), Age.UNCLEAR),
        (mark(9999), mark(1), Age.NEWER),
        (mark(4), mark(5), Age.NEWER),
        (mark(4), mark(3), Age.UNCLEAR),
        (mark(4, at="a"), mark(4, at="a"), Age.SAME),
        (mark(4, at="a"), mark(4, at="b"), Age.UNCLEAR),
        (mark(4), mark(4), Age.UNCLEAR),
        (mark(4), mark(None, 7), Age.UNCLEAR),
        (Mark(none=0xFF), mark(1, 1, 1), Age.UNCLEAR),
    ],
)
def test_ages(before: Mark, record: Mark, age: Age) -> None:
    assert before.age(record) is age


def test_a_trace_number_given_later() -> None:
    assert mark(trace=4).precedes_trace(6)
    assert not mark(trace=4).precedes_trace(4)
    assert not mark(trace=4).precedes_trace(3)
    assert not mark(trace=4).precedes_trace(None)
    assert not mark(receipt=4).precedes_trace(6)


def test_terminals_tell_no_year() -> None:
    assert terminal_time("0308", "174923", AT) == AT
    new_year = datetime(2026, 1, 1, 0, 0, 5)  # noqa: DTZ001
    assert terminal_time("1231", "235959", new_year) == datetime(2025, 12, 31, 23, 59, 59)  # noqa: DTZ001
    leap = terminal_time("0229", "000000", datetime(2025, 3, 1))  # noqa: DTZ001
    assert leap == datetime(2024, 2, 29)  # noqa: DTZ001
    assert terminal_time("9999", "999999", AT) is None
    assert terminal_time(None, "174923", AT) is None
    assert terminal_time("0308", None, AT) is None


SENT = datetime(2026, 3, 8, 16, 49, 23, tzinfo=UTC)


def test_what_was_known_before_survives_the_journal() -> None:
    for before in (Before(mark(1, 2, 3), SENT), Before(Mark(), SENT, timedelta(hours=1, seconds=-3))):
        assert Before.from_text(before.to_text()) == before
    assert Before.from_text("receipt=1") is None
    assert Before.from_text("sent_at=yesterday") is None
    assert Before.from_text("sent_at=2026-03-08T16:49:23+00:00 skew_s=x") is None


def test_how_long_after_the_command_it_happened() -> None:
    status = StatusInformation(result=0, date="0308", time="174930")
    assert Before(Mark(), SENT, timedelta(hours=1)).since(status) == timedelta(seconds=7)
    assert Before(Mark(), SENT).since(status) is None
    assert Before(Mark(), SENT, timedelta()).since(StatusInformation(result=0)) is None
