"""The daemon's look: what is seen, told, healed, left alone and remembered."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.documents import Problem
from agent.fleet.bindings import ReaderBinding
from agent.fleet.errors import PermanentError, TemporaryError
from agent.fleet.model import DesiredState, Kind, ObservedState
from agent.fleet.reconciler import FleetStatus, Reconciler
from agent.fleet.sources import Reading
from tests.unit.agent.fleet.fake_account import FakeAccount
from tests.unit.agent.fleet.test_apply import LOCATION, OTHER, reader
from tests.unit.agent.fleet.test_plan import FakeContents, desired_of


class FakeSource:
    def __init__(self, state: DesiredState | None) -> None:
        self.reading = Reading(state)

    def read(self) -> Reading:
        return self.reading


class Stage:
    """A reconciler and everything around it."""

    def __init__(
        self, path: Path, *documents: Any, account: FakeAccount | None = None, **options: Any
    ) -> None:
        self.account = account or FakeAccount()
        self.source = FakeSource(desired_of(list(documents)) if documents else None)
        self.busy: set[str] = set()
        self.heard: list[dict[str, ReaderBinding]] = []
        self.nonces = 0
        self.path = path / "bindings.json"
        self.reconciler = Reconciler(
            self.source,
            self.account,
            FakeContents(),
            path=self.path,
            busy=lambda name: name in self.busy,
            changed=self._hear,
            clock=lambda: asyncio.get_running_loop().time(),
            spread=lambda: 0.5,
            new_nonce=self._nonce,
            **options,
        )

    def _hear(self, readers: Mapping[str, ReaderBinding]) -> None:
        self.heard.append(dict(readers))

    def _nonce(self) -> str:
        self.nonces += 1
        return f"n{self.nonces}"

    def want(self, *documents: Any) -> None:
        self.source.reading = Reading(desired_of(list(documents)))

    async def run_for(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.reconciler.run()
        except TimeoutError:
            pass

    def looks(self) -> int:
        return self.account.calls.count("observe")


async def test_without_heal_drift_is_reported_and_nothing_is_touched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage = Stage(tmp_path, LOCATION, reader())
    await stage.run_for(150)
    assert stage.looks() == 3
    assert set(stage.account.calls) == {"observe"}
    assert stage.reconciler.status.drift == ("create Location berlin", "register Reader till-1")
    assert stage.reconciler.status.troubles == ()
    assert not stage.reconciler.status.in_sync
    told = [each.message for each in caplog.records if "differs" in each.message]
    assert len(told) == 2


async def test_with_heal_the_fleet_becomes_as_declared(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, reader(), heal=True)
    await stage.reconciler.look()
    assert stage.reconciler.status.in_sync
    [location] = stage.account.objects[Kind.LOCATION]
    [live] = stage.account.objects[Kind.READER]
    assert stage.reconciler.location_id("berlin") == location
    assert stage.reconciler.location_id("nowhere") is None
    binding = stage.reconciler.bindings["till-1"]
    assert (binding.reader_id, binding.location_id) == (live, location)
    assert binding.device_type == "simulated_stripe_s700"
    assert stage.heard == [{"till-1": binding}]
    assert stage.reconciler.desired == stage.source.reading.state


async def test_drift_is_told_once_each_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stage = Stage(tmp_path, LOCATION, heal=False)
    account = stage.account
    account.put(Kind.LOCATION, metadata={"tillgate_name": "berlin"}, **LOCATION["spec"])
    live = next(iter(account.objects[Kind.LOCATION].values()))
    for name in ("Berlin", "Changed", "Changed", "Berlin", "Berlin"):
        live["display_name"] = name
        await stage.reconciler.look()
    told = [each.message for each in caplog.records]
    assert told == [
        "fleet: differs from what is declared: update Location berlin",
        "fleet: as declared again: update Location berlin",
    ]


async def test_a_reader_that_sells_is_left_alone_until_it_is_free(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, OTHER, reader(), heal=True)
    await stage.reconciler.look()
    [before] = stage.account.objects[Kind.READER]
    stage.want(LOCATION, OTHER, reader(location="other"))
    stage.busy = {"till-1"}
    await stage.reconciler.look()
    assert list(stage.account.objects[Kind.READER]) == [before]
    assert stage.reconciler.bindings["till-1"].reader_id == before
    stage.busy = set()
    await stage.reconciler.look()
    [after] = stage.account.objects[Kind.READER]
    assert after != before
    assert stage.reconciler.bindings["till-1"].reader_id == after
    assert len(stage.heard) == 2


async def test_others_changes_are_not_fought_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(tmp_path, LOCATION, heal=True)
    for _ in range(8):
        await stage.reconciler.look()
        live = next(iter(stage.account.objects[Kind.LOCATION].values()))
        live["display_name"] = "Theirs"
    assert live["display_name"] == "Theirs"
    assert stage.reconciler.status.contested == ("Location berlin",)
    assert stage.reconciler.status.troubles == (
        "Location berlin is contested: somebody else keeps changing it",
    )
    writes = [call for call in stage.account.calls if call.startswith(("create", "update"))]
    assert len(writes) == 3
    assert sum("contested" in each.message for each in caplog.records) == 1
    live["display_name"] = "Berlin"
    await stage.reconciler.look()
    assert stage.reconciler.status.in_sync


async def test_a_permanent_failure_is_not_repeated_every_minute(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, heal=True)
    stage.account.faults["create"] = [PermanentError("not in your country")] * 9
    await stage.run_for(600)
    assert sum(call.startswith("create") for call in stage.account.calls) == 1
    assert stage.reconciler.status.failed == {"Location berlin": "not in your country"}
    assert stage.reconciler.status.troubles == ("Location berlin failed: not in your country",)
    assert stage.reconciler.status.drift == ("create Location berlin",)


async def test_what_is_in_the_dark_is_repeated_with_the_same_key(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, heal=True)
    stage.account.faults["create"] = [TemporaryError("no answer")] * 3
    await stage.reconciler.look()
    await stage.reconciler.look()
    assert len(set(stage.account.keys)) == 1
    assert stage.reconciler.status.in_sync
    stage.want(LOCATION, OTHER)
    await stage.reconciler.look()
    assert stage.nonces == 2


async def test_while_the_account_cannot_be_had_looks_become_rare_and_quiet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage = Stage(tmp_path, LOCATION, interval_s=60)
    stage.account.faults["observe"] = [TemporaryError("Stripe could not be reached")] * 4
    await stage.run_for(60 * (2 + 4 + 8) + 1)
    assert stage.looks() == 4
    assert stage.reconciler.status.error == "Stripe could not be reached"
    assert stage.reconciler.status.troubles == ("Stripe could not be reached",)
    assert stage.reconciler.status.looked_at is None
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    await stage.reconciler.look()
    assert stage.reconciler.status.error == ""
    assert "fleet: the account can be read again" in [each.message for each in caplog.records]


async def test_the_longest_pause_is_bounded(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, interval_s=60)
    stage.account.faults["observe"] = [TemporaryError("no")] * 100
    await stage.run_for(6 * 3600)
    assert stage.looks() >= 36


async def test_a_poke_looks_at_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, interval_s=3600)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(stage.reconciler.run(), name="fleet")
        await asyncio.sleep(1)
        assert stage.looks() == 1
        stage.reconciler.poke()
        await asyncio.sleep(1)
        assert stage.looks() == 2
        task.cancel()


async def test_a_poke_during_a_look_is_not_lost(tmp_path: Path) -> None:
    class SlowAccount(FakeAccount):
        async def observe(self) -> ObservedState:
            await asyncio.sleep(10)
            return await super().observe()

    stage = Stage(tmp_path, LOCATION, account=SlowAccount(), interval_s=3600)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(stage.reconciler.run(), name="fleet")
        await asyncio.sleep(5)
        stage.reconciler.poke()
        await asyncio.sleep(60)
        assert stage.looks() == 2
        task.cancel()


async def test_broken_files_leave_the_last_good_state_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage = Stage(tmp_path, LOCATION, heal=True)
    await stage.reconciler.look()
    good = stage.source.reading
    problem = Problem("fleet.yaml", 3, 1, "unknown key `x`")
    stage.source.reading = Reading(good.state, (problem,))
    await stage.reconciler.look()
    await stage.reconciler.look()
    assert stage.reconciler.status.problems == (problem,)
    assert stage.reconciler.status.troubles == ("fleet.yaml:3:1: unknown key `x`",)
    stage.source.reading = good
    await stage.reconciler.look()
    assert stage.reconciler.status.in_sync
    told = [each.message for each in caplog.records if "fleet files" in each.message]
    assert len(told) == 2
    assert "fleet.yaml:3:1: unknown key `x`" in told[0]


async def test_without_any_good_state_nothing_is_asked(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.reconciler.look()
    assert stage.account.calls == []
    assert stage.reconciler.status == FleetStatus()


async def test_obstacles_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    no_code = reader()
    del no_code["spec"]["registration_code"]
    stage = Stage(tmp_path, LOCATION, no_code, heal=True)
    await stage.reconciler.look()
    await stage.reconciler.look()
    assert sum("is not in the account" in each.message for each in caplog.records) == 1
    assert len(stage.reconciler.status.obstacles) == 1
    [trouble] = stage.reconciler.status.troubles
    assert trouble.startswith("Reader till-1: is not in the account")


async def test_bindings_survive_a_restart_without_network(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, reader(), heal=True)
    await stage.reconciler.look()
    again = Stage(tmp_path, LOCATION, reader())
    again.account.faults["observe"] = [TemporaryError("no network")]
    assert again.reconciler.bindings == {}
    again.reconciler.restore()
    assert again.reconciler.bindings == stage.reconciler.bindings
    assert again.reconciler.location_id("berlin") == stage.reconciler.location_id("berlin")
    await again.run_for(1)
    assert again.reconciler.bindings == stage.reconciler.bindings
    third = Stage(tmp_path, LOCATION, reader(), account=stage.account)
    await third.run_for(1)
    assert third.heard == []


async def test_a_reader_that_could_be_two_stays_the_one_it_was(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, reader(), heal=True)
    await stage.reconciler.look()
    before = stage.reconciler.bindings["till-1"]
    [live] = stage.account.objects[Kind.READER].values()
    twin = stage.account.put(Kind.READER, **live)
    await stage.reconciler.look()
    assert stage.reconciler.bindings["till-1"] == before
    del stage.account.objects[Kind.READER][before.reader_id]
    await stage.reconciler.look()
    assert stage.reconciler.bindings["till-1"].reader_id == twin


async def test_a_disk_that_cannot_be_written_is_told_and_survived(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(tmp_path / "absent", LOCATION, reader(), heal=True)
    await stage.reconciler.look()
    assert stage.reconciler.status.in_sync
    assert "cannot keep the fleet's bindings" in caplog.text


async def test_with_prune_only_readers_at_declared_locations_go(tmp_path: Path) -> None:
    theirs = reader("till-9", location="other")
    stage = Stage(tmp_path, LOCATION, OTHER, reader(), reader("till-2"), theirs, heal=True, prune=True)
    await stage.reconciler.look()
    # From here on these are the files of one store; the other one has files of its own.
    stage.want(LOCATION, reader())
    await stage.reconciler.look()
    left = [each["metadata"]["tillgate_name"] for each in stage.account.objects[Kind.READER].values()]
    assert left == ["till-1", "till-9"]
    assert len(stage.account.objects[Kind.LOCATION]) == 2


async def test_a_regular_look_asks_only_where_things_were_found(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, reader(), heal=True)
    await stage.reconciler.look()
    stage.account.calls.clear()
    for _ in range(3):
        await stage.reconciler.look()
    assert stage.account.calls == ["nearby"] * 3
    assert stage.reconciler.status.in_sync
    [live] = stage.account.objects[Kind.LOCATION].values()
    live["display_name"] = "Theirs"
    await stage.reconciler.look()
    assert live["display_name"] == "Berlin"
    assert "observe" not in stage.account.calls


async def test_what_is_not_where_it_was_is_looked_for_everywhere(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, OTHER, reader(), heal=False)
    stage.account.put(Kind.LOCATION, metadata={"tillgate_name": "berlin"}, **LOCATION["spec"])
    stage.account.put(Kind.LOCATION, metadata={"tillgate_name": "other"}, **OTHER["spec"])
    berlin, other = stage.account.objects[Kind.LOCATION]
    identifier = stage.account.put(Kind.READER, location=berlin, metadata={"tillgate_name": "till-1"})
    await stage.reconciler.look()
    assert stage.reconciler.status.in_sync
    stage.account.objects[Kind.READER][identifier]["location"] = other
    stage.account.calls.clear()
    await stage.reconciler.look()
    assert stage.account.calls == ["nearby", "observe"]
    assert stage.reconciler.status.obstacles == ()
    assert stage.reconciler.status.drift == ("move Reader till-1",)


async def test_once_a_day_and_after_new_files_the_whole_account_is_read(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, reader(), heal=True)
    await stage.reconciler.look()
    stage.account.put(Kind.LOCATION, metadata={"tillgate_name": "rome"}, display_name="Rome")
    await stage.reconciler.look()
    assert stage.reconciler.status.unmanaged == 0
    await asyncio.sleep(86_400)
    await stage.reconciler.look()
    assert stage.reconciler.status.unmanaged == 1
    await stage.reconciler.look()
    assert stage.reconciler.status.unmanaged == 1
    stage.account.calls.clear()
    stage.want(LOCATION, reader())
    await stage.reconciler.look()
    await stage.reconciler.look()
    assert stage.account.calls == ["observe", "nearby"]


async def test_readers_that_apps_drive_are_seen(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LOCATION, OTHER, reader(), heal=True)
    assert stage.reconciler.app_readers("berlin") == []
    await stage.reconciler.look()
    berlin, other = stage.account.objects[Kind.LOCATION]
    m2 = {"device_type": "stripe_m2", "serial_number": "STRM1"}
    here = stage.account.put(Kind.READER, location=berlin, **m2)
    stage.account.put(Kind.READER, location=other, **{**m2, "serial_number": "STRM2"})
    await stage.reconciler.look()
    assert [each.serial_number for each in stage.reconciler.app_readers("berlin")] == ["STRM1"]
    assert stage.reconciler.app_readers("other") == [], "nobody has looked there since"
    stage.want(LOCATION, OTHER, reader())
    await stage.reconciler.look()
    del stage.account.objects[Kind.READER][here]
    await stage.reconciler.look()
    assert stage.reconciler.app_readers("berlin") == []
    assert [each.serial_number for each in stage.reconciler.app_readers("other")] == ["STRM2"]
