"""Stripe's search: queries in its own language, and an index that lags behind (docs.stripe.com/search)."""

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from drivers.simulators.stripe_api.authorizations import INTENT
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.errors import ApiError, bad_parameter
from drivers.simulators.stripe_api.payment_parameters import INTENT_SEARCH
from drivers.simulators.stripe_api.store import Body, Found, Record

CLAUSES_MAX: Final = 10
"""Clauses in one query, as documented; more would let one request read everything over and over."""

_NUMBERS: Final = frozenset({"amount", "created"})
_TOKENS: Final = frozenset({"currency", "customer", "status"})

_CLAUSE: Final = re.compile(
    r"""(?P<minus>-?)
        (?:metadata\[(?P<q>["'])(?P<key>[^"']+)(?P=q)\] | (?P<field>[a-z_.]+))
        \s*(?P<op>:|~|>=|<=|>|<)\s*
        (?: "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<bare>[^\s"']+) )
        (?:\s+(?P<and>AND|OR|and|or)\s+(?=\S) | \s+(?=\S) | \s*\Z)""",
    re.VERBOSE,
)

Test: TypeAlias = Callable[[Body], bool]


def search(call: Call) -> Found:
    """`GET /v1/payment_intents/search`: newest first; what is younger than the index's lag is not found."""
    keep = _parsed(call.params["query"])
    known = call.world.seconds() - call.world.settings.search_lag_s
    limit: int = call.params.get("limit", 10)
    edge = _edge(call.params.get("page"))
    rows: list[Record] = []
    for record in call.account.newest(INTENT):
        if record.seq < edge and record.body["created"] <= known and keep(record.body):
            rows.append(record)
            if len(rows) > limit:
                break
    more = len(rows) > limit
    return Found("/v1/payment_intents/search", rows[:limit], f"page_{rows[limit - 1].seq}" if more else None)


def _edge(page: str | None) -> float:
    if page is None:
        return float("inf")
    number = page.removeprefix("page_")
    if number == page or not number.isdecimal():
        raise bad_parameter(f"Invalid page: {page}", "page")
    return int(number)


def _parsed(query: str) -> Test:
    """The query as a test of one object; `ApiError` 400 for what the language does not have."""
    tests: list[Test] = []
    joints: set[str] = set()
    at = 0
    while at < len(query):
        found = _CLAUSE.match(query, at)
        if found is None:
            raise _wrong(f"We were unable to parse your search query: `{query}`")
        tests.append(_test(found))
        if found["and"]:
            joints.add(found["and"].upper())
        at = found.end()
    if len(tests) > CLAUSES_MAX:
        raise _wrong(f"Your query has {len(tests)} clauses; the maximum is {CLAUSES_MAX}.")
    if len(joints) > 1:
        raise _wrong("Combining AND and OR in the same query is not supported.")
    fits = any if joints == {"OR"} else all
    return lambda body: fits(test(body) for test in tests)


def _test(clause: re.Match[str]) -> Test:
    value = next(text for text in (clause["double"], clause["single"], clause["bare"]) if text is not None)
    wanted = _exactly(clause, None if clause["bare"] == "null" else value)
    return (lambda body: not wanted(body)) if clause["minus"] else wanted


def _exactly(clause: re.Match[str], value: str | None) -> Test:
    field, key, operator = clause["field"], clause["key"], clause["op"]
    if field in _NUMBERS and value is not None:
        return _number(field, operator, value)
    read: Callable[[Body], Any]
    if key is not None:
        read = lambda body: body["metadata"].get(key)  # noqa: E731
    elif field in _TOKENS:
        read = lambda body: body[field]  # noqa: E731
    else:
        raise _wrong(f"Field `{field}` is an unsupported search field for resource `payment_intents`.")
    if operator == ":":
        return lambda body: _folded(read(body)) == _folded(value)
    if operator == "~" and key is not None and value is not None and len(value) >= 3:
        part = value.casefold()
        return lambda body: part in (_folded(read(body)) or "")
    raise _wrong(f"Operator `{operator}` is not supported for field `{field or 'metadata'}`.")


def _folded(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def _number(field: str, operator: str, value: str) -> Test:
    if not value.isdecimal() or operator == "~":
        raise _wrong(f"Field `{field}` must be compared with a number by one of : > < >= <=.")
    number = int(value)
    compare: dict[str, Test] = {
        ":": lambda body: body[field] == number,
        ">": lambda body: body[field] > number,
        "<": lambda body: body[field] < number,
        ">=": lambda body: body[field] >= number,
        "<=": lambda body: body[field] <= number,
    }
    return compare[operator]


def _wrong(message: str) -> ApiError:
    return bad_parameter(message, "query")


ENDPOINTS: Final = (Endpoint("GET", "/v1/payment_intents/search", INTENT_SEARCH, search),)
