"""Readers that only apps drive are told apart by Stripe's device type."""

from agent.fleet.app_readers import PRODUCTS, AppReader, apart, at
from agent.fleet.model import ObservedReader

M2 = ObservedReader("tmr_1", "STRM26138003393", "stripe_m2", "Anna's", "tml_1")
PAD = ObservedReader("tmr_2", "WPC323026000412", "bbpos_wisepad3", "", "tml_1")
AWAY = ObservedReader("tmr_3", "CHB204909005931", "bbpos_chipper2x", "", "tml_2")
SMART = ObservedReader("tmr_4", "S7", "stripe_s700", "till-1", "tml_1")


def test_smart_readers_are_not_among_them() -> None:
    assert apart([M2, SMART, PAD]) == (M2, PAD)
    assert "stripe_s700" not in PRODUCTS


def test_only_those_of_the_location() -> None:
    assert at([PAD, AWAY, SMART, M2], "berlin", "tml_1") == [
        AppReader("STRM26138003393", "stripe_m2", "Stripe Reader M2", "Anna's", "berlin"),
        AppReader("WPC323026000412", "bbpos_wisepad3", "BBPOS WisePad 3", "", "berlin"),
    ]
    assert at([M2], "berlin", None) == []
