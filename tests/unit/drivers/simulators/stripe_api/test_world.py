"""The world's clock, ids and events."""

from drivers.simulators.stripe_api.settings import SimulatorSettings
from drivers.simulators.stripe_api.world import World


def make(seed: int = 0) -> World:
    return World(lambda: 1000.5, SimulatorSettings(), seed)


def test_time_moves_with_the_offset_and_stands_for_happenings() -> None:
    world = make()
    world.offset = 10
    assert (world.now(), world.seconds()) == (1010.5, 1010)
    world.at(5.0)
    assert world.now() == 5.0
    world.at(None)
    assert world.now() == 1010.5


def test_ids_are_new_and_repeatable() -> None:
    world = make()
    ids = [world.new_id("x_") for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert ids[:2] == [(again := make()).new_id("x_"), again.new_id("x_")]
    assert make(1).new_id("x_") != ids[0]
    assert len(world.new_id("y_", 14)) == 16


def test_accounts_are_made_once() -> None:
    world = make()
    assert world.account("a") is world.account("a")
    assert world.account("a|acct_9").id == "acct_9"


def test_changes_are_noted_only_for_a_memory() -> None:
    world = make()
    account = world.account("a")
    record = world.add(account, "thing", {"id": "t_1"})
    assert world.dirty == {}
    world.remembers = True
    world.touch(record)
    assert list(world.dirty) == [("a", "thing", "t_1")]
    assert world.everywhere("thing", "t_1") == (account, record)
    assert world.everywhere("thing", "t_2") is None


def test_an_event_is_a_snapshot() -> None:
    world = make()
    account = world.account("a")
    record = world.add(account, "thing", {"id": "t_1", "n": 1})
    world.event(account, "thing.changed", record, n=0)
    record.body["n"] = 2
    (event,) = account.all("event")
    assert event.body["data"] == {"object": {"id": "t_1", "n": 1}, "previous_attributes": {"n": 0}}
    assert event.body["request"] == {"id": None, "idempotency_key": None}
