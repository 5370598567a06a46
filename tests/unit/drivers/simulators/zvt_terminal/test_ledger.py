"""What judges see."""

from drivers.zvt.commands.payments import Authorisation, PreAuthorisation, Reversal
from tests.unit.drivers.simulators.zvt_terminal.till import shop


async def test_a_row_is_plain_and_complete() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Authorisation(1200, 978))
        assert world.terminal.ledger() == [
            {
                "id": 1,
                "kind": "payment",
                "amount": 1200,
                "currency": 978,
                "state": "stored",
                "approved": True,
                "acknowledged": True,
                "reversed": False,
                "refunded": 0,
                "money": 1200,
                "held": 0,
                "result": 0,
                "receipt": 1,
                "trace": 1,
                "turnover": 1,
                "prompts": 1,
                "card": "girocard",
                "original": None,
                "batch": 1,
            }
        ]


async def test_the_money_adds_up() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Authorisation(1200))
        await till.run(Authorisation(1305))
        await till.run(PreAuthorisation(5000))
        await till.run(Reversal("000000", 1))
        rows = world.terminal.ledger()
        assert sum(row["money"] for row in rows) == 0
        assert [row["held"] for row in rows] == [0, 0, 5000, 0]
        assert [row["refunded"] for row in rows] == [1200, 0, 0, 0]
        assert [row["prompts"] for row in rows] == [1, 1, 1, 0]
