"""Answers as JSON objects, with the references a caller wants expanded."""

from collections.abc import Mapping
from typing import Any, Final

from drivers.simulators.stripe_api.calls import Answer
from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.store import Account, Body, Found, Page, Record

DEPTH_MAX: Final = 4
EXPANDABLE: Final[Mapping[str, str]] = {
    "charge": "charge",
    "generated_card": "payment_method",
    "latest_attempt": "setup_attempt",
    "latest_charge": "charge",
    "location": "terminal.location",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "refund": "refund",
    "setup_intent": "setup_intent",
    "splashscreen": "file",
}
"""References by the name of their field, and what they refer to."""
_ELSEWHERE: Final = frozenset(
    {
        "application", "application_fee", "balance_transaction", "customer", "destination",
        "failure_balance_transaction", "on_behalf_of", "payment_record", "review", "source_transfer",
        "source_transfer_reversal", "transfer", "transfer_reversal",
    }
)  # fmt: skip
"""References to what this simulator does not have: they stay as they are."""


def render(account: Account, answer: Answer, expand: list[str]) -> Body:
    """The object to send, with what `check_paths` found good expanded."""
    if isinstance(answer, Page):
        body: Body = {
            "object": "list",
            "url": answer.url,
            "has_more": answer.has_more,
            "data": [record.body for record in answer.records],
        }
    elif isinstance(answer, Found):
        body = {
            "object": "search_result",
            "url": answer.url,
            "has_more": answer.next_page is not None,
            "next_page": answer.next_page,
            "data": [record.body for record in answer.records],
        }
    else:
        body = answer.body if isinstance(answer, Record) else answer
    for path in expand:
        body = _expanded(account, body, path.split("."))
    return body


def check_paths(expand: list[str]) -> list[str]:
    """The paths themselves.

    Errors: `ApiError` 400 for one that is too deep or names nothing that can be expanded.
    """
    for path in expand:
        parts = path.split(".")
        depth = len(parts) - (parts[0] == "data")
        if depth > DEPTH_MAX:
            raise ApiError(
                f"You cannot expand more than {DEPTH_MAX} levels of a property. Property: {path}",
                param="expand",
                stored=False,
            )
        if parts[-1] not in EXPANDABLE and parts[-1] not in _ELSEWHERE and parts[-1] != "refunds":
            raise ApiError(f"This property cannot be expanded ({path}).", param="expand", stored=False)
    return expand


def _expanded(account: Account, body: Body, parts: list[str]) -> Body:
    name, rest = parts[0], parts[1:]
    if name == "refunds" and body.get("object") == "charge":
        rows = [record.body for record in account.newest("refund") if record.body["charge"] == body["id"]]
        listed = {
            "object": "list",
            "url": f"/v1/charges/{body['id']}/refunds",
            "has_more": False,
            "data": rows,
        }
        return body | {"refunds": listed}
    value: Any = body.get(name)
    if isinstance(value, str):
        record = account.get(EXPANDABLE.get(name, ""), value)
        value = value if record is None else record.body
    if rest and isinstance(value, dict):
        value = _expanded(account, value, rest)
    elif rest and isinstance(value, list):
        value = [_expanded(account, item, rest) for item in value]
    return body if value is None else body | {name: value}
