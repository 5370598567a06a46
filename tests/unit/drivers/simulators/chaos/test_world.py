"""The store without its gateway, as a story in it sees it."""

import asyncio
from typing import Any

import pytest

from drivers.simulators.chaos.life import Life
from drivers.simulators.chaos.world import ChaosWorld
from drivers.simulators.virtual_time import EPOCH

HEADERS = {"authorization": "Bearer sk_test_x", "content-type": "application/x-www-form-urlencoded"}
TERMINALS = {
    "zvt-1": {"profile": "standard", "serial": False, "bad_line": True},
    "zvt-2": {"profile": "standard", "serial": True, "bad_line": True},
    "zvt-3": {"profile": "standard", "serial": False, "bad_line": False},
}


class Heard:
    """What a world says of itself."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, str, str]] = []
        self.left: list[str] = []
        self.screens: list[dict[str, tuple[str, str]]] = []

    def world(self, seed: int = 1) -> ChaosWorld:
        return ChaosWorld(
            seed,
            TERMINALS,
            note=lambda *what: self.faults.append(what),
            leaving=lambda method, path, _body: self.left.append(f"{method} {path}"),
            screens=self.screens.append,
            heard=lambda _name, _data: None,
        )


async def post(world: ChaosWorld, path: str, body: str) -> dict[str, Any]:
    import json

    status, _, answer = await world.request("POST", path, HEADERS, body.encode(), 80.0)
    assert status == 200, answer
    found: dict[str, Any] = json.loads(answer)
    return found


async def furnished(world: ChaosWorld) -> str:
    address = "display_name=S&address[line1]=a&address[city]=b&address[country]=DE&address[postal_code]=1"
    location = await post(world, "/v1/terminal/locations", address)
    told = f"registration_code=simulated-s700&label=stripe-1&location={location['id']}"
    return str((await post(world, "/v1/terminal/readers", told))["id"])


def test_a_sale_at_a_reader_shows_on_its_screen_and_in_the_books() -> None:
    heard = Heard()
    world = heard.world()

    async def story() -> None:
        assert world.reader_id("stripe-1") == ""
        world.expect("stripe-1", {"auto_present": None})
        reader = await furnished(world)
        assert world.reader_id("stripe-1") == reader
        world.expect("stripe-1", {"auto_present": {"after": 2.0}})
        intent = await post(
            world,
            "/v1/payment_intents",
            "amount=1200&currency=eur&allowed_payment_method_types[0]=card_present"
            "&metadata[tillgate_session]=ses_1",
        )
        await post(
            world, f"/v1/terminal/readers/{reader}/process_payment_intent", f"payment_intent={intent['id']}"
        )
        assert world.screens() == {reader: (intent["id"], "ses_1")}
        await asyncio.sleep(10)
        assert world.books()[0]["captured"] == 1200
        assert world.screens() == {}
        await post(world, "/v1/refunds", f"payment_intent={intent['id']}&amount=200")
        assert [each["amount"] for each in world.refunds()] == [200]
        with pytest.raises(AssertionError, match="auto_present"):
            world.expect("stripe-1", {"auto_present": {"nonsense": 1}})

    world.run(story)
    assert {} in heard.screens
    assert "POST /v1/refunds" in heard.left


def test_readers_are_disturbed_each_as_it_can_be() -> None:
    heard = Heard()
    world = heard.world()

    async def story() -> None:
        await furnished(world)
        for what in ("reboot", "vanish", "offline", "updating", "busy", "connection_error"):
            assert world.disturb("stripe-1", what, 5.0, 1), what
        assert not world.disturb("stripe-1", "loss", 5.0, 1)
        for what in ("reboot", "busy", "unplugged", "loss", "line reboot", "absent"):
            assert world.disturb("zvt-1", what, 5.0, 1), what
        assert not world.disturb("zvt-1", "nak-storm", 5.0, 1)
        assert world.disturb("zvt-2", "nak-storm", 5.0, 1)
        assert not world.disturb("zvt-3", "loss", 5.0, 1)
        assert not world.disturb("zvt-1", "nonsense", 5.0, 1)
        await asyncio.sleep(10)
        world.arm("request lost", 1)
        world.line_down(down=True)
        world.heal()
        await post(world, "/v1/terminal/readers/" + world.reader_id("stripe-1"), "label=stripe-1")
        world.expect("zvt-1", {"card": "Visa"})
        assert set(world.turnover()) == set(TERMINALS)

    world.run(story)


def test_clocks_links_and_faults_that_come_true() -> None:
    heard = Heard()
    world = heard.world()
    world.clock_offset_s = 60.0

    async def story() -> None:
        assert world.now() == EPOCH
        assert (world.gateway_now() - world.now()).total_seconds() == 60.0
        assert world.link_of("zvt-1") == "memory://zvt-1"
        assert world.link_of("zvt-2") == "serial:///dev/chaos/zvt-2"
        world.arm("500", 1)
        status, _, _ = await world.request("GET", "/v1/terminal/readers", HEADERS, b"", 80.0)
        assert status == 500
        life = world.new_life(lambda _: None)
        assert isinstance(life, Life)
        world.died(life, power=True)

    world.run(story)
    assert heard.faults == [("500", "/v1/terminal/readers", "")]


def test_an_error_that_nobody_asked_for_is_told() -> None:
    world = Heard().world()

    async def story() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        world.run(story)
