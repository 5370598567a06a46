"""What happens to a request on its way, fault by fault."""

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest

from drivers.simulators.chaos.life import Life
from drivers.simulators.chaos.wire import Wire, WireAnswer, WireError, WireFault
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.wire import SimRequest

HEADERS = {"authorization": "Bearer sk_test_x", "content-type": "application/x-www-form-urlencoded"}
ADDRESS = b"display_name=S&address[line1]=a&address[city]=b&address[country]=DE&address[postal_code]=1"
LOCATIONS = "/v1/terminal/locations"
READERS = "/v1/terminal/readers"


class Line:
    """A wire to a simulated Stripe, and what was heard of it."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.fired: list[str] = []
        self.arrived: list[str] = []
        self.left: list[str] = []
        self._group = group

        def spawn(work: Coroutine[Any, Any, None], name: str) -> None:
            group.create_task(work, name=name)

        def note(into: list[str]) -> Any:
            return lambda request: into.append(f"{request.method} {request.path}")

        def fired(fault: str, _request: SimRequest) -> None:
            self.fired.append(fault)

        self.simulator = StripeSimulator(now=asyncio.get_running_loop().time)
        self.wire = Wire(
            self.simulator, Random(1), spawn, leaving=note(self.left), arrived=note(self.arrived), fired=fired
        )

    async def post(self, key: str = "k", path: str = LOCATIONS, body: bytes = ADDRESS) -> WireAnswer:
        return await self.wire.send("POST", path, {**HEADERS, "idempotency-key": key}, body, 80.0)

    async def locations(self) -> int:
        answer = await self.wire.send("GET", LOCATIONS, HEADERS, b"", 80.0)
        return answer.body.count(b'"tml_')


async def test_a_good_line_carries_request_and_answer() -> None:
    async with asyncio.TaskGroup() as group:
        line = Line(group)
        assert (await line.post()).status == 200
        assert await line.locations() == 1
        assert line.left == line.arrived == [f"POST {LOCATIONS}", f"GET {LOCATIONS}"]


@pytest.mark.parametrize(
    ("fault", "sent", "made"),
    [
        (WireFault.REFUSED, False, 0),
        (WireFault.LOST, True, 0),
        (WireFault.ANSWER_LOST, True, 1),
        (WireFault.OVERTAKEN, True, 1),
    ],
)
async def test_no_answer_comes(fault: WireFault, sent: bool, made: int) -> None:
    async with asyncio.TaskGroup() as group:
        line = Line(group)
        line.wire.arm(fault)
        with pytest.raises(WireError) as error:
            await line.post()
        assert error.value.sent is sent
        await asyncio.sleep(30)
        assert await line.locations() == made
        assert line.fired == [fault.value]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (WireFault.IN_USE, 409),
        (WireFault.LIMITED, 429),
        (WireFault.BROKEN, 500),
        (WireFault.BROKEN_STORED, 500),
        (WireFault.PORTAL, 200),
    ],
)
async def test_something_else_is_answered(fault: WireFault, status: int) -> None:
    async with asyncio.TaskGroup() as group:
        line = Line(group)
        line.wire.arm(fault)
        assert (await line.post()).status == status
        assert await line.locations() == 0
        again = await line.post()
        assert again.status == (500 if fault is WireFault.BROKEN_STORED else 200)


@pytest.mark.parametrize("fault", [WireFault.LATE, WireFault.ANSWER_LATE, WireFault.DOUBLED])
async def test_it_comes_late_or_twice_and_is_done_once(fault: WireFault) -> None:
    async with asyncio.TaskGroup() as group:
        line = Line(group)
        line.wire.arm(fault)
        assert (await line.post()).status == 200
        await asyncio.sleep(30)
        assert await line.locations() == 1


async def test_an_answer_is_torn() -> None:
    async with asyncio.TaskGroup() as group:
        line = Line(group)
        whole = await line.post()
        line.wire.arm(WireFault.TORN)
        assert len((await line.post()).body) < len(whole.body)


async def test_time_outs_of_readers_wait_for_a_command_and_patterns_for_their_path() -> None:
    async with asyncio.TaskGroup() as group:
        line = Line(group)
        line.wire.arm(WireFault.TIMEOUT_LOST)
        line.wire.arm(WireFault.LOST, pattern="POST .*nothing-like-it")
        line.wire.arm(WireFault.IN_USE)
        assert await line.locations() == 0
        assert line.fired == []
        answer = await line.post(path=f"{READERS}/tmr_1/cancel_action", body=b"")
        assert line.fired == [WireFault.TIMEOUT_LOST.value]
        assert answer.status == 404
        line.wire.disarm()
        assert (await line.post("other")).status == 200


async def test_a_line_that_is_down_takes_nothing_and_silence_is_waited_for() -> None:
    async with asyncio.TaskGroup() as group:
        line = Line(group)
        line.wire.cut = True
        with pytest.raises(WireError, match="no connection"):
            await line.post()
        line.wire.disarm()
        line.wire.arm(WireFault.LATE)
        with pytest.raises(WireError, match="within"):
            await line.wire.send("POST", LOCATIONS, HEADERS, ADDRESS, 0.2)


async def test_what_a_dead_program_had_sent_is_lost_or_arrives() -> None:
    made: set[int] = set()
    async with asyncio.TaskGroup() as group:
        for _ in range(12):
            line = Line(group)
            line.wire._chance = Random(len(made) + 7 * _)
            life = Life(lambda _life: None)

            async def ask(line: Line = line) -> None:
                await line.post()

            task = asyncio.get_running_loop().create_task(ask(), context=life.context, name="dies")
            await asyncio.sleep(0.001)
            life.dead = True
            line.wire.died(life)
            task.cancel()
            await asyncio.sleep(40)
            made.add(await line.locations())
    assert made == {0, 1}
