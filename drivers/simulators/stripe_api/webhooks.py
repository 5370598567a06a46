"""Webhook endpoints, and what is sent to them: signed, at least once, in no promised order."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.errors import bad_parameter
from drivers.simulators.stripe_api.faults import Effect, Faults
from drivers.simulators.stripe_api.shapes import (
    EXPAND,
    NOTHING,
    ONLY_EXPAND,
    PAGED,
    Array,
    Boolean,
    Hash,
    Metadata,
    NotSimulated,
    Shape,
    Text,
)
from drivers.simulators.stripe_api.store import Account, Body, Page, Record, merge_metadata
from drivers.simulators.stripe_api.versions import VERSIONS
from drivers.simulators.stripe_api.wire import encode
from drivers.simulators.stripe_api.world import World

KIND: Final = "webhook_endpoint"
RETRIES_S: Final = (60.0, 3600.0)
"""When a delivery that failed is tried again (Stripe in a sandbox: three attempts over a few hours)."""

_EVENTS: Final = Array(Text(100, pattern=r"\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?"))
_COMMON: Final[dict[str, Shape]] = {
    "description": Text(clears=True),
    "metadata": Metadata(),
    "expand": EXPAND,
}
CREATE: Final = Hash(
    _COMMON
    | {
        "url*": Text(pattern=r"https?://.+"),
        "enabled_events*": _EVENTS,
        "api_version": Text(),
        "connect": NotSimulated("events of connected accounts go to endpoints of these accounts"),
    }
)
UPDATE: Final = Hash(
    _COMMON | {"url": Text(pattern=r"https?://.+"), "enabled_events": _EVENTS, "disabled": Boolean()}
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST to make: what, where to, signed for this moment."""

    url: str
    headers: dict[str, str]
    body: bytes
    account: str
    endpoint: str
    event: str
    attempt: int


def sign(secret: str, body: bytes, at: int) -> str:
    """The `Stripe-Signature` of a body."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Outbox:
    """What is to be delivered, in the order it will be."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self._ready: list[Delivery] = []
        self._held: list[Delivery] = []

    def put(self, account: Account, event: Record) -> None:
        """Address a new event to every endpoint that wants it."""
        for endpoint in account.all(KIND):
            if endpoint.body["status"] == "enabled" and wants(endpoint, event.body["type"]):
                event.body["pending_webhooks"] += 1
                self._send(account, endpoint, event, 1)

    def _send(self, account: Account, endpoint: Record, event: Record, attempt: int) -> None:
        body, at = encode(event.body), self._world.seconds()
        headers = {
            "content-type": "application/json; charset=utf-8",
            "stripe-signature": sign(endpoint.hidden["secret"], body, at),
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        url: str = endpoint.body["url"]
        delivery = Delivery(url, headers, body, account.name, endpoint.id, event.id, attempt)
        fault = self._faults.take_webhook(event.body["type"])
        match None if fault is None else fault.effect:
            case Effect.LOSE_WEBHOOK:
                return
            case Effect.DUPLICATE_WEBHOOK:
                self._ready += [delivery, delivery]
            case Effect.REORDER_WEBHOOKS:
                self._held.append(delivery)
                return
            case _:
                self._ready.append(delivery)
        self._ready += self._held
        self._held.clear()

    def take(self) -> list[Delivery]:
        """Everything to deliver now."""
        ready, self._ready = self._ready, []
        return ready

    def delivered(self, delivery: Delivery, *, accepted: bool) -> None:
        """Note how a delivery went; one that failed is tried again later."""
        account = self._world.account(delivery.account)
        event = account.get("event", delivery.event)
        if event is None:
            return
        if accepted:
            event.body["pending_webhooks"] = max(0, event.body["pending_webhooks"] - 1)
            self._world.touch(event)
        elif delivery.attempt <= len(RETRIES_S):
            wait = RETRIES_S[delivery.attempt - 1]
            self._world.plan("redeliver", event, wait, delivery.attempt + 1, delivery.endpoint)

    def redeliver(self, account: Account, event: Record, attempt: int, endpoint: str) -> None:
        """The time for another attempt has come."""
        target = account.get(KIND, endpoint)
        if target is not None and not target.deleted and target.body["status"] == "enabled":
            self._send(account, target, event, attempt)


def wants(endpoint: Record, kind: str) -> bool:
    """Whether an endpoint is subscribed to an event type."""
    return any(
        name in ("*", kind) or (name.endswith(".*") and kind.startswith(name[:-1]))
        for name in endpoint.body["enabled_events"]
    )


def create(call: Call) -> Body:
    """`POST /v1/webhook_endpoints`: the answer, and only this one, has the signing secret."""
    params = call.params
    version = params.get("api_version")
    if version is not None and version not in VERSIONS:
        raise bad_parameter(f"Invalid API version: {version}", "api_version")
    body: Body = {
        "id": call.world.new_id("we_1"),
        "object": KIND,
        "api_version": version,
        "application": None,
        "created": call.world.seconds(),
        "description": params.get("description") or None,
        "enabled_events": params["enabled_events"],
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": params["url"],
    }
    merge_metadata(body, params)
    secret = call.world.new_id("whsec_", 32)
    call.world.add(call.account, KIND, body, {"secret": secret})
    return body | {"secret": secret}


def retrieve(call: Call) -> Record:
    """`GET /v1/webhook_endpoints/{id}`."""
    return call.account.find(KIND, call.target)


def update(call: Call) -> Record:
    """`POST /v1/webhook_endpoints/{id}`."""
    record, params = call.account.find(KIND, call.target), call.params
    merge_metadata(record.body, params)
    for name in ("url", "enabled_events"):
        if name in params:
            record.body[name] = params[name]
    if "description" in params:
        record.body["description"] = params["description"] or None
    if "disabled" in params:
        record.body["status"] = "disabled" if params["disabled"] else "enabled"
    call.world.touch(record)
    return record


def delete(call: Call) -> Body:
    """`DELETE /v1/webhook_endpoints/{id}`."""
    record = call.account.find(KIND, call.target)
    record.body = {"id": record.id, "object": KIND, "deleted": True}
    call.world.touch(record)
    return record.body


def listing(call: Call) -> Page:
    """`GET /v1/webhook_endpoints`."""
    return call.account.page(KIND, call.params, "/v1/webhook_endpoints")


_PATH: Final = "/v1/webhook_endpoints"
ENDPOINTS: Final = (
    Endpoint("GET", _PATH, Hash(PAGED), listing),
    Endpoint("POST", _PATH, CREATE, create),
    Endpoint("GET", _PATH + "/{id}", ONLY_EXPAND, retrieve),
    Endpoint("POST", _PATH + "/{id}", UPDATE, update),
    Endpoint("DELETE", _PATH + "/{id}", NOTHING, delete),
)
