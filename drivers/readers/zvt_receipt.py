"""The receipt of a payment: as the terminal printed it through us, or built from its 04 0F (PA00P015 6)."""

from collections.abc import Mapping

from drivers.zvt.charset import Charset, decode_text, guess_charset
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.config import ReceiptKind
from drivers.zvt.currency import amount_text
from drivers.zvt.message import Message
from drivers.zvt.receipts import read_print
from drivers.zvt.values import ANY_RECEIPT

_KINDS: Mapping[int | None, str] = {
    ReceiptKind.MERCHANT: "merchant_text",
    ReceiptKind.CUSTOMER: "customer_text",
    ReceiptKind.ADMINISTRATION: "administration_text",
}
_ORDER = ("customer_text", "merchant_text")
"""What receipts are that the terminal does not name: customers get the first."""

_CHECKS = {
    0x00: "none",
    0x01: "signature",
    0x02: "online_pin",
    0x03: "offline_pin",
    0x04: "offline_pin",
    0x05: "offline_pin_and_signature",
    0x06: "offline_pin_and_signature",
    0x07: "online_pin_and_signature",
}

TEXT_MAX = 32_768
"""Characters kept of one receipt: it goes into the journal, and a broken terminal may print for ever."""


class Paper:
    """Collects the print commands of one command of ours."""

    def __init__(self, charset: Charset | None) -> None:
        self._charset = charset
        self._texts: dict[str, list[str]] = {}
        self._size = 0
        self._kind: int | None = None

    def print(self, message: Message) -> None:
        """Take one 06 D1 or 06 D3."""
        printed = read_print(message, self._charset)
        if printed.kind is not None:
            self._kind = printed.kind
        name = _KINDS.get(self._kind) or self._unnamed()
        lines = self._texts.setdefault(name, [])
        for line in printed.lines:
            self._size += len(line.text) + 1
            if self._size <= TEXT_MAX:
                lines.append(line.text)
        if printed.ends:
            self._finish(name)

    @property
    def texts(self) -> dict[str, str]:
        """The receipts, by what they are."""
        return {_name(name): "\n".join(lines).strip("\n") for name, lines in self._texts.items() if lines}

    def _unnamed(self) -> str:
        """Receipts without a kind: the one that is not ended yet, else the next."""
        done = sum(1 for name in self._texts if name.endswith(_DONE))
        return f"{_ORDER[min(done, len(_ORDER) - 1)]}{_OPEN}"

    def _finish(self, name: str) -> None:
        self._kind = None
        if name.endswith(_OPEN):
            lines = self._texts.pop(name)
            self._texts.setdefault(name.removesuffix(_OPEN) + _DONE, []).extend(lines)


_OPEN, _DONE = " (open)", " (done)"


def _name(key: str) -> str:
    return key.removesuffix(_OPEN).removesuffix(_DONE)


def text_of(message: Message, number: int, charset: Charset | None) -> str:
    """A text field in the character set the terminal really uses."""
    raw = message.get(number)
    if not raw:
        return ""
    return decode_text(raw, charset or guess_charset(raw)).strip("\0 ")


def facts(message: Message, charset: Charset | None) -> dict[str, str]:
    """What a receipt has to name, by the same words for every kind of reader where there are any."""
    status = StatusInformation.from_message(message)
    found = {
        "authorization_code": status.approval or "",
        "application_preferred_name": text_of(message, 0x8B, charset),
        "dedicated_file_name": status.aid.hex().upper() if status.aid else "",
        "cardholder_verification_method": _CHECKS.get(status.cardholder_check or 0, "")
        if status.cardholder_check is not None
        else "",
        "merchant_number": (status.merchant or "").strip(),
        "additional_text": text_of(message, 0x3C, charset),
        "terminal_date": status.date or "",
        "terminal_time": status.time or "",
        "emv_data": _emv(message, charset),
    }
    return {name: value for name, value in found.items() if value}


def _emv(message: Message, charset: Charset | None) -> str:
    raw = message.find_bytes(0x46) or message.find_bytes(0x47)
    return decode_text(raw, charset or guess_charset(raw)).strip("\0") if raw else ""


def built(message: Message, *, what: str, amount: int, currency: int, charset: Charset | None) -> str:
    """A receipt from 04 0F with everything that chapter 6 demands; `amount` in minor units."""
    status = StatusInformation.from_message(message)
    told = facts(message, charset)
    lines = [what, amount_text(amount, status.currency or currency)]
    rows = (
        ("Terminal", status.terminal_id),
        ("Date", _date(status.date)),
        ("Time", _time(status.time)),
        ("Trace", _padded(status.trace_number, 6)),
        ("Receipt", None if status.receipt == ANY_RECEIPT else _padded(status.receipt, 4)),
        ("Host result", None if status.host_result is None else f"{status.host_result:02X}"),
        ("Card", told.get("application_preferred_name")),
        ("Number", shown_number(status.card_number)),
        ("Sequence", status.card_sequence),
        ("Approval", status.approval),
        ("Merchant", told.get("merchant_number")),
    )
    lines += [f"{name}: {value}" for name, value in rows if value]
    lines += [told[name] for name in ("additional_text", "emv_data") if name in told]
    return "\n".join(lines)


def shown_number(number: str | None) -> str:
    """A card number with all but its last four digits hidden, however much the terminal showed."""
    last4 = last_digits(number)
    return f"{'*' * 12}{last4}" if last4 else ""


def last_digits(number: str | None) -> str:
    """The last four digits of a card number; "" where they are masked."""
    last4 = (number or "").split("D")[0][-4:]
    return last4 if len(last4) == 4 and last4.isdigit() else ""


def _date(text: str | None) -> str:
    return f"{text[:2]}-{text[2:]}" if text else ""


def _time(text: str | None) -> str:
    return f"{text[:2]}:{text[2:4]}:{text[4:]}" if text else ""


def _padded(number: int | None, digits: int) -> str | None:
    return f"{number:0{digits}}" if number else None
