"""PaymentIntents and refunds: the calls that touch money."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Final

from agent.stripe.client import StripeClient
from agent.stripe.form import Params, Value
from agent.stripe.listing import every, every_found
from agent.stripe.objects import PaymentIntent, Refund, parse

_EXPANDED: Final[tuple[str, ...]] = ("latest_charge",)
_INTENTS: Final = "/v1/payment_intents"
_INTENT: Final = "/v1/payment_intents/{}"
_REFUNDS: Final = "/v1/refunds"


class Payments:
    """Typed calls on money. Every PaymentIntent comes with its latest charge expanded."""

    def __init__(self, client: StripeClient) -> None:
        self._client = client

    async def create_payment_intent(self, params: Params, *, key: str) -> PaymentIntent:
        """Make a PaymentIntent; nobody can pay it before a reader is told to process it."""
        return await self._intent("POST", _INTENTS, params, key=key)

    async def retrieve_payment_intent(self, intent: str) -> PaymentIntent:
        """The PaymentIntent as it is now: the only judge of whether money moved."""
        return await self._intent("GET", _INTENT, {}, intent)

    async def update_payment_intent(self, intent: str, params: Params, *, key: str) -> PaymentIntent:
        """Change it; has no effect on a reader that shows it already."""
        return await self._intent("POST", _INTENT, params, intent, key=key)

    async def capture_payment_intent(
        self, intent: str, *, key: str, amount: int | None = None
    ) -> PaymentIntent:
        """Move held money; `amount` (minor units) for less than was held, the rest is released."""
        return await self._intent(
            "POST", "/v1/payment_intents/{}/capture", {"amount_to_capture": amount}, intent, key=key
        )

    async def cancel_payment_intent(
        self, intent: str, *, key: str | None = None, reason: str | None = None
    ) -> PaymentIntent:
        """Make it unpayable and let held money go; twice is harmless, so it needs no key of the caller's."""
        return await self._intent(
            "POST", "/v1/payment_intents/{}/cancel", {"cancellation_reason": reason}, intent, key=key
        )

    def list_payment_intents(
        self, *, created_from: datetime, created_before: datetime
    ) -> AsyncIterator[PaymentIntent]:
        """Every PaymentIntent made in [created_from, created_before), newest first."""
        params: Params = {
            "created": {"gte": int(created_from.timestamp()), "lt": int(created_before.timestamp())},
            "expand": ["data.latest_charge"],
        }
        return every(self._client, PaymentIntent, _INTENTS, params)

    def search_payment_intents(self, query: str) -> AsyncIterator[PaymentIntent]:
        """Every PaymentIntent that fits (docs.stripe.com/search); newer than a minute may not be found."""
        params: Params = {"query": query, "expand": ["data.latest_charge"]}
        return every_found(self._client, PaymentIntent, _INTENTS + "/search", params)

    async def create_refund(
        self,
        intent: str,
        *,
        key: str,
        amount: int | None = None,
        metadata: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> Refund:
        """Give money back; without an amount (minor units) all that is left."""
        params: dict[str, Value] = {
            "payment_intent": intent,
            "amount": amount,
            "metadata": metadata or None,
            "reason": reason,
        }
        reply = await self._client.call("POST", _REFUNDS, params, key=key)
        return parse(Refund, reply.data)

    async def retrieve_refund(self, refund: str) -> Refund:
        """The refund as it is now; some fail days later."""
        reply = await self._client.call("GET", "/v1/refunds/{}", ids=(refund,))
        return parse(Refund, reply.data)

    async def list_refunds(self, intent: str) -> list[Refund]:
        """Every refund of one PaymentIntent, newest first."""
        return [found async for found in every(self._client, Refund, _REFUNDS, {"payment_intent": intent})]

    async def _intent(
        self, method: str, route: str, params: Params, *ids: str, key: str | None = None
    ) -> PaymentIntent:
        reply = await self._client.call(method, route, {**params, "expand": _EXPANDED}, ids=ids, key=key)
        return parse(PaymentIntent, reply.data)
