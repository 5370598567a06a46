"""The official `stripe` package against the simulator: everything it can call, and every answer checked."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import stripe

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.server import serve
from drivers.simulators.stripe_api.versions import CURRENT, VERSIONS
from drivers.simulators.stripe_api.wire import SimRequest, SimResponse
from tests.unit.drivers.simulators.stripe_api.caller import CANADA, GERMANY
from tests.unit.drivers.simulators.stripe_api.oracle import OBJECTS, check_object, literals, module

pytestmark = pytest.mark.real_time

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


class RecordingSimulator(StripeSimulator):
    """A simulator that keeps its answers."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[tuple[str, SimResponse]] = []

    async def handle(self, request: SimRequest) -> SimResponse:
        response = await super().handle(request)
        self.answers.append((f"{request.method} {request.path}", response))
        return response


class Sdk:
    """The package's client on a running simulator."""

    def __init__(self, url: str, simulator: RecordingSimulator, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.simulator = simulator
        self.session = session
        self.client = self.open("sk_test_sdk")
        self.v1: Any = self.client.v1

    def open(self, key: str, **options: Any) -> Any:
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.url, "files": self.url},
            http_client=stripe.AIOHTTPClient(session=self.session),
            **options,
        )

    async def reader(self, code: str = "simulated-s700", address: Any = None) -> Any:
        location = await self.v1.terminal.locations.create_async(
            {"display_name": "Shop", "address": address or GERMANY}
        )
        return await self.v1.terminal.readers.create_async(
            {"registration_code": code, "location": location.id, "label": "Till"}
        )

    async def intent(self, amount: int = 1000, **params: Any) -> Any:
        given: Any = {
            "amount": amount,
            "currency": "eur",
            "allowed_payment_method_types": ["card_present"],
        } | params
        return await self.v1.payment_intents.create_async(given)

    async def present(self, reader: Any, number: str | None = None, **params: Any) -> Any:
        given: Any = (
            params
            if number is None
            else params | {"type": "card_present", "card_present": {"number": number}}
        )
        return await self.v1.test_helpers.terminal.readers.present_payment_method_async(reader.id, given)

    async def paid(self, reader: Any, number: str | None = None, amount: int = 1000, **params: Any) -> Any:
        intent = await self.intent(amount, **params)
        await self.v1.terminal.readers.process_payment_intent_async(reader.id, {"payment_intent": intent.id})
        await self.present(reader, number)
        return await self.v1.payment_intents.retrieve_async(
            intent.id, {"expand": ["latest_charge.payment_method"]}
        )

    def check(self) -> int:
        """Compare every answer so far with the package's classes; how many objects there were."""
        count = 0
        for where, response in self.simulator.answers:
            if response.headers["content-type"] != "application/json":
                continue
            body = response.json()
            if "error" in body or "/_sim" in where:
                continue
            assert check_object(body) == [], where
            count += 1
            for event in body.get("data", []) if body["object"] == "list" else []:
                if event["object"] == "event":
                    assert check_object(event["data"]["object"]) == [], event["type"]
        return count


@pytest_asyncio.fixture
async def sdk() -> AsyncIterator[Sdk]:
    simulator = RecordingSimulator()
    serving = await serve(simulator, port=0)
    async with aiohttp.ClientSession() as session:
        found = Sdk(serving.url, simulator, session)
        yield found
    await serving.close()
    assert found.check() > 0


async def test_locations(sdk: Sdk) -> None:
    locations = sdk.v1.terminal.locations
    made = await locations.create_async(
        {"display_name": "One", "address": GERMANY, "metadata": {"name": "one"}, "phone": "+49301234567"}
    )
    assert made.id.startswith("tml_")
    changed = await locations.update_async(
        made.id, {"display_name": "Two", "metadata": {"name": "", "k": "v"}}
    )
    assert (changed.display_name, changed.metadata["k"]) == ("Two", "v")
    assert "name" not in changed.metadata.to_dict()
    assert (await locations.retrieve_async(made.id)).address.city == "Berlin"
    japan = await locations.create_async(
        {
            "display_name_kanji": "店",
            "address_kanji": {"postal_code": "1500001", "town": "神宮前", "line1": "1"},
        }
    )
    assert japan.address.country == "JP"
    gone = await locations.delete_async(made.id)
    assert gone.deleted is True
    assert (await locations.retrieve_async(made.id)).deleted is True


async def test_paging_through_everything(sdk: Sdk) -> None:
    locations = sdk.v1.terminal.locations
    made = [
        (await locations.create_async({"display_name": f"L{index}", "address": GERMANY})).id
        for index in range(7)
    ]
    page = await locations.list_async({"limit": 3})
    assert page.has_more is True
    assert [row.id async for row in page.auto_paging_iter()] == made[::-1]
    back = await locations.list_async({"limit": 2, "ending_before": made[3]})
    assert [row.id for row in back.data] == [made[5], made[4]]
    assert [row.id async for row in back.auto_paging_iter()] == [made[4], made[5], made[6]]


async def test_searching_through_everything(sdk: Sdk) -> None:
    made = [(await sdk.intent(metadata={"gateway": "g1"})).id for _ in range(5)]
    async with sdk.session.post(f"{sdk.url}/_sim/clock", json={"advance": 60}) as reply:
        assert reply.status == 200
    page = await sdk.v1.payment_intents.search_async({"query": 'metadata["gateway"]:"g1"', "limit": 2})
    assert [each.id async for each in page.auto_paging_iter()] == made[::-1]


async def test_connection_tokens(sdk: Sdk) -> None:
    reader = await sdk.reader()
    first = await sdk.v1.terminal.connection_tokens.create_async()
    second = await sdk.v1.terminal.connection_tokens.create_async({"location": reader.location})
    assert first.secret != second.secret
    assert second.location == reader.location


async def test_readers(sdk: Sdk) -> None:
    readers = sdk.v1.terminal.readers
    reader = await sdk.reader("simulated-wpe")
    await sdk.reader("simulated-v660p")
    assert reader.device_type == "simulated_wisepos_e"
    assert (await readers.update_async(reader.id, {"label": "", "metadata": {"a": "b"}})).metadata["a"] == "b"
    found = await readers.list_async({"serial_number": reader.serial_number, "expand": ["data.location"]})
    assert isinstance(found.data[0].location, stripe.terminal.Location)
    assert len((await readers.list_async({"device_type": "simulated_verifone_v660p"})).data) == 1
    assert len((await readers.list_async({"status": "online", "location": reader.location})).data) == 1
    assert (await readers.delete_async(reader.id)).deleted is True


async def test_a_payment_and_its_receipt(sdk: Sdk) -> None:
    reader = await sdk.reader()
    paid = await sdk.paid(reader, "4000056655665556", receipt_email="a@example.com", description="Shoes")
    assert paid.status == "succeeded"
    details = paid.latest_charge.payment_method_details.card_present
    assert (details.brand, details.last4, details.funding) == ("visa", "5556", "debit")
    assert details.receipt.dedicated_file_name == "A0000000031010"
    shown = await sdk.v1.terminal.readers.retrieve_async(
        reader.id, {"expand": ["action.process_payment_intent.payment_intent.latest_charge"]}
    )
    assert shown.action.status == "succeeded"
    assert shown.action.process_payment_intent.payment_intent.latest_charge.id == paid.latest_charge.id
    assert [row.id async for row in (await sdk.v1.charges.list_async()).auto_paging_iter()] == [
        paid.latest_charge.id
    ]
    charge = await sdk.v1.charges.update_async(paid.latest_charge.id, {"description": "Boots"})
    assert charge.description == "Boots"


async def test_a_decline_has_its_reason(sdk: Sdk) -> None:
    reader = await sdk.reader()
    intent = await sdk.intent()
    await sdk.v1.terminal.readers.process_payment_intent_async(reader.id, {"payment_intent": intent.id})
    shown = await sdk.present(reader, "4000000000009995")
    assert (shown.action.status, shown.action.failure_code) == ("failed", "card_declined")
    assert shown.action.api_error.decline_code == "insufficient_funds"
    declined = await sdk.v1.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    assert declined.status == "requires_payment_method"
    assert declined.last_payment_error.decline_code == "insufficient_funds"
    assert declined.latest_charge.outcome.type == "issuer_declined"


async def test_a_tip_is_chosen_on_the_reader(sdk: Sdk) -> None:
    configurations, readers = sdk.v1.terminal.configurations, sdk.v1.terminal.readers
    default = (await configurations.list_async({"is_account_default": True})).data[0]
    await configurations.update_async(default.id, {"tipping": {"eur": {"percentages": [5, 10, 15]}}})
    reader, intent = await sdk.reader(), await sdk.intent()
    config = {"tipping": {"amount_eligible": 900}, "enable_customer_cancellation": True}
    given: Any = {"payment_intent": intent.id, "process_config": config}
    shown = await readers.process_payment_intent_async(reader.id, given)
    assert shown.action.process_payment_intent.process_config.tipping.amount_eligible == 900
    await sdk.present(reader, amount_tip=150)
    paid = await sdk.v1.payment_intents.retrieve_async(intent.id)
    assert (paid.amount, paid.amount_received, paid.amount_details.tip.amount) == (1150, 1150, 150)
    collected = await sdk.intent()
    await readers.collect_payment_method_async(reader.id, {"payment_intent": collected.id})
    await sdk.present(reader, amount_tip=70)
    assert (await sdk.v1.payment_intents.retrieve_async(collected.id)).amount_tip == 70


async def test_the_slot_of_a_reader(sdk: Sdk) -> None:
    reader, readers = await sdk.reader(), sdk.v1.terminal.readers
    first, second = await sdk.intent(), await sdk.intent(1002)
    for intent in (first, second):
        await readers.process_payment_intent_async(reader.id, {"payment_intent": intent.id})
    assert (await sdk.present(reader)).action.status == "in_progress"  # a PIN is wanted
    assert (await sdk.present(reader)).action.status == "succeeded"
    assert (await sdk.v1.payment_intents.retrieve_async(first.id)).status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError) as again:
        await readers.process_payment_intent_async(reader.id, {"payment_intent": second.id})
    assert again.value.code == "intent_invalid_state"
    await sdk.session.post(f"{sdk.url}/_sim/readers/{reader.id}", json={"state": "busy:60"})
    with pytest.raises(stripe.InvalidRequestError) as busy:
        await readers.cancel_action_async(reader.id)
    assert busy.value.code == "terminal_reader_busy"
    await sdk.session.post(sdk.url + "/_sim/clock", json={"advance": 61})
    assert (await readers.cancel_action_async(reader.id)).action is None


async def test_a_customer_who_comes_by_himself(sdk: Sdk) -> None:
    reader, intent = await sdk.reader(), await sdk.intent(capture_method="manual")
    await sdk.session.post(f"{sdk.url}/_sim/readers/{reader.id}", json={"auto_present": {"after": 30}})
    await sdk.v1.terminal.readers.process_payment_intent_async(reader.id, {"payment_intent": intent.id})
    await sdk.session.post(sdk.url + "/_sim/clock", json={"advance": 30})
    assert (await sdk.v1.payment_intents.retrieve_async(intent.id)).status == "requires_capture"


async def test_collect_then_confirm(sdk: Sdk) -> None:
    reader, readers = await sdk.reader(), sdk.v1.terminal.readers
    intent = await sdk.intent()
    await readers.collect_payment_method_async(
        reader.id, {"payment_intent": intent.id, "collect_config": {"enable_customer_cancellation": True}}
    )
    shown = await sdk.present(reader)
    assert shown.action.collect_payment_method.payment_method.card_present.brand == "visa"
    updated = await sdk.v1.payment_intents.update_async(intent.id, {"amount": 1100})
    assert updated.status == "requires_confirmation"
    done = await readers.confirm_payment_intent_async(reader.id, {"payment_intent": intent.id})
    assert done.action.status == "succeeded"
    assert (await sdk.v1.payment_intents.retrieve_async(intent.id)).amount_received == 1100


async def test_capture_cancel_and_increment(sdk: Sdk) -> None:
    reader, intents = await sdk.reader(), sdk.v1.payment_intents
    options = {"card_present": {"request_incremental_authorization_support": True}}
    held = await sdk.paid(reader, capture_method="manual", payment_method_options=options)
    assert held.status == "requires_capture"
    assert held.latest_charge.payment_method_details.card_present.capture_before > held.created
    assert (await intents.increment_authorization_async(held.id, {"amount": 1500})).amount_capturable == 1500
    taken = await intents.capture_async(held.id, {"amount_to_capture": 700, "metadata": {"a": "b"}})
    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 700, 0)
    other = await sdk.paid(reader, capture_method="manual")
    released = await intents.cancel_async(other.id, {"cancellation_reason": "requested_by_customer"})
    assert (released.status, released.cancellation_reason) == ("canceled", "requested_by_customer")
    assert {row.id async for row in (await intents.list_async()).auto_paging_iter()} == {held.id, other.id}


async def test_refunds(sdk: Sdk) -> None:
    reader, refunds = await sdk.reader(), sdk.v1.refunds
    paid = await sdk.paid(reader)
    first = await refunds.create_async(
        {"payment_intent": paid.id, "amount": 400, "reason": "requested_by_customer"}
    )
    assert (first.status, first.amount) == ("succeeded", 400)
    second = await refunds.create_async({"charge": paid.latest_charge.id})
    assert second.amount == 600
    assert (await refunds.update_async(first.id, {"metadata": {"a": "b"}})).metadata["a"] == "b"
    listed = await refunds.list_async({"payment_intent": paid.id})
    assert [row.id for row in listed.data] == [second.id, first.id]
    assert (
        await refunds.retrieve_async(first.id, {"expand": ["charge", "payment_intent"]})
    ).charge.refunded is True
    with pytest.raises(stripe.InvalidRequestError):
        await refunds.cancel_async(first.id)
    again = await sdk.v1.charges.retrieve_async(paid.latest_charge.id, {"expand": ["refunds"]})
    assert len(again.refunds.data) == 2


async def test_interac_is_refunded_at_the_reader(sdk: Sdk) -> None:
    reader = await sdk.reader(address=CANADA)
    types = ["card_present", "interac_present"]
    intent = await sdk.intent(currency="cad", allowed_payment_method_types=types)
    await sdk.v1.terminal.readers.process_payment_intent_async(reader.id, {"payment_intent": intent.id})
    await sdk.v1.test_helpers.terminal.readers.present_payment_method_async(
        reader.id, {"type": "interac_present"}
    )
    paid = await sdk.v1.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    assert paid.latest_charge.payment_method_details.interac_present.brand == "interac"
    await sdk.v1.terminal.readers.refund_payment_async(
        reader.id, {"charge": paid.latest_charge.id, "amount": 300, "metadata": {"a": "b"}}
    )
    done = await sdk.v1.test_helpers.terminal.readers.present_payment_method_async(
        reader.id, {"type": "interac_present", "expand": ["action.refund_payment.refund"]}
    )
    assert done.action.refund_payment.refund.amount == 300


async def test_a_card_is_saved_at_the_reader(sdk: Sdk) -> None:
    reader, setups = await sdk.reader(), sdk.v1.setup_intents
    made = await setups.create_async({"allowed_payment_method_types": ["card_present"], "customer": "cus_1"})
    changed = await setups.update_async(made.id, {"description": "Club", "metadata": {"a": "b"}})
    assert changed.status == "requires_payment_method"
    given: Any = {"setup_intent": made.id, "allow_redisplay": "always"}
    for number, status in (("4000000000000002", "failed"), ("4242424242424242", "succeeded")):
        await sdk.v1.terminal.readers.process_setup_intent_async(reader.id, given)
        shown = await sdk.present(
            reader, number, expand=["action.process_setup_intent.setup_intent.latest_attempt"]
        )
        assert shown.action.status == status
    assert shown.action.process_setup_intent.setup_intent.latest_attempt.status == "succeeded"
    saved = await sdk.v1.payment_methods.retrieve_async(shown.action.process_setup_intent.generated_card)
    assert (saved.type, saved.allow_redisplay, saved.card.last4) == ("card", "always", "4242")
    other = await setups.create_async()
    assert (await setups.cancel_async(other.id, {"cancellation_reason": "abandoned"})).status == "canceled"
    assert [row.id async for row in (await setups.list_async()).auto_paging_iter()] == [other.id, made.id]
    with pytest.raises(stripe.InvalidRequestError):
        await setups.confirm_async(other.id)


async def test_display_inputs_and_cancel(sdk: Sdk) -> None:
    reader, readers = await sdk.reader(), sdk.v1.terminal.readers
    cart: Any = {
        "currency": "eur",
        "line_items": [{"amount": 500, "description": "Socks & more", "quantity": 1}],
        "tax": 95,
        "total": 595,
    }
    shown = await readers.set_reader_display_async(reader.id, {"type": "cart", "cart": cart})
    assert shown.action.set_reader_display.cart.line_items[0].description == "Socks & more"
    inputs: Any = [
        {"type": kind, "custom_text": {"title": kind.title()}, "required": kind == "email"}
        for kind in ("email", "numeric", "phone", "signature", "text")
    ]
    inputs[1]["toggles"] = [{"title": "News", "default_value": "enabled"}]
    await readers.collect_inputs_async(reader.id, {"inputs": inputs, "metadata": {"a": "b"}})
    helpers = sdk.v1.test_helpers.terminal.readers
    done = await helpers.succeed_input_collection_async(reader.id, {"skip_non_required_inputs": "none"})
    assert done.action.collect_inputs.inputs[0].email.value
    choice: Any = [
        {
            "type": "selection",
            "custom_text": {"title": "Size"},
            "selection": {
                "choices": [{"id": "s", "text": "Small", "style": "primary"}, {"id": "l", "text": "Large"}]
            },
        }
    ]
    await readers.collect_inputs_async(reader.id, {"inputs": choice})
    assert (await helpers.timeout_input_collection_async(reader.id)).action.status == "failed"
    assert (await readers.cancel_action_async(reader.id)).action is None


async def test_configurations_and_files(sdk: Sdk, tmp_path: Path) -> None:
    picture = tmp_path / "splash.png"
    picture.write_bytes(PNG)
    configurations = sdk.v1.terminal.configurations
    with picture.open("rb") as file:
        splash = await sdk.v1.files.create_async({"purpose": "terminal_reader_splashscreen", "file": file})
    assert (splash.size, splash.type, splash.filename) == (len(PNG), "png", "splash.png")
    assert (await sdk.v1.files.retrieve_async(splash.id)).purpose == "terminal_reader_splashscreen"
    assert len((await sdk.v1.files.list_async({"purpose": "terminal_reader_splashscreen"})).data) == 1
    everything: Any = {
        "name": "Shops",
        "stripe_s700": {"splashscreen": splash.id},
        "tipping": {
            "eur": {"percentages": [5, 10, 15], "fixed_amounts": [1, 2, 3], "smart_tip_threshold": 1000}
        },
        "offline": {"enabled": True},
        "cellular": {"enabled": False},
        "reboot_window": {"start_hour": 23, "end_hour": 1},
        "reader_security": {"admin_menu_passcode": "12345"},
        "wifi": {"type": "personal_psk", "personal_psk": {"ssid": "shop", "password": "secret123"}},
    }
    made = await configurations.create_async(everything)
    assert made.wifi.personal_psk.password == "secret123"
    shown = await configurations.retrieve_async(made.id, {"expand": ["stripe_s700.splashscreen"]})
    assert shown.stripe_s700.splashscreen.size == len(PNG)
    changed = await configurations.update_async(made.id, {"tipping": "", "stripe_s700": "", "wifi": ""})
    assert "tipping" not in changed.to_dict()
    default = (await configurations.list_async({"is_account_default": True})).data[0]
    with pytest.raises(stripe.InvalidRequestError):
        await configurations.delete_async(default.id)
    assert (await configurations.delete_async(made.id)).deleted is True


async def test_events(sdk: Sdk) -> None:
    reader = await sdk.reader()
    await sdk.paid(reader)
    await sdk.paid(reader, "4000000000000002")
    events = [row async for row in (await sdk.v1.events.list_async({"limit": 2})).auto_paging_iter()]
    kinds = [event.type for event in events]
    for kind in ("payment_intent.created", "payment_intent.succeeded", "payment_intent.payment_failed"):
        assert kind in kinds
    types: Any = {"types": ["terminal.reader.action_succeeded", "terminal.reader.action_failed"]}
    found = await sdk.v1.events.list_async(types)
    assert [event.type for event in found.data] == types["types"][::-1]
    assert found.data[0].data.object.id == reader.id
    assert (await sdk.v1.events.retrieve_async(events[0].id)).id == events[0].id
    known = literals(module("_event.py")["Event"].fields["type"])
    assert set(kinds) <= known


async def test_webhook_endpoints(sdk: Sdk) -> None:
    endpoints = sdk.v1.webhook_endpoints
    made = await endpoints.create_async(
        {"url": "http://127.0.0.1:9/", "enabled_events": ["*"], "description": "x"}
    )
    assert made.secret.startswith("whsec_")
    assert "secret" not in (await endpoints.retrieve_async(made.id)).to_dict()
    changed = await endpoints.update_async(
        made.id, {"disabled": True, "enabled_events": ["payment_intent.succeeded"]}
    )
    assert changed.status == "disabled"
    assert len((await endpoints.list_async()).data) == 1
    assert (await endpoints.delete_async(made.id)).deleted is True


async def test_signatures_are_the_packages_own(sdk: Sdk) -> None:
    made = await sdk.v1.webhook_endpoints.create_async(
        {"url": "http://127.0.0.1:9/", "enabled_events": ["payment_intent.created"]}
    )
    intent = await sdk.intent()
    (delivery,) = sdk.simulator.deliveries()
    event = stripe.Webhook.construct_event(delivery.body, delivery.headers["stripe-signature"], made.secret)
    assert event.data.object.id == intent.id


async def test_errors_become_the_right_exceptions(sdk: Sdk) -> None:
    v1 = sdk.v1
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await v1.payment_intents.retrieve_async("pi_none")
    assert (missing.value.code, missing.value.http_status) == ("resource_missing", 404)
    wrong: Any = {"amount": "1.5", "currency": "eur"}
    with pytest.raises(stripe.InvalidRequestError) as invalid:
        await v1.payment_intents.create_async(wrong)
    assert (invalid.value.param, invalid.value.code) == ("amount", "parameter_invalid_integer")
    old: Any = {"amount": 1000, "currency": "eur", "payment_method_types": ["card_present"]}
    with pytest.raises(stripe.InvalidRequestError) as gone:
        await v1.payment_intents.create_async(old)
    assert gone.value.code == "payment_method_types_no_longer_supported"
    intent = await v1.payment_intents.create_async(old, {"stripe_version": "2026-08-26.dahlia"})
    assert intent.payment_method_types == ["card_present"]
    with pytest.raises(stripe.AuthenticationError):
        await sdk.open("sk_live_x").v1.payment_intents.list_async()
    with pytest.raises(stripe.PermissionError):
        await sdk.open("sk_test_x", stripe_account="none").v1.payment_intents.list_async()
    same = {"idempotency_key": "the-same"}
    await v1.payment_intents.create_async({"amount": 1000, "currency": "eur"}, same)
    with pytest.raises(stripe.IdempotencyError):
        await v1.payment_intents.create_async({"amount": 1001, "currency": "eur"}, same)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ("status:500", stripe.APIError),
        ("status:429", stripe.RateLimitError),
        ("status:402", stripe.CardError),
        ("drop_before", stripe.APIConnectionError),
        ("drop_after", stripe.APIConnectionError),
        ("captive_portal", stripe.APIError),
        ("torn_body", aiohttp.ClientPayloadError),
    ],
)
async def test_faults_become_the_right_exceptions(sdk: Sdk, effect: str, expected: type[Exception]) -> None:
    await sdk.session.post(
        sdk.url + "/_sim/faults", json={"effect": effect, "match": {"path": "/v1/payment_intents"}}
    )
    with pytest.raises(expected):
        await sdk.intent()
    executed = effect in ("drop_after", "torn_body")
    assert len((await sdk.v1.payment_intents.list_async()).data) == int(executed)


async def test_a_retry_after_a_lost_answer_makes_no_second_intent(sdk: Sdk) -> None:
    await sdk.session.post(
        sdk.url + "/_sim/faults", json={"effect": "drop_after", "match": {"method": "POST"}}
    )
    client = sdk.open("sk_test_sdk", max_network_retries=2)
    made = await client.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})
    assert made.last_response.headers["idempotent-replayed"] == "true"
    assert len((await sdk.v1.payment_intents.list_async()).data) == 1


async def test_accounts_are_apart(sdk: Sdk) -> None:
    await sdk.intent()
    assert (await sdk.open("rk_test_other").v1.payment_intents.list_async()).data == []
    assert len((await sdk.open("rk_test_sdk").v1.payment_intents.list_async()).data) == 1
    connected = sdk.open("sk_test_sdk", stripe_account="acct_1")
    assert (await connected.v1.payment_intents.list_async()).data == []


async def test_the_synchronous_client_works_as_well(sdk: Sdk) -> None:
    def sell() -> str:
        client: Any = stripe.StripeClient("sk_test_sync", base_addresses={"api": sdk.url}, http_client=http)
        location = client.v1.terminal.locations.create({"display_name": "A", "address": GERMANY})
        reader = client.v1.terminal.readers.create(
            {"registration_code": "simulated-wpe", "location": location.id}
        )
        intent = client.v1.payment_intents.create(
            {"amount": 1000, "currency": "eur", "allowed_payment_method_types": ["card_present"]}
        )
        client.v1.terminal.readers.process_payment_intent(reader.id, {"payment_intent": intent.id})
        client.v1.test_helpers.terminal.readers.present_payment_method(reader.id)
        status: str = client.v1.payment_intents.retrieve(intent.id).status
        return status

    http: Any = stripe.RequestsClient()
    try:
        assert await asyncio.to_thread(sell) == "succeeded"
    finally:
        http.close()


def test_our_versions_are_the_packages_versions() -> None:
    theirs = literals(
        module("params/_webhook_endpoint_create_params.py")["WebhookEndpointCreateParams"].fields[
            "api_version"
        ]
    )
    assert set(VERSIONS) == theirs
    assert stripe.api_version == CURRENT


def test_the_oracle_finds_what_is_wrong() -> None:
    good: dict[str, Any] = {"object": "terminal.connection_token", "secret": "pst_test_1"}
    assert check_object(good) == []
    assert check_object(good | {"surprise": 1}) == ["ConnectionToken.surprise: unknown field"]
    assert check_object({"object": "terminal.connection_token"}) == ["ConnectionToken.secret: missing"]
    assert check_object(good | {"secret": 1}) == ["ConnectionToken.secret: 1 is no str"]
    assert len(OBJECTS) == 13
