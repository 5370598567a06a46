"""Tills as careful developers write them, against a door that says what a test wants."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from agent.chaos.crowd import Till, Word, sell
from agent.chaos.door import Answer, NoAnswerError
from agent.chaos.eyes import Eyes
from agent.chaos.plan import Sale, plan_of

Said = tuple[int, Mapping[str, Any]]


def view(state: str, key: str = "s1", seq: int = 1, **more: Any) -> Said:
    told = {"id": "ses_1", "pos_key": key, "state": state, "seq": seq, "progress": None, "verdict": None}
    return 200, {**told, **more}


def refusal(status: int, code: str) -> Said:
    return status, {"error": {"code": code, "message": "no"}}


class FakeDoor:
    """Says one thing after the other; "" is no answer. The last one is said for ever."""

    def __init__(self, *said: Said | None) -> None:
        self._said = list(said)
        self.asked: list[tuple[str, str, Any]] = []

    async def ask(self, method: str, path: str, body: Any = None, **how: Any) -> Answer:
        await asyncio.sleep(0.1)
        self.asked.append((method, path, body))
        if how["deaf"] or how["lost"]:
            raise NoAnswerError
        said = self._said.pop(0) if len(self._said) > 1 else self._said[0]
        if said is None:
            raise NoAnswerError
        return Answer(said[0], dict(said[1]))


class FakeWorld:
    """Only hears who comes."""

    def __init__(self) -> None:
        self.hands: list[Mapping[str, Any]] = []

    def expect(self, reader: str, hands: Mapping[str, Any]) -> None:
        self.hands.append({"reader": reader, **hands})


class Register:
    """A till with its door and what it heard."""

    def __init__(self, *said: Said | None) -> None:
        self.door, self.world = FakeDoor(*said), FakeWorld()
        self.words: list[Word] = []
        eyes = Eyes(asyncio.get_running_loop().time, trace=True)
        self.till = Till(
            "t",
            "token",
            cast("Any", self.door),
            cast("Any", self.world),
            eyes,
            self.words.append,
            random.Random(1),
        )

    @property
    def paths(self) -> Sequence[str]:
        return [path.partition("?")[0] for _, path, _ in self.door.asked]


def sale(reader: str = "stripe-1", **more: Any) -> Sale:
    return Sale(1, 0, reader, 1200, 0.5, 2.0, **more)


async def test_a_sale_is_followed_to_its_end_through_silence_and_refusals() -> None:
    register = Register(
        None, refusal(503, "shutting_down"), refusal(409, "reader_busy"), view("opened"), view("paid", seq=3)
    )
    register.till.armed = ["till hangs up"]
    await register.till.serve(sale())
    assert [word.view["state"] for word in register.words] == ["opened", "paid"]
    assert register.till.refusals == []
    assert register.world.hands[0]["auto_present"] == {"after": 2.0}


async def test_held_money_is_captured_in_part_released_or_left() -> None:
    for after, verb in (("capture", "capture"), ("part", "capture"), ("release", "cancel")):
        register = Register(view("authorized"), view("authorized", doubt={}), view("paid"))
        await register.till.serve(sale(manual=True, after=after))
        assert f"/v1/sessions/ses_1/{verb}" in register.paths
    register = Register(view("authorized"))
    await register.till.serve(sale(manual=True, after="forget"))
    assert register.paths == ["/v1/sessions"]
    register = Register(view("authorized"), refusal(400, "wrong_state"), view("released"))
    await register.till.serve(sale(manual=True))
    assert register.words[-1].view["state"] == "released"
    register = Register(view("authorized"), refusal(400, "nonsense"))
    await register.till.serve(sale(manual=True))
    assert register.till.refusals == ["s1: capture: 400 nonsense"]


async def test_a_refused_capture_is_left_as_it_is() -> None:
    register = Register(view("authorized"), view("authorized", doubt={}), view("authorized"))
    await register.till.serve(sale(manual=True))
    assert register.words[-1].view["state"] == "authorized"
    assert register.till.refusals == []


async def test_a_declined_sale_is_tried_again_once() -> None:
    register = Register(view("declined"), view("paid", key="s1-again"))
    await register.till.serve(sale(again=True, customer="declined", card="4000000000009995"))
    assert register.door.asked[1][2]["retry_of"] == "ses_1"
    register = Register(view("declined"), refusal(400, "retry_too_late"))
    await register.till.serve(sale(again=True))
    assert len(register.paths) == 2


@pytest.mark.parametrize("at_once", [False, True])
async def test_paid_sales_are_given_back_in_parts(at_once: bool) -> None:
    register = Register(view("paid"), refusal(409, "reader_busy"), refusal(400, "parameter_invalid"))
    await register.till.serve(sale(refunds=(0, 500), refunds_at_once=at_once))
    bodies = [body for _, path, body in register.door.asked if path.endswith("refund")]
    assert {"pos_key": "s1-r0"} in bodies
    assert {"pos_key": "s1-r1", "amount": 500} in bodies
    register = Register(view("paid"), view("in_flight", key="s1-r0"), view("paid", key="s1-r0"))
    await register.till.serve(sale(refunds=(0,)))
    assert register.words[-1].key == "s1-r0"


async def test_orders_are_doubled_forgotten_and_canceled() -> None:
    register = Register(view("in_flight"), view("in_flight"), view("paid"))
    await register.till.serve(sale(doubled=True))
    assert register.paths.count("/v1/sessions") == 2
    register = Register(*(view("in_flight") for _ in range(40)), view("paid"))
    await register.till.serve(sale(forgets_s=1.0))
    assert register.paths.count("/v1/sessions") == 2
    register = Register(*(view("in_flight") for _ in range(40)), view("canceled"))
    await register.till.serve(sale(cancel_s=1.0))
    assert "/v1/sessions/ses_1/cancel" in register.paths


async def test_what_a_till_does_not_expect_is_written_down() -> None:
    for said, refused in (
        ((refusal(401, "unauthorized"),), "401 unauthorized"),
        ((view("opened"), refusal(404, "gone")), "404 gone"),
        ((view("in_flight"),), "still in_flight"),
        ((view("paid"), view("in_flight", key="s1-r0")), "still in_flight"),
        ((view("paid"), view("in_flight", key="s1-r0", seq=2), refusal(404, "gone")), "404 gone"),
        ((None,), "no answer"),
        ((refusal(500, "bug"),), "500"),
    ):
        register = Register(*said)
        await register.till.serve(sale(refunds=(0,)))
        assert refused in "; ".join(register.till.refusals), said


async def test_a_reader_that_is_never_free_is_given_up() -> None:
    register = Register(refusal(409, "reader_busy"))
    await register.till.serve(sale())
    assert register.words == []
    assert await register.till.sell_plainly(sale(), {"pos_key": "e1"}) is None
    register = Register(refusal(401, "unauthorized"))
    assert await register.till.sell_plainly(sale(), {"pos_key": "e1"}) is None


async def test_hands_are_those_of_the_readers_simulator() -> None:
    register = Register(view("paid"))
    for customer in ("pays", "cancels", "walks away", "pulls card"):
        await register.till.serve(sale("zvt-1", customer=customer))
        await register.till.serve(sale(customer=customer, tip=20, card="4242424242424242"))
    hands = register.world.hands
    assert any(each.get("comes_after_s", 0) is None for each in hands)
    assert any(each.get("pulls_card") for each in hands)
    assert any((each.get("auto_present") or {}).get("amount_tip") == 20 for each in hands)


async def test_each_till_serves_its_own_customers() -> None:
    plan = plan_of(3, kinds=(), sales=6)
    registers = [Register(view("paid")) for _ in range(plan.tills)]
    await sell(plan, [register.till for register in registers])
    orders = sum(register.paths.count("/v1/sessions") for register in registers)
    assert orders >= len(plan.sales)
