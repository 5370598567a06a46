"""The simulated Stripe API without a socket: one request in, one answer out."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from drivers.simulators.stripe_api.access import open_account
from drivers.simulators.stripe_api.agenda import Happening
from drivers.simulators.stripe_api.calls import Call, Endpoint, Reception
from drivers.simulators.stripe_api.controls import Controls
from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.expansion import check_paths, render
from drivers.simulators.stripe_api.faults import Effect, Fault, Faults
from drivers.simulators.stripe_api.files import boundary_of
from drivers.simulators.stripe_api.happenings import HAPPENINGS, KINDS
from drivers.simulators.stripe_api.operations import route
from drivers.simulators.stripe_api.settings import SimulatorSettings
from drivers.simulators.stripe_api.state import StateFile
from drivers.simulators.stripe_api.store import Account, Body
from drivers.simulators.stripe_api.versions import CURRENT, read_version
from drivers.simulators.stripe_api.webhooks import Delivery, Outbox
from drivers.simulators.stripe_api.wire import (
    ConnectionDropped,
    SimRequest,
    SimResponse,
    decode_body,
    decode_form,
    encode,
    split_path,
)
from drivers.simulators.stripe_api.world import World

PORTAL: Final = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please sign in.</body></html>"


@dataclass(slots=True)
class _Admitted:
    """A request that may run: its key, if any, is claimed."""

    call: Call
    endpoint: Endpoint
    key: str | None
    headers: dict[str, str]


class StripeSimulator:
    """A stateful Stripe for stores; `handle` is its only door.

    `now` gives Unix seconds and `sleep` waits for them: both may be virtual. The same `seed` and the same
    requests
    give the same ids. With `state` everything survives in a file of that path.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        settings: SimulatorSettings = SimulatorSettings(),  # noqa: B008  # frozen, so one for all is safe
        seed: int = 0,
        state: Path | None = None,
    ) -> None:
        self.world = World(now, settings, seed)
        self.faults = Faults()
        self._sleep = sleep
        self._controls = Controls(self.world, self.faults, self.catch_up)
        self._outbox = Outbox(self.world, self.faults)
        self.world.on_event = self._outbox.put
        self._state: StateFile | None = None
        if state is not None:
            self._state = StateFile(state)
            self._state.load(self.world)

    async def handle(self, request: SimRequest) -> SimResponse:
        """Answer one request.

        State changes happen at one moment with no await in their middle. Errors: `ConnectionDropped` when
        a fault
        cuts the connection.
        """
        self.catch_up()
        segments, query = split_path(request.path)
        if segments[0] == "_sim":
            return self._control(request, segments, query)
        fault = self._take_fault(request.method, segments)
        effect = None if fault is None else fault.effect
        if effect is Effect.DROP_BEFORE:
            raise ConnectionDropped
        if effect is Effect.CAPTIVE_PORTAL:
            return SimResponse(200, {"content-type": "text/html"}, PORTAL)
        headers = {
            "content-type": "application/json",
            "request-id": self.world.new_id("req_", 14),
            "stripe-version": CURRENT,
        }
        admitted = self._admit(request, segments, query, headers)
        if isinstance(admitted, SimResponse):
            return admitted
        if fault is not None and effect is Effect.STATUS:
            return self._fail(admitted, fault)
        if fault is not None and effect is Effect.DELAY:
            await self._hold(admitted, fault.seconds)
        if effect is Effect.TIMEOUT_DELIVERED:
            admitted.call.reception = Reception.UNACKNOWLEDGED
        elif effect is Effect.TIMEOUT_NOT_DELIVERED:
            admitted.call.reception = Reception.LOST
        response = self._run(admitted)
        if effect is Effect.DROP_AFTER:
            raise ConnectionDropped
        if effect is Effect.TORN_BODY:
            partial = replace(response, body=response.body[: len(response.body) // 2])
            raise ConnectionDropped(partial, len(response.body))
        if fault is not None and effect is Effect.DELAY_ANSWER:
            await self._sleep(fault.seconds)
        return response

    def deliveries(self) -> list[Delivery]:
        """The webhooks to deliver now; each is handed out once."""
        self.catch_up()
        return self._outbox.take()

    def delivered(self, delivery: Delivery, *, accepted: bool) -> None:
        """Say whether an endpoint took a webhook (answered 2xx); others are handed out again later."""
        self._outbox.delivered(delivery, accepted=accepted)
        self._save()

    def close(self) -> None:
        """Save and close the state file; the simulator is not to be used any more."""
        if self._state is not None:
            self._save()
            self._state.close()
            self._state = None

    def _save(self) -> None:
        if self._state is not None:
            self._state.save(self.world)
        else:
            self.world.agenda.changes.clear()

    def next_due(self) -> float | None:
        """When (Unix seconds of the injected clock) something will happen by itself; None: never."""
        at = self.world.agenda.next_at()
        return None if at is None else at - self.world.offset

    def catch_up(self) -> None:
        """Carry out everything whose time has come, in the order of time."""
        world, now = self.world, self.world.now()
        happening = world.agenda.due(now)
        while happening is not None:
            world.at(happening.at)
            world.version = CURRENT
            try:
                self._happen(happening)
            finally:
                world.at(None)
            happening = world.agenda.due(now)

    def _happen(self, happening: Happening) -> None:
        account = self.world.account(happening.account)
        record = account.get(KINDS.get(happening.name, "terminal.reader"), happening.target)
        if record is None or record.deleted:
            return
        if happening.name == "redeliver":
            self._outbox.redeliver(account, record, happening.turn, happening.note)
        else:
            HAPPENINGS[happening.name](self.world, account, record, happening.turn)

    def _take_fault(self, method: str, segments: tuple[str, ...]) -> Fault | None:
        if not self.faults:
            return None
        try:
            command = route(method, segments)[0].reader_command
        except ApiError:
            command = False
        return self.faults.take(method, "/" + "/".join(segments), reader_command=command)

    def _control(self, request: SimRequest, segments: tuple[str, ...], query: str) -> SimResponse:
        try:
            body, status = self._controls.answer(request, segments, decode_form(query)), 200
        except ApiError as error:
            body, status = error.body(), error.status
        self._save()
        return SimResponse(status, {"content-type": "application/json"}, encode(body))

    def _admit(
        self, request: SimRequest, segments: tuple[str, ...], query: str, headers: dict[str, str]
    ) -> _Admitted | SimResponse:
        """Everything before execution: key, version, route, limits, idempotency, parameters."""
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        account: Account | None = None
        claimed = False
        if key:
            headers["idempotency-key"] = key
        try:
            account = open_account(self.world, request.headers)
            version = headers["stripe-version"] = read_version(request.headers.get("stripe-version"))
            endpoint, target = route(request.method, segments)
            self._limit(account, endpoint)
            call = Call(self.world, account, {}, target, version, request.body)
            call.content_type = request.headers.get("content-type", "")
            if endpoint.multipart:
                raw: Body = {}
            else:
                raw = decode_body(request) if request.method == "POST" else decode_form(query)
            if key:
                claimed = True
                fingerprint = _fingerprint(request, segments, raw)
                claimed = account.keys.claim(key, fingerprint, self.world.now()) is None
                if not claimed:
                    return self._replay(account, key, headers)
            params = endpoint.params.read(raw) if not endpoint.multipart else {}
            assert isinstance(params, dict)
            call.params, call.expand = params, check_paths(params.pop("expand", []))
        except ApiError as error:
            if claimed and account is not None and key:
                self._unclaim(account, key, error)
            return _error(error, headers)
        return _Admitted(call, endpoint, key or None, headers)

    @staticmethod
    def _unclaim(account: Account, key: str, error: ApiError) -> None:
        if error.kind != "idempotency_error":
            account.keys.release(key)

    def _limit(self, account: Account, endpoint: Endpoint) -> None:
        limit = self.world.settings.rate_limit
        if limit is None:
            return
        name, second = f"{endpoint.method} {endpoint.path}", self.world.seconds()
        at, count = account.rates.get(name, (second, 0))
        account.rates[name] = (second, count + 1 if at == second else 1)
        if account.rates[name][1] > limit:
            raise ApiError(
                "Request rate limit exceeded. Please slow down.",
                status=429,
                code="rate_limit",
                stored=False,
                headers={"stripe-rate-limited-reason": "endpoint-rate"},
            )

    def _replay(self, account: Account, key: str, headers: dict[str, str]) -> SimResponse:
        kept = account.keys.kept[key]
        headers |= {"idempotent-replayed": "true", "original-request": kept.request_id}
        return SimResponse(kept.status, headers, kept.body)

    async def _hold(self, admitted: _Admitted, seconds: float) -> None:
        done = False
        try:
            await self._sleep(seconds)
            done = True
        finally:
            if not done and admitted.key:
                admitted.call.account.keys.release(admitted.key)
        self.catch_up()

    def _fail(self, admitted: _Admitted, fault: Fault) -> SimResponse:
        """The error of a `status` fault: nothing was executed, and only a stored one is told again."""
        status = fault.status
        kind = "api_error" if status >= 500 else "invalid_request_error"
        code, headers = fault.code, {}
        if status == 429 and code is None:
            code, headers = "rate_limit", {"stripe-rate-limited-reason": "global-rate"}
        if code == "lock_timeout":
            headers = {"stripe-should-retry": "true"}
        error = ApiError(
            "A simulated failure.", status=status, kind=kind, code=code, stored=fault.stored, headers=headers
        )
        return self._finish(admitted, error)

    def _run(self, admitted: _Admitted) -> SimResponse:
        """Execute and remember the answer; no await in here."""
        world, call = self.world, admitted.call
        world.cause = (admitted.headers["request-id"], admitted.key)
        world.version = call.version
        try:
            body = render(call.account, admitted.endpoint.run(call), call.expand)
        except ApiError as error:
            return self._finish(admitted, error)
        finally:
            world.cause = None
        return self._finish(admitted, body)

    def _finish(self, admitted: _Admitted, outcome: Body | ApiError) -> SimResponse:
        keys, key = admitted.call.account.keys, admitted.key
        if isinstance(outcome, ApiError):
            response, stored = _error(outcome, admitted.headers), outcome.stored
        else:
            response, stored = SimResponse(200, admitted.headers, encode(outcome)), True
        if key and stored:
            keys.keep(key, response.status, response.body, admitted.headers["request-id"])
        elif key:
            keys.release(key)
        self._save()
        keys.changes.clear()
        return response


def _error(error: ApiError, headers: dict[str, str]) -> SimResponse:
    body = error.body()
    body["error"]["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{headers['request-id']}"
    return SimResponse(error.status, headers | error.headers, encode(body))


def _fingerprint(request: SimRequest, segments: tuple[str, ...], raw: Body) -> str:
    content = encode(raw) if raw else request.body
    boundary = boundary_of(request.headers.get("content-type", ""))
    if boundary is not None:  # random, so not part of what is asked
        content = content.replace(boundary, b"")
    return hashlib.blake2b(b"/".join((*(s.encode() for s in segments), content)), digest_size=16).hexdigest()
