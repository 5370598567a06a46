"""04 0F: what a register is told of a transaction, from the session's facts (PA00P015 3.1.1, 9.4)."""

from dataclasses import replace
from datetime import datetime

from agent.payments.model import Session
from agent.pos.register.job import Job
from agent.pos.register.memory import Entry
from agent.pos.register.outcomes import card_type
from agent.pos.register.slip import emv_text
from drivers.contract import Card
from drivers.zvt import results
from drivers.zvt.cards import SEE_TAG_41
from drivers.zvt.charset import encode_text
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.config import CardHandling
from drivers.zvt.currency import NUMBERS
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv
from drivers.zvt.unique_id import id_object
from drivers.zvt.values import pack

HIDDEN = "EEEEEEEEEEEE"
"""Twelve digits that nobody may see; E is a hidden one."""

_ONLINE = b"\x01"

_VERIFICATIONS: tuple[tuple[str, int], ...] = (
    ("offline_pin_and_signature", 0x06),
    ("offline_pin", 0x04),
    ("online_pin", 0x02),
    ("signature", 0x01),
    ("approval", 0x00),
    ("none", 0x00),
    ("failure", 0x00),
)
"""Stripe's cardholder verification methods as values of tag 1F10."""

_PINS = frozenset({0x02, 0x04, 0x06})
_UNKNOWN_CHECK = 0xFF
_SIGNATURE = frozenset({0x01, 0x06})


def verification(session: Session) -> int:
    """Tag 1F10: how the cardholder was checked."""
    told = session.receipt.get("cardholder_verification_method", "")
    if not told:
        return _UNKNOWN_CHECK
    return next((code for name, code in _VERIFICATIONS if told.startswith(name)), _UNKNOWN_CHECK)


def needs_signature(session: Session) -> bool:
    """Whether the customer is to sign the merchant's copy."""
    return verification(session) in _SIGNATURE


def technology(card: Card) -> int:
    """Tag 1F12: 00 stripe, 01 chip, 02 contactless."""
    if card.read_method.startswith("contactless"):
        return 0x02
    return 0x00 if "magnetic" in card.read_method else 0x01


def expiry(card: Card) -> str | None:
    """BMP 0E: YYMM."""
    if not card.exp_month or not card.exp_year:
        return None
    return f"{card.exp_year % 100:02}{card.exp_month:02}"


def approved(job: Job, entry: Entry, session: Session, original: Entry | None = None) -> Message:
    """The 04 0F of something that worked; the entry has its numbers."""
    told = replace(
        _common(job, entry, results.OK),
        receipt=entry.receipt,
        turnover=entry.turnover,
        original_trace=None if original is None else original.trace,
        approval=_approval(session),
        merchant=job.till.contract_number or None,
    )
    card = session.card
    if card is None:
        return _with(job, told, _numbers(job, entry))
    kind = card_type(card.brand)
    entry.card_type = kind
    pin = verification(session) in _PINS
    told = replace(
        told,
        expiry=expiry(card),
        handling=CardHandling.PIN if pin else CardHandling.ONLINE,
        card_number=f"{HIDDEN}{card.last4}" if card.last4.isdigit() else None,
        card_type=min(kind, SEE_TAG_41),
        card_name=card_name(session),
    )
    return _with(job, told, (*_numbers(job, entry), *_emv(job, session, card)))


def declined(job: Job, entry: Entry, result: int, text: str) -> Message:
    """The 04 0F of something that did not work."""
    return replace(_common(job, entry, result), additional=text or None).to_message()


def _common(job: Job, entry: Entry, result: int) -> StatusInformation:
    at = datetime.fromisoformat(entry.at)
    asked = job.message.get(0x49) is not None or job.till.profile.always_currency
    return StatusInformation(
        result=result,
        amount=entry.amount,
        trace=entry.trace,
        time=f"{at:%H%M%S}",
        date=f"{at:%m%d}",
        terminal_id=job.till.memory.facts.terminal_id,
        # only where the request had one (chapter 1.3)
        currency=NUMBERS.get(entry.currency.upper()) if asked else None,
    )


def card_name(session: Session) -> str:
    """BMP 8B: what the card calls itself."""
    brand = "" if session.card is None else session.card.brand
    return session.receipt.get("application_preferred_name", "") or brand.replace("_", " ").title()


def _approval(session: Session) -> str | None:
    code = session.receipt.get("authorization_code", "")
    return code if code and len(code) <= 8 and code.isascii() else None


def _numbers(job: Job, entry: Entry) -> tuple[Tlv, ...]:
    if not job.till.profile.unique_ids or entry.receipt is None:
        return ()
    return (id_object(entry.receipt),)


def _emv(job: Job, session: Session, card: Card) -> tuple[Tlv, ...]:
    """What the chip said, for registers that print receipts of their own."""
    aid = session.receipt.get("dedicated_file_name", "")
    objects: list[Tlv] = []
    try:
        if aid:
            objects.append(Tlv(0x43, bytes.fromhex(aid)))
    except ValueError:
        pass
    check = Tlv(0x1F10, bytes((verification(session),)))
    read = Tlv(0x1F12, bytes((technology(card),)))
    objects.append(Tlv(0x2F, (check, Tlv(0x1F11, _ONLINE), read)))
    if job.till.profile.flat_tags:
        objects += [check, read]
    if card_type(card.brand) >= SEE_TAG_41:
        objects.append(Tlv(0x41, card_type(card.brand).to_bytes(2, "big")))
    if session.amount_tip:
        objects.append(Tlv(0x1F36, pack(session.amount_tip, 6)))
    wanted = job.till.receipt_tags
    name = encode_text(card_name(session), job.till.charset)
    printed = encode_text(emv_text(session), job.till.charset)
    for bit, tag, value in (
        (0x80, 0x42, name),
        (0x40, 0x44, name),
        (0x20, 0x46, printed),
        (0x10, 0x47, printed),
    ):
        if wanted & bit and value:
            objects.append(Tlv(tag, value))
    return tuple(objects)


def _with(job: Job, told: StatusInformation, objects: tuple[Tlv, ...]) -> Message:
    message = told.to_message()
    return message.with_tlv(*objects) if job.tlv and objects else message
