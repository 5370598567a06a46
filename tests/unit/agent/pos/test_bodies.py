"""What a till may send, and what it is told when it sends something else."""

from typing import Any

import pytest

from agent.payments.model import TillName
from agent.pos.bodies import (
    MAX_AMOUNT,
    MAX_METADATA_KEYS,
    CancelBody,
    CaptureBody,
    ConnectionTokenBody,
    RefundBody,
    SaleBody,
    parse,
)
from agent.pos.errors import BadRequestError
from drivers.contract import Capture, TipPolicy

SALE: dict[str, Any] = {"reader": "till-1", "amount": 1250, "currency": "eur", "pos_key": "k1"}
TILL = TillName("kasse-1")

WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    # what is changed, the parameter that is blamed, the code, words of the message
    ({"amount": 0}, "amount", "amount_too_small", "from 1 to 99999999"),
    ({"amount": -1}, "amount", "amount_too_small", "got -1"),
    ({"amount": 1.5}, "amount", "parameter_invalid_integer", "got 1.5"),
    ({"amount": 1.0}, "amount", "parameter_invalid_integer", "got 1.0"),
    ({"amount": MAX_AMOUNT + 1}, "amount", "amount_too_large", "got 100000000"),
    ({"amount": 10**12}, "amount", "amount_too_large", "got 1000000000000"),
    ({"amount": 10**25}, "amount", "amount_too_large", "more than 15 digits"),
    ({"amount": "10"}, "amount", "parameter_invalid_integer", "got the string '10'"),
    ({"amount": True}, "amount", "parameter_invalid_integer", "got true"),
    ({"amount": None}, "amount", "parameter_invalid_integer", "got null"),
    ({"amount": [10]}, "amount", "parameter_invalid_integer", "got a list"),
    ({"amount": {"value": 10}}, "amount", "parameter_invalid_integer", "got an object"),
    ({"currency": "xyz"}, "currency", "unknown_currency", "usd"),
    ({"currency": ""}, "currency", "unknown_currency", "not a currency"),
    ({"currency": "EURO"}, "currency", "unknown_currency", "not a currency"),
    ({"currency": 978}, "currency", "parameter_invalid", "JSON string; got 978"),
    ({"pos_key": ""}, "pos_key", "parameter_invalid_empty", "must not be empty"),
    ({"pos_key": "k" * 101}, "pos_key", "parameter_invalid", "at most 100 characters; got 101"),
    ({"pos_key": "a\nb"}, "pos_key", "parameter_invalid", "printable"),
    ({"pos_key": "a\u202eb"}, "pos_key", "parameter_invalid", "printable"),
    ({"pos_key": " k1"}, "pos_key", "parameter_invalid", "space"),
    ({"pos_key": 17}, "pos_key", "parameter_invalid", "JSON string"),
    ({"reader": ""}, "reader", "parameter_invalid_empty", "must not be empty"),
    ({"reader": ["till-1"]}, "reader", "parameter_invalid", "got a list"),
    ({"capture": "later"}, "capture", "parameter_invalid", "'automatic' or 'manual'"),
    ({"capture": "x" * 50}, "capture", "parameter_invalid", "a string of 50 characters"),
    ({"tip": True}, "tip", "parameter_invalid", "JSON object; got true"),
    ({"tip": {"skip": 1}}, "tip.skip", "parameter_invalid", "true or false; got 1"),
    ({"tip": {"amount_eligible": -1}}, "tip.amount_eligible", "parameter_invalid", "at least 0"),
    ({"tip": {"amount_eligible": 10**9}}, "tip.amount_eligible", "parameter_invalid", "at most"),
    (
        {"tip": {"amount_eligible": 0.5}},
        "tip.amount_eligible",
        "parameter_invalid_integer",
        "JSON integer; got 0.5",
    ),
    ({"tip": {"percent": 5}}, "tip.percent", "parameter_unknown", "not known here"),
    ({"description": "x" * 1001}, "description", "parameter_invalid", "at most 1000"),
    ({"description": "a\x00b"}, "description", "parameter_invalid", "control characters"),
    ({"metadata": ["a"]}, "metadata", "parameter_invalid", "JSON object; got a list"),
    ({"metadata": {"a": 1}}, "metadata.a", "parameter_invalid", "JSON string; got 1"),
    ({"metadata": {"a": {"b": "c"}}}, "metadata.a", "parameter_invalid", "got an object"),
    ({"metadata": {"a": ""}}, "metadata", "parameter_invalid", "empty"),
    ({"metadata": {"a": "x" * 501}}, "metadata", "parameter_invalid", "500"),
    ({"metadata": {"a": "x\x7f"}}, "metadata", "parameter_invalid", "control characters"),
    ({"metadata": {"": "x"}}, "metadata", "parameter_invalid", "key"),
    ({"metadata": {"k" * 41: "x"}}, "metadata", "parameter_invalid", "40"),
    ({"metadata": {"a[b]": "x"}}, "metadata", "parameter_invalid", "without [ and ]"),
    ({"metadata": {"Tillgate_session": "x"}}, "metadata", "parameter_invalid", "begin with tillgate"),
    (
        {"metadata": {f"k{n}": "x" for n in range(MAX_METADATA_KEYS + 1)}},
        "metadata",
        "parameter_invalid",
        "at most 40",
    ),
    ({"retry_of": 1}, "retry_of", "parameter_invalid", "JSON string"),
    ({"sale": "s1"}, "sale", "parameter_invalid", "JSON object"),
    ({"sale": {"id": "s1"}}, "sale.amount", "parameter_missing", "is missing"),
    ({"sale": {"id": "s1", "amount": 0}}, "sale.amount", "amount_too_small", "from 1 to"),
    ({"sale": {"id": "", "amount": 1}}, "sale.id", "parameter_invalid_empty", "not be empty"),
    ({"sale": {"id": "s1", "amount": 1, "tip": 1}}, "sale.tip", "parameter_unknown", "not known"),
    ({"amuont": 1}, "amuont", "parameter_unknown", "not known here"),
    ({"till": "kasse-2"}, "till", "parameter_unknown", "not known here"),
]


@pytest.mark.parametrize(("change", "param", "code", "words"), WRONG)
def test_a_wrong_part_is_named(change: dict[str, Any], param: str, code: str, words: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse(SaleBody, {**SALE, **change})

    assert (caught.value.param, caught.value.code) == (param, code)
    assert str(caught.value).startswith(param)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", sorted(SALE))
def test_a_missing_part_is_named(name: str) -> None:
    with pytest.raises(BadRequestError, match="is missing") as caught:
        parse(SaleBody, {key: value for key, value in SALE.items() if key != name})

    assert (caught.value.param, caught.value.code) == (name, "parameter_missing")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (None, "null"),
        (True, "true or false"),
        ("x", "a string"),
        ([], "a list"),
        (1, "a number"),
        (1.5, "a number"),
    ],
)
def test_only_objects_are_bodies(body: object, kind: str) -> None:
    with pytest.raises(BadRequestError, match=f"not {kind}"):
        parse(CancelBody, body)


@pytest.mark.parametrize("amount", [1, MAX_AMOUNT])
def test_the_bounds_of_an_amount_are_inside(amount: int) -> None:
    assert parse(SaleBody, {**SALE, "amount": amount}).order(TILL).money.amount == amount


def test_the_least_a_till_says_makes_an_order() -> None:
    order = parse(SaleBody, SALE).order(TILL)

    assert (order.till, order.reader, order.pos_key) == ("kasse-1", "till-1", "k1")
    assert (order.money.amount, order.money.currency) == (1250, "eur")
    assert (order.capture, order.tip, order.description, dict(order.metadata), order.retry_of) == (
        Capture.AUTOMATIC,
        None,
        "",
        {},
        None,
    )


def test_null_is_the_same_as_nothing_for_what_is_optional() -> None:
    nothing = {"tip": None, "description": None, "metadata": None, "retry_of": None}

    assert parse(SaleBody, {**SALE, **nothing}).order(TILL) == parse(SaleBody, SALE).order(TILL)


def test_tips_and_words_of_any_language() -> None:
    body = {**SALE, "tip": {"skip": True}, "description": "Größe 42 ✓", "pos_key": "Beleg №17"}

    order = parse(SaleBody, body).order(TILL)

    assert order.tip == TipPolicy(skip=True)
    assert (order.description, order.pos_key) == ("Größe 42 ✓", "Beleg №17")


def test_small_bodies() -> None:
    assert parse(CaptureBody, {}).amount is None
    assert parse(CaptureBody, {"amount": 5}).amount == 5
    assert parse(RefundBody, {"pos_key": "k"}).amount is None
    assert parse(ConnectionTokenBody, {}).model_dump() == {}
    with pytest.raises(BadRequestError, match="gateway's own location"):
        parse(ConnectionTokenBody, {"location": "tml_2"})
