"""Waiting for a session to change: long polls and server-sent events."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from agent.payments.errors import PaymentsError
from agent.payments.model import Session
from agent.pos.caller import Caller
from agent.pos.errors import BadRequestError, TooManyRequestsError
from agent.pos.seams import Desk
from agent.pos.views import session_view, settled, to_json

_log = logging.getLogger(__name__)

MAX_WAIT_S = 60
"""The longest long poll: shorter than what proxies and tills' own HTTP clients allow."""

HEARTBEAT_S = 15.0
"""How often a stream says that it lives, and a long poll looks whether its till is still there."""

GATHER_S = 0.05
"""How long a change that is not the end waits for the next one, to be sent as one: nobody sees the delay."""

WRITE_TIMEOUT_S = 30.0
"""A till that reads nothing for so long is gone; its stream must not hold memory for ever."""


class Waits:
    """Everything that waits for a session at this door: counted for each till, ended at shutdown."""

    def __init__(self, per_till: int) -> None:
        self._per_till = per_till
        self._open: Counter[str] = Counter()
        self._scopes: set[asyncio.Timeout] = set()
        self._closing = False

    @property
    def count(self) -> int:
        """How many wait now."""
        return self._open.total()

    def close(self) -> None:
        """End every wait now; those that come later end at once."""
        self._closing = True
        now = asyncio.get_running_loop().time()
        for scope in self._scopes:
            scope.reschedule(now)
        self._scopes.clear()

    @asynccontextmanager
    async def wait(self, caller: Caller) -> AsyncIterator[None]:
        """Inside, one may wait long: `close` leaves the block quietly, whatever it waits for."""
        if not caller.operator and self._open[caller.name] >= self._per_till:
            raise TooManyRequestsError(
                "too_many_waits",
                f"till {caller.name!r} has {self._per_till} long polls and streams open; end some first",
                retry_after_s=1,
            )
        self._open[caller.name] += 1
        scope = asyncio.timeout(0 if self._closing else None)
        try:
            async with scope:
                if not self._closing:
                    self._scopes.add(scope)
                yield
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            self._scopes.discard(scope)
            self._open[caller.name] -= 1


def gone(request: web.Request) -> bool:
    """Whether the till has hung up."""
    transport = request.transport
    return transport is None or transport.is_closing()


async def next_change(
    desk: Desk,
    waits: Waits,
    request: web.Request,
    caller: Caller,
    session: Session,
    *,
    seq: int,
    wait_s: float,
) -> Session:
    """The session once it has moved past `seq` or has ended; as it stands after `wait_s` or at shutdown."""
    return await _awaited(
        waits,
        request,
        caller,
        session,
        wait_s,
        lambda found: found.seq > seq or settled(found),
        lambda left_s: desk.changed(session.id, seq, left_s, caller.sees),
    )


async def decision(
    desk: Desk, waits: Waits, request: web.Request, caller: Caller, session: Session, *, wait_s: float
) -> Session:
    """The session once nothing more happens to it by itself; as it stands after `wait_s` or at shutdown."""
    return await _awaited(
        waits,
        request,
        caller,
        session,
        wait_s,
        lambda found: not found.needs_lane,
        lambda left_s: desk.decided(session.id, left_s, caller.sees),
    )


async def _awaited(
    waits: Waits,
    request: web.Request,
    caller: Caller,
    session: Session,
    wait_s: float,
    enough: Callable[[Session], bool],
    wait: Callable[[float], Awaitable[Session]],
) -> Session:
    now = asyncio.get_running_loop().time
    deadline = now() + wait_s
    async with waits.wait(caller):
        while not enough(session) and (left_s := deadline - now()) > 0 and not gone(request):
            session = await wait(min(left_s, HEARTBEAT_S))
    return session


def last_event_id(request: web.Request) -> int:
    """Which change an event stream's client has seen; 0 when it is new here."""
    text = request.headers.get("Last-Event-ID", "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadRequestError(
            "parameter_invalid", "Last-Event-ID must be the id of an event", param="Last-Event-ID"
        )
    return int(text)


def _event(session: Session, language: str) -> bytes:
    data = to_json(session_view(session, language)).decode()
    return f"event: session\nid: {session.seq}\ndata: {data}\n\n".encode()


async def stream(
    desk: Desk, waits: Waits, request: web.Request, caller: Caller, session: Session
) -> web.StreamResponse:
    """Send the session now and at each change until it has ended. Changes that come fast are sent as one."""
    seen = last_event_id(request)
    if settled(session) and session.seq <= seen:
        # 204 tells a browser's EventSource not to come back (HTML, 9.2.3).
        return web.Response(status=204)
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
    )
    async with waits.wait(caller):
        try:
            await response.prepare(request)
        except ConnectionError:
            return response
        while True:
            moved = session.seq > seen
            seen = session.seq
            if not await _send(
                request, response, _event(session, caller.language) if moved else b": still here\n\n"
            ):
                break
            if settled(session):
                break
            try:
                session = await desk.changed(session.id, seen, HEARTBEAT_S, caller.sees)
                if session.seq > seen:
                    session = await _gathered(desk, session, caller)
            except PaymentsError as error:
                # The answer has begun, so the reason cannot be told here: the till asks again and hears it.
                _log.info("event stream of session %s ends: %s", session.id, error)
                break
    return response


async def _gathered(desk: Desk, session: Session, caller: Caller) -> Session:
    """The session with what follows at once; the end is not waited for."""
    now = asyncio.get_running_loop().time
    ends_at = now() + GATHER_S
    while not settled(session) and (left_s := ends_at - now()) > 0:
        session = await desk.changed(session.id, session.seq, left_s, caller.sees)
    return session


async def _send(request: web.Request, response: web.StreamResponse, data: bytes) -> bool:
    """Whether the till took it; one that hung up or does not read is left."""
    if gone(request):
        return False
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await response.write(data)
    except ConnectionError:
        return False
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()  # else the end of the answer would wait for the same till again
        return False
    return True
