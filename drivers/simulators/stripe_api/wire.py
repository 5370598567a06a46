"""Stripe's wire format: requests in, forms with nested brackets decoded, JSON out."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from drivers.simulators.stripe_api.errors import ApiError, bad_parameter

FIELDS_MAX: Final = 2000
"""Fields in one form: more is an attack on the decoder, no operation takes as many."""
DEPTH_MAX: Final = 10
"""Brackets in one name: Stripe's deepest parameter has seven."""
BODY_MAX: Final = 8 * 1024 * 1024
"""Bytes in one request: the largest file Stripe takes for a reader has 4 MB."""
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class SimRequest:
    """One HTTP request: `path` with its query string, header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class SimResponse:
    """One HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as Python objects."""
        return json.loads(self.body)


class ConnectionDropped(Exception):  # noqa: N818  # an event on the wire that the caller acts out, not a failure of ours
    """The connection dies: before any answer, or after `partial` of an answer of `length` bytes was sent."""

    def __init__(self, partial: SimResponse | None = None, length: int = 0) -> None:
        super().__init__("the simulated connection was cut")
        self.partial = partial
        self.length = length


def encode(value: Any) -> bytes:
    """JSON as Stripe sends it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def split_path(path: str) -> tuple[tuple[str, ...], str]:
    """The unquoted segments of a path and its raw query string."""
    parts = urlsplit(path)
    return tuple(unquote_plus(segment) for segment in parts.path.strip("/").split("/")), parts.query


def decode_form(text: str) -> dict[str, Any]:
    """Nested parameters of a form or query: `a[b]=1`, `a[]=1`, `a[0][b]=1`, brackets escaped or not."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError as error:
        raise ApiError(f"Invalid request: the form could not be read ({error})", stored=False) from error
    form: dict[str, Any] = {}
    for name, value in pairs:
        if "[" in name:
            _nest(form, name, value)
        elif isinstance(form.get(name), dict):
            raise bad_parameter("Invalid object", name)
        else:
            form[name] = value
    return form


def _nest(form: dict[str, Any], name: str, value: str) -> None:
    head, _, rest = name.partition("[")
    if not rest.endswith("]"):
        raise bad_parameter(f"Invalid parameter name: {name}", name)
    keys = [head, *rest[:-1].split("][")]
    if len(keys) > DEPTH_MAX:
        raise bad_parameter(f"Invalid parameter name: {name} is nested too deeply", name)
    at = form
    for key, following in itertools.pairwise(keys):
        at = _step(at, key, following, name)
    last = keys[-1] or str(len(at))
    if isinstance(at.get(last), dict):
        raise bad_parameter("Invalid object", name)
    at[last] = value


def _step(at: dict[str, Any], key: str, following: str, name: str) -> dict[str, Any]:
    if not key:  # `a[][b]=1&a[][c]=2` is one element, a repeated name begins the next
        newest = at.get(str(len(at) - 1))
        key = str(len(at) - 1) if isinstance(newest, dict) and following not in newest else str(len(at))
    inner = at.setdefault(key, {})
    if not isinstance(inner, dict):
        raise bad_parameter("Invalid object", name)
    return inner


def decode_body(request: SimRequest) -> dict[str, Any]:
    """The parameters of a POST.

    Errors: `ApiError` 400 for another content type than Stripe's v1 form, for a body over `BODY_MAX`
    and for bytes that are no text.
    """
    if len(request.body) > BODY_MAX:
        raise ApiError("Request body is too large.", status=413, stored=False)
    content_type = request.headers.get("content-type", FORM).partition(";")[0].strip().lower()
    if request.body and content_type != FORM:
        raise ApiError(
            f"Invalid request (check that your POST content type is {FORM}). If you have questions, we "
            "can help at https://support.stripe.com/.",
            stored=False,
        )
    try:
        return decode_form(request.body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ApiError("Invalid request: the body is not UTF-8.", stored=False) from error
