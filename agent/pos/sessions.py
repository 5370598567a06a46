"""The calls of a till about its sales."""

from datetime import UTC, datetime

from aiohttp import web

from agent.payments.errors import PaymentsError, UnknownSaleError, UnknownSessionError
from agent.payments.model import PosKey, Session, SessionQuery, State
from agent.pos.bodies import (
    MAX_NAME,
    MAX_POS_KEY,
    CancelBody,
    CaptureBody,
    RefundBody,
    ResolveBody,
    SaleBody,
    parse,
)
from agent.pos.caller import Caller
from agent.pos.errors import BadRequestError, refusal
from agent.pos.intake import query, read_json, seconds, whole
from agent.pos.seams import Desk
from agent.pos.views import event_view, listing, session_view, tender_view, to_json
from agent.pos.watch import MAX_WAIT_S, Waits, decision, next_change, stream

DEFAULT_PAGE = 20
MAX_PAGE = 100
MAX_SEQ = 10**18

DECIDED = "decided"
"""What `until` may say: answer when nothing more happens to the session by itself."""

JSON = "application/json"


def answer(body: bytes, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=body, status=status, headers={"Content-Type": JSON})


class Sessions:
    """Opens, shows, watches and ends sessions for whoever calls."""

    def __init__(self, desk: Desk, waits: Waits) -> None:
        self._desk = desk
        self._waits = waits

    async def open(self, request: web.Request, caller: Caller) -> web.Response:
        """POST /v1/sessions."""
        query(request)
        sale = parse(SaleBody, await read_json(request))
        order = sale.order(caller.name)
        try:
            session, created = await self._desk.open(order)
        except UnknownSessionError as error:
            raise refusal(error, param="retry_of") from error
        except PaymentsError as error:
            raise refusal(error, param="reader") from error
        return answer(to_json(session_view(session, caller.language)), 201 if created else 200)

    async def page(self, request: web.Request, caller: Caller) -> web.Response:
        """GET /v1/sessions."""
        values = query(request, "pos_key", "state", "reader", "since", "limit", "starting_after")
        limit = whole(values, "limit", least=1, most=MAX_PAGE) or DEFAULT_PAGE
        before = self._cursor(values.get("starting_after"), caller)
        pos_key = _short(values.get("pos_key"), "pos_key", MAX_POS_KEY)
        wanted = SessionQuery(
            pos_key=None if pos_key is None else PosKey(pos_key),
            state=_state(values.get("state")),
            reader=_short(values.get("reader"), "reader", MAX_NAME),
            since=_since(values.get("since")),
            before=None if before is None else before.id,
            limit=limit + 1,  # one more than asked tells whether there is a next page
        )
        found = self._desk.find(wanted, caller.sees)
        page = [session_view(session, caller.language) for session in found[:limit]]
        return answer(to_json(listing(page, has_more=len(found) > limit)))

    async def show(self, request: web.Request, caller: Caller) -> web.Response:
        """GET /v1/sessions/{id}, at once, at the next change, or when it is decided."""
        values = query(request, "wait", "seq", "until")
        wait_s = seconds(values, "wait", MAX_WAIT_S)
        seq = whole(values, "seq", least=0, most=MAX_SEQ)
        until = values.get("until")
        for name in ("seq", "until"):
            if name in values and wait_s is None:
                raise BadRequestError("parameter_invalid", f"{name} means nothing without wait", param=name)
        if until not in {None, DECIDED}:
            raise BadRequestError("parameter_invalid", f"until must be {DECIDED}", param="until")
        if until is not None and seq is not None:
            raise BadRequestError(
                "parameter_invalid",
                f"wait for a change beyond seq, or until={DECIDED}; not for both",
                param="seq",
            )
        session = self._session(request, caller)
        if wait_s and until:
            session = await decision(self._desk, self._waits, request, caller, session, wait_s=wait_s)
        elif wait_s:
            session = await next_change(
                self._desk,
                self._waits,
                request,
                caller,
                session,
                seq=session.seq if seq is None else seq,
                wait_s=wait_s,
            )
        return answer(to_json(session_view(session, caller.language)))

    async def events(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """GET /v1/sessions/{id}/events."""
        query(request)
        return await stream(self._desk, self._waits, request, caller, self._session(request, caller))

    async def cancel(self, request: web.Request, caller: Caller) -> web.Response:
        """POST /v1/sessions/{id}/cancel."""
        query(request)
        parse(CancelBody, await read_json(request))
        session = await self._desk.cancel(_id(request), caller.sees)
        return answer(to_json(session_view(session, caller.language)))

    async def capture(self, request: web.Request, caller: Caller) -> web.Response:
        """POST /v1/sessions/{id}/capture."""
        query(request)
        body = parse(CaptureBody, await read_json(request))
        session = await self._desk.capture(_id(request), body.amount, caller.sees)
        return answer(to_json(session_view(session, caller.language)))

    async def refund(self, request: web.Request, caller: Caller) -> web.Response:
        """POST /v1/sessions/{id}/refund."""
        query(request)
        body = parse(RefundBody, await read_json(request))
        session, created = await self._desk.refund(
            _id(request), body.amount, PosKey(body.pos_key), caller.sees
        )
        return answer(to_json(session_view(session, caller.language)), 201 if created else 200)

    async def sale(self, request: web.Request, caller: Caller) -> web.Response:
        """GET /v1/sales/{id}: what several sessions pay together."""
        query(request)
        name = request.match_info["id"]
        if len(name) > MAX_POS_KEY or not name.isprintable():
            raise UnknownSaleError(name[:MAX_POS_KEY])
        return answer(to_json(tender_view(self._desk.tender(name, caller.name), caller.language)))

    async def timeline(self, request: web.Request, caller: Caller) -> web.Response:
        """GET /v1/sessions/{id}/timeline: everything the journal knows, for operators."""
        query(request)
        session = self._session(request, caller)
        return answer(to_json(listing([event_view(event) for event in self._desk.history(session.id)])))

    async def resolve(self, request: web.Request, caller: Caller) -> web.Response:
        """POST /v1/sessions/{id}/resolve: an operator's word ends a doubt that no machine can."""
        query(request)
        body = parse(ResolveBody, await read_json(request))
        session = self._session(request, caller)
        ruled = await self._desk.rule(session.id, body.outcome(session.order.money.amount))
        return answer(to_json(session_view(ruled, caller.language)))

    def _session(self, request: web.Request, caller: Caller) -> Session:
        return self._desk.session(_id(request), caller.sees)

    def _cursor(self, session_id: str | None, caller: Caller) -> Session | None:
        if session_id is None:
            return None
        try:
            return self._desk.session(session_id, caller.sees)
        except UnknownSessionError as error:
            raise BadRequestError("parameter_invalid", str(error), param="starting_after") from error


def _id(request: web.Request) -> str:
    """The session that the address names; what can be no id of ours goes no further."""
    text = request.match_info["id"]
    if len(text) > MAX_NAME or not (text.isascii() and text.isprintable()):
        raise UnknownSessionError(text[:MAX_NAME])
    return text


def _short(text: str | None, name: str, most: int) -> str | None:
    if text is not None and len(text) > most:
        raise BadRequestError("parameter_invalid", f"{name} has at most {most} characters", param=name)
    return text


def _state(text: str | None) -> State | None:
    if text is None:
        return None
    try:
        return State(text)
    except ValueError:
        known = ", ".join(State)
        raise BadRequestError("parameter_invalid", f"state must be one of {known}", param="state") from None


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    wrong = BadRequestError(
        "parameter_invalid",
        "since must be a time with its zone, as 2026-01-31T09:30:00Z (a + in an address is written %2B)",
        param="since",
    )
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise wrong
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None
