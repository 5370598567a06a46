"""All operations of the API by method and path."""

from typing import Final

from drivers.simulators.stripe_api import (
    charges,
    commands,
    configurations,
    events,
    files,
    locations,
    payment_intents,
    payment_methods,
    presentments,
    readers,
    refunds,
    searching,
    setup_intents,
    tokens,
    webhooks,
)
from drivers.simulators.stripe_api.calls import Endpoint
from drivers.simulators.stripe_api.errors import ApiError

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *tokens.ENDPOINTS,
    *locations.ENDPOINTS,
    *readers.ENDPOINTS,
    *commands.ENDPOINTS,
    *presentments.ENDPOINTS,
    *configurations.ENDPOINTS,
    *payment_intents.ENDPOINTS,
    *searching.ENDPOINTS,
    *charges.ENDPOINTS,
    *refunds.ENDPOINTS,
    *payment_methods.ENDPOINTS,
    *setup_intents.ENDPOINTS,
    *events.ENDPOINTS,
    *files.ENDPOINTS,
    *webhooks.ENDPOINTS,
)
_ROUTES: Final = {(endpoint.method, *endpoint.path.strip("/").split("/")): endpoint for endpoint in ENDPOINTS}


def route(method: str, segments: tuple[str, ...]) -> tuple[Endpoint, str]:
    """The operation of a request and the id in its path.

    Errors: `ApiError` 404 when there is no such operation.
    """
    endpoint = _ROUTES.get((method, *segments))
    if endpoint is not None:
        return endpoint, ""
    for index in (len(segments) - 1, len(segments) - 2):
        endpoint = _ROUTES.get((method, *segments[:index], "{id}", *segments[index + 1 :]))
        if endpoint is not None and index > 0:
            return endpoint, segments[index]
    raise ApiError(
        f"Unrecognized request URL ({method}: /{'/'.join(segments)}). Please see https://stripe.com/docs "
        "or we can help at https://support.stripe.com/.",
        status=404,
        stored=False,
    )
