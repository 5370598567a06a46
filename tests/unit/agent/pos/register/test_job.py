"""One command at work: turns, room, signs of life."""

import asyncio
from pathlib import Path

from agent.pos.register import job
from agent.pos.register.conformance import Support, report
from agent.pos.register.job import STATUS_OF, TURN_S
from drivers.contract import Progress
from drivers.zvt.commands import table
from drivers.zvt.statuses import INTERMEDIATE
from tests.register_shop import RegisterShop


def test_every_step_has_a_status() -> None:
    assert set(STATUS_OF) == set(Progress)
    assert set(STATUS_OF.values()) <= set(INTERMEDIATE)


async def test_a_command_waits_until_the_one_before_it_is_settled(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register("8E")
        async with shop.terminal.turn, asyncio.TaskGroup() as group:
            waiting = group.create_task(register.run("06 10 03 00 00 00"), name="waits")
            await asyncio.sleep(TURN_S + 1)
            assert waiting.done()
        heard = waiting.result()
        assert heard.end == "06 1E A0"
        assert len(heard.messages) > 3, "and is told so"
        assert (await register.run("06 10 03 00 00 00")).end == "06 0F"


async def test_a_register_that_hung_up_while_it_waited_starts_nothing(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        async with shop.terminal.turn:
            await register.send("06 01 07 04 00 00 00 00 10 00")
            await register.receive()
            await register.close()
            await asyncio.sleep(1)
        await shop.settled()
        assert shop.sessions() == []


def test_what_is_never_said_is_not_in_the_code() -> None:
    never = {line.command for line in report() if line.proof.support is Support.NEVER_SENT}
    said = {table.STATUS_INFORMATION, table.INTERMEDIATE_STATUS, table.COMPLETION, table.ABORT, 0x0401}
    assert not never & (said | {table.PRINT_LINE, table.PRINT_BLOCK})
    folder = Path(job.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    assert not [command for command in never if f"0x{command:04X}" in code]
