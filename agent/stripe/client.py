"""Stripe's HTTP API with its authentication, version, idempotency, patience and manners."""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from agent.secret import Secret
from agent.stripe import form
from agent.stripe.bucket import Buckets
from agent.stripe.errors import NoAnswerError, NotSentError, StripeError
from agent.stripe.exchange import Exchange, HttpRequest
from agent.stripe.reply import Failure, Reply, read
from agent.stripe.retry import READ, WRITE, RetryPolicy

API_VERSION: Final = "2026-10-28.endive"
BASE_URL: Final = "https://api.stripe.com"
FILES_URL: Final = "https://files.stripe.com"
TIMEOUT_S: Final = 20.0
"""Ordinary calls answer within a second or two; reader commands bring a time of their own."""

_LEAST_S = 1.0
"""No try gets less than this: a shorter one would only make doubt."""

log = logging.getLogger(__name__)


class StripeClient:
    """One account at Stripe. Every POST carries a key that all its tries share."""

    def __init__(
        self,
        exchange: Exchange,
        key: Secret,
        *,
        base_url: str = BASE_URL,
        files_url: str | None = None,
        account: str | None = None,
        version: str = API_VERSION,
        buckets: Buckets | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        spread: Callable[[], float] = random.random,
        new_key: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        """`files_url` follows `base_url` unless that is Stripe's own; `account`: act for a connected one."""
        word = key.reveal()
        if not word.isascii() or not word.isprintable() or " " in word or not word:
            # It goes into a header; the message must not repeat it. Any prefix is welcome: sk_, rk_, others.
            raise ValueError("an API key is one word of printable ASCII characters")
        self._exchange = exchange
        self._key = key
        self._base = base_url.rstrip("/")
        self._files = (files_url or (FILES_URL if self._base == BASE_URL else self._base)).rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {word}",
            "Stripe-Version": version,
            "User-Agent": "tillgate",
            "Accept": "application/json",
        }
        if account:
            self._headers["Stripe-Account"] = account
        self._buckets = buckets or Buckets(clock=clock, sleep=sleep)
        self._clock = clock
        self._sleep = sleep
        self._spread = spread
        self._new_key = new_key

    def __repr__(self) -> str:
        return f"StripeClient({self._base})"

    async def call(
        self,
        method: str,
        route: str,
        params: form.Params | None = None,
        *,
        ids: Sequence[str] = (),
        key: str | None = None,
        retry: RetryPolicy | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Reply:
        """One API call; `ids` fill the `{}` of the route. Raises a `StripeError` that says what is known.

        Without a policy reads get `READ` and the rest `WRITE`; a POST without a key gets a fresh one.
        """
        path = form.path(route, ids)
        url, content, headers = self._base + path, b"", self._headers
        if method == "POST":
            content = form.body(params) if params else b""
            headers = {
                **headers,
                "Content-Type": "application/x-www-form-urlencoded",
                "Idempotency-Key": key or self._new_key(),
            }
        elif params:
            url = f"{url}?{form.query(params)}"
        request = HttpRequest(method, url, headers, content, timeout_s)
        return await self._persist(
            request, f"{method} {route}", f"{method} {path}", retry or (READ if method == "GET" else WRITE)
        )

    async def upload(
        self, purpose: str, filename: str, content: bytes, *, key: str | None = None, timeout_s: float = 45.0
    ) -> Reply:
        """Store a file (docs.stripe.com/api/files); Stripe drops uploads slower than 45 s."""
        boundary = uuid.uuid4().hex
        safe = filename.translate({ord(mark): "_" for mark in '"\r\n\\'})
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        headers = {
            **self._headers,
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Idempotency-Key": key or self._new_key(),
        }
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        request = HttpRequest("POST", f"{self._files}/v1/files", headers, body, timeout_s)
        return await self._persist(request, "POST /v1/files", "POST /v1/files", WRITE)

    async def _persist(self, request: HttpRequest, operation: str, what: str, policy: RetryPolicy) -> Reply:
        """Try until it is known; `operation` is what Stripe counts by, `what` names the call in messages."""
        ends_at = self._clock() + policy.total_s
        doubt: NoAnswerError | None = None
        tried = 0
        while True:
            tried += 1
            await self._buckets.take(operation)
            result = await self._try(request, what)
            if isinstance(result, Reply):
                return result
            if isinstance(result.error, NoAnswerError):
                doubt = result.error
            wait_s = policy.delay_s(tried, self._spread())
            if not result.again or tried >= policy.tries or self._clock() + wait_s > ends_at:
                raise _sum_up(result, doubt)
            await self._sleep(wait_s)
            left_s = max(_LEAST_S, ends_at - self._clock())
            if left_s < request.timeout_s:
                request = HttpRequest(request.method, request.url, request.headers, request.body, left_s)

    async def _try(self, request: HttpRequest, what: str) -> Reply | Failure:
        wire = log.isEnabledFor(logging.DEBUG)
        began = self._clock()
        if wire:
            log.debug("> %s %s", request.method, _elided(request.url))
        try:
            response = await self._exchange.send(request)
        except (NotSentError, NoAnswerError) as error:
            log.debug("< %s: %s", what, error)
            return Failure(error, again=True)
        if wire:
            log.debug(
                "< %s %d %.0f ms %s",
                what,
                response.status,
                (self._clock() - began) * 1000.0,
                response.headers.get("request-id", "-"),
            )
        return read(response, what, self._key.hide)


def _sum_up(last: Failure, doubt: NoAnswerError | None) -> StripeError:
    """The truth about all tries: one of unknown outcome makes the whole call one, unless answered since."""
    if doubt is None or last.error is doubt:
        return last.error
    if isinstance(last.error, NotSentError) or last.proves_nothing_earlier:
        return NoAnswerError(
            f"{doubt}; then {last.error}", code=doubt.code, status=doubt.status, request_id=doubt.request_id
        )
    return last.error


def _elided(url: str) -> str:
    """The URL without its query, which may name customers."""
    where, mark, _ = url.partition("?")
    return f"{where}?…" if mark else where
