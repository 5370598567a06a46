"""Events: what happened, newest first, kept for thirty days."""

from typing import Final

from drivers.simulators.stripe_api import payment_parameters
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.shapes import ONLY_EXPAND
from drivers.simulators.stripe_api.store import Page, Record, created_within

KIND: Final = "event"
KEPT_S: Final = 30 * 24 * 3600


def listing(call: Call) -> Page:
    """`GET /v1/events`, filtered by type (`charge.*`), types, created and delivery_success."""
    params = call.params
    if "type" in params and "types" in params:
        raise ApiError(
            "You may only specify one of these parameters: type, types.",
            code="parameters_exclusive",
            param="types",
            stored=False,
        )
    within = created_within(params)
    patterns = [params["type"]] if "type" in params else params.get("types", [])
    exact = {pattern for pattern in patterns if not pattern.endswith("*")}
    prefixes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))
    oldest = call.world.now() - KEPT_S
    delivered = params.get("delivery_success")

    def keep(record: Record) -> bool:
        kind: str = record.body["type"]
        if patterns and kind not in exact and not kind.startswith(prefixes):
            return False
        if delivered is not None and (record.body["pending_webhooks"] == 0) is not delivered:
            return False
        return bool(record.body["created"] >= oldest) and within(record)

    return call.account.page(KIND, params, "/v1/events", keep)


def retrieve(call: Call) -> Record:
    """`GET /v1/events/{id}`."""
    return call.account.find(KIND, call.target)


ENDPOINTS: Final = (
    Endpoint("GET", "/v1/events", payment_parameters.EVENT_LIST, listing),
    Endpoint("GET", "/v1/events/{id}", ONLY_EXPAND, retrieve),
)
