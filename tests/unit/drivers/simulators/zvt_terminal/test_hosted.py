"""A hosted terminal: sales over a real pty and a real port, and a cable that is pulled at its moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.contract import DriverError, Outcome, ReaderConfig, ReaderName, Verdict
from drivers.links.tcp import TcpListener
from drivers.readers.zvt import make
from drivers.simulators.pty import PtyListener
from drivers.simulators.zvt_terminal.hosted import ControlError, HostedTerminal
from drivers.simulators.zvt_terminal.profiles import INSTANT, PROFILES
from tests.zvt_store import Session

pytestmark = pytest.mark.real_time


@asynccontextmanager
async def hosted(
    listener: TcpListener | PtyListener, profile: str = "standard"
) -> AsyncIterator[HostedTerminal]:
    terminal = HostedTerminal(listener, PROFILES[profile], clock=lambda: datetime.now(UTC), times=INSTANT)
    await terminal.open()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(terminal.serve(), name="hosted")
        yield terminal
        serving.cancel()


@pytest.fixture(params=["pty", "tcp"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> TcpListener | PtyListener:
    return PtyListener(tmp_path / "port") if request.param == "pty" else TcpListener("127.0.0.1", 0)


async def sold(terminal: HostedTerminal, session: Session) -> Outcome:
    config = ReaderConfig(ReaderName("till-4"), "zvt", {"link": terminal.link})
    driver = make(config, {})
    await driver.open()
    try:
        return await driver.pay(session.request, session.report)
    finally:
        await driver.close()


QUICK = {"card": "Visa contactless", "comes_after_s": 0.0}


async def test_a_sale_is_in_its_memory(listener: TcpListener | PtyListener) -> None:
    async with hosted(listener) as terminal:
        terminal.control({"customer": QUICK})
        outcome = await sold(terminal, Session(1200))
        assert outcome.verdict is Verdict.PAID
        assert [entry["money"] for entry in terminal.ledger()] == [1200]


async def test_the_cable_is_pulled_once_at_its_moment(listener: TcpListener | PtyListener) -> None:
    async with hosted(listener) as terminal:
        assert terminal.control({"customer": QUICK, "pull": "waiting_for_card"})["pull"] == 0x0A
        session = Session(1200)
        with pytest.raises(DriverError):
            await sold(terminal, session)
        assert session.request.attempts == {"authorize": 1}
        assert terminal.control({})["pull"] is None
        with pytest.raises(DriverError):  # it is away for some seconds
            await sold(terminal, Session(1300))


def test_what_it_cannot_do_is_said(tmp_path: Path) -> None:
    terminal = HostedTerminal(
        PtyListener(tmp_path / "port"), PROFILES["standard"], clock=lambda: datetime.now(UTC)
    )
    assert terminal.control({"pull": None})["pull"] is None
    for body, why in (
        ({"pull": "sunset"}, "waiting_for_card, authorizing, not at 'sunset'"),
        ({"light": "on"}, "not 'light'"),
        ({"customer": {"hat": "on"}}, "a customer has card"),
        ({"customer": "Anna"}, "not 'Anna'"),
        ({"customer": {"card": "a library card"}}, "there are: girocard"),
    ):
        with pytest.raises(ControlError, match=why):
            terminal.control(body)
