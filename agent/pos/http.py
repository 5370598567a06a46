"""The HTTP door: one application for tills on TCP and, with `operator=True`, for the control socket."""

import asyncio
import ipaddress
import itertools
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from aiohttp import hdrs, web

from agent.payments.errors import PaymentsError
from agent.payments.model import LinkState, ReaderState, TillName
from agent.pos.bodies import ConnectionTokenBody, LookBody, parse
from agent.pos.caller import THE_OPERATOR, Caller, identify
from agent.pos.errors import ErrorType, PosError, TooManyRequestsError, refusal, unexpected
from agent.pos.intake import MAX_BODY_BYTES, query, read_json
from agent.pos.limits import Buckets, Limits
from agent.pos.metrics import CONTENT_TYPE, Labels, Metrics
from agent.pos.page import HEADERS, PAGE
from agent.pos.prompts import ENGLISH
from agent.pos.seams import AppReaders, Desk, Health, Look, Tills, TokenIssuer
from agent.pos.sessions import Sessions, answer
from agent.pos.tokens import ConnectionTokens
from agent.pos.views import listing, reader_view, to_json
from agent.pos.watch import Waits

_log = logging.getLogger(__name__)

SHUTDOWN_S = 3.0
"""How long answers under way may take at shutdown; streams and long polls are ended before it begins."""

LINGER_S = 2.0
"""How long the rest of a refused body is read and thrown away, so that its sender gets to the answer."""

SERVING = frozenset({"ok", "degraded"})
"""The words of health under which sales are taken."""

NOBODY = Caller(TillName(""))
"""Who asks for what needs no token."""

Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
_Bare = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)


class Access(Enum):
    """Who may make a call."""

    TILLS = auto()
    LOOPBACK = auto()  # anybody on this machine, tills from elsewhere
    ALL = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """One call of the API."""

    method: str
    path: str
    handler: Handler
    access: Access = Access.TILLS


def _nothing_to_look_at() -> None:
    """A gateway without a fleet has nothing to look at."""


def make_app(
    desk: Desk,
    tills: Tills,
    tokens: TokenIssuer | None,
    health: Health,
    metrics: Metrics,
    *,
    look: Look = _nothing_to_look_at,
    app_readers: AppReaders = tuple,
    limits: Limits | None = None,
    operator: bool = False,
    language: str = ENGLISH,
) -> web.Application:
    """The door as an aiohttp application; `operator` trusts whoever can reach it and sees every session.

    `language` is that of prompts for who asks for none.
    """
    limits = limits or Limits()
    waits = Waits(limits.waits)
    door = _Door(
        desk,
        tills,
        tokens,
        health,
        metrics,
        look,
        app_readers,
        limits,
        waits,
        operator=operator,
        language=language,
    )
    app = web.Application(middlewares=[door.guard], client_max_size=MAX_BODY_BYTES)
    for route in door.routes():
        app.router.add_route(route.method, route.path, door.serve(route))
    app.on_response_prepare.append(_sign)

    async def close(_app: web.Application) -> None:
        waits.close()

    app.on_shutdown.append(close)
    return app


def make_runner(app: web.Application) -> web.AppRunner:
    """The application ready for its sites. A till that hangs up does not stop what it asked for."""
    return web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        handler_cancellation=False,
        shutdown_timeout=SHUTDOWN_S,
        lingering_time=LINGER_S,
    )


def count_readers(desk: Desk) -> Mapping[Labels, float]:
    """How many readers are in each state: what the gauge of readers reads."""
    states = Counter(reader.state for reader in desk.readers())
    return {(state.value,): states[state] for state in ReaderState}


def link_states(desk: Desk) -> Mapping[Labels, float]:
    """1 for the state that each reader's link is in: what the gauge of links reads."""
    return {
        (reader.name, LinkState.of(reader.link).value): 1.0
        for reader in desk.readers()
        if reader.link is not None
    }


def link_losses(desk: Desk) -> Mapping[Labels, float]:
    """How often each reader's link was lost."""
    return {
        (reader.name,): float(reader.link.losses_total)
        for reader in desk.readers()
        if reader.link is not None
    }


class _Door:
    """What all calls share: who asks, how often, and how a refusal looks."""

    def __init__(
        self,
        desk: Desk,
        tills: Tills,
        tokens: TokenIssuer | None,
        health: Health,
        metrics: Metrics,
        look: Look,
        app_readers: AppReaders,
        limits: Limits,
        waits: Waits,
        *,
        operator: bool,
        language: str,
    ) -> None:
        self._desk = desk
        self._tills = tills
        self._health = health
        self._metrics = metrics
        self._look = look
        self._app_readers = app_readers
        self._operator = operator
        self._language = language
        # One random mark for the life of the door: asking the system for a new one costs more than a route.
        self._mark = f"req_{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)
        self._requests = Buckets(limits.requests, _loop_time)
        self._tokens = ConnectionTokens(tokens, Buckets(limits.connection_tokens, _loop_time))
        self._sessions = Sessions(desk, waits)
        self._openapi = b""

    def routes(self) -> list[Route]:
        """Every call this door answers."""
        sessions = self._sessions
        routes = [
            Route("POST", "/v1/sessions", sessions.open),
            Route("GET", "/v1/sessions", sessions.page),
            Route("GET", "/v1/sessions/{id}", sessions.show),
            Route("GET", "/v1/sessions/{id}/events", sessions.events),
            Route("POST", "/v1/sessions/{id}/cancel", sessions.cancel),
            Route("POST", "/v1/sessions/{id}/capture", sessions.capture),
            Route("POST", "/v1/sessions/{id}/refund", sessions.refund),
            Route("GET", "/v1/sales/{id}", sessions.sale),
            Route("GET", "/v1/readers", self._readers),
            Route("GET", "/v1/readers/{name}", self._reader),
            Route("POST", "/v1/connection_tokens", self._connection_token),
            Route("GET", "/v1/health", self._show_health, Access.ALL),
            Route("GET", "/metrics", self._show_metrics, Access.LOOPBACK),
            Route("GET", "/openapi.json", self._show_openapi, Access.ALL),
            Route("GET", "/", self._show_page, Access.ALL),
        ]
        if self._operator:
            routes.append(Route("GET", "/v1/sessions/{id}/timeline", sessions.timeline))
            routes.append(Route("POST", "/v1/sessions/{id}/resolve", sessions.resolve))
            routes.append(Route("POST", "/v1/fleet/look", self._look_now))
        return routes

    def serve(self, route: Route) -> _Bare:
        """The route's handler, behind the check of who asks and how often."""

        async def serve(request: web.Request) -> web.StreamResponse:
            accepted = request.headers.get(hdrs.ACCEPT_LANGUAGE)
            if self._operator:
                return await route.handler(request, THE_OPERATOR.speaking(accepted, self._language))
            if route.access is Access.ALL or (route.access is Access.LOOPBACK and _from_here(request)):
                return await route.handler(request, NOBODY)
            caller = identify(request.headers.get(hdrs.AUTHORIZATION), self._tills)
            wait_s = self._requests.take(caller.name)
            if wait_s > 0:
                raise TooManyRequestsError(
                    "too_many_requests",
                    f"till {caller.name!r} asks too often; wait for changes with ?wait= or /events instead "
                    "of asking again and again",
                    retry_after_s=wait_s,
                )
            return await route.handler(request, caller.speaking(accepted, self._language))

        return serve

    @web.middleware
    async def guard(self, request: web.Request, handler: _Bare) -> web.StreamResponse:
        """Give each request an id, each refusal its shape, and count both."""
        request_id = f"{self._mark}{next(self._numbers):08x}"
        request[REQUEST_ID] = request_id
        began = _loop_time()
        try:
            response = await handler(request)
        except PosError as error:
            response = _refused(error)
        except PaymentsError as error:
            response = _refused(refusal(error))
        except web.HTTPException as error:
            response = _refused(_not_served(request, error))
        except Exception:
            _log.exception("request %s: %s %s went wrong", request_id, request.method, request.path)
            if request.writer.output_size > 0:
                raise  # the answer has begun: all that can be done is to break it off
            response = _refused(unexpected(request_id))
        self._count(request, response.status, _loop_time() - began)
        return response

    def _count(self, request: web.Request, status: int, seconds: float) -> None:
        resource = request.match_info.route.resource
        if resource is None:
            self._metrics.requests.inc("other", "unmatched", str(status))
            return
        self._metrics.requests.inc(request.method, resource.canonical, str(status))
        if not resource.canonical.endswith("/events") and "wait=" not in request.query_string:
            self._metrics.request_seconds.observe(seconds)

    async def _readers(self, request: web.Request, _caller: Caller) -> web.Response:
        query(request)
        readers = listing([reader_view(reader) for reader in self._desk.readers()])
        return answer(to_json({**readers, "app_readers": list(self._app_readers())}))

    async def _reader(self, request: web.Request, _caller: Caller) -> web.Response:
        query(request)
        return answer(to_json(reader_view(self._desk.reader(request.match_info["name"]))))

    async def _connection_token(self, request: web.Request, caller: Caller) -> web.Response:
        query(request)
        parse(ConnectionTokenBody, await read_json(request))
        return answer(await self._tokens.fresh(caller.name))

    async def _look_now(self, request: web.Request, _caller: Caller) -> web.Response:
        query(request)
        parse(LookBody, await read_json(request))
        self._look()
        return answer(to_json({"object": "fleet_look"}), 202)

    async def _show_health(self, _request: web.Request, _caller: Caller) -> web.Response:
        document = self._health()
        return answer(to_json(document), 200 if document.get("status") in SERVING else 503)

    async def _show_metrics(self, _request: web.Request, _caller: Caller) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})

    async def _show_page(self, _request: web.Request, _caller: Caller) -> web.Response:
        return web.Response(body=PAGE.encode(), headers=HEADERS)

    async def _show_openapi(self, _request: web.Request, _caller: Caller) -> web.Response:
        if not self._openapi:
            from agent.pos.openapi import document  # built when somebody wants to read it, not at start-up

            self._openapi = to_json(document())
        return answer(self._openapi)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _from_here(request: web.Request) -> bool:
    """Whether the request came from this machine."""
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    """What every answer carries; none may be kept by a cache."""
    request_id = request.get(REQUEST_ID)
    if request_id is not None:  # aiohttp refuses an unknown Expect header before any of our code runs
        response.headers["Request-Id"] = request_id
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.headers[hdrs.SERVER] = "tillgate"


def _refused(error: PosError) -> web.Response:
    return web.Response(
        body=error.body(),
        status=error.status,
        headers={hdrs.CONTENT_TYPE: "application/json", **error.headers},
    )


def _not_served(request: web.Request, error: web.HTTPException) -> PosError:
    asked = f"{request.method} {request.path[:100]}"
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return PosError(
            405,
            ErrorType.INVALID_REQUEST,
            "method_not_allowed",
            f"{asked} is not a call; allowed here: {allowed}",
            headers={hdrs.ALLOW: allowed},
        )
    return PosError(
        error.status,
        ErrorType.INVALID_REQUEST,
        "route_not_found",
        f"there is no {asked}; /openapi.json lists every call",
    )
