"""The table of commands."""

import pytest

from drivers.zvt.commands.layout import Layout
from drivers.zvt.commands.table import ROWS, Direction, End, is_answer, is_known, row_of
from drivers.zvt.fields import BMPS


def test_every_row_is_sound() -> None:
    for command, row in ROWS.items():
        assert row.command == command
        assert row.fields <= set(BMPS)
        if row.direction is Direction.TO_REGISTER:
            assert row.end is End.NEVER
        if row.money:
            assert row.prints
            assert row.end is End.COMPLETION
    assert len({row.name for row in ROWS.values()}) == len(ROWS)


@pytest.mark.parametrize(
    ("command", "name", "known"),
    [
        (0x0601, "payment", True),
        (0x8000, "accepted", True),
        (0x846C, "refused", True),
        (0x849D, "partly issued", True),
        (0x0FA1, "maker's own command", True),
        (0x06FF, "unknown command", False),
    ],
)
def test_what_governs_a_command(command: int, name: str, known: bool) -> None:
    assert row_of(command).name == name
    assert is_known(command) is known


def test_answers() -> None:
    assert is_answer(0x8000)
    assert is_answer(0x84CC)
    assert not is_answer(0x060F)
    assert row_of(0x849D).layout is Layout.PLAIN
