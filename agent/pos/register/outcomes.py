"""From a session's end to ZVT's result codes (PA00P015 chapter 10), and from brands to card types."""

from collections.abc import Mapping
from types import MappingProxyType

from agent.payments.model import Session, State
from drivers.zvt import results

DECLINED = 0x05
"""The host's plain no."""

HOST_CODES: Mapping[str, int] = MappingProxyType(
    {
        "call_issuer": 0x02,
        "pickup_card": 0x04,
        "do_not_honor": 0x05,
        "do_not_try_again": 0x05,
        "fraudulent": 0x05,
        "generic_decline": 0x05,
        "invalid_account": 0x0E,
        "invalid_number": 0x0E,
        "new_account_information_available": 0x0E,
        "transaction_not_allowed": 0x0A,
        "invalid_amount": 0x0D,
        "amount_too_large": 0x0D,
        "lost_card": 0x29,
        "stolen_card": 0x2B,
        "insufficient_funds": 0x33,
        "expired_card": 0x36,
        "incorrect_pin": 0x37,
        "invalid_pin": 0x37,
        "offline_pin_required": 0x37,
        "online_or_offline_pin_required": 0x37,
        "card_not_supported": 0x39,
        "not_permitted": 0x39,
        "service_not_allowed": 0x39,
        "security_violation": 0x3F,
        "card_velocity_exceeded": 0x41,
        "withdrawal_count_limit_exceeded": 0x41,
        "pin_try_exceeded": 0x4B,
        "issuer_not_available": 0x5B,
        "processing_error": 0x60,
        "reenter_transaction": 0x5F,
        "try_again_later": 0x5F,
        "currency_not_supported": results.WRONG_CURRENCY,
    }
)
"""Stripe's decline codes as the response codes of ISO 8583 that hosts have always sent, two decimal digits
written as the byte of the same value."""

_FAILED: Mapping[str, int] = MappingProxyType(
    {
        "reader_unreachable": 0xA1,
        "reader_busy": results.BUSY,
        "amount_too_small": 0xC8,
        "amount_too_large": 0xC3,
        "not_started": 0x9B,
        "timed_out": results.ABORTED,
    }
)


def result_of(session: Session) -> int:
    """The code of a sale that moved nothing."""
    match session.state:
        case State.DECLINED:
            return HOST_CODES.get(session.decline_code, HOST_CODES.get(session.code, DECLINED))
        case State.FAILED:
            return _FAILED.get(session.code, 0x9B)
        case _:
            return results.ABORTED


CARD_TYPES: Mapping[str, int] = MappingProxyType(
    {
        "girocard": 5,
        "mastercard": 6,
        "amex": 8,
        "visa": 10,
        "diners": 12,
        "jcb": 14,
        "maestro": 46,
        "bancontact": 87,
        "unionpay": 198,
        "discover": 232,
    }
)
"""BMP 8A for the gateway's words for brands."""

_OTHER_CARD = 0
"""No type fits: the name in 8B tells."""


def card_type(brand: str) -> int:
    """BMP 8A for a brand, 0 where the table of the standard has none."""
    return CARD_TYPES.get(brand, _OTHER_CARD)


TOTAL_OF: Mapping[int, str] = MappingProxyType(
    {5: "girocard", 14: "jcb", 6: "mastercard", 46: "mastercard", 8: "amex", 10: "visa", 11: "visa",
     13: "visa", 12: "diners"}
)  # fmt: skip
"""Which column of BMP 60 a card type belongs to; all the rest are "others"."""
