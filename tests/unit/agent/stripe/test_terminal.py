"""The calls on devices, against the simulated Stripe."""

import pytest

from agent.stripe.errors import NoAnswerError, RequestRefusedError
from agent.stripe.form import Value
from tests.stripe_store import StripeStore

ADDRESS: Value = {"line1": "Street 1", "city": "City", "postal_code": "10117", "country": "DE"}


async def test_a_look_sees_the_action_and_the_money() -> None:
    store = StripeStore()
    await store.begin()
    api = store.stripe.api
    made = await api.create_payment_intent(
        {"amount": 1200, "currency": "eur", "allowed_payment_method_types": ["card_present"]}, key="k"
    )
    shown = await api.process_payment_intent(store.reader, made.id, key="p")
    assert shown.action is not None
    assert shown.action.payment_intent is not None
    assert shown.action.payment_intent.status == "requires_payment_method"
    await store.stripe.present(store.reader)
    action = (await api.retrieve_reader(store.reader)).action
    assert action is not None
    assert action.payment_intent is not None
    assert action.payment_intent.latest_charge is not None
    details = action.payment_intent.latest_charge.payment_method_details
    assert details is not None
    assert details.card_present is not None
    assert (action.status, details.card_present.last4) == ("succeeded", "4242")


@pytest.mark.parametrize("effect", ["drop_before", "status:500", "status:429"])
async def test_a_reader_command_is_tried_once(effect: str) -> None:
    store = StripeStore()
    await store.begin()
    await store.stripe.fault(effect, path="/v1/terminal/readers/*/cancel_action", times=None)
    with pytest.raises((NoAnswerError, RequestRefusedError)):
        await store.stripe.api.cancel_action(store.reader)
    assert len(store.stripe.exchange.sent) == 1


async def test_the_display_shows_a_cart() -> None:
    store = StripeStore()
    await store.begin()
    item: Value = {"description": "Tea", "amount": 300, "quantity": 1}
    shown = await store.stripe.api.set_reader_display(
        store.reader, {"currency": "eur", "total": 300, "line_items": [item]}
    )
    assert shown.action is not None
    assert shown.action.type == "set_reader_display"
    assert (await store.stripe.api.cancel_action(store.reader)).action is None


async def test_locations_come_and_go() -> None:
    api = StripeStore().stripe.api
    made = await api.create_location({"display_name": "Store", "address": ADDRESS}, key="k")
    assert made.address["country"] == "DE"
    renamed = await api.update_location(made.id, {"display_name": "Shop", "metadata": {"a": "b"}})
    assert (renamed.display_name, renamed.metadata) == ("Shop", {"a": "b"})
    assert await api.retrieve_location(made.id) == renamed
    assert [location.id for location in await api.list_locations()] == [made.id]
    assert (await api.delete_location(made.id)).deleted
    assert (await api.retrieve_location(made.id)).deleted


async def test_readers_come_and_go() -> None:
    store = StripeStore()
    await store.begin()
    api = store.stripe.api
    location = (await api.list_locations())[0].id
    other = await api.register_reader({"registration_code": "simulated-wpe", "location": location}, key="k")
    assert (await api.update_reader(other.id, {"label": "Two"})).label == "Two"
    assert [reader.id for reader in await api.list_readers()] == [other.id, store.reader]
    assert len(await api.list_readers(location=location)) == 2
    assert [r.id for r in await api.list_readers(serial_number=other.serial_number)] == [other.id]
    assert (await api.delete_reader(other.id)).deleted
    with pytest.raises(RequestRefusedError) as caught:
        await api.delete_reader("tmr_gone")
    assert (caught.value.code, caught.value.permanent) == ("resource_missing", True)


async def test_configurations_come_and_go() -> None:
    api = StripeStore().stripe.api
    file = await api.upload_file("terminal_reader_splashscreen", "splash.png", b"\x89PNG\r\n\x1a\n", key="f")
    assert file.purpose == "terminal_reader_splashscreen"
    tipping: Value = {"eur": {"percentages": [5, 10, 15]}}
    made = await api.create_configuration(
        {"name": "default", "tipping": tipping, "stripe_s700": {"splashscreen": file.id}}, key="k"
    )
    assert set(made.sections) >= {"tipping", "stripe_s700"}
    changed = await api.update_configuration(made.id, {"tipping": ""})
    assert "tipping" not in changed.sections
    assert (await api.retrieve_configuration(made.id)).name == "default"
    assert made.id in [found.id for found in await api.list_configurations()]
    (default,) = await api.list_configurations(account_default=True)
    assert default.is_account_default
    assert (await api.delete_configuration(made.id)).deleted


async def test_a_connection_token_is_always_fresh() -> None:
    api = StripeStore().stripe.api
    location = await api.create_location({"display_name": "Store", "address": ADDRESS}, key="k")
    first = await api.create_connection_token(location=location.id)
    second = await api.create_connection_token(location=location.id)
    assert first.location == location.id
    assert first.secret != second.secret
    assert (await api.create_connection_token()).location == ""
