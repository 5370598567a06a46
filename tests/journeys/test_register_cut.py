"""Cut a register's line at every byte of a sale, drop each of its acknowledgements, kill the gateway at each
step: the money has moved exactly when the register has said yes to all it was told, else it is let go.

The judges are the simulated bank's books and a register that counts its own acknowledgements.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.payments.model import State
from agent.payments.policy import LanePolicy
from drivers.contract import Link, LinkError
from drivers.links.backoff import Backoff
from drivers.links.base import Breakable
from drivers.zvt.message import Message
from drivers.zvt.serial_frame import ACK
from tests.register_shop import COMPLETION, PRINTS, STATUS, YES, HungUpError, Register, RegisterShop
from tests.thoroughness import sample

AMOUNT = 1000
SALES = 12
"""Sales in one life of a store: each has a cut of its own."""

EVERYDAY = 36
PARTS = 4
"""A whole run takes minutes on a busy machine: it is cut up, so that parts of it can run side by side."""

POLICY = LanePolicy(check=Backoff(0.5, 2.0))

UP, DOWN = "up", "down"
REPEAT = "06 20 05 00 00 00 03 03"


@dataclass
class Harm:
    """After `at` bytes of one direction the line is cut; `passed` counts them."""

    direction: str = ""
    at: int = -1
    passed: Counter[str] = field(default_factory=Counter)
    whole: list[str] = field(default_factory=list)
    """Which of the register's words have left whole."""


class CutLink:
    """A register's link that breaks at one byte."""

    def __init__(self, link: Link, harm: Harm) -> None:
        assert isinstance(link, Breakable)
        self._link, self._harm = link, harm

    def _through(self, direction: str, data: bytes) -> tuple[bytes, bool]:
        harm = self._harm
        start = harm.passed[direction]
        harm.passed[direction] += len(data)
        if direction != harm.direction or not start <= harm.at < start + len(data):
            return data, False
        return data[: harm.at - start], True

    async def send(self, data: bytes) -> None:
        rest, cut = self._through(UP, data)
        if rest:
            await self._link.send(rest)
        if cut:
            self._link.abort()
            raise HungUpError

    async def receive(self) -> bytes:
        data = await self._link.receive()
        rest, cut = self._through(DOWN, data)
        if cut:
            self._link.abort()
        if cut and not rest:
            raise HungUpError
        return rest

    async def close(self) -> None:
        await self._link.close()


class CountingRegister(Register):
    """Knows which of its acknowledgements left it whole: those of 04 0F and of the prints count."""

    def __init__(self, link: CutLink, *, serial: bool) -> None:
        super().__init__(link, serial=serial)
        self.acknowledged: list[int] = []
        self.told = 0

    def answer(self, message: Message) -> bytes:
        self.told += message.command in PRINTS or message.command == STATUS
        self._last = message.command
        return YES

    async def send(self, data: bytes | str) -> None:
        await super().send(data)
        if data == YES:
            self.acknowledged.append(self._last)


def may_know(register: CountingRegister, prints: int) -> bool:
    """Whether the register has said yes to the result and to both copies of the receipt."""
    said = register.acknowledged
    return STATUS in said and sum(command in PRINTS for command in said) == prints


CONFIGS = {"prints": ("8E", 2), "builds": ("0E", 0)}


async def one_sale(shop: RegisterShop, harm: Harm, prints: int) -> tuple[bool, CountingRegister]:
    """A sale with its cut; whether the register can know that it was paid."""
    await shop.customer(after=1.0)
    register = CountingRegister(CutLink(shop.call(), harm), serial=False)
    with suppress(HungUpError, LinkError, TimeoutError):
        await register.pay(AMOUNT, register.answer)
    return may_know(register, prints), register


async def measure(folder: Path, config: str) -> Counter[str]:
    harm = Harm()
    async with RegisterShop(folder, policy=POLICY).open() as shop:
        await shop.register().register(config)
        await one_sale(shop, harm, 0)
    return harm.passed


def places(passed: Counter[str], count: int) -> list[tuple[str, int]]:
    everything = [(direction, at) for direction in (UP, DOWN) for at in range(passed[direction])]
    return sample(everything, count)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("style", CONFIGS)
async def test_a_line_cut_at_any_byte_leaves_the_money_where_the_register_thinks_it_is(
    tmp_path: Path, style: str, part: int
) -> None:
    config, prints = CONFIGS[style]
    (tmp_path / "measure").mkdir()
    passed = await measure(tmp_path / "measure", config)
    counted: Counter[str] = Counter()
    for batch, cuts in enumerate(_batches(places(passed, EVERYDAY)[part::PARTS])):
        folder = tmp_path / f"life-{batch}"
        folder.mkdir()
        async with RegisterShop(folder, policy=POLICY).open() as shop:
            await shop.register().register(config)
            expected = 0
            for direction, at in cuts:
                knows, _ = await one_sale(shop, Harm(direction, at), prints)
                await shop.settled()
                expected += AMOUNT if knows else 0
                where = f"{style} {direction} {at}"
                assert (await shop.captured(), await shop.held()) == (expected, 0), where
                assert not any(session.state is State.IN_DOUBT for session in shop.sessions()), where
                repeated = await shop.register().run(REPEAT)
                # what a register that comes back is told is what happened to the money
                stands = [each.status.receipt for each in [repeated] if each.end == "06 0F"]
                last = shop.terminal.memory.last_stands()
                assert stands == ([] if last is None else [last.receipt]), where
                counted["paid" if knows else "let go"] += 1
    assert counted["let go"], counted
    assert counted.total() == len(places(passed, EVERYDAY)[part::PARTS])


def _batches(cuts: list[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    return [cuts[at : at + SALES] for at in range(0, len(cuts), SALES)]


# -- acknowledgements that never leave ----------------------------------------------------------------------


@pytest.mark.parametrize("style", CONFIGS)
async def test_any_acknowledgement_that_is_missing_decides(tmp_path: Path, style: str) -> None:
    config, prints = CONFIGS[style]
    async with RegisterShop(tmp_path, policy=POLICY).open() as shop:
        await shop.register().register(config)
        expected = 0
        for missing in range(12):
            await shop.customer(after=1.0)
            register = shop.register()
            seen: list[int] = []

            def answer(message: Message, seen: list[int] = seen, missing: int = missing) -> bytes | None:
                seen.append(message.command)
                return None if len(seen) == missing + 1 else YES

            with suppress(HungUpError):
                await register.pay(AMOUNT, answer)
            answered = seen[:missing]
            knows = STATUS in answered and sum(each in PRINTS for each in answered) == prints
            expected += AMOUNT if knows else 0
            await shop.settled()
            assert (await shop.captured(), await shop.held()) == (expected, 0), (style, missing, seen)
        assert 0 < expected < 12 * AMOUNT


# -- over a serial line -------------------------------------------------------------------------------------


class LosesAcks:
    """A serial line on which one link acknowledgement of the register is lost."""

    def __init__(self, link: Link, which: int) -> None:
        self._link, self._which, self._count = link, which, 0

    async def send(self, data: bytes) -> None:
        if data == ACK:
            self._count += 1
            if self._count == self._which:
                return
        await self._link.send(data)

    async def receive(self) -> bytes:
        return await self._link.receive()

    async def close(self) -> None:
        await self._link.close()


async def test_a_lost_link_acknowledgement_never_parts_the_register_from_the_bank(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, serial=True, policy=POLICY).open() as shop:
        paid = 0
        for which in range(1, 11):
            await shop.customer(after=1.0)
            register = Register(LosesAcks(shop.call(), which), serial=True)
            heard = await register.pay(AMOUNT)
            # frames carry no number: an answer like the one before may look like its repeat
            assert heard.end in {"06 0F", "06 1E 6C"}, which
            paid += AMOUNT if heard.end == "06 0F" else 0
            await shop.settled()
            assert (await shop.captured(), await shop.held()) == (paid, 0)
            await register.close()
        assert paid


# -- the gateway dies ---------------------------------------------------------------------------------------


class DiesError(Exception):
    """The gateway's power fails."""


async def _until(shop: RegisterShop, register: CountingRegister, die_at: int) -> None:
    """Let the power fail just before or after the register's n-th word."""
    words = 0

    def answer(message: Message) -> bytes:
        nonlocal words
        words += 1
        if words == die_at:
            raise DiesError
        return register.answer(message)

    await shop.customer(after=1.0)
    await register.pay(AMOUNT, answer)


@pytest.mark.parametrize("style", CONFIGS)
@pytest.mark.parametrize("die_at", range(1, 9))
async def test_a_gateway_that_dies_anywhere_captures_or_lets_go_by_what_was_written_down(
    tmp_path: Path, style: str, die_at: int
) -> None:
    config, prints = CONFIGS[style]
    shop = RegisterShop(tmp_path, policy=POLICY)
    register: CountingRegister | None = None
    try:
        async with shop.open():
            await shop.register().register(config)
            register = CountingRegister(CutLink(shop.call(), Harm()), serial=False)
            await _until(shop, register, die_at)
    except* DiesError:
        pass
    assert register is not None
    async with shop.open():
        await shop.settled()
        knows = may_know(register, prints)
        assert (await shop.captured(), await shop.held()) == (AMOUNT if knows else 0, 0)
        repeated = await shop.register().run(REPEAT)
        assert (repeated.end == "06 0F") == knows
        await shop.customer(after=1.0)
        assert (await shop.register().pay(500)).end == "06 0F"
        assert COMPLETION
