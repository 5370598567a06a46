"""The parts together: what they tell of themselves, how they start, stop, and fail."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.app import Gateway, World, serve
from agent.payments.journal import Journal
from agent.payments.model import SessionQuery, State
from agent.payments.policy import LanePolicy
from agent.payments.sweeper import Swept
from agent.pos.listening import ListenError
from agent.pos.register.memory_file import MemoryFileError
from agent.pos.tokens import TokenIssueError
from agent.settings import (
    DoorsSettings,
    PaymentsSettings,
    SecretError,
    Settings,
    ZvtDoorSettings,
    load,
)
from agent.supervision import Notifier
from drivers.links.schemes import connect
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.virtual_time import ScaledTimeLoop
from tests.register_shop import HungUpError, Register
from tests.shop import EPOCH_S, Shop, furnish, in_a_shop

pytestmark = pytest.mark.real_time


def in_a_folder(play: Callable[[Path], Awaitable[None]]) -> None:
    """Run one story on a faster clock in a folder with a store's files."""
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=lambda: ScaledTimeLoop(20)) as runner,
    ):
        furnish(Path(folder))

        async def story() -> None:
            await play(Path(folder))

        runner.run(story())


def settings_in(folder: Path, **changes: Any) -> Settings:
    return load(folder / "gateway.yaml").model_copy(update=changes)


def make_gateway(settings: Settings) -> Gateway:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ScaledTimeLoop)
    return Gateway(settings, World(now=loop.now, notifier=Notifier()), None)


# -- what it tells of itself ---------------------------------------------------------------------------


def test_connection_tokens_are_for_our_own_location() -> None:
    async def play(shop: Shop) -> None:
        token = await shop.gateway.issue()
        assert shop.gateway.reconciler is not None
        assert token.location == shop.gateway.reconciler.location_id("store")
        assert token.secret.reveal().startswith("pst_test_")
        await shop.stripe.fault("status:401", method="POST", path="/v1/terminal/connection_tokens")
        with pytest.raises(TokenIssueError) as refused:
            await shop.gateway.issue()
        assert not refused.value.retryable
        await shop.stripe.fault("status:500", method="POST", path="/v1/terminal/connection_tokens", times=9)
        with pytest.raises(TokenIssueError) as failed:
            await shop.gateway.issue()
        assert failed.value.retryable

    in_a_shop(play)


def test_health_and_metrics_tell_how_the_parts_are() -> None:
    async def play(shop: Shop) -> None:
        health = await shop.until("/v1/health", lambda each: each["status"] == "ok")
        assert (health["readers"]["ready"], health["journal"]["ok"], health["fleet"]["in_sync"]) == (
            1,
            True,
            True,
        )
        shop.gateway.journal.trouble = "no space left"  # until something can be stored again: nothing is, yet
        failing = await shop.call("GET", "/v1/health")
        assert (failing.status, failing.body["status"]) == (503, "failing")
        shop.gateway.journal.trouble = ""
        opened = await shop.sell()
        assert opened.status == 201
        metrics = shop.gateway._metrics.render().decode()
        assert 'tillgate_readers{state="busy"} 1' in metrics
        assert "tillgate_loop_lag_seconds" in metrics
        assert 'tillgate_sessions{state="' in metrics
        assert shop.gateway._status_line() == "1 of 1 readers ready"

    in_a_shop(play)


def test_books_that_differ_are_told_without_telling_whose_money_it_is() -> None:
    async def play(shop: Shop) -> None:
        await shop.until("/v1/health", lambda each: each["status"] == "ok")
        shop.gateway.sweeper.last = Swept(seen=2, quarrels=("session ses_1: paid 1200 eur",))
        health = await shop.call("GET", "/v1/health")
        assert (health.status, health.body["status"]) == (200, "degraded")
        assert health.body["books"]["quarrels"] == 1
        assert "ses_1" not in str(health.body)
        assert "tillgate_books_quarrels 1" in shop.gateway._metrics.render().decode()

    in_a_shop(play)


def test_a_reader_in_doubt_is_told_in_the_status() -> None:
    async def play(shop: Shop) -> None:
        opened = await shop.sell()
        await shop.until(
            f"/v1/sessions/{opened.body['id']}", lambda each: each["progress"] == "waiting_for_card"
        )
        await shop.stripe.fault("drop_before", method="GET", path="/v1/terminal/readers/*", times=None)
        await shop.until("/v1/readers/till-1", lambda reader: reader["state"] == "in_doubt")
        assert shop.gateway._status_line() == "0 of 1 readers ready, 1 in doubt"
        health = await shop.call("GET", "/v1/health")
        assert (health.status, health.body["status"]) == (200, "degraded")

    in_a_shop(play)


# -- without Stripe, without a door --------------------------------------------------------------------


def test_a_store_without_stripe_runs_and_says_what_it_lacks() -> None:
    async def play(folder: Path) -> None:
        gateway = make_gateway(settings_in(folder, stripe=None, doors=DoorsSettings(http=None)))
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(gateway.run(stop), name="gateway")
            await gateway.ready.wait()
            assert gateway.port is None
            [reader] = gateway.desk.readers()
            assert "not registered" in reader.why
            with pytest.raises(TokenIssueError):
                await gateway.issue()
            document = gateway._health.document()
            assert document["fleet"] == {"ok": True, "enabled": False}
            stop.set()

    in_a_folder(play)


def test_a_gateway_whose_secret_is_missing_does_not_take_the_journal() -> None:
    async def play(folder: Path) -> None:
        settings = settings_in(folder)
        (folder / "stripe.key").unlink()
        with pytest.raises(SecretError):
            await serve(settings)
        Journal(settings.journal.path, now=World().now, inline=True).close()
        assert World().now().tzinfo is not None

    in_a_folder(play)


# -- its life ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_stripe", [True, False])
def test_a_signal_ends_it_in_order(with_stripe: bool) -> None:
    async def play(folder: Path) -> None:
        settings = settings_in(folder, **({} if with_stripe else {"stripe": None}))
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(settings), name="daemon")
            async with asyncio.timeout(100):
                while not settings.control_socket.exists():  # noqa: ASYNC110  # as anybody outside would
                    await asyncio.sleep(0.2)
            os.kill(os.getpid(), signal.SIGTERM)
        assert not settings.control_socket.exists()

    in_a_folder(play)


def test_a_stop_waits_for_the_sale_under_way() -> None:
    async def play(folder: Path) -> None:
        loop = asyncio.get_running_loop()
        simulator = StripeSimulator(now=lambda: EPOCH_S + loop.time())
        patient = PaymentsSettings(payment_timeout_s=60, shutdown_grace_s=60)
        async with Shop(settings_in(folder, payments=patient), simulator).open() as shop:
            await shop.ready("till-1")
            await shop.customer("till-1", auto_present={"after": 6})
            opened = await shop.sell()
        journal = Journal(shop.settings.journal.path, now=World().now, inline=True)
        assert journal.session(opened.body["id"]).state is State.PAID
        journal.close()

    in_a_folder(play)


def test_a_stop_does_not_wait_for_ever_and_the_next_start_takes_the_sale_up() -> None:
    async def play(folder: Path) -> None:
        loop = asyncio.get_running_loop()
        simulator = StripeSimulator(now=lambda: EPOCH_S + loop.time())
        hasty = settings_in(folder, payments=PaymentsSettings(payment_timeout_s=100, shutdown_grace_s=1))
        async with Shop(hasty, simulator).open() as shop:
            await shop.ready("till-1")
            opened = await shop.sell()
            await shop.until(
                f"/v1/sessions/{opened.body['id']}", lambda each: each["progress"] == "waiting_for_card"
            )
        async with Shop(hasty, simulator).open(LanePolicy(payment_timeout_s=100)) as shop:
            await shop.until("/v1/readers/till-1", lambda each: each.get("session"), till="second")
            await shop.customer("till-1", auto_present={"after": 3})
            [session] = shop.gateway.desk.find(SessionQuery(), None)
            while session.state is not State.PAID:
                session = await shop.gateway.desk.changed(session.id, session.seq, 50, None)
            assert session.id == opened.body["id"]
            assert await shop.captured() == 1200

    in_a_folder(play)


def test_a_door_that_cannot_be_opened_ends_the_start() -> None:
    async def play(folder: Path) -> None:
        settings = settings_in(folder, stripe=None)
        settings.control_socket.write_text("in the way")
        with pytest.raises(ExceptionGroup) as caught:
            await make_gateway(settings).run(asyncio.Event())
        assert caught.group_contains(ListenError, match="a file of that name")
        Journal(settings.journal.path, now=World().now, inline=True).close()

    in_a_folder(play)


def test_a_bug_in_any_part_ends_the_process() -> None:
    async def play(folder: Path) -> None:
        gateway = make_gateway(settings_in(folder, stripe=None))

        async def bug() -> None:
            await asyncio.sleep(1)
            raise ZeroDivisionError("a bug")

        gateway.desk.run = bug  # type: ignore[method-assign]  # the shortest way to a bug
        with pytest.raises(ExceptionGroup) as caught:
            await gateway.run(asyncio.Event())
        assert caught.group_contains(ZeroDivisionError)

    in_a_folder(play)


def test_stripe_s_bluetooth_readers_at_our_location_are_seen_and_not_sold_on() -> None:
    async def play(shop: Shop) -> None:
        reconciler = shop.gateway.reconciler
        assert reconciler is not None
        made = await shop.stripe.api.register_reader(
            {"registration_code": "simulated-wpe", "location": reconciler.location_id("store")}, key="m2"
        )
        await shop.stripe.customer(made.id, device_type="stripe_m2", serial_number="STRM26138003393")
        listed = await shop.until("/v1/readers", lambda each: bool(each["app_readers"]))
        assert [each["name"] for each in listed["data"]] == ["till-1"]
        assert listed["app_readers"][0]["product"] == "Stripe Reader M2"

    in_a_shop(play)


# -- registers that speak ZVT ---------------------------------------------------------------------------


def registers(folder: Path) -> Settings:
    door = ZvtDoorSettings(listen="tcp://127.0.0.1:0", till="kasse-1", reader="till-1")
    return settings_in(folder, stripe=None, doors=DoorsSettings(http=None, zvt=(door,)))


def test_registers_are_served_until_the_stop() -> None:
    async def play(folder: Path) -> None:
        gateway = make_gateway(registers(folder))
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(gateway.run(stop), name="gateway")
            await gateway.ready.wait()
            assert gateway.registers is not None
            register = Register(await connect(f"tcp://127.0.0.1:{gateway.registers.port('kasse-1')}"))
            assert (await register.run("05 01 00")).end == "06 0F"
            assert (await register.pay(1000)).end == "06 1E A3", "its reader is not declared"
            stop.set()
        with pytest.raises(HungUpError):
            await register.receive()

    in_a_folder(play)


def test_registers_whose_memory_cannot_be_opened_end_the_start() -> None:
    async def play(folder: Path) -> None:
        settings = registers(folder)
        settings.registers_path.mkdir()
        with pytest.raises(MemoryFileError):
            make_gateway(settings)
        Journal(settings.journal.path, now=World().now, inline=True).close()

    in_a_folder(play)
