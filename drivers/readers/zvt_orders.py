"""Which command does what the till wants: pay, hold, book, release, take back, refund."""

from dataclasses import replace

from drivers.contract import Capture, NotStartedError, PaymentRequest
from drivers.readers.zvt_options import Setup
from drivers.readers.zvt_outcome import Wanted
from drivers.readers.zvt_payment import Command
from drivers.readers.zvt_profiles import Reversals
from drivers.zvt.commands.payments import (
    Authorisation,
    BookTotal,
    PreAuthorisation,
    Refund,
    ReleasePreAuthorisation,
    Reversal,
)
from drivers.zvt.config import PaymentType
from drivers.zvt.currency import NUMBERS
from drivers.zvt.message import Message

AUTHORIZE = "authorize"
CAPTURE = "capture"
RELEASE = "release"
REVERSE = "reverse"
REFUND = "refund"
REFUND_REVERSE = "refund_reverse"

ORIGINAL = "refund_of_"
"""Prefix of the references of the sale that a refund gives back."""

AMOUNT_MAX = 999_999_999_999
"""BMP 04 has twelve digits."""


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _currency(setup: Setup, request: PaymentRequest) -> int:
    code = request.money.currency.upper()
    number = NUMBERS.get(code)
    if number is None:
        raise NotStartedError(f"currency {code} has no number in ZVT", code="currency_unsupported")
    if number != setup.currency:
        raise NotStartedError(
            f"{setup.name} is registered for currency {setup.currency:04}, not for {code}",
            code="currency_unsupported",
        )
    return number


def _wanted(setup: Setup, request: PaymentRequest, amount: int | None = None, *, tip: bool = False) -> Wanted:
    amount = request.money.amount if amount is None else amount
    if not 0 < amount <= AMOUNT_MAX:
        raise NotStartedError(f"amount {amount} cannot be said in ZVT", code="amount_unsupported")
    return Wanted(amount, _currency(setup, request), tip)


def authorise(setup: Setup, request: PaymentRequest) -> Command:
    """06 01, or 06 22 where the money is only to be held. Raises `NotStartedError` for what cannot be."""
    profile = setup.profile
    held = request.capture is Capture.MANUAL
    if held and not profile.pre_authorisation:
        raise NotStartedError(
            f"{setup.name} cannot hold money: its profile has no pre-authorisation",
            code="capture_unsupported",
        )
    tip = profile.tips and request.tip is not None and not request.tip.skip and not held
    wanted = _wanted(setup, request, tip=tip)
    kind = profile.payment_type
    if tip:
        kind = (PaymentType.TERMINAL_DECIDES if kind is None else kind) | PaymentType.TIPPABLE

    def make(unique: bytes | None) -> Message:
        if held:
            return PreAuthorisation(wanted.amount, wanted.currency, kind, unique_id=unique).to_message()
        return Authorisation(
            wanted.amount, wanted.currency, kind, goods_timeout_s=profile.goods_timeout_s, unique_id=unique
        ).to_message()

    what = "pre-authorisation" if held else "payment"
    return Command(AUTHORIZE, what, wanted, make, moved=0 if held else wanted.amount)


def _receipt(setup: Setup, number: str | None, what: str) -> int:
    receipt = _number(number)
    if receipt is None:
        raise NotStartedError(
            f"{setup.name} cannot {what}: the terminal gave no receipt number", code="receipt_unknown"
        )
    return receipt


def capture(setup: Setup, request: PaymentRequest, amount: int | None) -> Command:
    """06 24: book what was held, or less of it."""
    receipt = _receipt(setup, request.references.get("receipt_no"), "book it")
    held = _number(request.references.get("booked_amount"))
    wanted = _wanted(setup, request, amount if amount is not None else held)

    def make(unique: bytes | None) -> Message:
        return BookTotal(receipt, wanted.amount, wanted.currency, unique_id=unique).to_message()

    trace = _number(request.references.get("trace_no"))
    return Command(
        CAPTURE,
        "booking",
        wanted,
        make,
        follows=True,
        original_trace=trace,
        moved=wanted.amount,
        prefix=f"{CAPTURE}_",
    )


def release(setup: Setup, request: PaymentRequest) -> Command:
    """06 25: let go of what was held."""
    receipt = _receipt(setup, request.references.get("receipt_no"), "release it")
    wanted = replace(_wanted(setup, request, _number(request.references.get("booked_amount"))), exact=False)

    def make(unique: bytes | None) -> Message:
        return ReleasePreAuthorisation(receipt, wanted.amount, wanted.currency, unique_id=unique).to_message()

    trace = _number(request.references.get("trace_no"))
    return Command(RELEASE, "release", wanted, make, follows=True, original_trace=trace, prefix=f"{RELEASE}_")


def reverse(setup: Setup, request: PaymentRequest) -> Command:
    """06 30 for the session's own sale."""
    receipt = _receipt(setup, request.references.get("receipt_no"), "reverse it")
    wanted = _wanted(setup, request, _number(request.references.get("booked_amount")))
    trace = _number(request.references.get("trace_no"))
    return replace(_reversal(setup, REVERSE, receipt, wanted, trace), prefix=f"{REVERSE}_")


def _reversal(setup: Setup, operation: str, receipt: int, wanted: Wanted, trace: int | None) -> Command:
    def make(unique: bytes | None) -> Message:
        return Reversal(
            setup.password, receipt, wanted.amount, wanted.currency, unique_id=unique
        ).to_message()

    return Command(
        operation, "reversal", wanted, make, follows=True, original_trace=trace, moved=-wanted.amount
    )


def may_reverse(setup: Setup, request: PaymentRequest, terminal_id: str, last_receipt: int | None) -> bool:
    """Whether a refund is of a whole sale that this terminal made and can take back.

    `last_receipt` is the number of the terminal's last transaction, None when that is not certain.
    """
    receipt = _number(request.references.get(f"{ORIGINAL}receipt_no"))
    whole = _number(request.references.get(f"{ORIGINAL}booked_amount"))
    of = request.references.get(f"{ORIGINAL}terminal_id", "")
    if receipt is None or whole != request.money.amount or (of and terminal_id and of != terminal_id):
        return False
    match setup.profile.reversals:
        case Reversals.NONE:
            return False
        case Reversals.LAST:
            return last_receipt == receipt
        case _:
            return True


def refund_by_reversal(setup: Setup, request: PaymentRequest) -> Command:
    """06 30 for the sale that a refund gives back."""
    receipt = _receipt(setup, request.references.get(f"{ORIGINAL}receipt_no"), "reverse it")
    trace = _number(request.references.get(f"{ORIGINAL}trace_no"))
    return _reversal(setup, REFUND_REVERSE, receipt, _wanted(setup, request), trace)


def refund(setup: Setup, request: PaymentRequest) -> Command:
    """06 31: money back to the card that is shown, tied to no sale."""
    if not setup.profile.refunds:
        raise NotStartedError(
            f"{setup.name} cannot refund this sale: only its last whole sale can be taken back",
            code="refund_unsupported",
        )
    wanted = _wanted(setup, request)

    def make(unique: bytes | None) -> Message:
        return Refund(setup.password, wanted.amount, wanted.currency, unique_id=unique).to_message()

    return Command(REFUND, "refund", wanted, make, moved=-wanted.amount)
