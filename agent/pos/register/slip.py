"""Receipts: what stands on them (PA00P015 chapter 6), line by line, in German or English."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from agent.payments.model import Session
from drivers.zvt.cards import card_type_text
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.config import ReceiptKind
from drivers.zvt.currency import NUMBERS, amount_text
from drivers.zvt.receipts import CENTRED, DOUBLE_HEIGHT, DOUBLE_WIDTH, Line
from drivers.zvt.values import TOTAL_KINDS

_GERMAN = "de"

_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "merchant": ("* Händlerbeleg *", "* Merchant copy *"),
        "customer": ("* Kundenbeleg *", "* Customer copy *"),
        "payment": ("Kartenzahlung", "Card payment"),
        "refund": ("Gutschrift", "Refund"),
        "reversal": ("Storno", "Reversal"),
        "hold": ("Reservierung", "Reservation"),
        "booking": ("Buchung der Reservierung", "Booking"),
        "release": ("Auflösung der Reservierung", "Release"),
        "receipt": ("Beleg-Nr.", "Receipt no."),
        "trace": ("TA-Nr.", "Trace no."),
        "approval": ("Genehmigungs-Nr.", "Authorisation"),
        "card": ("Karte", "Card"),
        "tip": ("Trinkgeld", "Tip"),
        "done": ("Zahlung erfolgt", "Approved"),
        "carried out": ("Vorgang ausgeführt", "Carried out"),
        "failed": ("Vorgang abgebrochen", "Not carried out"),
        "signature": ("Unterschrift:", "Signature:"),
        "closing": ("Kassenschnitt", "End of day"),
        "totals": ("Zwischensummen", "Totals"),
        "receipts": ("Belege", "Receipts"),
        "sum": ("Summe", "Sum"),
        "configuration": ("Konfiguration", "Configuration"),
    }
)


def word(name: str, language: str) -> str:
    """A word of receipts: German or, for every other language, English."""
    german, english = _WORDS[name]
    return german if language == _GERMAN else english


_EMV_FIELDS = (
    ("dedicated_file_name", "AID"),
    ("terminal_verification_results", "TVR"),
    ("transaction_status_information", "TSI"),
    ("application_cryptogram", "AC"),
    ("authorization_response_code", "ARC"),
)


def emv_text(session: Session) -> str:
    """Tags 46 and 47: what the chip said, in one line."""
    return " ".join(
        f"{label} {session.receipt[name]}" for name, label in _EMV_FIELDS if session.receipt.get(name)
    )


def transaction(
    told: StatusInformation,
    deed: str,
    kind: ReceiptKind,
    session: Session,
    *,
    language: str,
    header: Sequence[str],
    sign: bool,
) -> list[Line]:
    """One copy of a transaction's receipt, from its 04 0F and what the reader said."""
    copy = "merchant" if kind is ReceiptKind.MERCHANT else "customer"
    currency = NUMBERS.get(session.order.money.currency.upper())
    lines = [Line(text, CENTRED) for text in header]
    lines += [
        Line(word(copy, language), CENTRED),
        Line(word(deed, language), CENTRED),
        Line(""),
        Line(amount_text(told.amount or 0, currency), CENTRED | DOUBLE_WIDTH | DOUBLE_HEIGHT),
    ]
    if session.amount_tip and deed == "payment":
        lines.append(Line(f"{word('tip', language)} {amount_text(session.amount_tip, currency)}"))
    lines += [
        Line(""),
        Line(f"Terminal-ID {told.terminal_id}"),
        Line(f"{word('trace', language)} {told.trace or 0:06}"),
        Line(f"{word('receipt', language)} {told.receipt or 0:04}"),
    ]
    if told.date is not None and told.time is not None:
        lines.append(
            Line(f"{told.date[2:]}.{told.date[:2]}. {told.time[:2]}:{told.time[2:4]}:{told.time[4:]}")
        )
    if told.card_name or told.card_type:
        lines.append(Line(told.card_name or card_type_text(told.card_type or 0)))
    if told.card_number:
        lines.append(Line(f"{word('card', language)} ############{told.card_number[-4:]}"))
    if told.approval:
        lines.append(Line(f"{word('approval', language)} {told.approval}"))
    lines += [
        Line(f"{label} {session.receipt[name]}") for name, label in _EMV_FIELDS if session.receipt.get(name)
    ]
    lines += [Line(""), Line(word("done" if deed == "payment" else "carried out", language), CENTRED)]
    if sign and kind is ReceiptKind.MERCHANT:
        lines += [Line(""), Line(word("signature", language)), Line(""), Line("_" * 24)]
    return lines


def failure(
    title: str, text: str, amount: str, terminal_id: str, *, language: str, header: Sequence[str]
) -> list[Line]:
    """The receipt of a payment that did not work, where the register wants one (tag 1F04)."""
    return [
        *(Line(line, CENTRED) for line in header),
        Line(word(title, language), CENTRED),
        Line(amount),
        Line(f"Terminal-ID {terminal_id}"),
        Line(word("failed", language), CENTRED),
        Line(text),
    ]


def closing(
    told: StatusInformation, title: str, currency: str, *, language: str, header: Sequence[str]
) -> list[Line]:
    """The receipt of an end of day, from its 04 0F."""
    number = NUMBERS.get(currency.upper())
    lines = [Line(text, CENTRED) for text in header]
    lines += [Line(word(title, language), CENTRED), Line(f"Terminal-ID {told.terminal_id}")]
    if told.date is not None and told.time is not None:
        lines.append(Line(f"{told.date[2:]}.{told.date[:2]}. {told.time[:2]}:{told.time[2:4]}"))
    if told.totals is not None:
        first, last = told.totals.first_receipt, told.totals.last_receipt
        lines.append(Line(f"{word('receipts', language)} {first:04} - {last:04}"))
        for name, total in zip(TOTAL_KINDS, told.totals.cards, strict=True):
            if total.transactions:
                lines.append(Line(f"{name} {total.transactions} x {amount_text(total.amount, number)}"))
    return [*lines, Line(f"{word('sum', language)} {amount_text(told.amount or 0, number)}")]
