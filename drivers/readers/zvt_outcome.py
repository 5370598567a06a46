"""What a 04 0F or a result code means in the words of the contract; pure judgement."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.contract import NOTHING, Card, Outcome, Verdict
from drivers.readers.zvt_receipt import last_digits, text_of
from drivers.zvt import results
from drivers.zvt.cards import brand, card_type_text
from drivers.zvt.charset import Charset
from drivers.zvt.commands.reports import Abort, StatusInformation
from drivers.zvt.message import Message
from drivers.zvt.values import AMOUNT, ANY_RECEIPT

_TIP = 0x1F36
_METHODS = {0x00: "magnetic_stripe", 0x01: "contact_emv", 0x02: "contactless_emv"}
_LOCAL = frozenset({"unknown"})

NOT_ABLE = frozenset(
    {
        0x51, 0x62, 0x6A, results.NOT_REGISTERED, results.WRONG_CURRENCY, results.UNKNOWN_COMMAND, 0x85,
        0x89, results.PROTOCOL_ERROR, 0x9B, results.PLEASE_WAIT, results.BUSY, 0xA1, 0xA3, 0xB1, 0xB2, 0xBF,
        0xC0, 0xC1, 0xC2, 0xC4, 0xC5, 0xC6, results.PRINTER_NOT_READY, 0xDF, 0xE0, 0xE2, 0xE3, 0xE4, 0xF0,
        0xF5, 0xF6, 0xFC, 0xFE,
    }
)  # fmt: skip
"""Codes by which the terminal says that it cannot take payments, whatever the card is."""


def code_name(code: int) -> str:
    """A result code as a word for machines."""
    return f"zvt_{code:02x}"


def status_number(status: StatusInformation) -> int:
    """The result code that counts: a host's code in A0 stands behind a 00 in 27."""
    return status.result or status.host_result or results.OK


def why(message: Message | None, code: int, charset: Charset | None = None) -> str:
    """Why something failed, in the terminal's own words if it has any."""
    if message is not None:
        said = text_of(message, 0x3C, charset)
        if not said and message.command == Abort.COMMAND:
            said = Abort.from_message(message).error_text or ""
        if said:
            return said
    return results.result_text(code)


def refused(code: int, message: Message | None, charset: Charset | None = None) -> Outcome:
    """The outcome of a command that moved nothing, by its result code."""
    text = why(message, code, charset)
    if code == results.ABORTED:
        verdict = Verdict.CANCELED
    elif code in NOT_ABLE:
        verdict = Verdict.FAILED
    else:
        verdict = Verdict.DECLINED
    decline = f"{code:02X}" if verdict is Verdict.DECLINED else ""
    return Outcome(verdict, code=code_name(code), message=text, decline_code=decline)


def references_of(status: StatusInformation) -> dict[str, str]:
    """The terminal's own names for a transaction."""
    found = {
        "terminal_id": status.terminal_id,
        "receipt_no": None if status.receipt in {None, ANY_RECEIPT} else f"{status.receipt:04}",
        "trace_no": f"{status.trace_number:06}" if status.trace_number else None,
        "turnover_no": f"{status.turnover:06}" if status.turnover else None,
    }
    return {name: value for name, value in found.items() if value}


def card_of(message: Message, charset: Charset | None = None) -> Card | None:
    """The card, never its number; None when 04 0F names none."""
    status = StatusInformation.from_message(message)
    kind = status.card_kind
    name = text_of(message, 0x8B, charset)
    if kind is None and not name and not status.card_number:
        return None
    known = brand(kind) if kind is not None else "unknown"
    year, month = _expiry(status.expiry)
    return Card(
        brand=known if known not in _LOCAL else (name or (card_type_text(kind) if kind is not None else "")),
        last4=last_digits(status.card_number),
        read_method=_METHODS.get(status.card_technology, "") if status.card_technology is not None else "",
        exp_month=month,
        exp_year=year,
    )


def _expiry(text: str | None) -> tuple[int | None, int | None]:
    # 9999: the card has no expiry
    if text is None or not text.isdigit() or not 1 <= int(text[2:]) <= 12:
        return None, None
    return 2000 + int(text[:2]), int(text[2:])


def tip_of(message: Message, amount: int, *, offered: bool) -> int | None:
    """The tip within a total: tag 1F36, else what the total is above the amount; None: not offered."""
    raw = message.find_bytes(_TIP)
    said = AMOUNT.decode(raw) if raw is not None else None
    if said is not None:
        return int(said)
    if not offered:
        return None
    total = StatusInformation.from_message(message).amount
    return max(0, total - amount) if total is not None else 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a 04 0F has to say so that we may accept it: minor units and the ISO number of the currency.

    `tip`: the customer may add one. `exact` false: makers disagree on the amount that is told.
    """

    amount: int
    currency: int
    tip: bool = False
    exact: bool = True

    def misfit(self, message: Message) -> str:
        """Why this is not what we asked for; "" when it is."""
        status = StatusInformation.from_message(message)
        if status.currency is not None and status.currency != self.currency:
            return f"currency {status.currency:04} instead of {self.currency:04}"
        if not self.exact or status.amount is None or status.amount == self.amount:
            return ""
        tip = tip_of(message, self.amount, offered=self.tip)
        if self.tip and tip and status.amount == self.amount + tip:
            return ""
        return f"amount {status.amount} instead of {self.amount}"


@dataclass(frozen=True, slots=True)
class Booked:
    """An approved 04 0F as the contract's figures."""

    message: Message
    wanted: Wanted
    charset: Charset | None = None
    receipt: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    @property
    def total(self) -> int:
        """What was moved or held, with the tip."""
        status = StatusInformation.from_message(self.message)
        return self.wanted.amount if status.amount is None or not self.wanted.exact else status.amount

    @property
    def references(self) -> dict[str, str]:
        """The terminal's names, and how much it was: a refund of all of it may be a reversal."""
        own = references_of(StatusInformation.from_message(self.message))
        return {**own, "booked_amount": str(self.total)}

    def outcome(self, verdict: Verdict) -> Outcome:
        """PAID, AUTHORIZED or RELEASED, with all that is known."""
        released = verdict is Verdict.RELEASED
        return Outcome(
            verdict,
            amount_authorized=0 if released else self.total,
            amount_captured=self.total if verdict is Verdict.PAID else 0,
            amount_tip=tip_of(self.message, self.wanted.amount, offered=self.wanted.tip),
            references=self.references,
            card=card_of(self.message, self.charset),
            receipt=self.receipt,
        )
