"""The tills of a store and the people at its readers, each with a script; and what every till was told."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from agent.chaos.door import Answer, Door, NoAnswerError
from agent.chaos.eyes import Eyes
from agent.chaos.plan import CURRENCY, STRIPE_READERS, Plan, Sale
from agent.chaos.world import World

_T = TypeVar("_T")

ENDED = frozenset({"paid", "declined", "canceled", "failed", "released"})
PATIENCE_S = 1500.0
"""A till that still knows nothing after this has been let down."""

BUSY_TRIES = 25


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that a till was told of one session."""

    at_s: float
    till: str
    key: str
    view: Mapping[str, Any]


class GivenUpError(Exception):
    """The gateway refused for good, or never answered."""


class Till:
    """A register as a careful developer would write it: one key a sale, and it asks until it knows."""

    def __init__(
        self,
        name: str,
        token: str,
        door: Door,
        world: World,
        eyes: Eyes,
        heard: Callable[[Word], None],
        chance: random.Random,
    ) -> None:
        self.name = name
        self.armed: list[str] = []
        """Faults of the till's own line, one for each of the next requests."""
        self.refusals: list[str] = []
        """Refusals that a till did not expect."""
        self._token = token
        self._door = door
        self._world = world
        self._eyes = eyes
        self._heard = heard
        self._chance = chance

    async def serve(self, sale: Sale) -> None:
        """One customer, to the end of all that the till wants of the sale."""
        await asyncio.sleep(sale.pause_s)
        key = f"s{sale.number}"
        order = self._order(sale, key)
        try:
            view = await self._sell(sale, order)
            if view is None:
                return
            if view["state"] == "authorized":
                view = await self._end_hold(sale, view)
            if sale.again and view["state"] == "declined":
                again = {**order, "pos_key": f"{key}-again", "retry_of": view["id"]}
                paying = Sale(sale.number, sale.till, sale.reader, sale.amount, 0, sale.comes_s)
                retried = await self._sell(paying, again)
                view = view if retried is None else retried
            if sale.refunds and view["state"] == "paid":
                await self._give_back(sale, view)
        except GivenUpError as error:
            self.refusals.append(f"{key}: {error}")

    async def sell_plainly(self, sale: Sale, order: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """One sale to its end; None: it was not taken."""
        try:
            return await self._sell(sale, order)
        except GivenUpError as error:
            self.refusals.append(f"{order['pos_key']}: {error}")
            return None

    def _order(self, sale: Sale, key: str) -> dict[str, Any]:
        order: dict[str, Any] = {
            "reader": sale.reader,
            "amount": sale.amount,
            "currency": CURRENCY,
            "pos_key": key,
        }
        if sale.reader in STRIPE_READERS:
            order["tip"] = {"skip": not sale.tip}
            order["capture"] = "manual" if sale.manual else "automatic"
        return order

    async def _sell(self, sale: Sale, order: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """From the order to the end, or to held money; None: the reader was never free."""
        self._world.expect(sale.reader, _hands(sale))
        view = await self._open(sale, order)
        if view is None:
            return None
        self._world.expect(sale.reader, _hands(sale))
        if sale.cancel_s is None:
            return await self._follow(sale, order, view)
        async with asyncio.TaskGroup() as group:
            cancel = partial(self._cancel, view["id"], sale.cancel_s)
            helper = group.create_task(self._noted(cancel, "cancel"), name="cancel")
            follow = partial(self._follow, sale, order, view)
            followed = await self._noted(follow, str(order["pos_key"]))
            helper.cancel()
        return followed

    async def _noted(self, work: Callable[[], Awaitable[_T]], what: str) -> _T | None:
        """What came of it; a refusal for good is written down."""
        try:
            return await work()
        except GivenUpError as error:
            self.refusals.append(f"{what}: {error}")
            return None

    async def _open(self, sale: Sale, order: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if sale.doubled:
            async with asyncio.TaskGroup() as group:
                once = partial(self._open_once, order)
                twin = group.create_task(self._noted(once, "twin"), name="the same order")
                found = await self._noted(once, str(order["pos_key"]))
            return found or twin.result()
        return await self._open_once(order)

    async def _open_once(self, order: Mapping[str, Any]) -> Mapping[str, Any] | None:
        for _ in range(BUSY_TRIES):
            answer = await self.ask("POST", "/v1/sessions", order)
            if answer.status in {200, 201}:
                return self.hear(answer)
            code = answer.body["error"]["code"]
            if code not in {"reader_busy", "reader_unavailable", "retry_too_late"}:
                raise GivenUpError(f"{answer.status} {code}: {answer.body['error']['message']}")
            if code == "retry_too_late":
                return None
            await asyncio.sleep(self._chance.uniform(2.0, 8.0))
        return None

    async def _follow(
        self, sale: Sale, order: Mapping[str, Any], view: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()
        began_s, forgot = loop.time(), False
        while not _decided(view):
            if sale.forgets_s is not None and not forgot and loop.time() - began_s >= sale.forgets_s:
                forgot = True
                await asyncio.sleep(5.0)
                found = await self._open_once(order)
                view = view if found is None else found
                continue
            if loop.time() - began_s > PATIENCE_S:
                raise GivenUpError(f"still {view['state']} after {PATIENCE_S:.0f} s")
            wait_s = 20 if sale.forgets_s is None else 5
            path = f"/v1/sessions/{view['id']}?wait={wait_s}&seq={view['seq']}"
            answer = await self.ask("GET", path)
            if answer.status != 200:
                raise GivenUpError(f"{answer.status} {answer.body['error']['code']}")
            view = self.hear(answer)
        return view

    async def _cancel(self, session: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        answer = await self.ask("POST", f"/v1/sessions/{session}/cancel", {})
        if answer.status == 200:
            self.hear(answer)

    async def _end_hold(self, sale: Sale, view: Mapping[str, Any]) -> Mapping[str, Any]:
        if sale.after == "forget":
            return view
        await asyncio.sleep(self._chance.uniform(0.0, 10.0))
        verb = "cancel" if sale.after == "release" else "capture"
        body = {"amount": sale.amount // 2} if sale.after == "part" else {}
        answer = await self.ask("POST", f"/v1/sessions/{view['id']}/{verb}", body)
        if answer.status != 200:
            if answer.body["error"]["code"] == "wrong_state":
                answer = await self.ask("GET", f"/v1/sessions/{view['id']}")
            else:
                raise GivenUpError(f"{verb}: {answer.status} {answer.body['error']['code']}")
        view = self.hear(answer)
        return await self._until(view, lambda now: now["state"] in ENDED)

    async def _give_back(self, sale: Sale, view: Mapping[str, Any]) -> None:
        work = [
            partial(self._refund, view["id"], amount, f"s{sale.number}-r{number}")
            for number, amount in enumerate(sale.refunds)
        ]
        if sale.refunds_at_once:
            async with asyncio.TaskGroup() as group:
                for number, each in enumerate(work):
                    group.create_task(self._noted(each, f"refund {number}"), name=f"refund {number}")
        else:
            for each in work:
                await each()

    async def _refund(self, session: str, amount: int, key: str) -> None:
        body: dict[str, Any] = {"pos_key": key}
        if amount:
            body["amount"] = amount
        for _ in range(BUSY_TRIES):
            answer = await self.ask("POST", f"/v1/sessions/{session}/refund", body)
            if answer.status in {200, 201}:
                await self._until(self.hear(answer), lambda now: now["state"] in ENDED)
                return
            if answer.body["error"]["code"] not in {"reader_busy", "reader_unavailable"}:
                return  # more than is left, or a terminal that gives nothing back in parts
            await asyncio.sleep(self._chance.uniform(2.0, 8.0))

    async def _until(
        self, view: Mapping[str, Any], seen: Callable[[Mapping[str, Any]], bool]
    ) -> Mapping[str, Any]:
        began_s = asyncio.get_running_loop().time()
        while not seen(view):
            if asyncio.get_running_loop().time() - began_s > PATIENCE_S:
                raise GivenUpError(f"still {view['state']} after {PATIENCE_S:.0f} s")
            answer = await self.ask("GET", f"/v1/sessions/{view['id']}?wait=20&seq={view['seq']}")
            if answer.status != 200:
                raise GivenUpError(f"{answer.status} {answer.body['error']['code']}")
            view = self.hear(answer)
            if view["state"] == "authorized" and "doubt" not in view:
                return view  # refused: the money is still held, and the till knows why
        return view

    def hear(self, answer: Answer) -> Mapping[str, Any]:
        """Take note of what was said."""
        word = Word(asyncio.get_running_loop().time(), self.name, answer.body["pos_key"], answer.body)
        view = answer.body
        self._eyes.say(
            self.name, f"is told {word.key} {view['state']} {view['progress'] or ''} #{view['seq']}"
        )
        self._heard(word)
        return view

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request, repeated while nobody answers: the key makes the repeat harmless."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + PATIENCE_S
        while loop.time() < until_s:
            fault = self.armed.pop() if self.armed else ""
            if fault:
                self._eyes.fired(fault)
            try:
                answer = await self._door.ask(
                    method,
                    path,
                    body,
                    token=self._token,
                    deaf=fault == "till's answer lost",
                    lost=fault == "till's request lost",
                    patience_s=0.003 if fault == "till hangs up" else 90.0,
                )
            except NoAnswerError:
                await asyncio.sleep(self._chance.uniform(0.3, 2.0))
                continue
            if answer.status not in {429, 500, 503}:
                return answer
            if answer.status == 500:
                self.refusals.append(f"{method} {path}: 500")
            await asyncio.sleep(self._chance.uniform(0.5, 3.0))
        raise GivenUpError(f"{method} {path}: no answer for {PATIENCE_S:.0f} s")


def _decided(view: Mapping[str, Any]) -> bool:
    return view["state"] in ENDED or (view["state"] == "authorized" and "doubt" not in view)


def _hands(sale: Sale) -> dict[str, Any]:
    """What the customer of a sale does, in the words of the reader's own simulator."""
    if sale.reader in STRIPE_READERS:
        present: dict[str, Any] = {"after": sale.comes_s}
        if sale.card:
            present["number"] = sale.card
        if sale.tip:
            present["amount_tip"] = sale.tip
        cancels = {"after": sale.comes_s} if sale.customer == "cancels" else None
        stays = sale.customer in {"pays", "declined"}
        return {"auto_present": present if stays else None, "auto_cancel": cancels}
    return {
        "card": sale.card or "girocard",
        "comes_after_s": None if sale.customer == "walks away" else sale.comes_s,
        "stops_after_s": sale.comes_s if sale.customer == "cancels" else None,
        "pulls_card": sale.customer == "pulls card",
    }


async def sell(plan: Plan, tills: list[Till]) -> None:
    """All tills at once, each one customer after the other."""
    async with asyncio.TaskGroup() as group:
        for number, till in enumerate(tills):
            mine = [sale for sale in plan.sales if sale.till == number]
            group.create_task(_queue(till, mine), name=till.name)


async def _queue(till: Till, sales: list[Sale]) -> None:
    for sale in sales:
        await till.serve(sale)
