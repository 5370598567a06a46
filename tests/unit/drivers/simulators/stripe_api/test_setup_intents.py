"""SetupIntents: saving a card at a reader."""

from typing import Any

from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock

PATH = "/v1/setup_intents"
TYPES = {"allowed_payment_method_types": ["card_present", "sepa_debit"]}


async def process(api: Caller, reader: str, intent: str, **params: Any) -> Any:
    return await api.post(
        reader + "/process_setup_intent", setup_intent=intent, allow_redisplay="limited", **params
    )


async def test_a_card_is_saved(api: Caller, clock: FakeClock) -> None:
    reader = await api.reader()
    made = await api.post(PATH, customer="cus_1", attach_to_self=False, metadata={"a": "b"}, **TYPES)
    assert (made["payment_method_types"], made["usage"]) == (["card_present"], "off_session")
    await api.control("/readers/" + reader.rpartition("/")[2], {"auto_present": {"after": 1}})
    config = {"enable_customer_cancellation": True}
    shown = await process(api, reader, made["id"], process_config=config)
    assert shown["action"]["process_setup_intent"] == {"setup_intent": made["id"], "process_config": config}
    clock.seconds += 1
    action = (await api.get(reader))["action"]
    card = await api.get(f"/v1/payment_methods/{action['process_setup_intent']['generated_card']}")
    assert (action["status"], card["customer"], card["allow_redisplay"]) == ("succeeded", "cus_1", "limited")
    done = await api.get(f"{PATH}/{made['id']}", expand=["latest_attempt"])
    details = done["latest_attempt"]["payment_method_details"]["card_present"]
    assert (done["status"], details["generated_card"]) == ("succeeded", card["id"])
    kinds = {event["type"] for event in (await api.get("/v1/events"))["data"]}
    assert kinds == {"setup_intent.created", "setup_intent.succeeded", "terminal.reader.action_succeeded"}
    error = await api.error(
        "POST", reader + "/process_setup_intent", setup_intent=made["id"], allow_redisplay="always"
    )
    assert error["code"] == "intent_invalid_state"


async def test_failing_cards_are_not_saved(api: Caller) -> None:
    reader, made = await api.reader(), await api.post(PATH, **TYPES)
    await process(api, reader, made["id"])
    action = (await api.present(reader, "4000000000000002"))["action"]
    code = "setup_intent_authentication_failure"
    assert (action["status"], action["failure_code"], action["api_error"]["code"]) == ("failed", code, code)
    shown = await api.get(f"{PATH}/{made['id']}")
    assert (shown["status"], shown["last_setup_error"]["code"]) == ("requires_payment_method", code)


async def test_a_canceled_setup_saves_nothing(api: Caller) -> None:
    reader, made = await api.reader(), await api.post(PATH, **TYPES)
    await process(api, reader, made["id"])
    gone = await api.post(f"{PATH}/{made['id']}/cancel", cancellation_reason="duplicate")
    assert (gone["status"], gone["cancellation_reason"]) == ("canceled", "duplicate")
    assert (await api.present(reader))["action"]["failure_code"] == "intent_invalid_state"
    error = await api.error("POST", f"{PATH}/{made['id']}/cancel")
    assert error["code"] == "setup_intent_unexpected_state"


async def test_setups_have_rules(api: Caller) -> None:
    assert (await api.error("POST", PATH, confirm=True))["param"] == "confirm"
    error = await api.error("POST", PATH, allowed_payment_method_types=["sepa_debit"])
    assert error["param"] == "allowed_payment_method_types"
    plain = await api.post(PATH)
    assert plain["payment_method_types"] == ["card"]
    reader = await api.reader()
    error = await api.error(
        "POST", reader + "/process_setup_intent", setup_intent=plain["id"], allow_redisplay="always"
    )
    assert "card_present" in error["message"]
    assert (await api.error("POST", f"{PATH}/{plain['id']}/confirm"))[
        "code"
    ] == "setup_intent_unexpected_state"


async def test_words_can_change(api: Caller) -> None:
    made = await api.post(PATH, **TYPES)
    path = f"{PATH}/{made['id']}"
    changed = await api.post(
        path,
        description="x",
        customer="cus_2",
        excluded_payment_method_types="",
        allowed_payment_method_types="",
        metadata={"a": "b"},
    )
    assert (changed["description"], changed["metadata"]) == ("x", {"a": "b"})
    assert (changed["payment_method_types"], changed["allowed_payment_method_types"]) == (["card"], None)
    assert (await api.get(PATH, customer="cus_2"))["data"] == [changed]
    assert (await api.get(PATH, customer="cus_3"))["data"] == []
    assert await api.get(path) == changed
