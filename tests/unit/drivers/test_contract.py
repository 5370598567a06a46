"""Money that cannot be mixed up, and the words of the contract."""

import pytest

from drivers.contract import (
    Capability,
    Capture,
    Decision,
    DriverError,
    Kind,
    LinkError,
    Money,
    MoneyError,
    NotStartedError,
    Outcome,
    PaymentRequest,
    Progress,
    ReaderConfig,
    ReaderInfo,
    ReaderName,
    RefusedError,
    SessionId,
    Settlement,
    TipPolicy,
    Verdict,
)


@pytest.mark.parametrize("amount", [1.0, "1", True, None])
def test_an_amount_is_a_whole_number(amount: object) -> None:
    with pytest.raises(MoneyError, match="whole number"):
        Money(amount, "eur")  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("currency", ["EUR", "eu", "euro", "éur", "", "e1r!"])
def test_a_currency_is_three_lower_case_letters(currency: str) -> None:
    with pytest.raises(MoneyError, match="three lower-case letters"):
        Money(1, currency)


def test_money_is_added_and_compared_in_one_currency_only() -> None:
    assert Money(5, "eur") + Money(7, "eur") == Money(12, "eur")
    assert Money(5, "eur") - Money(7, "eur") == Money(-2, "eur")
    assert Money(5, "eur") < Money(7, "eur")
    assert str(Money(1250, "usd")) == "1250 usd"
    for wrong in (Money.__add__, Money.__sub__):
        with pytest.raises(MoneyError, match="cannot mix eur and usd"):
            wrong(Money(5, "eur"), Money(5, "usd"))


def test_a_verdict_is_final_when_nothing_can_change_it_any_more() -> None:
    assert {each for each in Verdict if not each.final} == {
        Verdict.PENDING,
        Verdict.UNKNOWN,
        Verdict.AUTHORIZED,
    }


def test_errors_say_how_much_is_known() -> None:
    assert DriverError("?").code == "unknown_outcome"
    assert NotStartedError("!").code == "not_started"
    refused = RefusedError("no", code="card_declined", decline_code="lost_card")
    assert (refused.code, refused.decline_code, str(refused)) == ("card_declined", "lost_card", "no")
    assert LinkError("gone", code="cut").code == "cut"
    assert not issubclass(LinkError, NotStartedError), "a lost link proves nothing"
    assert not issubclass(RefusedError, NotStartedError)


def test_what_is_not_said_is_empty_and_cannot_be_filled_by_another() -> None:
    request = PaymentRequest(SessionId("s"), Kind.PAYMENT, Money(1, "eur"))
    assert (request.capture, request.tip, request.references, request.attempts) == (
        Capture.AUTOMATIC,
        None,
        {},
        {},
    )
    for mapping in (
        request.references,
        request.metadata,
        request.attempts,
        Outcome(Verdict.PAID).references,
        ReaderInfo("d", "s", frozenset()).details,
        ReaderConfig(ReaderName("r"), "d").options,
    ):
        with pytest.raises(TypeError):
            mapping["x"] = "y"  # type: ignore[index]  # that is the point


def test_the_words_are_the_ones_on_disk_and_on_the_wire() -> None:
    assert [each.value for each in Settlement] == ["capture", "release", "reverse"]
    assert Decision(Settlement.CAPTURE).amount is None
    assert TipPolicy() == TipPolicy(skip=False, amount_eligible=None)
    for words in (Capability, Progress, Verdict, Capture, Kind):
        assert all(each.value == each.name.lower() for each in words)
