"""The parameters of SetupIntents that matter in person."""

from typing import Final

from drivers.simulators.stripe_api.method_types import allowed, excludable
from drivers.simulators.stripe_api.shapes import (
    CREATED,
    EXPAND,
    PAGED,
    Array,
    Boolean,
    Choice,
    Hash,
    Metadata,
    NotSimulated,
    Shape,
    Text,
)

_ONLINE: Final = NotSimulated("it belongs to cards saved without a reader")
_READER: Final = NotSimulated("a SetupIntent for a reader is confirmed by the reader")
_FLOWS: Final = Array(Choice("inbound", "outbound"))
_COMMON: Final[dict[str, Shape]] = {
    "attach_to_self": Boolean(),
    "customer": Text(),
    "customer_account": Text(),
    "description": Text(1000),
    "flow_directions": _FLOWS,
    "metadata": Metadata(),
    "expand": EXPAND,
    "payment_method": _ONLINE,
    "payment_method_configuration": _ONLINE,
    "payment_method_data": _ONLINE,
    "payment_method_options": _ONLINE,
}
CREATE: Final = Hash(
    _COMMON
    | {
        "allowed_payment_method_types": allowed(),
        "automatic_payment_methods": Hash(
            {"enabled*": Boolean(), "allow_redirects": Choice("always", "never")}
        ),
        "confirm": Boolean(),
        "excluded_payment_method_types": excludable(),
        "on_behalf_of": Text(),
        "usage": Choice("off_session", "on_session"),
        "confirmation_token": _ONLINE,
        "mandate_data": _ONLINE,
        "return_url": _ONLINE,
        "single_use": _ONLINE,
        "use_stripe_sdk": _ONLINE,
    }
)
UPDATE: Final = Hash(
    _COMMON
    | {
        "allowed_payment_method_types": allowed(clears=True),
        "excluded_payment_method_types": excludable(clears=True),
    }
)
RETRIEVE: Final = Hash({"client_secret": Text(), "expand": EXPAND})
LIST: Final = Hash(
    PAGED
    | {
        "attach_to_self": Boolean(),
        "created": CREATED,
        "customer": Text(),
        "customer_account": Text(),
        "payment_method": Text(),
    }
)
CONFIRM: Final = Hash(
    {
        "allowed_payment_method_types": _READER,
        "confirmation_token": _READER,
        "mandate_data": _READER,
        "payment_method": _READER,
        "payment_method_data": _READER,
        "payment_method_options": _READER,
        "return_url": _READER,
        "use_stripe_sdk": _READER,
        "expand": EXPAND,
    }
)
CANCEL: Final = Hash(
    {"cancellation_reason": Choice("abandoned", "duplicate", "requested_by_customer"), "expand": EXPAND}
)
