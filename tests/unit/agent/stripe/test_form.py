"""Forms as Stripe reads them."""

from typing import Any

import pytest

from agent.stripe.form import ParamsError, body, pairs, path, query


@pytest.mark.parametrize(
    ("params", "wire"),
    [
        ({"a": 1, "b": "x y&=", "c": True, "d": False}, b"a=1&b=x+y%26%3D&c=true&d=false"),
        ({"a": None, "b": ""}, b"b="),
        (
            {"p": {"q": {"r": 0}, "s": None}, "types": ["card_present", "interac_present"]},
            b"p[q][r]=0&types[0]=card_present&types[1]=interac_present",
        ),
        ({"items": [{"amount": 5, "name": "é"}]}, b"items[0][amount]=5&items[0][name]=%C3%A9"),
        ({"meta": {"a&b": "c"}, "t": ("x",)}, b"meta[a%26b]=c&t[0]=x"),
        ({}, b""),
    ],
)
def test_a_body_is_what_the_official_package_sends(params: Any, wire: bytes) -> None:
    assert body(params) == wire


def test_a_query_escapes_its_brackets() -> None:
    assert query({"expand": ["data.location"], "limit": 3}) == "expand%5B0%5D=data.location&limit=3"


@pytest.mark.parametrize("value", [1.5, {}, [], {"a": []}, [None], b"x", object(), {"a": {"b": 0.1}}])
def test_what_a_form_cannot_say_is_a_bug_of_the_caller(value: Any) -> None:
    with pytest.raises(ParamsError, match="p"):
        list(pairs({"p": value}))


def test_an_id_is_one_segment_of_a_path() -> None:
    assert path("/v1/things", ()) == "/v1/things"
    assert path("/v1/things/{}/act", ("tmr_1/../x y?",)) == "/v1/things/tmr_1%2F..%2Fx%20y%3F/act"
    with pytest.raises(ParamsError, match="empty id"):
        path("/v1/things/{}", ("",))
