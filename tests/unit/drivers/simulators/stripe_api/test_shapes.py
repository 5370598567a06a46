"""Parameter shapes and the errors they give."""

from typing import Any

import pytest

from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.shapes import (
    CREATED,
    Array,
    Boolean,
    Choice,
    Hash,
    Integer,
    Metadata,
    NotSimulated,
    Shape,
    Text,
)

ADDRESS = Hash({"country*": Text(2), "line": Text(clears=True)}, clears=True)


@pytest.mark.parametrize(
    ("shape", "given", "read"),
    [
        (Text(), "a", "a"),
        (Text(clears=True), "", ""),
        (Integer(), "-12", -12),
        (Integer(clears=True), "", ""),
        (Boolean(), "true", True),
        (Boolean(), "false", False),
        (Choice("a", "b"), "b", "b"),
        (Choice("a", clears=True), "", ""),
        (Metadata(), {"a": ""}, {"a": ""}),
        (Metadata(), "", ""),
        (Array(Text()), {"1": "b", "0": "a"}, ["a", "b"]),
        (Array(Integer()), {str(index): str(index) for index in range(12)}, list(range(12))),
        (Array(Text(), clears=True), "", ""),
        (ADDRESS, {"country": "DE"}, {"country": "DE"}),
        (ADDRESS, "", ""),
        (CREATED, "5", 5),
        (CREATED, {"gte": "5"}, {"gte": 5}),
    ],
)
def test_good_values(shape: Shape, given: Any, read: Any) -> None:
    assert shape.read(given, "p") == read


@pytest.mark.parametrize(
    ("shape", "given", "param", "code"),
    [
        (Text(), "", "p", "parameter_invalid_empty"),
        (Text(), {"a": "b"}, "p", None),
        (Text(2), "abc", "p", None),
        (Text(pattern="[0-9]+"), "x", "p", None),
        (Integer(), "1.5", "p", "parameter_invalid_integer"),
        (Integer(), "+1", "p", "parameter_invalid_integer"),
        (Integer(), " 1", "p", "parameter_invalid_integer"),
        (Integer(), "\u0661", "p", "parameter_invalid_integer"),
        (Integer(), "", "p", "parameter_invalid_empty"),
        (Integer(), {"a": "1"}, "p", "parameter_invalid_integer"),
        (Integer(1), "0", "p", "parameter_invalid_integer"),
        (Integer(1, 5), "6", "p", "parameter_invalid_integer"),
        (Boolean(), "True", "p", None),
        (Boolean(), {}, "p", None),
        (Choice("a"), "", "p", None),
        (Choice("a", "b"), "c", "p", None),
        (Metadata(clears=False), "", "p", None),
        (Metadata(), {str(index): "x" for index in range(51)}, "p", None),
        (Metadata(), {"x" * 41: "y"}, f"p[{'x' * 41}]", None),
        (Metadata(), {"x": "y" * 501}, "p[x]", None),
        (Metadata(), {"x": {"y": "z"}}, "p[x]", None),
        (Array(Text()), "a", "p", None),
        (Array(Text()), {"a": "b"}, "p", None),
        (Array(Text(), 1), {"0": "a", "1": "b"}, "p", None),
        (Array(Integer()), {"0": "x"}, "p[0]", "parameter_invalid_integer"),
        (ADDRESS, {}, "p[country]", "parameter_missing"),
        (ADDRESS, {"country": "DE", "planet": "x"}, "p[planet]", "parameter_unknown"),
        (ADDRESS, "text", "p", None),
        (CREATED, {"soon": "5"}, "p[soon]", "parameter_unknown"),
        (NotSimulated("it is not"), "x", "p", None),
    ],
)
def test_bad_values(shape: Shape, given: Any, param: str, code: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        shape.read(given, "p")
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, code)
    assert caught.value.stored is False


def test_choices_are_listed() -> None:
    for shape, words in ((Choice("a"), "must be one of a"), (Choice("a", "b", "c"), "a, b, or c")):
        with pytest.raises(ApiError, match=words):
            shape.read("x", "p")
