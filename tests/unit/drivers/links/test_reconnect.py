"""Tests of when a new link is made, on virtual time."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from drivers.contract import Link, LinkError, LinkHealth
from drivers.links.backoff import Backoff
from drivers.links.base import Cause, LinkLostError, LinkNotOpenedError
from drivers.links.inbox import Inbox
from drivers.links.memory import MemoryLink, pair
from drivers.links.reconnect import ABSENT_CAP_S, FLAP_WINDOW_S, LOSSES_KEPT, STEADY_S, Reconnector

PULLED = LinkLostError("pulled")


def now() -> float:
    return asyncio.get_running_loop().time()


def rounded(health: LinkHealth) -> LinkHealth:
    return replace(health, for_s=round(health.for_s, 6))


class FakeDevice:
    """Can be reached unless it is `away`; remembers when somebody tried."""

    def __init__(self) -> None:
        self.away: Cause | None = None
        self.tried_at: list[float] = []
        self.links: list[MemoryLink] = []

    async def connect(self) -> Link:
        self.tried_at.append(now())
        await asyncio.sleep(0.01)
        if self.away:
            raise LinkNotOpenedError(f"away for the {len(self.tried_at)}. time", cause=self.away)
        here, there = pair()
        self.links.append(there)
        return here


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


@pytest.fixture
def line(device: FakeDevice) -> Reconnector:
    return Reconnector("till 3", device.connect, random=lambda: 0.0)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged since the last call, as LEVEL message; DEBUG left out."""
    caplog.set_level(logging.DEBUG, "drivers.links.reconnect")

    def take() -> list[str]:
        lines = [f"{each.levelname} {each.message}" for each in caplog.records if each.levelname != "DEBUG"]
        caplog.clear()
        return lines

    return take


async def test_one_link_for_all_who_ask(device: FakeDevice, line: Reconnector) -> None:
    assert not line.health.up
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(ask(), name="ask") for ask in (line.open, line.wait, line.open)]
    assert len({id(task.result()) for task in asking}) == 1
    assert line.link is asking[0].result()
    assert len(device.tried_at) == 1


async def test_a_try_that_fails_says_so_at_once_and_can_be_repeated(
    device: FakeDevice, line: Reconnector, said: Callable[[], list[str]]
) -> None:
    device.away = Cause.REFUSED
    for _ in range(3):
        with pytest.raises(LinkNotOpenedError):
            await line.open()
    assert now() == pytest.approx(0.03), "no pause: who asks for one try gets one"
    assert said() == ["WARNING till 3: no link: away for the 1. time"]
    device.away = None
    await line.open()
    assert said() == [
        "INFO till 3: back after 0.0 s, tries that failed: 3 (first: away for the 1. time)",
    ]


async def test_pauses_grow_up_to_the_cap(device: FakeDevice) -> None:
    line = Reconnector("till 3", device.connect, backoff=Backoff(1.0, 10.0), random=lambda: 0.0)
    device.away = Cause.REFUSED
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60):
            await line.wait()
    pauses = [round(b - a - 0.01, 6) for a, b in zip(device.tried_at, device.tried_at[1:], strict=False)]
    assert pauses == [1, 2, 4, 8, 10, 10, 10, 10]
    assert line.health.tries == len(device.tried_at)


async def test_the_jitter_is_asked_for_each_pause(device: FakeDevice) -> None:
    line = Reconnector("till 3", device.connect, backoff=Backoff(4.0, 4.0), random=[0.0, 0.9, 0.5, 0.0].pop)
    device.away = Cause.TIMEOUT
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(12):
            await line.wait()
    pauses = [round(b - a - 0.01, 6) for a, b in zip(device.tried_at, device.tried_at[1:], strict=False)]
    assert pauses == [4, 3, 2.2]


async def test_a_device_that_is_plugged_in_again_is_soon_found(
    device: FakeDevice, line: Reconnector, said: Callable[[], list[str]]
) -> None:
    link = await line.wait()
    await asyncio.sleep(3600)
    device.away = Cause.ABSENT
    await line.drop(link, PULLED)
    assert said() == ["WARNING till 3: link lost: pulled"]
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(line.wait(), name="wait")
        await asyncio.sleep(7200)
        device.away = None
        back_at = now()
        again = await waiting
        assert now() - back_at <= ABSENT_CAP_S + 0.02
    assert again is not link
    tries = len(device.tried_at) - 2
    assert said() == [
        f"INFO till 3: back after {now() - 3600.01:.1f} s, tries that failed: {tries} (first: pulled)"
    ]


async def test_the_first_cause_of_death_is_kept(device: FakeDevice, line: Reconnector) -> None:
    link = await line.open()
    await asyncio.sleep(100)
    assert rounded(line.health) == LinkHealth(
        up=True, for_s=100.0, cause="", code="", tries=0, losses=0, flapping=False
    )
    device.away = Cause.BUSY
    await line.drop(link, PULLED)
    await line.drop(link, LinkLostError("told late"))
    with pytest.raises(LinkNotOpenedError):
        await line.open()
    await asyncio.sleep(5)
    assert rounded(line.health) == LinkHealth(
        up=False,
        for_s=5.01,
        cause="pulled",
        code="link_lost",
        tries=1,
        losses=1,
        losses_total=1,
    )


async def test_a_link_that_is_not_needed_is_no_outage(
    device: FakeDevice, line: Reconnector, said: Callable[[], list[str]]
) -> None:
    for _ in range(10):
        await line.drop(await line.wait())
    assert now() == pytest.approx(0.1), "one connection per transaction needs no pauses"
    assert said() == []
    assert line.health.losses == 0
    assert await device.links[0].receive() == b""


async def test_a_late_word_about_an_old_link_does_not_harm_the_new_one(line: Reconnector) -> None:
    old = await line.open()
    await line.drop(old, PULLED)
    new = await line.open()
    await line.drop(old, LinkLostError("again"))
    assert line.link is new
    await new.send(b"still fine")


async def test_a_first_loss_is_mended_at_once_and_flapping_is_slowed_down_and_told_once(
    device: FakeDevice, line: Reconnector, said: Callable[[], list[str]]
) -> None:
    link = await line.wait()
    await asyncio.sleep(STEADY_S + 1)
    await line.drop(link, PULLED)
    started = now()
    link = await line.wait()
    assert now() - started == pytest.approx(0.01), "a good link deserves a new one without a pause"
    pauses = []
    for _ in range(6):
        await asyncio.sleep(1)
        await line.drop(link, PULLED)
        started = now()
        link = await line.wait()
        pauses.append(round(now() - started - 0.01, 6))
    assert pauses == [0.5, 1, 2, 4, 8, 16]
    assert [each.split(" after")[0] for each in said()] == [
        "WARNING till 3: link lost: pulled",
        "INFO till 3: back",
        "WARNING till 3: link lost: pulled",
        "INFO till 3: back",
        "WARNING till 3: flaps: lost 3 times in 3 s, now by: pulled; look at cable, power and settings",
    ]
    assert line.health.flapping
    assert line.health.losses == 7
    await asyncio.sleep(STEADY_S)
    assert said() == ["INFO till 3: steady for 60 s"]
    assert rounded(line.health) == LinkHealth(up=True, for_s=STEADY_S, losses_total=7)


async def test_losses_far_apart_are_accidents(line: Reconnector, said: Callable[[], list[str]]) -> None:
    for _ in range(6):
        link = await line.wait()
        await asyncio.sleep(FLAP_WINDOW_S / 2 + 1)
        await line.drop(link, PULLED)
    assert not line.health.flapping
    assert line.health.losses == 2
    assert not [each for each in said() if "flaps" in each]


async def test_what_cannot_be_helped_is_not_tried_for_ever(device: FakeDevice, line: Reconnector) -> None:
    device.away = Cause.UNSUPPORTED
    with pytest.raises(LinkNotOpenedError, match="away for the 1"):
        await line.wait()


async def test_waiting_can_be_cancelled(device: FakeDevice, line: Reconnector) -> None:
    device.away = Cause.REFUSED
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20):
                await line.wait()
    device.away = None
    assert await line.wait() is line.link


@pytest.fixture
def silent(device: FakeDevice) -> Reconnector:
    """A line to a device that has to speak before the link counts as up."""
    return Reconnector("till 3", device.connect, proof=True, random=lambda: 0.0)


async def test_a_port_that_can_be_opened_proves_nothing(
    device: FakeDevice, silent: Reconnector, said: Callable[[], list[str]]
) -> None:
    for _ in range(8):
        link = await silent.wait()
        assert not silent.health.up
        await silent.drop(link, LinkError("the terminal said nothing"))
    assert not silent.health.flapping, "a terminal that is switched off does not flap"
    assert (silent.health.losses, silent.health.tries) == (0, 8)
    assert said() == ["WARNING till 3: no link: the terminal said nothing"]
    pauses = [round(b - a - 0.01, 6) for a, b in zip(device.tried_at, device.tried_at[1:], strict=False)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30]
    link = await silent.wait()
    silent.answered(link)
    silent.answered(link)
    health = silent.health
    assert health.up
    assert said()[0].startswith("INFO till 3: back after")


async def test_only_the_link_that_is_there_can_be_proven(silent: Reconnector) -> None:
    old = await silent.open()
    await silent.drop(old)
    silent.answered(old)
    new = await silent.open()
    silent.answered(old)
    before = silent.health
    silent.answered(new)
    after = silent.health
    assert (before.up, after.up, after.cause) == (False, True, "")


async def test_a_link_that_was_away_for_long_does_not_flap_any_more(
    device: FakeDevice, line: Reconnector, said: Callable[[], list[str]]
) -> None:
    for _ in range(4):
        await line.drop(await line.wait(), PULLED)
    before = line.health
    device.away = Cause.ABSENT
    said()
    await asyncio.sleep(FLAP_WINDOW_S + 1)
    after = line.health
    assert (before.flapping, after.flapping, after.rest_s) == (True, False, 0)
    device.away = None
    link = await line.open()
    assert [each.split(" after")[0] for each in said()] == ["INFO till 3: back"]
    await line.drop(link, PULLED)
    assert said() == ["WARNING till 3: link lost: pulled"], "a new story, told from its beginning"
    assert not line.health.flapping


async def test_links_that_served_are_forgiven_what_went_before(device: FakeDevice, line: Reconnector) -> None:
    device.away = Cause.REFUSED
    for _ in range(6):
        with pytest.raises(LinkNotOpenedError):
            await line.open()
    assert line.health.rest_s == pytest.approx(16)
    device.away = None
    await line.drop(await line.open())
    device.away = Cause.REFUSED
    with pytest.raises(LinkNotOpenedError):
        await line.open()
    assert line.health.rest_s == pytest.approx(0.5)


async def test_losses_are_kept_within_bounds(line: Reconnector) -> None:
    for _ in range(LOSSES_KEPT + 5):
        await line.drop(await line.open(), PULLED)
    assert line.health.losses <= LOSSES_KEPT
    assert line.health.losses_total == LOSSES_KEPT + 5


class Port(MemoryLink):
    """A link that tells when it is over."""

    def on_end(self, told: Callable[[], None]) -> None:
        self._inbox.on_end = told


async def test_an_end_is_told_even_if_nobody_listens(silent: Reconnector) -> None:
    ends: list[float] = []
    silent.on_end = lambda: ends.append(now())
    ports: list[Port] = []

    async def connect() -> Link:
        here, there = Inbox(), Inbox()
        ports.append(Port("port", here, there))
        return ports[-1]

    line = Reconnector("till 3", connect)
    line.on_end = lambda: ends.append(now())
    first = await line.open()
    ports[0].abort()
    assert len(ends) == 1
    assert line.link is first, "who finds out how it ended drops it"
    await line.drop(first, PULLED)
    await line.open()
    await line.drop(ports[1])
    assert len(ends) == 1, "what we let go ourselves is no news"
    memory = await silent.open()
    await memory.close()
    assert len(ends) == 1, "a link that cannot tell is asked as ever"


async def test_nobody_polls_in_storms(device: FakeDevice) -> None:
    """An hour without the device: how often it is looked for, whatever is wrong."""
    for cause, most in (
        (Cause.ABSENT, 1830),
        (Cause.NO_HOST, 130),
        (Cause.REFUSED, 130),
        (Cause.TIMEOUT, 130),
    ):
        line = Reconnector("till 3", device.connect, random=lambda: 0.0)
        device.away, device.tried_at = cause, []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await line.wait()
        assert len(device.tried_at) <= most, cause
