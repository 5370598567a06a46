"""From a session's end to a result code."""

from types import SimpleNamespace
from typing import Any

import pytest

from agent.payments.model import State
from agent.pos.register.outcomes import CARD_TYPES, HOST_CODES, TOTAL_OF, card_type, result_of
from drivers.zvt.cards import BRANDS
from drivers.zvt.results import RESULTS, result_text
from drivers.zvt.values import TOTAL_KINDS


def ended(state: State, code: str = "", decline_code: str = "") -> Any:
    return SimpleNamespace(state=state, code=code, decline_code=decline_code)


@pytest.mark.parametrize(
    ("session", "code"),
    [
        (ended(State.DECLINED, "card_declined", "insufficient_funds"), 0x33),
        (ended(State.DECLINED, "expired_card"), 0x36),
        (ended(State.DECLINED, "card_declined", "something_new"), 0x05),
        (ended(State.CANCELED, "canceled"), 0x6C),
        (ended(State.RELEASED), 0x6C),
        (ended(State.FAILED, "reader_unreachable"), 0xA1),
        (ended(State.FAILED, "something_new"), 0x9B),
    ],
)
def test_every_end_has_a_code(session: Any, code: int) -> None:
    assert result_of(session) == code
    assert result_text(code)


def test_codes_of_the_host_are_two_decimal_digits() -> None:
    assert all(1 <= code <= 99 or code in RESULTS for code in HOST_CODES.values())


def test_brands_are_card_types_of_the_standard() -> None:
    assert card_type("visa") == 10
    assert card_type("cartes_bancaires") == 0
    assert {code for name, code in CARD_TYPES.items() if name != "maestro"} <= set(BRANDS)
    assert set(TOTAL_OF.values()) <= set(TOTAL_KINDS)
