"""The morning as it happens: customers come to their readers side by side, and accidents with them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.demo.script import INSUFFICIENT_FUNDS, Customer, Happening, Morning
from agent.demo.store import CURRENCY, REGISTER, REGISTER_TILL, Store
from agent.demo.till import Till
from agent.demo.world import World

_PULLS = {Happening.CABLE_PULLED: "waiting_for_card", Happening.RESULT_LOST: "authorizing"}
"""The moment at which a terminal's cable is pulled."""

TAKEN_BACK = "gateway killed, the terminal took it back"
"""What becomes of a sale or refund at a terminal that waited for a gateway's yes."""

DARK_S = 3.0
"""How long the store is without its gateway, in seconds of the world."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What became of one customer, as the till was told."""

    reader: str
    customer: Customer
    told: Mapping[str, Any]
    extra: str = ""
    surprise: str = ""


Say = Callable[[str, str], None]
Enter = Callable[[Scene], None]


class Stage:
    """Lets the morning happen. `say(reader, text)` hears the progress, `enter(scene)` each end of a sale."""

    def __init__(self, world: World, store: Store, till: Till, *, say: Say, enter: Enter) -> None:
        self._world = world
        self._store = store
        self._till = till
        self._say = say
        self._enter = enter
        self._group: asyncio.TaskGroup | None = None
        self._keys = 0

    async def play(self, morning: Morning, group: asyncio.TaskGroup) -> None:
        """Serve every customer; the readers work side by side."""
        self._group = group
        async with asyncio.TaskGroup() as queues:
            for reader, customers in morning.queues.items():
                queues.create_task(self._serve(reader, customers), name=f"queue at {reader}")

    async def _serve(self, reader: str, customers: Sequence[Customer]) -> None:
        for customer in customers:
            await self._prepare(reader, customer)
            restarts = self._store.restarts
            if reader == REGISTER:
                await self._ring_up(customer)
                continue
            told = await self._sell(reader, customer)
            if self._taken_back(reader, told, restarts):
                self._note(reader, customer, told, told["state"], TAKEN_BACK)
                if customer.expected == "paid":
                    await self._again(reader, customer, "gateway is back")
            else:
                self._note(reader, customer, told, customer.expected)
                await self._afterwards(reader, customer, told)

    def _taken_back(self, reader: str, told: Mapping[str, Any], restarts: int) -> bool:
        """Whether the gateway was killed in this sale: a terminal takes back what nobody acknowledged."""
        killed = reader in self._world.terminals and self._store.restarts != restarts
        # canceled: what became of it was found out when the customer's time was over
        return killed and told["state"] in {"failed", "canceled"}

    def _note(
        self, reader: str, customer: Customer, told: Mapping[str, Any], expected: str, extra: str = ""
    ) -> None:
        state = told["state"]
        surprise = "" if state == expected else f"expected {expected}"
        self._enter(Scene(reader, customer, told, extra, surprise))

    # -- before and during ------------------------------------------------------------------------------

    async def _prepare(self, reader: str, customer: Customer) -> None:
        """Tell the world what this customer will do."""
        if reader in self._world.terminals:
            await self._prepare_terminal(reader, customer)
            return
        card: dict[str, Any] = {"after": customer.takes_s, "number": customer.card, "times": 1}
        controls: dict[str, Any] = {"auto_present": card, "auto_cancel": None}
        match customer.happening:
            case Happening.DECLINED | Happening.DECLINED_THEN_OTHER_CARD:
                card["number"] = INSUFFICIENT_FUNDS
            case Happening.CUSTOMER_CANCELS:
                controls = {"auto_present": None, "auto_cancel": {"after": customer.takes_s}}
            case Happening.TILL_CANCELS | Happening.READER_VANISHES:
                controls = {"auto_present": None, "auto_cancel": None}
            case Happening.TIPS:
                card["amount_tip"] = customer.amount // 10
            case Happening.LINE_CUT:
                path = f"/v1/terminal/readers/{self._store.reader_id(reader)}/process_payment_intent"
                fault = {"match": {"method": "POST", "path": path}, "effect": "drop_after", "times": 1}
                await self._world.control("faults", fault)
            case _:
                pass
        await self._control(reader, controls)

    async def _prepare_terminal(self, reader: str, customer: Customer) -> None:
        stays_away = customer.happening is Happening.TILL_CANCELS
        hands = {"card": customer.card, "comes_after_s": None if stays_away else customer.takes_s}
        pull = _PULLS.get(customer.happening)
        await self._world.control(f"zvt/{reader}", {"customer": hands, "pull": pull})

    async def _control(self, reader: str, controls: Mapping[str, Any]) -> None:
        await self._world.control(f"readers/{self._store.reader_id(reader)}", controls)

    def _order(self, reader: str, customer: Customer) -> dict[str, Any]:
        self._keys += 1
        order: dict[str, Any] = {
            "reader": reader,
            "amount": customer.amount,
            "currency": CURRENCY,
            "pos_key": f"receipt-{self._keys:04d}",
        }
        if reader not in self._world.terminals:
            order["tip"] = {"skip": customer.happening is not Happening.TIPS}
        if customer.happening is Happening.HELD:
            order["capture"] = "manual"
        return order

    async def _sell(self, reader: str, customer: Customer, **more: str) -> dict[str, Any]:
        """One sale, with the accident that belongs to it while the customer stands there."""
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def seen(session: Mapping[str, Any]) -> None:
            self._say(reader, str(session["progress"] or session["state"]).replace("_", " "))
            if session["progress"] == "waiting_for_card" and not waiting.done():
                waiting.set_result(session["id"])

        async with asyncio.TaskGroup() as group:
            accident = group.create_task(self._accident(reader, customer, waiting), name=f"accident {reader}")
            told = await self._till.sell(self._order(reader, customer) | more, seen)
            if not waiting.done():
                accident.cancel()
        self._say(reader, "")
        return told

    async def _ring_up(self, customer: Customer) -> None:
        """A sale by the register: what it was told must be what the journal says."""
        self._say(REGISTER, "the ZVT register sells")
        stops = customer.takes_s if customer.happening is Happening.TILL_CANCELS else None
        restarts = self._store.restarts
        paid = await self._world.ring_up(self._store.register_link, customer.amount, stops)
        told = await self._store.last_of(REGISTER_TILL)
        told["state"] = "paid" if paid else told["state"] if told["state"] != "paid" else "declined"
        self._till.told[told["pos_key"]] = told
        if told["state"] not in {"paid", customer.expected} and self._store.restarts != restarts:
            # nobody could say yes to a result while the gateway was dark: it has let the money go
            self._note(REGISTER, customer, told, told["state"], "gateway killed, the register sells again")
            await self._prepare(REGISTER, customer)
            await self._ring_up(customer)
        else:
            self._note(REGISTER, customer, told, customer.expected, f"ZVT register: {customer.happening}")
        self._say(REGISTER, "")

    async def _accident(self, reader: str, customer: Customer, waiting: asyncio.Future[str]) -> None:
        session = await waiting
        match customer.happening:
            case Happening.TILL_CANCELS:
                await asyncio.sleep(customer.takes_s)
                await self._till.cancel(session)
            case Happening.READER_VANISHES:
                await self._control(reader, {"state": "vanish"})
            case Happening.GATEWAY_KILLED:
                assert self._group is not None
                self._say("gateway", "killed")
                await self._store.kill()
                await asyncio.sleep(DARK_S)
                await self._store.start(self._group)
                self._say("gateway", "started again")
            case _:
                pass

    # -- afterwards -------------------------------------------------------------------------------------

    async def _afterwards(self, reader: str, customer: Customer, told: Mapping[str, Any]) -> None:
        session = told["id"]
        match customer.happening:
            case Happening.DECLINED_THEN_OTHER_CARD:
                await self._again(reader, customer, "the same sale, another card", retry_of=session)
            case Happening.READER_VANISHES:
                await self._control(reader, {"state": "online"})
                await self._again(reader, customer, "reader is back")
            case Happening.CABLE_PULLED:
                await self._again(reader, customer, "terminal is back")
            case Happening.HELD:
                captured = await self._till.capture(session, customer.amount - 100)
                self._note(reader, customer, captured, "paid", "captured 1.00 less than held")
            case Happening.REFUNDED:
                await self._refund(reader, customer, told)
                await self._till.session(session)
            case _:
                pass

    async def _refund(self, reader: str, customer: Customer, told: Mapping[str, Any], tries: int = 1) -> None:
        restarts = self._store.restarts
        refund = await self._till.refund(told["id"], 200, f"{told['pos_key']}-refund-{tries}")
        if self._taken_back(reader, refund, restarts):
            self._note(reader, customer, refund, refund["state"], TAKEN_BACK)
            await self._refund(reader, customer, told, tries + 1)
        else:
            self._note(reader, customer, refund, "paid", "2.00 given back")

    async def _again(self, reader: str, customer: Customer, extra: str, **more: str) -> None:
        plain = Customer(customer.amount, customer.takes_s, customer.card)
        await self._prepare(reader, plain)
        restarts = self._store.restarts
        told = await self._sell(reader, plain, **more)
        if self._taken_back(reader, told, restarts):
            self._note(reader, customer, told, told["state"], TAKEN_BACK)
            await self._again(reader, customer, "gateway is back", **more)
        else:
            self._note(reader, customer, told, "paid", extra)
