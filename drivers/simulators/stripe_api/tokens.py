"""Connection tokens: what Stripe's client SDKs start with."""

from typing import Final

from drivers.simulators.stripe_api import terminal_parameters
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.store import Body


def create(call: Call) -> Body:
    """`POST /v1/terminal/connection_tokens`: always a new secret, scoped to a location when one is named."""
    body: Body = {"object": "terminal.connection_token", "secret": call.world.new_id("pst_test_")}
    if "location" in call.params:
        body["location"] = call.account.find("terminal.location", call.params["location"], "location", 400).id
    return body


ENDPOINTS: Final = (
    Endpoint("POST", "/v1/terminal/connection_tokens", terminal_parameters.CONNECTION_TOKEN, create),
)
