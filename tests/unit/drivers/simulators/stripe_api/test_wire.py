"""Forms, paths and bodies."""

from typing import Any

import pytest

from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.wire import (
    BODY_MAX,
    ConnectionDropped,
    SimRequest,
    SimResponse,
    decode_body,
    decode_form,
    encode,
    split_path,
)


@pytest.mark.parametrize(
    ("form", "decoded"),
    [
        ("", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a=1&a=2", {"a": "2"}),
        ("a[b]=1&a[c][d]=2", {"a": {"b": "1", "c": {"d": "2"}}}),
        ("a%5Bb%5D=1", {"a": {"b": "1"}}),
        ("a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[0]=x&a[1]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[0][b]=1&a[0][c]=2", {"a": {"0": {"b": "1", "c": "2"}}}),
        ("a[][b]=1&a[][c]=2&a[][b]=3", {"a": {"0": {"b": "1", "c": "2"}, "1": {"b": "3"}}}),
        ("d=a+b%26c", {"d": "a b&c"}),
        ("m[k]=%C3%9F", {"m": {"k": "ß"}}),
    ],
)
def test_forms(form: str, decoded: Any) -> None:
    assert decode_form(form) == decoded


@pytest.mark.parametrize(
    "form",
    [
        "a[b=1",
        "a[b]=1&a=2",
        "a=1&a[b]=2",
        "a[b][c]=1&a[b]=2",
        "a" + "[b]" * 10 + "=1",
        "&".join(["a=1"] * 2001),
        "a=%FF",
    ],
)
def test_odd_forms(form: str) -> None:
    with pytest.raises(ApiError) as caught:
        decode_form(form)
    assert (caught.value.status, caught.value.stored) == (400, False)


def test_bodies_must_be_forms_of_a_size() -> None:
    assert decode_body(SimRequest("POST", "/", {"content-type": "application/json"})) == {}
    assert decode_body(SimRequest("POST", "/", {}, b"a=1")) == {"a": "1"}
    for request, status in (
        (SimRequest("POST", "/", {"content-type": "application/json"}, b"{}"), 400),
        (SimRequest("POST", "/", {}, b"\xff"), 400),
        (SimRequest("POST", "/", {}, b"a" * (BODY_MAX + 1)), 413),
    ):
        with pytest.raises(ApiError) as caught:
            decode_body(request)
        assert caught.value.status == status


def test_paths_are_split_and_answers_encoded() -> None:
    assert split_path("/v1/a%2Fb/c+d?x=1&y=2") == (("v1", "a/b", "c d"), "x=1&y=2")
    assert split_path("/") == (("",), "")
    assert SimResponse(200, {}, encode({"a": "ß"})).json() == {"a": "ß"}
    dropped = ConnectionDropped()
    assert (dropped.partial, dropped.length) == (None, 0)
