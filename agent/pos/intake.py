"""Reading what a till sent: bodies and queries, within bounds, before anything looks at their meaning."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import ClientPayloadError, web

from agent.pos.errors import BadRequestError

MAX_BODY_BYTES = 64 * 1024
"""A sale is a few hundred bytes; more is a mistake, and would only cost memory."""

BODY_TIMEOUT_S = 10.0
"""How long a body may take to arrive: a till is on the same machine or the same network."""

MAX_DIGITS = 25
"""Longer whole numbers are not converted (that costs quadratic time) but taken as too large."""

_TOO_LARGE_A_NUMBER: int = 10**MAX_DIGITS
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,3})?")


async def read_json(request: web.Request) -> object:
    """The body as JSON values, or `BadRequestError`; an empty body counts as `{}`."""
    data = await _read_bytes(request)
    if not data.strip():
        return {}
    if request.content_type != "application/json":
        given = request.headers.get("Content-Type", "nothing")
        raise BadRequestError(
            "content_type", f"the body must be sent as Content-Type: application/json, not {given[:80]}"
        )
    if (request.charset or "utf-8").lower().replace("-", "").replace("_", "") not in {"utf8", "usascii"}:
        raise BadRequestError("content_type", "the body must be UTF-8")
    return decode(data)


async def _read_bytes(request: web.Request) -> bytes:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadRequestError("content_encoding", "send the body without compression")
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large() from None
    except TimeoutError:
        raise BadRequestError(
            "body_incomplete", f"the body did not arrive within {BODY_TIMEOUT_S:.0f} s; nothing was stored"
        ) from None
    except (web.RequestPayloadError, ClientPayloadError, ConnectionError) as error:
        raise BadRequestError(
            "body_incomplete",
            f"the body broke off or was badly framed ({type(error).__name__}); nothing was stored",
        ) from None


def _too_large() -> BadRequestError:
    return BadRequestError(
        "body_too_large", f"the body is larger than {MAX_BODY_BYTES // 1024} KiB; nothing was stored"
    )


class _OddJsonError(ValueError):
    """JSON that parsers disagree about."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that comes twice: which of two amounts would count?"""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _OddJsonError(f"{twice[:40]!r} is given twice", param=twice[:40])
    return made


def _no_constant(name: str) -> Any:
    raise _OddJsonError(f"{name} is not JSON")


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        return -_TOO_LARGE_A_NUMBER if digits.startswith("-") else _TOO_LARGE_A_NUMBER
    return int(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_whole_number)


def decode(data: bytes) -> object:
    """JSON in UTF-8 as values; `BadRequestError` for anything that two parsers could read differently."""
    try:
        text = data.decode()
        value = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise BadRequestError("body_not_json", "the body is not UTF-8") from None
    except RecursionError:
        raise BadRequestError("body_not_json", "the body is nested too deeply") from None
    except _OddJsonError as error:
        raise BadRequestError("body_not_json", str(error), param=error.param) from None
    except json.JSONDecodeError as error:
        raise BadRequestError(
            "body_not_json", f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from None
    if _SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value)
    return value


def _refuse_lone_surrogates(value: object) -> None:
    """Half a character cannot be stored, and would only be found out when something writes it."""
    items: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else [("the body", value)]
    for name, part in items:
        try:
            json.dumps([name, part], ensure_ascii=False).encode()
        except UnicodeEncodeError:
            shown = name.encode("ascii", "replace").decode()[:40]
            raise BadRequestError("body_not_json", f"{shown} holds half a character", param=shown) from None


def query(request: web.Request, *allowed: str) -> Mapping[str, str]:
    """The query's parameters, each known and given once; `BadRequestError` names the one that is not."""
    found: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in allowed:
            known = ", ".join(allowed) or "none"
            raise BadRequestError(
                "parameter_unknown", f"{name[:40]!r} is not a parameter here; known: {known}", param=name[:40]
            )
        if name in found:
            raise BadRequestError("parameter_invalid", f"{name} is given twice", param=name)
        if not value or not value.isprintable():
            raise BadRequestError("parameter_invalid", f"{name} is empty or holds odd characters", param=name)
        found[name] = value
    return found


def seconds(values: Mapping[str, str], name: str, most: int) -> float | None:
    """A duration from 0 to `most` seconds, or None when it is not given."""
    text = values.get(name)
    if text is None:
        return None
    if not _SECONDS.fullmatch(text) or float(text) > most:
        raise BadRequestError(
            "parameter_invalid", f"{name} must be 0 to {most} seconds; got {text[:40]!r}", param=name
        )
    return float(text)


def whole(values: Mapping[str, str], name: str, *, least: int, most: int) -> int | None:
    """A whole number within bounds, or None when it is not given."""
    text = values.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS or not least <= int(text) <= most:
        raise BadRequestError(
            "parameter_invalid",
            f"{name} must be a whole number from {least} to {most}; got {text[:40]!r}",
            param=name,
        )
    return int(text)
