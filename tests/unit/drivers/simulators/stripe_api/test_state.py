"""The state file: everything is there again, after a close and after a kill."""

import os
import sqlite3
from pathlib import Path

import pytest

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.state import StateError, StateFile
from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock

INTENT = {"amount": 1000, "currency": "eur"}


def start(path: Path, clock: FakeClock, seed: int = 0) -> Caller:
    return Caller(StripeSimulator(now=clock.now, sleep=clock.sleep, state=path, seed=seed))


async def test_a_restart_goes_on_where_it_was(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "state"
    api = start(path, clock, seed=7)
    reader = await api.reader()
    await api.control("/readers/" + reader.rpartition("/")[2], {"auto_present": {"after": 10}})
    paid = await api.paid(reader)
    await api.control("/clock", {"advance": 1000})
    await api.control("/keys", {"key": "sk_test_bad", "state": "revoked"})
    first = await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    intent = await api.intent()
    await api.process(reader, intent)
    ledger = await api.control("/ledger", method="GET")
    api.simulator.close()

    again = start(path, clock, seed=99)
    assert await again.control("/ledger", method="GET") == ledger
    assert (await again.get(f"/v1/payment_intents/{paid['id']}"))["status"] == "succeeded"
    replay = await again.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    assert (replay.body, replay.headers["idempotent-replayed"]) == (first.body, "true")
    assert (await Caller(again.simulator, "sk_test_bad").send("GET", "/v1/events")).status == 401
    assert again.simulator.world.seed == 7
    assert again.simulator.world.offset == 1000
    clock.seconds += 10
    assert (await again.get(reader))["action"]["status"] == "succeeded"
    known = {row["id"] for row in ledger["payment_intents"]}
    assert await again.intent() not in known
    listed = [row["id"] for row in (await again.get("/v1/payment_intents", limit=100))["data"]]
    assert listed[1] == intent
    again.simulator.close()


async def test_what_was_answered_survives_a_kill(tmp_path: Path, clock: FakeClock) -> None:
    api = start(tmp_path / "state", clock)
    reader = await api.reader()
    intent = (await api.paid(reader))["id"]
    await api.delete(reader)
    for name in ("state", "state-wal"):  # as the disk looks at the moment of the kill
        (tmp_path / f"after-{name}").write_bytes((tmp_path / name).read_bytes())
    after = start(tmp_path / "after-state", clock)
    assert (await after.get(f"/v1/payment_intents/{intent}"))["status"] == "succeeded"
    assert (await after.get(reader))["deleted"] is True
    after.simulator.close()
    api.simulator.close()


async def test_pruned_keys_and_done_happenings_leave_the_file(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "state"
    api = start(path, clock)
    await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="old")
    await api.process(await api.reader(), await api.intent())
    clock.seconds += 24 * 3600
    await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="new")
    api.simulator.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT name FROM kept").fetchall() == [("new",)]
        assert db.execute("SELECT count(*) FROM happening").fetchone() == (0,)
    db.close()


async def test_delivered_webhooks_are_remembered(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "state"
    api = start(path, clock)
    await api.post("/v1/webhook_endpoints", url="https://example.com", enabled_events=["*"])
    await api.intent()
    (delivery,) = api.simulator.deliveries()
    api.simulator.delivered(delivery, accepted=True)
    api.simulator.close()
    again = start(path, clock)
    assert (await again.get("/v1/events"))["data"][0]["pending_webhooks"] == 0
    again.simulator.close()


async def test_a_revoked_key_and_the_clock_are_remembered_at_once(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "state"
    api = start(path, clock)
    await api.intent()
    await api.control("/clock", {"advance": 50})
    await api.control("/keys", {"key": "sk_test_one", "state": "revoked"})
    for name in ("state", "state-wal"):
        (tmp_path / f"after-{name}").write_bytes((tmp_path / name).read_bytes())
    after = start(tmp_path / "after-state", clock)
    assert after.simulator.world.offset == 50
    await after.error("GET", "/v1/events", 401)
    after.simulator.close()
    api.simulator.close()


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        state = StateFile(tmp_path / "state")
        modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes["state"] == modes["state-wal"] == 0o600
    state.close()


def test_one_file_serves_one_simulator(tmp_path: Path) -> None:
    path = tmp_path / "state"
    first = StateFile(path)
    with pytest.raises(StateError, match="another simulator"):
        StateFile(path)
    first.close()
    StateFile(path).close()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("hello, this is not a database, it is text" * 100)
    with pytest.raises(StateError):
        StateFile(text)
    foreign = tmp_path / "foreign"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE mine (a)")
    db.close()
    with pytest.raises(StateError, match="not a state file"):
        StateFile(foreign)
    with pytest.raises(StateError):
        StateFile(tmp_path / "no" / "such" / "place")
