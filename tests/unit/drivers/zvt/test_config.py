"""Bit fields."""

from drivers.zvt.config import BAUD_RATES, LANGUAGES, LOGGED_OFF, Config


def test_what_log_off_restores() -> None:
    assert int(LOGGED_OFF) == 0x86


def test_reserved_bits_are_tolerated() -> None:
    assert Config.INTERMEDIATE_STATUS in Config(0xDE)
    assert int(Config(0xDE)) == 0xDE


def test_numbers_of_languages_and_baud_rates() -> None:
    assert LANGUAGES[1] == "en"
    assert BAUD_RATES[7] == 115200
