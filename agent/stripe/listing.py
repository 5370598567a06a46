"""Walking through a list or a search of Stripe's, page by page."""

from collections.abc import AsyncIterator
from typing import Final, TypeVar

from agent.stripe.client import StripeClient
from agent.stripe.form import Params
from agent.stripe.objects import StripeObject, parse

PAGE_SIZE: Final = 100
"""The most Stripe gives at once."""

Kind = TypeVar("Kind", bound=StripeObject)


async def every(client: StripeClient, kind: type[Kind], route: str, params: Params) -> AsyncIterator[Kind]:
    """Every item of the list, newest first, read when needed."""
    after: str | None = None
    while True:
        reply = await client.call("GET", route, {**params, "limit": PAGE_SIZE, "starting_after": after})
        found = [parse(kind, item) for item in reply.data.get("data") or ()]
        for item in found:
            yield item
        if reply.data.get("has_more") is not True or not found:
            return
        after = found[-1].id


async def every_found(
    client: StripeClient, kind: type[Kind], route: str, params: Params
) -> AsyncIterator[Kind]:
    """Every item that a search finds, read when needed; its pages have names of their own."""
    page: str | None = None
    while True:
        reply = await client.call("GET", route, {**params, "limit": PAGE_SIZE, "page": page})
        for item in reply.data.get("data") or ():
            yield parse(kind, item)
        page = reply.data.get("next_page")
        if not page:
            return
