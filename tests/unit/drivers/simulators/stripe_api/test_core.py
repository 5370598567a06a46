"""The way of a request through the simulator: order of checks, keys, faults, limits, time."""

import asyncio
from pathlib import Path

import pytest

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.settings import SimulatorSettings
from drivers.simulators.stripe_api.versions import CURRENT
from drivers.simulators.stripe_api.wire import ConnectionDropped, SimRequest
from tests.unit.drivers.simulators.stripe_api.caller import GERMANY, Caller, FakeClock

INTENT = {"amount": 1000, "currency": "eur", "allowed_payment_method_types": ["card_present"]}


async def count(api: Caller) -> int:
    return len((await api.get("/v1/payment_intents", limit=100))["data"])


async def test_every_answer_names_itself(api: Caller) -> None:
    good = await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k1")
    bad = await api.send("GET", "/v1/payment_intents/pi_none")
    assert good.headers["request-id"].startswith("req_")
    assert good.headers["request-id"] != bad.headers["request-id"]
    assert good.headers["stripe-version"] == bad.headers["stripe-version"] == CURRENT
    assert good.headers["idempotency-key"] == "k1"
    assert bad.headers["request-id"] in bad.json()["error"]["request_log_url"]


async def test_a_key_replays_the_first_answer(api: Caller) -> None:
    first = await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    again = await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]
    assert "idempotent-replayed" not in first.headers
    assert await count(api) == 1


async def test_a_key_means_one_request_only(api: Caller) -> None:
    await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    other = await api.send("POST", "/v1/payment_intents", INTENT | {"amount": 1001}, idempotency_key="k")
    assert (other.status, other.json()["error"]["type"]) == (400, "idempotency_error")
    elsewhere = await api.send("POST", "/v1/refunds", {}, idempotency_key="k")
    assert elsewhere.json()["error"]["type"] == "idempotency_error"


async def test_keys_are_ignored_when_reading_and_belong_to_an_account(
    api: Caller, simulator: StripeSimulator
) -> None:
    made = await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    path = f"/v1/payment_intents/{made.json()['id']}"
    assert (await api.send("GET", path, idempotency_key="k")).json()["id"] == made.json()["id"]
    other = await Caller(simulator, "sk_test_two").send(
        "POST", "/v1/payment_intents", INTENT, idempotency_key="k"
    )
    assert other.json()["id"] != made.json()["id"]


async def test_a_parameter_error_is_not_kept(api: Caller) -> None:
    wrong = await api.send("POST", "/v1/payment_intents", INTENT | {"amount": "x"}, idempotency_key="k")
    assert wrong.status == 400
    right = await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    assert right.status == 200


async def test_an_error_of_business_is_kept(api: Caller) -> None:
    reader = await api.reader()
    name = "/readers/" + reader.rpartition("/")[2]
    params = {"payment_intent": await api.intent()}
    await api.control(name, {"state": "offline"})
    first = await api.send("POST", reader + "/process_payment_intent", params, idempotency_key="k")
    await api.control(name, {"state": "online"})
    again = await api.send("POST", reader + "/process_payment_intent", params, idempotency_key="k")
    assert (first.status, again.body) == (400, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    new = await api.send("POST", reader + "/process_payment_intent", params, idempotency_key="k2")
    assert new.status == 200


async def test_keys_are_forgotten_after_a_day(api: Caller, clock: FakeClock) -> None:
    await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    clock.seconds += 24 * 3600
    await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    assert await count(api) == 2


async def test_a_key_in_use_is_a_conflict() -> None:
    simulator = StripeSimulator(now=lambda: 1_700_000_000.0)
    api = Caller(simulator)
    await api.control("/faults", {"effect": "delay:5"})
    async with asyncio.TaskGroup() as group:
        first = group.create_task(
            api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k"), name="first"
        )
        await asyncio.sleep(1)
        second = await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    assert (second.status, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert first.result().status == 200
    assert await count(api) == 1


async def test_a_caller_who_gives_up_during_a_delay_leaves_nothing() -> None:
    api = Caller(StripeSimulator(now=lambda: 1_700_000_000.0))
    await api.control("/faults", {"effect": "delay:5"})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    assert await count(api) == 0
    assert (await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")).status == 200


async def test_a_delayed_answer_was_executed_before() -> None:
    api = Caller(StripeSimulator(now=lambda: 1_700_000_000.0))
    await api.control("/faults", {"effect": "delay_answer:5"})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    again = await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    assert again.headers["idempotent-replayed"] == "true"


async def test_delays_take_the_clock_along(api: Caller, clock: FakeClock) -> None:
    before = clock.seconds
    for effect in ("delay:5", "delay_answer:2"):
        await api.control("/faults", {"effect": effect})
        assert (await api.send("POST", "/v1/payment_intents", INTENT)).status == 200
    assert clock.seconds == before + 7


@pytest.mark.parametrize(("effect", "made"), [("drop_before", 0), ("drop_after", 1), ("torn_body", 1)])
async def test_connections_are_cut(api: Caller, effect: str, made: int) -> None:
    await api.control(
        "/faults", {"effect": effect, "match": {"method": "POST", "path": "/v1/payment_intents"}}
    )
    with pytest.raises(ConnectionDropped) as caught:
        await api.send("POST", "/v1/payment_intents", INTENT)
    partial = caught.value.partial
    if effect == "torn_body":
        assert partial is not None
        assert 0 < len(partial.body) < caught.value.length
    else:
        assert partial is None
    assert await count(api) == made


@pytest.mark.parametrize(
    ("effect", "status", "code", "header"),
    [
        ("status:500", 500, None, None),
        ("status:429", 429, "rate_limit", ("stripe-rate-limited-reason", "global-rate")),
        ("status:429:lock_timeout", 429, "lock_timeout", ("stripe-should-retry", "true")),
        ("status:409:something", 409, "something", None),
    ],
)
async def test_failures_to_order(
    api: Caller, effect: str, status: int, code: str | None, header: tuple[str, str] | None
) -> None:
    await api.control("/faults", {"effect": effect})
    failed = await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
    assert (failed.status, failed.json()["error"].get("code")) == (status, code)
    if header is not None:
        assert failed.headers[header[0]] == header[1]
    assert await count(api) == 0
    assert (await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")).status == 200


async def test_a_stored_failure_is_told_again(api: Caller) -> None:
    await api.control("/faults", {"effect": "status:500", "stored": True})
    for _ in range(2):
        failed = await api.send("POST", "/v1/payment_intents", INTENT, idempotency_key="k")
        assert failed.status == 500
    assert failed.headers["idempotent-replayed"] == "true"


async def test_a_captive_portal_answers_with_a_page(api: Caller) -> None:
    await api.control("/faults", {"effect": "captive_portal"})
    page = await api.send("GET", "/v1/payment_intents")
    assert (page.status, page.headers["content-type"]) == (200, "text/html")


@pytest.mark.parametrize(("effect", "shown"), [("timeout_delivered", True), ("timeout_not_delivered", False)])
@pytest.mark.parametrize("command", ["process_payment_intent", "collect_payment_method"])
async def test_a_reader_timeout_tells_nothing(api: Caller, effect: str, shown: bool, command: str) -> None:
    reader, intent = await api.reader(), await api.intent()
    params = {"payment_intent": intent}
    await api.control("/faults", {"effect": effect})
    failed = await api.send("POST", f"{reader}/{command}", params, idempotency_key="k")
    assert (failed.status, failed.json()["error"]["code"]) == (400, "terminal_reader_timeout")
    action = (await api.get(reader))["action"]
    assert (action is not None and action["status"] == "in_progress") is shown
    again = await api.send("POST", f"{reader}/{command}", params, idempotency_key="k")
    assert again.body == failed.body


@pytest.mark.parametrize(("effect", "left"), [("timeout_delivered", False), ("timeout_not_delivered", True)])
async def test_a_timed_out_cancel_may_have_worked(api: Caller, effect: str, left: bool) -> None:
    reader = await api.reader()
    await api.process(reader, await api.intent())
    await api.control("/faults", {"effect": effect})
    assert (await api.error("POST", reader + "/cancel_action"))["code"] == "terminal_reader_timeout"
    assert ((await api.get(reader))["action"] is not None) is left


async def test_a_timed_out_confirmation_may_have_paid(api: Caller) -> None:
    reader, intent = await api.reader(), await api.intent()
    await api.post(reader + "/collect_payment_method", payment_intent=intent)
    await api.present(reader)
    for effect, status in (
        ("timeout_not_delivered", "requires_confirmation"),
        ("timeout_delivered", "succeeded"),
    ):
        await api.control("/faults", {"effect": effect})
        error = await api.error("POST", reader + "/confirm_payment_intent", payment_intent=intent)
        assert error["code"] == "terminal_reader_timeout"
        assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == status


async def test_what_is_not_there_is_a_404(api: Caller, simulator: StripeSimulator) -> None:
    error = await api.error("GET", "/v1/nonsense", 404)
    assert error["message"].startswith("Unrecognized request URL (GET: /v1/nonsense)")
    await api.error("PATCH", "/v1/payment_intents", 404)
    await api.error("GET", "/", 404)
    headers = api.headers | {"content-type": "application/json"}
    json = await simulator.handle(SimRequest("POST", "/v1/payment_intents", headers, b"{}"))
    assert "content type" in json.json()["error"]["message"]


async def test_unknown_versions_are_refused_and_known_ones_echoed(api: Caller) -> None:
    wrong = await api.send("GET", "/v1/payment_intents", stripe_version="2026-10-28.omega")
    assert wrong.status == 400
    old = await api.send("GET", "/v1/payment_intents", stripe_version="2026-08-26.dahlia; some_beta=v1")
    assert (old.status, old.headers["stripe-version"]) == (200, "2026-08-26.dahlia")


async def test_rates_are_limited_per_operation(clock: FakeClock) -> None:
    api = Caller(StripeSimulator(now=clock.now, settings=SimulatorSettings(rate_limit=2)))
    for _ in range(2):
        await api.get("/v1/payment_intents")
    limited = await api.send("GET", "/v1/payment_intents")
    assert (limited.status, limited.headers["stripe-rate-limited-reason"]) == (429, "endpoint-rate")
    assert (await api.send("GET", "/v1/events")).status == 200
    clock.seconds += 1
    assert (await api.send("GET", "/v1/payment_intents")).status == 200


async def test_the_same_seed_makes_the_same_ids(clock: FakeClock) -> None:
    made = [(await Caller(StripeSimulator(now=clock.now, seed=seed)).intent()) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


async def test_the_next_happening_is_known(api: Caller, simulator: StripeSimulator, clock: FakeClock) -> None:
    assert simulator.next_due() is None
    await api.process(await api.reader(), await api.intent())
    assert simulator.next_due() == clock.seconds + 3600
    await api.control("/clock", {"advance": 600})
    assert simulator.next_due() == clock.seconds + 3000


async def test_what_happens_to_deleted_readers_does_not_matter(api: Caller, clock: FakeClock) -> None:
    reader = await api.reader()
    await api.process(reader, await api.intent())
    await api.delete(reader)
    clock.seconds += 4000
    assert (await api.get(reader))["deleted"] is True


async def test_expanding_is_part_of_every_answer(api: Caller) -> None:
    reader = await api.reader()
    shown = await api.get(reader, expand=["location"])
    assert shown["location"]["address"]["line1"] == GERMANY["line1"]
    assert (await api.error("GET", reader, expand=["label"]))["param"] == "expand"


async def test_a_wrong_expansion_executes_nothing(api: Caller) -> None:
    assert (await api.error("POST", "/v1/payment_intents", expand=["amount"], **INTENT))["param"] == "expand"
    assert await count(api) == 0


async def test_a_simulator_without_memory_can_be_closed(simulator: StripeSimulator, tmp_path: Path) -> None:
    simulator.close()
    other = StripeSimulator(state=tmp_path / "state")
    other.close()
    other.close()
