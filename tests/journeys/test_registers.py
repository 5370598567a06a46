"""Registers of other makers at the ZVT door: their dialogues, many at once, on every kind of reader."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from agent.payments.model import State
from agent.pos.register.profiles import PROFILES
from agent.secret import Secret
from drivers.contract import Driver, ReaderConfig, ReaderName
from drivers.readers.zvt import ZvtReader
from drivers.readers.zvt_options import setup_of
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.profiles import PROFILES as TERMINALS
from drivers.simulators.zvt_terminal.terminal import Terminal
from tests.register_shop import STATUS, YES, Heard, RegisterShop
from tests.zvt_store import local, now

CASES = Path(__file__).parents[1] / "cases" / "register"
DIALOGUES: list[dict[str, Any]] = json.loads((CASES / "dialogues.json").read_text(encoding="utf-8"))


def told(heard: Heard) -> str:
    """What came, in short: runs of one print command as one with a plus, and how it ended."""
    if not heard.messages:
        return heard.answer
    names = [f"{command:04X}" for command in heard.commands[:-1] if command != 0x0401]
    runs = re.sub(r"(06D1)( 06D1)+", r"\1+", " ".join(names))
    return f"{runs} {heard.end}".strip()


@pytest.mark.parametrize("case", DIALOGUES, ids=lambda case: case["register"].split(":")[0])
async def test_dialogues_of_other_makers_go_as_documented(tmp_path: Path, case: dict[str, Any]) -> None:
    password = case.get("password")
    options: dict[str, Any] = {"profile": PROFILES[case.get("profile", "standard")]}
    if password:
        options["password"] = Secret(password)
    async with RegisterShop(tmp_path, **options).open() as shop:
        register = shop.register()
        for command, expected in case["steps"]:
            await shop.customer(after=1.0)
            heard = await register.run(command)
            assert told(heard) == expected, command
        await shop.settled()
        paid = [session for session in shop.sessions() if session.state is State.PAID]
        moved = sum(
            each.amount_captured - each.amount_refunded for each in paid if each.order.refund_of is None
        )
        assert (await shop.captured(), await shop.held()) == (moved, 0)


async def test_a_library_that_gives_up_after_its_own_time_has_the_sale_taken_back(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer(after=1.0)
        register = shop.register()
        await register.register("B6")
        # 84 66: goods too late, which is what one library answers to a result it no longer waits for
        late = bytes.fromhex("846600")
        heard = await register.pay(1000, lambda message: late if message.command == STATUS else YES)
        assert heard.end == "06 1E 6C"
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (0, 0)


async def test_no_sale_waits_for_another(tmp_path: Path) -> None:
    names = ["till-1", *(f"till-{number}" for number in range(2, 33))]
    async with RegisterShop(tmp_path, readers=names).open() as shop:
        clock = asyncio.get_running_loop().time
        took: list[float] = []

        async def sell(name: str) -> None:
            register = shop.register(name)
            await register.register("8E")
            began = clock()
            heard = await register.pay(1000)
            took.append(clock() - began)
            assert heard.end == "06 0F"
            assert heard.status.amount == 1000

        for name in names:
            await shop.customer(name, after=3.0)
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(sell(name), name=name)
        alone = min(took)
        assert max(took) - alone < 2.0, "virtual seconds, most of them between two looks at the reader"
        assert await shop.captured() == 32 * 1000
        assert len(shop.sessions(None)) == 32


# -- any till, any reader -----------------------------------------------------------------------------------


class TerminalBehind:
    """A simulated ZVT terminal as the reader behind the door."""

    def __init__(self, *, serial: bool, profile: str = "standard") -> None:
        self.terminal = Terminal(TERMINALS[profile], clock=local)
        self.serial = serial
        self.group: asyncio.TaskGroup | None = None

    def driver(self, name: str) -> Driver:
        link = "serial:///dev/ttyUSB0" if self.serial else "tcp://192.0.2.7"
        setup = setup_of(ReaderConfig(ReaderName(name), "zvt", {"link": link}))
        return ZvtReader(setup, self._connect, now=now)

    async def _connect(self) -> Any:
        from drivers.links.memory import pair

        ours, theirs = pair("gateway", "terminal")
        assert self.group is not None
        self.group.create_task(
            self.terminal.host(theirs, serial=self.serial), name="terminal behind the door"
        )
        return ours

    @property
    def money(self) -> int:
        return sum(entry["money"] for entry in self.terminal.ledger())


@pytest.mark.parametrize("register_serial", [False, True], ids=["register over tcp", "register over serial"])
@pytest.mark.parametrize("reader_serial", [False, True], ids=["terminal over tcp", "terminal over serial"])
async def test_a_register_sells_on_a_zvt_terminal(
    tmp_path: Path, register_serial: bool, reader_serial: bool
) -> None:
    behind = TerminalBehind(serial=reader_serial)
    behind.terminal.device.usual = Customer("girocard", comes_after_s=1.0)
    async with asyncio.TaskGroup() as group:
        behind.group = group
        shop = RegisterShop(tmp_path, driver=behind.driver, serial=register_serial)
        async with shop.open():
            register = shop.register()
            await register.register("8E")
            heard = await register.pay(1000)
            assert (heard.end, heard.status.amount, heard.status.card_type) == ("06 0F", 1000, 5)
            assert behind.money == 1000
            declined = await register.pay(1005)
            assert declined.end == "06 1E 05"
            no = bytes.fromhex("846600")
            refused = await register.pay(700, lambda message: no if message.command == STATUS else YES)
            assert refused.end == "06 1E 6C"
            await shop.settled()
            assert behind.money == 1000
            reversed_ = await register.run("06 30 06 00 00 00 87 00 01")
            assert reversed_.end == "06 0F"
            assert behind.money == 0
            closed = await register.run("06 50 03 00 00 00")
            assert closed.end == "06 0F"
