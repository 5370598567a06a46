"""04 0F from a session's facts."""

from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from agent.payments.model import Order, PosKey, Session, State, TillName
from agent.pos.register.profiles import PROFILES
from agent.pos.register.status import card_name, expiry, needs_signature, technology, verification
from drivers.contract import Card, Money, ReaderName, SessionId
from drivers.zvt.fields import STATUS_ORDER
from tests.register_shop import STATUS, RegisterShop

NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)


def session(card: Card | None = None, **receipt: str) -> Session:
    order = Order(TillName("kasse-1"), PosKey("k"), ReaderName("till-1"), Money(1000, "eur"))
    made = Session(SessionId("ses_1"), order, State.PAID, 1, NOON, NOON)
    return made.but({"card": card, "receipt": MappingProxyType(receipt)})


@pytest.mark.parametrize(
    ("told", "code", "signs"),
    [
        ("offline_pin", 4, False),
        ("offline_pin_and_signature", 6, True),
        ("online_pin", 2, False),
        ("signature", 1, True),
        ("approval", 0, False),
        ("none", 0, False),
        ("by palm", 0xFF, False),
        ("", 0xFF, False),
    ],
)
def test_how_the_cardholder_was_checked(told: str, code: int, signs: bool) -> None:
    sold = session(Card(), cardholder_verification_method=told) if told else session(Card())
    assert (verification(sold), needs_signature(sold)) == (code, signs)


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("contact_emv", 1),
        ("contactless_emv", 2),
        ("contactless_magstripe_mode", 2),
        ("magnetic_stripe_track2", 0),
    ],
)
def test_how_the_card_was_read(method: str, code: int) -> None:
    assert technology(Card(read_method=method)) == code


def test_small_facts_of_a_card() -> None:
    assert expiry(Card(exp_month=3, exp_year=2031)) == "3103"
    assert expiry(Card()) is None
    assert card_name(session()) == ""
    assert card_name(session(Card(brand="eftpos_au"))) == "Eftpos Au"
    assert card_name(session(Card(brand="visa"), application_preferred_name="Visa Debit")) == "Visa Debit"


async def test_fields_stand_in_the_documented_order(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, contract_number="VU-1").open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register("8E")
        heard = await register.pay(1000)
        [message] = [each for each in heard.messages if each.command == STATUS]
        numbers = [field.id for field in message.fields]
        assert numbers == [each for each in STATUS_ORDER if each in numbers]
        assert {
            0x27,
            0x04,
            0x0B,
            0x0C,
            0x0D,
            0x0E,
            0x19,
            0x22,
            0x29,
            0x3B,
            0x49,
            0x87,
            0x8A,
            0x2A,
            0x88,
            0x8B,
        } <= {*numbers}


async def test_receipt_tags_are_there_when_the_register_asked(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        for wanted, there in (("F0", True), ("00", False)):
            await register.register("0E", f"06 03 40 01 {wanted}")
            await shop.customer()
            heard = await register.pay(1000)
            message = next(each for each in heard.messages if each.command == STATUS)
            for tag in (0x42, 0x44, 0x46, 0x47):
                assert (message.find_bytes(tag) is not None) == there
            printed = message.find_bytes(0x47)
            assert printed is None or b"AID A000000003" in printed


async def test_some_registers_look_for_tags_at_the_top_and_for_the_currency(tmp_path: Path) -> None:
    profile = PROFILES["card-complete"]
    async with RegisterShop(tmp_path, profile=profile).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register("0E", "06 00")
        heard = await register.run("06 01 07 04 00 00 00 00 10 00")
        assert (heard.status.technology, heard.status.technology_nested) == (2, 2)
        assert heard.status.currency is None
    (tmp_path / "b").mkdir()
    async with RegisterShop(tmp_path / "b", profile=PROFILES["currency-always"]).open() as shop:
        await shop.customer()
        heard = await shop.register().run("06 01 07 04 00 00 00 00 10 00")
        assert heard.status.currency == 978
        closed = await shop.register().run("06 50 03 00 00 00")
        assert closed.status.currency == 978


async def test_a_register_of_the_old_kind_gets_plain_fields(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, profile=PROFILES["old"]).open() as shop:
        await shop.customer(after=15.0)
        register = shop.register()
        await register.register("8E")
        heard = await register.pay(1000)
        assert heard.end == "06 0F"
        assert not any(message.has_container for message in heard.messages)
        assert heard.prints == [], "it listed blocks only, and cannot have them"
