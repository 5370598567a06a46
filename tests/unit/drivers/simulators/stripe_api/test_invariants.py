"""Random lives of a small shop: whatever is called in whatever order, the books stay right."""

import random
from typing import Any

import pytest

from drivers.simulators.stripe_api import shapes
from drivers.simulators.stripe_api.calls import Endpoint
from drivers.simulators.stripe_api.cards import CARDS
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.operations import ENDPOINTS
from drivers.simulators.stripe_api.settings import SimulatorSettings
from drivers.simulators.stripe_api.wire import SimRequest, encode
from tests.unit.drivers.simulators.stripe_api.caller import CANADA, GERMANY, Caller, FakeClock, helper
from tests.unit.drivers.simulators.stripe_api.oracle import check_object

CALLS = 150
FOLDERS = {
    "readers": "terminal.reader",
    "locations": "terminal.location",
    "configurations": "terminal.configuration",
    "files": "file",
}
REFERENCES = {
    "payment_intent": "payment_intent",
    "setup_intent": "setup_intent",
    "charge": "charge",
    "location": "terminal.location",
    "configuration_overrides": "terminal.configuration",
}
WORDS: dict[str, list[Any]] = {
    "number": list(CARDS),
    "currency": ["eur", "cad", "usd"],
    "registration_code": ["simulated-s700", "simulated-wpe", "one-two-three"],
    "country": ["DE", "CA"],
    "allowed_payment_method_types": [["card_present"], ["card_present", "interac_present"], ["card"]],
    "expand": [[], [], ["latest_charge"], ["data.charge"], ["action.process_payment_intent.payment_intent"]],
    "splashscreen": ["file_none"],
    "query": ['status:"requires_capture"', "amount>1000", 'metadata["a"]:"b" OR currency:"cad"'],
}
MISHAPS: list[tuple[str, dict[str, Any]]] = [
    *[("reader", {"state": state}) for state in ("online", "offline", "vanish", "busy:3", "updating")],
    *[("reader", {"auto_present": {"after": 2, "number": number}}) for number in CARDS],
    *[("reader", {"next_payment": name}) for name in ("connection_error", "connection_error_authorized")],
    *[("reader", {"state": "online"})] * 10,
    ("reader", {"auto_present": None}),
    ("reader", {"auto_cancel": {"after": 1}}),
    *[
        ("faults", {"effect": effect})
        for effect in ("timeout_delivered", "timeout_not_delivered", "status:500")
    ],
]


class Life:
    """One shop's life, decided by a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.clock = FakeClock()
        settings = SimulatorSettings(
            busy_s=self.dice.choice([0.0, 2.0]),
            multicapture=self.dice.random() < 0.5,
            cancel_clears_reader=self.dice.random() < 0.3,
            collected_status=self.dice.choice(["in_progress", "succeeded"]),
        )
        self.api = Caller(StripeSimulator(now=self.clock.now, sleep=self.clock.sleep, settings=settings))
        self.ids: dict[str, list[str]] = {}

    def note(self, value: Any) -> None:
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self.note(item)
        if isinstance(value, dict) and "id" in value and "object" in value:
            self.ids.setdefault(value["object"], []).append(value["id"])

    def known(self, kind: str) -> str:
        return self.dice.choice((self.ids.get(kind) or ["none"])[-6:])

    def value(self, shape: shapes.Shape, name: str = "") -> Any:
        if name in REFERENCES:
            return self.known(REFERENCES[name])
        if name in WORDS:
            return self.dice.choice(WORDS[name])
        match shape:
            case shapes.Hash(fields=fields, required=required):
                return {
                    key: self.value(item, key)
                    for key, item in fields.items()
                    if not isinstance(item, shapes.NotSimulated)
                    and (key in required or self.dice.random() < 0.25)
                }
            case shapes.Either(plain=plain, hashed=hashed):
                return self.value(self.dice.choice([plain, hashed]), name)
            case shapes.Array(item=item):
                return [self.value(item, name) for _ in range(self.dice.randint(1, 3))]
            case shapes.Integer():
                return self.dice.choice([0, 1, 3, 100, 1000, 1005, 5000])
            case shapes.Boolean():
                return self.dice.random() < 0.5
            case shapes.Choice(values=values):
                return self.dice.choice(values)
            case shapes.Metadata():
                return {"a": "b"}
            case _:
                return self.dice.choice(["x", "12345", "https://example.com"])

    def path(self, endpoint: Endpoint) -> str:
        segments = endpoint.path.split("/")
        if "{id}" in segments:
            folder = segments[segments.index("{id}") - 1]
            return endpoint.path.replace("{id}", self.known(FOLDERS.get(folder, folder.removesuffix("s"))))
        return endpoint.path

    async def mishap(self) -> None:
        where, body = self.dice.choice(MISHAPS)
        path = "/faults" if where == "faults" else "/readers/" + self.known("terminal.reader")
        await self.api.simulator.handle(SimRequest("POST", "/_sim" + path, {}, encode(body)))

    async def sell(self) -> None:
        """What shops mostly do, on a reader that may or may not play along."""
        reader = "/v1/terminal/readers/" + self.known("terminal.reader")
        currency = self.dice.choice(["eur", "cad"])
        method = self.dice.choice(["automatic", "manual"])
        order = {
            "amount": self.dice.choice([1000, 1005]),
            "currency": currency,
            "capture_method": method,
            "allowed_payment_method_types": ["card_present"],
        }
        made = await self.api.send("POST", "/v1/payment_intents", order)
        if made.status == 500:
            return  # a mishap that was waiting for the next call
        assert made.status == 200
        intent = made.json()["id"]
        self.ids.setdefault("payment_intent", []).append(intent)
        command = self.dice.choice(
            ["process_payment_intent", "process_payment_intent", "collect_payment_method"]
        )
        await self.api.send("POST", f"{reader}/{command}", {"payment_intent": intent})
        number = self.dice.choice(["4242424242424242", *CARDS])
        if self.dice.random() < 0.8:
            path = helper(reader) + "/present_payment_method"
            await self.api.send("POST", path, {"card_present": {"number": number}})
        if self.dice.random() < 0.5:
            await self.api.send("POST", reader + "/confirm_payment_intent", {"payment_intent": intent})

    async def step(self) -> None:
        self.clock.seconds += self.dice.choice([0, 0, 0.5, 3, 40, 4000, 200_000])
        if self.dice.random() < 0.15:
            await self.mishap()
        if self.dice.random() < 0.25:
            await self.sell()
            return
        endpoint = self.dice.choices(ENDPOINTS, [_weight(endpoint) for endpoint in ENDPOINTS])[0]
        path = self.path(endpoint)
        answer = await self.api.send(endpoint.method, path, self.value(endpoint.params))
        body = answer.json()
        if answer.status == 200:
            assert check_object(body) == [], path
            self.note(body)
        else:
            assert set(body) == {"error"}

    async def check(self) -> None:
        account = self.api.simulator.world.account("one")
        for row in (await self.api.control("/ledger", method="GET"))["payment_intents"]:
            intent = account.find("payment_intent", row["id"]).body
            paid = [
                charge
                for charge in account.all("charge")
                if charge.body["payment_intent"] == row["id"] and charge.body["paid"]
            ]
            assert len(paid) <= 1, row
            assert 0 <= row["refunded"] <= row["captured"] == intent["amount_received"], row
            held = row["authorized"] - row["captured"] - row["released"]
            assert held == intent["amount_capturable"] >= 0, row
            assert not (row["payable_now"] and paid), row


def _weight(endpoint: Endpoint) -> float:
    if endpoint.multipart or endpoint.method == "DELETE":
        return 0.02 if endpoint.method == "DELETE" else 0.0
    busy = ("process_", "present_", "collect_payment", "confirm_", "capture", "/payment_intents", "/refunds")
    return 4.0 if endpoint.method == "POST" and any(word in endpoint.path for word in busy) else 1.0


@pytest.mark.parametrize("seed", range(6))
async def test_the_books_are_right_at_every_moment(seed: int) -> None:
    life = Life(seed)
    for address in (GERMANY, CANADA):
        life.note(await life.api.post("/v1/terminal/locations", display_name="A", address=address))
        place = life.ids["terminal.location"][-1]
        life.note(
            await life.api.post("/v1/terminal/readers", registration_code="simulated-s700", location=place)
        )
    for _ in range(CALLS):
        await life.step()
        await life.check()
    sums = (await life.api.control("/ledger", method="GET"))["totals"].values()
    assert sum(row["captured"] for row in sums) > 0
