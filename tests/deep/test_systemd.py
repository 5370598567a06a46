"""The real unit under a real systemd: started, watched, killed, loaded, stopped, as on a gateway."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from tests.deep.bench import Bench
from tests.deep.command import CommandError
from tests.deep.serviced_store import CLEAN, KEY, READERS, UNIT, WATCHDOG_S, Store, store, until

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(600), pytest.mark.takes(25)]


async def test_the_unit_starts_runs_unprivileged_and_sells(bench: Bench) -> None:
    async with store(bench) as it:
        began = time.monotonic()
        await it.start()
        ready_s = time.monotonic() - began
        await it.served()
        served_s = time.monotonic() - began
        told = await it.container.show(UNIT, "ActiveState", "Type", "NRestarts")
        assert told == {"Type": "notify", "ActiveState": "active", "NRestarts": "0"}
        status = "3 of 3 readers ready"  # a beat of the heart later
        await until(lambda: it.container.show(UNIT, "StatusText"), lambda it: it["StatusText"] == status)
        pid = await it.main_pid()
        status = status_of(pid)
        uid = (await it.container.run("id", "-u", "tillgate")).strip()
        assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
        assert uid != "0"
        assert "NoNewPrivs:\t1" in status

        # the credential: the service's copy is readable for it alone, the file is root's
        there = "/run/credentials/tillgate.service/stripe_api_key"
        assert (await as_service(it, "cat", there)).strip() == KEY
        with pytest.raises(CommandError, match="denied"):
            await as_service(it, "cat", "/etc/tillgate/stripe_api_key")
        # the state directory: the service's own, and the only place it may write
        assert (await it.container.run("stat", "-c", "%U %a", "/var/lib/tillgate")).strip() == "tillgate 750"
        names = {path.name for path in it.container.inside("/var/lib/tillgate").iterdir()}
        assert {"journal.db", "journal.db.lock", "bindings.json"} <= names
        with pytest.raises(CommandError, match="Read-only"):
            await it.container.run("nsenter", "-t", await inner_pid(it), "-m", "touch", "/usr/mark")

        await it.customers(0.2)
        session = await it.sell("till-1", "first")
        assert session["state"] == "paid"
        await it.container.run("systemctl", "reload", UNIT)
        assert "looking at the fleet now" in await it.journal()
        began = time.monotonic()
        await it.container.run("systemctl", "stop", UNIT)
        stop_s = time.monotonic() - began
        assert await it.container.show(UNIT, "ActiveState", *CLEAN) == {"ActiveState": "inactive", **CLEAN}
        table = bench.table("the unit under systemd (container)", "what", "seconds")
        table.add("systemctl start returns (READY)", ready_s)
        table.add("all readers ready", served_s)
        table.add("systemctl stop, idle", stop_s)


def status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


async def as_service(it: Store, *words: str) -> str:
    return await it.container.run("setpriv", "--reuid=tillgate", "--regid=tillgate", "--clear-groups", *words)


async def inner_pid(it: Store) -> str:
    return (await it.container.show(UNIT, "MainPID"))["MainPID"]


async def test_a_daemon_that_is_killed_in_mid_sale_is_restarted_and_ends_the_sale(bench: Bench) -> None:
    table = bench.table("kill -9 in mid-sale, under systemd", "after s", "READY again after s", "sale")
    async with store(bench) as it:
        await it.start()
        await it.served()
        await it.customers(5)
        for number, after_s in enumerate((0.0, 0.5, 2.0)):
            asked = await it.sell("till-1", f"k{number}", wait=False)
            await asyncio.sleep(after_s)
            pid = await it.main_pid()
            os.kill(pid, signal.SIGKILL)
            back_s = await it.restarted(pid)
            session = await it.sell("till-1", f"k{number}")
            assert session["id"] == asked["id"]
            assert session["state"] == "paid"
            table.add(after_s, back_s, session["state"])
        assert (await it.container.show(UNIT, "NRestarts"))["NRestarts"] == "3"
        taken, said = await it.books()
        assert taken == said == 3 * 1200


async def test_a_daemon_that_hangs_is_aborted_by_the_watchdog_and_comes_back(bench: Bench) -> None:
    async with store(bench) as it:
        await it.start()
        await it.served()
        await it.customers(2)
        asked = await it.sell("till-2", "hung", wait=False)
        pid = await it.main_pid()
        began = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        await it.restarted(pid)
        back_s = time.monotonic() - began
        assert back_s > WATCHDOG_S / 2
        told = await it.journal()
        assert "Watchdog timeout" in told
        assert "status=6/ABRT" in told
        session = await it.sell("till-2", "hung")
        assert (session["id"], session["state"]) == (asked["id"], "paid")
        taken, said = await it.books()
        assert taken == said == 1200
        table = bench.table("a hanging loop, WatchdogSec=4", "what", "seconds")
        table.add("stopped in mid-sale, READY again after", back_s)


async def test_a_stop_under_load_is_clean_and_nothing_is_lost_over_it(bench: Bench) -> None:
    async with store(bench) as it:
        await it.start()
        await it.served()
        await it.customers(0.3)
        over = asyncio.Event()
        sold: dict[str, str] = {}

        async def till(reader: str) -> None:
            number = 0
            while not over.is_set():
                number += 1
                session = await it.sell(reader, f"{reader}-{number}")
                sold[session["id"]] = session["state"]

        table = bench.table(
            "stop and start under load (3 tills that never pause)", "round", "stop took s", "sold so far"
        )
        async with asyncio.TaskGroup() as group:
            for name in READERS:
                group.create_task(till(name), name=f"till {name}")
            for number in range(3):
                await asyncio.sleep(4)
                began = time.monotonic()
                await it.container.run("systemctl", "stop", UNIT)
                took_s = time.monotonic() - began
                assert await it.container.show(UNIT, *CLEAN) == CLEAN
                await it.start()
                table.add(number + 1, took_s, len(sold))
            await asyncio.sleep(2)
            over.set()
        assert set(sold.values()) == {"paid"}
        assert len(sold) > 9
        taken, said = await it.books()
        assert taken == said == 1200 * len(sold)
