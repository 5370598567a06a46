"""A scripted other end for the Stripe client."""

import json
from collections.abc import Mapping
from typing import Any

from agent.stripe.exchange import HttpRequest, HttpResponse


def answer(data: Any = None, status: int = 200, *, raw: bytes | None = None, **headers: str) -> HttpResponse:
    """An answer of Stripe's; header names with underscores for dashes."""
    plain = {"content-type": "application/json", "request-id": "req_1"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"object": "thing"} if data is None else data).encode() if raw is None else raw
    return HttpResponse(status, plain | named, body)


def refusal(
    status: int, code: str | None = None, *, headers: Mapping[str, str] | None = None, **fields: Any
) -> HttpResponse:
    """An error of Stripe's."""
    error = {"type": "invalid_request_error", "message": "No."} | fields
    if code is not None:
        error["code"] = code
    return HttpResponse(
        status,
        {"content-type": "application/json", "request-id": "req_1"} | dict(headers or {}),
        json.dumps({"error": error}).encode(),
    )


class FakeExchange:
    """Answers in turn with what it was given; the last one for ever."""

    def __init__(self, *script: HttpResponse | Exception) -> None:
        self.script = list(script)
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        """As `Exchange.send`."""
        self.requests.append(request)
        turn = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(turn, Exception):
            raise turn
        return turn
