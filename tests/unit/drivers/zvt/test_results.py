"""Result codes."""

import pytest

from drivers.zvt.results import RESULTS, result_text


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0x00, "done"),
        (0x6C, "stopped by the stop key or by a time-out"),
        (0x05, "declined"),
        (0x12, "refused by the host with code 18"),
        (0x63, "a system error at the host"),
        (0x6D, "unknown result 6D"),
    ],
)
def test_texts(code: int, text: str) -> None:
    assert result_text(code) == text


def test_every_code_is_a_byte_with_a_text() -> None:
    assert all(0 <= code <= 0xFF and text for code, text in RESULTS.items())
