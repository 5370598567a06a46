"""Connection tokens for apps that drive a reader with Stripe's client SDKs: always fresh, never kept."""

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.pos.errors import ErrorType, PosError, TooManyRequestsError
from agent.secret import Secret

if TYPE_CHECKING:
    from agent.pos.limits import Buckets
    from agent.pos.seams import TokenIssuer

ISSUE_TIMEOUT_S = 20.0
"""How long an app is kept waiting for Stripe; its SDK gives up on its own soon after."""


@dataclass(frozen=True, slots=True)
class ConnectionToken:
    """What Stripe's SDK wants, and the location its readers must belong to."""

    secret: Secret
    location: str


class TokenIssueError(Exception):
    """No token this time. `retryable`: the way to Stripe is at fault, and asking again may help.

    A lost answer is harmless here: a token nobody received can do nothing.
    """

    def __init__(self, message: str, *, code: str = "stripe_unreachable", retryable: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


class ConnectionTokens:
    """Hands each call one new token and forgets it."""

    def __init__(self, issuer: "TokenIssuer | None", buckets: "Buckets") -> None:
        self._issuer = issuer
        self._buckets = buckets

    async def fresh(self, till: str) -> bytes:
        """A new token as JSON; raises `PosError` with the reason when there is none."""
        if self._issuer is None:
            raise PosError(
                404,
                ErrorType.INVALID_REQUEST,
                "connection_tokens_unavailable",
                "this gateway has no Stripe account, so it has no connection tokens to give",
            )
        wait_s = self._buckets.take(till)
        if wait_s > 0:
            raise TooManyRequestsError(
                "connection_token_rate",
                f"till {till!r} asks for connection tokens too often; an app needs one each time it "
                "connects to a reader",
                retry_after_s=wait_s,
            )
        try:
            async with asyncio.timeout(ISSUE_TIMEOUT_S):
                token = await self._issuer.issue()
        except TokenIssueError as error:
            headers = {"Retry-After": "2"} if error.retryable else {}
            raise PosError(
                503 if error.retryable else 502, ErrorType.API, error.code, str(error), headers=headers
            ) from error
        except TimeoutError as error:
            raise PosError(
                503,
                ErrorType.API,
                "stripe_timeout",
                f"Stripe gave no connection token within {ISSUE_TIMEOUT_S:.0f} s; ask again",
                headers={"Retry-After": "2"},
            ) from error
        return json.dumps({"secret": token.secret.reveal(), "location": token.location}).encode()
