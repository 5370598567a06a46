"""What no command about money may be."""

from pathlib import Path

import pytest

from tests.register_shop import RegisterShop


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("06 01 00", "9A"),
        ("06 01 07 04 00 00 00 00 00 00", "9A"),
        ("06 01 07 04 01 00 00 00 00 00", "C3"),
        ("06 01 0A 04 00 00 00 00 10 00 49 07 56", "6F"),
        ("06 30 03 00 00 00", "B5"),
        ("06 30 06 00 00 00 87 00 42", "B5"),
        ("06 31 0A 00 00 00 04 00 00 00 00 10 00", "83"),
        ("06 31 0D 00 00 00 04 00 00 00 00 10 00 87 00 42", "83"),
        ("06 24 0A 04 00 00 00 00 10 00 87 00 42", "B8"),
        ("06 23 0A 04 00 00 00 00 10 00 87 00 42", "B8"),
        ("06 25 03 87 00 42", "B8"),
        ("06 22 0B 04 00 00 00 00 10 00 0B 00 00 01", "B7"),
        ("06 20 05 00 00 00 03 03", "FF"),
        ("06 12 03 00 00 00", "9A"),
        ("06 1B 00", "9A"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_reason(tmp_path: Path, command: str, code: str) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        heard = await shop.register().run(command)
        assert (heard.answer, heard.end) == ("80 00", f"06 1E {code}")
        assert shop.sessions() == []
