"""Who is behind a token."""

import pytest

from agent.payments.model import TillName
from agent.pos.caller import THE_OPERATOR, Caller, identify
from agent.pos.errors import PosError
from agent.pos.tills import TillRegistryError


class FakeTills:
    """One good and one old token."""

    def __init__(self, fault: TillRegistryError | None = None) -> None:
        self.fault = fault

    def authenticate(self, token: str) -> TillName | None:
        if self.fault is not None:
            raise self.fault
        return TillName("kasse-1") if token == "tg_good" else None

    def retired(self, token: str) -> TillName | None:
        return TillName("kasse-1") if token == "tg_old" else None


@pytest.mark.parametrize("header", ["Bearer tg_good", "bearer tg_good", "BEARER  tg_good "])
def test_a_good_token_is_its_till(header: str) -> None:
    caller = identify(header, FakeTills())

    assert caller == Caller(TillName("kasse-1"))
    assert caller.sees == "kasse-1"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "token_missing"),
        ("", "token_missing"),
        ("tg_good", "token_malformed"),
        ("Token tg_good", "token_malformed"),
        ("Bearer ", "token_malformed"),
        ("Bearer " + "x" * 300, "token_malformed"),
        ("Bearer tg_bad", "token_invalid"),
        ("Bearer tg_old", "token_revoked"),
    ],
)
def test_everybody_else_is_told_what_is_wrong(header: str | None, code: str) -> None:
    with pytest.raises(PosError) as caught:
        identify(header, FakeTills())

    assert (caught.value.status, caught.value.code) == (401, code)
    assert "tg_" not in str(caught.value), "a token must not come back in a message that is logged"


def test_without_a_registry_nobody_gets_in() -> None:
    with pytest.raises(PosError, match="broken file") as caught:
        identify("Bearer tg_good", FakeTills(TillRegistryError("broken file")))

    assert (caught.value.status, caught.value.code) == (503, "tills_unreadable")


def test_an_operator_sees_all() -> None:
    assert THE_OPERATOR.sees is None
    assert THE_OPERATOR.name == "operator"


def test_a_till_is_spoken_to_in_the_language_it_asks_for() -> None:
    till = Caller(TillName("kasse-1"))
    assert till.speaking("de-AT,en;q=0.5", "fr").language == "de"
    assert till.speaking(None, "fr").language == "fr"
    assert till.speaking("en", "fr") is till
    assert THE_OPERATOR.speaking("nl", "en").sees is None
