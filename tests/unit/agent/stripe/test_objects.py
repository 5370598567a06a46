"""Reading Stripe's objects: what we need, and nothing breaks on the rest."""

import pytest

from agent.stripe.errors import NoAnswerError
from agent.stripe.objects import (
    Charge,
    Configuration,
    ConnectionToken,
    PaymentIntent,
    Reader,
    ReaderAction,
    parse,
)


def test_a_reference_is_an_object_that_has_only_its_id() -> None:
    intent = parse(PaymentIntent, {"id": "pi_1", "object": "payment_intent", "latest_charge": "ch_1"})
    assert intent.latest_charge == Charge(id="ch_1")
    assert intent.latest_charge.object == ""
    expanded = parse(PaymentIntent, {"id": "pi_1", "latest_charge": {"id": "ch_1", "object": "charge"}})
    assert expanded.latest_charge is not None
    assert expanded.latest_charge.object == "charge"
    assert parse(PaymentIntent, {"id": "pi_1", "latest_charge": None}).latest_charge is None


def test_an_id_is_read_from_an_expanded_object_too() -> None:
    assert parse(Reader, {"id": "tmr_1", "location": {"id": "tml_1"}}).location == "tml_1"
    assert parse(Reader, {"id": "tmr_1", "location": "tml_1"}).location == "tml_1"
    assert parse(Reader, {"id": "tmr_1", "location": None}).location == ""


def test_new_fields_and_new_values_pass_by() -> None:
    reader = parse(
        Reader,
        {
            "id": "tmr_1",
            "device_type": "stripe_t9000",
            "status": "dreaming",
            "brand_new": {"x": [1]},
            "action": {"type": "sing", "status": "humming", "sing": {"song": 1}, "failure_code": None},
        },
    )
    assert (reader.device_type, reader.status) == ("stripe_t9000", "dreaming")
    assert reader.action is not None
    assert (reader.action.type, reader.action.payment_intent, reader.action.failure_code) == (
        "sing",
        None,
        "",
    )


@pytest.mark.parametrize(
    "kind", ["process_payment_intent", "collect_payment_method", "confirm_payment_intent"]
)
def test_the_payment_of_an_action_is_found_whatever_the_action(kind: str) -> None:
    action = parse(ReaderAction, {"type": kind, "status": "in_progress", kind: {"payment_intent": "pi_1"}})
    assert action.payment_intent is not None
    assert (action.payment_intent.id, action.payment_intent.status) == ("pi_1", "")


def test_a_configuration_keeps_its_sections_and_hides_them() -> None:
    data = {
        "id": "tmc_1",
        "object": "terminal.configuration",
        "name": None,
        "is_account_default": False,
        "livemode": False,
        "wifi": {"type": "personal_psk", "personal_psk": {"ssid": "shop", "password": "hunter2"}},
        "tipping": {"eur": {"percentages": [5, 10, 15]}},
    }
    configuration = parse(Configuration, data)
    assert set(configuration.sections) == {"wifi", "tipping"}
    assert configuration.name == ""
    assert "hunter2" not in repr(configuration)
    assert parse(Configuration, configuration.model_dump()) == configuration
    assert parse(Configuration, configuration) == configuration


def test_a_token_hides_itself() -> None:
    token = parse(ConnectionToken, {"object": "terminal.connection_token", "secret": "pst_live_1"})
    assert token.secret.reveal() == "pst_live_1"
    assert "pst_live_1" not in repr(token) + str(token) + token.model_dump_json()


def test_an_answer_of_the_wrong_shape_is_no_answer_and_shows_no_values() -> None:
    with pytest.raises(NoAnswerError, match=r"PaymentIntent: amount, metadata") as caught:
        parse(PaymentIntent, {"id": "pi_1", "amount": "hunter2", "metadata": 7})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_objects_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(Reader, {"id": "tmr_1"}).id = "tmr_2"  # type: ignore[misc]  # frozen on purpose
