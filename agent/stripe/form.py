"""Stripe's form encoding: nested brackets, indexed arrays, no nulls (docs.stripe.com/api)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import quote, quote_plus

Value: TypeAlias = "str | int | bool | Mapping[str, Value] | Sequence[Value] | None"
Params: TypeAlias = Mapping[str, Value]


class ParamsError(TypeError):
    """Parameters that cannot be said in a form: always a bug of the caller."""


def body(params: Params) -> bytes:
    """The parameters as a request body; None is left out, '' unsets a field at Stripe."""
    return "&".join(
        f"{quote_plus(name, safe='[]')}={quote_plus(value)}" for name, value in pairs(params)
    ).encode()


def query(params: Params) -> str:
    """The parameters as a query string, brackets escaped."""
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs(params))


def path(route: str, ids: Sequence[str]) -> str:
    """The route with each `{}` replaced by an id, percent-encoded as one segment."""
    if not ids:
        return route
    if not all(ids):
        raise ParamsError(f"an empty id would change the meaning of {route}")
    return route.format(*(quote(value, safe="") for value in ids))


def pairs(params: Params) -> Iterator[tuple[str, str]]:
    """The flat names and values, in the caller's order."""
    for name, value in params.items():
        if value is not None:
            yield from _flat(name, value)


def _flat(name: str, value: Value) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield name, value
        case bool():
            yield name, "true" if value else "false"
        case int():
            yield name, str(value)
        case Mapping():
            if not value:
                raise ParamsError(f"{name}: an empty hash cannot be said in a form; '' unsets")
            for key, inner in value.items():
                if inner is not None:
                    yield from _flat(f"{name}[{key}]", inner)
        case Sequence() if not isinstance(value, bytes | bytearray):
            if not value:
                raise ParamsError(f"{name}: an empty list cannot be said in a form; '' unsets")
            for index, inner in enumerate(value):
                yield from _flat(f"{name}[{index}]", inner)
        case _:
            # Floats above all: an amount of 10.5 would travel unnoticed.
            raise ParamsError(f"{name}: {type(value).__name__} cannot be said in a form")
