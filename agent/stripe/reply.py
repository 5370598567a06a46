"""What an HTTP answer proves: Stripe's yes, Stripe's no, or nothing at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from agent.stripe.errors import NO_ANSWER, STRIPE_FAILED, NoAnswerError, RequestRefusedError, StripeError
from agent.stripe.exchange import HttpResponse

_KEY_HINTS = {
    401: "Stripe does not accept this API key (revoked, mistyped, or of another mode): replace it",
    403: "this API key may not do that: give the restricted key the missing permission",
}

_BEFORE_THE_KEYS = frozenset({401, 403, 409, 429})
"""Said before Stripe looks at the idempotency key: proves nothing about an earlier try."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Stripe's yes. `replayed`: the stored answer of an earlier request with the same key."""

    data: Mapping[str, Any] = field(repr=False)
    status: int
    request_id: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Anything but a yes, and whether trying again with the same key may help."""

    error: StripeError
    again: bool
    proves_nothing_earlier: bool = False


def read(response: HttpResponse, what: str, hide: Callable[[str], str]) -> Reply | Failure:
    """Judge an answer. `what` names the request in messages, `hide` masks the key in Stripe's texts."""
    status, headers = response.status, response.headers
    request_id = headers.get("request-id", "")
    data = _object(response.body)
    if 200 <= status < 300 and data is not None and "object" in data:
        return Reply(data, status, request_id, headers.get("idempotent-replayed") == "true")
    told = {"true": True, "false": False}.get(headers.get("stripe-should-retry", ""))
    error = data.get("error") if data is not None else None
    if 400 <= status < 500 and isinstance(error, Mapping):
        return _no(status, error, what, request_id, told, hide)
    code = NO_ANSWER
    if status >= 500:
        lost = f"{what}: Stripe answered {status}; whether it was carried out is not known"
        # its own word, not a proxy's: under an idempotency key it may be kept, and come again for a day
        code = STRIPE_FAILED if isinstance(error, Mapping) else NO_ANSWER
    else:
        lost = (
            f"{what}: the answer is not Stripe's ({status} {headers.get('content-type', 'no content type')},"
            f" {len(response.body)} bytes): a captive portal or a proxy probably answered"
        )
    doubt = NoAnswerError(lost, code=code, status=status, request_id=request_id)
    return Failure(doubt, again=told is not False)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        data = from_json(body)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _no(
    status: int,
    error: Mapping[str, Any],
    what: str,
    request_id: str,
    told: bool | None,
    hide: Callable[[str], str],
) -> Failure:
    kind, code = _text(error, "type"), _text(error, "code")
    again = told if told is not None else status in {409, 429}
    detail = hide(_text(error, "message"))
    if status == 409 and code in {"", "idempotency_key_in_use"}:
        # Another request with our key is under way: what it will come to is open.
        return Failure(
            NoAnswerError(
                f"{what}: still being carried out: {detail}",
                code=code or "idempotency_key_in_use",
                status=status,
                request_id=request_id,
            ),
            again,
        )
    hint = _KEY_HINTS.get(status)
    code = code or {401: "api_key_refused", 403: "permission_missing", 429: "rate_limit"}.get(status, kind)
    refused = RequestRefusedError(
        f"{what}: {hint + ' - ' if hint else ''}{detail or code} ({code})",
        code=code or "refused",
        status=status,
        error_type=kind,
        decline_code=_text(error, "decline_code"),
        param=_text(error, "param"),
        request_id=request_id,
    )
    return Failure(refused, again, proves_nothing_earlier=status in _BEFORE_THE_KEYS)


def _text(error: Mapping[str, Any], name: str) -> str:
    value = error.get(name)
    return value if isinstance(value, str) else ""
