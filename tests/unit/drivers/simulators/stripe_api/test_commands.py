"""Reader commands: what they demand and what they show."""

import pytest

from tests.unit.drivers.simulators.stripe_api.caller import CANADA, Caller, FakeClock, helper

CART = {"currency": "EUR", "line_items": [{"amount": 500, "description": "x", "quantity": 2}], "total": 1000}


async def test_only_an_unpaid_intent_can_be_processed(api: Caller) -> None:
    reader = await api.reader()
    paid = await api.paid(reader)
    error = await api.error("POST", reader + "/process_payment_intent", payment_intent=paid["id"])
    assert (error["code"], error["payment_intent"]["status"]) == ("intent_invalid_state", "succeeded")


async def test_an_intent_must_accept_cards_in_person(api: Caller) -> None:
    reader = await api.reader()
    intent = await api.intent(allowed_payment_method_types=["card"])
    error = await api.error("POST", reader + "/process_payment_intent", payment_intent=intent)
    assert "card_present" in error["message"]


async def test_the_currency_must_fit_the_place(api: Caller) -> None:
    reader = await api.reader(address=CANADA)
    error = await api.error("POST", reader + "/process_payment_intent", payment_intent=await api.intent())
    assert error["code"] == "terminal_reader_invalid_location_for_payment"


async def test_tips_cannot_be_skipped_and_limited(api: Caller) -> None:
    config = {"skip_tipping": True, "tipping": {"amount_eligible": 10}}
    reader, intent = await api.reader(), await api.intent()
    error = await api.error(
        "POST", reader + "/process_payment_intent", payment_intent=intent, process_config=config
    )
    assert error["param"] == "process_config[tipping][amount_eligible]"


async def test_the_config_is_shown_but_not_what_stripe_hides(api: Caller) -> None:
    reader, intent = await api.reader(), await api.intent()
    config = {"allow_redisplay": "always", "return_url": "https://example.com"}
    shown = await api.process(reader, intent, process_config=config)
    assert shown["action"]["process_payment_intent"]["process_config"] == {
        "return_url": "https://example.com"
    }
    shown = await api.post(
        reader + "/collect_payment_method", payment_intent=intent, collect_config={"skip_tipping": True}
    )
    assert shown["action"]["collect_payment_method"]["collect_config"] == {"skip_tipping": True}


@pytest.mark.parametrize(
    ("path", "params", "param"),
    [
        ("process_payment_intent", {"payment_intent": "pi_none"}, "payment_intent"),
        ("process_setup_intent", {"setup_intent": "seti_none", "allow_redisplay": "always"}, "setup_intent"),
        ("refund_payment", {"charge": "ch_none"}, "charge"),
    ],
)
async def test_what_is_not_there_is_missing(api: Caller, path: str, params: object, param: str) -> None:
    reader = await api.reader()
    response = await api.send("POST", f"{reader}/{path}", params)
    assert (response.status, response.json()["error"]["param"]) == (404, param)
    missing = await api.error("POST", "/v1/terminal/readers/tmr_none/cancel_action", 404)
    assert missing["code"] == "resource_missing"


async def test_confirming_needs_a_card_collected_here(api: Caller) -> None:
    reader, other, intent = await api.reader(), await api.reader(), await api.intent()
    path = "/confirm_payment_intent"
    assert (await api.error("POST", reader + path, payment_intent=intent))["code"] == "intent_invalid_state"
    await api.post(reader + "/collect_payment_method", payment_intent=intent)
    await api.present(reader)
    assert (await api.error("POST", other + path, payment_intent=intent))["code"] == "intent_invalid_state"
    config = {"return_url": "https://example.com"}
    done = await api.post(reader + path, payment_intent=intent, confirm_config=config)
    assert done["action"]["confirm_payment_intent"]["confirm_config"] == config
    assert done["action"]["status"] == "succeeded"


async def test_a_display_shows_a_cart(api: Caller) -> None:
    reader = await api.reader()
    shown = (await api.post(reader + "/set_reader_display", type="cart", cart=CART))["action"]
    assert shown["set_reader_display"]["cart"]["currency"] == "eur"
    assert shown["set_reader_display"]["cart"]["tax"] is None
    assert (await api.error("POST", reader + "/set_reader_display", type="cart"))["param"] == "cart"
    error = await api.error(
        "POST", reader + "/set_reader_display", type="cart", cart=CART | {"currency": "zzz"}
    )
    assert error["param"] == "cart[currency]"
    floats = CART | {"total": 1.5}
    error = await api.error("POST", reader + "/set_reader_display", type="cart", cart=floats)
    assert error["param"] == "cart[total]"


async def test_inputs_are_answered_or_skipped(api: Caller) -> None:
    reader = await api.reader()
    questions = [
        {"type": "email", "custom_text": {"title": "Mail", "skip_button": "No"}, "required": True},
        {"type": "text", "custom_text": {"title": "Name"}, "toggles": [{"title": "News"}]},
        {
            "type": "selection",
            "custom_text": {"title": "Size", "description": "x" * 400},
            "selection": {"choices": [{"id": "s", "text": "Small"}]},
            "required": True,
        },
    ]
    await api.post(reader + "/collect_inputs", inputs=questions, metadata={"order": "1"})
    done = await api.post(helper(reader) + "/succeed_input_collection", skip_non_required_inputs="all")
    inputs = done["action"]["collect_inputs"]["inputs"]
    assert [question["skipped"] for question in inputs] == [False, True, False]
    assert (inputs[1]["text"]["value"], inputs[1]["toggles"][0]["value"]) == (None, None)
    assert inputs[2]["selection"]["id"] == "s"
    assert done["action"]["collect_inputs"]["metadata"] == {"order": "1"}
    (event,) = (await api.get("/v1/events", type="terminal.reader.action_succeeded"))["data"]
    assert event["data"]["object"]["action"]["type"] == "collect_inputs"
    await api.error("POST", helper(reader) + "/timeout_input_collection")


@pytest.mark.parametrize(
    ("question", "param"),
    [
        ({"type": "selection", "custom_text": {"title": "A"}}, "inputs[0][selection]"),
        (
            {
                "type": "text",
                "custom_text": {"title": "A"},
                "selection": {"choices": [{"id": "a", "text": "b"}]},
            },
            "inputs[0][selection]",
        ),
        (
            {"type": "text", "custom_text": {"title": "A", "description": "x" * 101}},
            "inputs[0][custom_text][description]",
        ),
        ({"type": "text", "custom_text": {"title": "A" * 41}}, "inputs[0][custom_text][title]"),
        ({"type": "song", "custom_text": {"title": "A"}}, "inputs[0][type]"),
    ],
)
async def test_questions_have_rules(api: Caller, question: object, param: str) -> None:
    reader = await api.reader()
    assert (await api.error("POST", reader + "/collect_inputs", inputs=[question]))["param"] == param


async def interac(api: Caller) -> tuple[str, str]:
    reader = await api.reader(address=CANADA)
    intent = await api.intent(currency="cad", allowed_payment_method_types=["interac_present"])
    await api.process(reader, intent)
    await api.present(reader)
    return reader, intent


async def test_interac_refunds_need_the_card(api: Caller, clock: FakeClock) -> None:
    reader, intent = await interac(api)
    config = {"enable_customer_cancellation": True}
    shown = await api.post(
        reader + "/refund_payment", payment_intent=intent, amount=300, refund_payment_config=config
    )
    assert shown["action"]["refund_payment"]["refund_payment_config"] == config
    await api.control(
        "/readers/" + reader.rpartition("/")[2], {"auto_present": {"after": 1, "number": "4506445006931933"}}
    )
    clock.seconds += 1
    action = (await api.get(reader))["action"]
    refund = await api.get(f"/v1/refunds/{action['refund_payment']['refund']}")
    assert (action["status"], refund["amount"], refund["payment_intent"]) == ("succeeded", 300, intent)


async def test_a_declined_interac_refund_makes_no_refund(api: Caller) -> None:
    reader, intent = await interac(api)
    await api.post(reader + "/refund_payment", payment_intent=intent, amount=305)
    shown = await api.present(reader)
    assert (shown["action"]["status"], "refund" in shown["action"]["refund_payment"]) == ("failed", False)
    await api.post(reader + "/refund_payment", payment_intent=intent, amount=300)
    shown = await api.post(helper(reader) + "/present_payment_method", type="card_present")
    assert shown["action"]["api_error"]["decline_code"] == "invalid_account"
    assert (await api.get("/v1/refunds"))["data"] == []


async def test_refunds_in_person_have_rules(api: Caller) -> None:
    reader, intent = await interac(api)
    other = await api.reader()
    paid = await api.paid(other)
    path = reader + "/refund_payment"
    assert (await api.error("POST", path))["code"] == "parameter_missing"
    assert "Interac" in (await api.error("POST", path, payment_intent=paid["id"]))["message"]
    assert (await api.error("POST", path, payment_intent=intent, amount=1001))["param"] == "amount"
    await api.post(path, payment_intent=intent)
    await api.present(reader)
    error = await api.error("POST", path, payment_intent=intent)
    assert error["code"] == "charge_already_refunded"
    in_books = await api.error("POST", "/v1/refunds", payment_intent=intent)
    assert in_books["code"] == "charge_not_refundable"
