"""The parameters of payments, charges, refunds, events and files that matter in person."""

from typing import Final

from drivers.simulators.stripe_api.method_types import EXCLUDABLE, allowed, excludable
from drivers.simulators.stripe_api.shapes import (
    CREATED,
    EXPAND,
    PAGED,
    Array,
    Boolean,
    Choice,
    Hash,
    Integer,
    Metadata,
    NotSimulated,
    Shape,
    Text,
)

_ONLINE: Final = NotSimulated("it belongs to payments without a reader")
_NO_LINES: Final = NotSimulated("line items of a payment are not kept")

ADDRESS: Final = Hash({key: Text() for key in ("city", "country", "line1", "line2", "postal_code", "state")})
_SHIPPING: Final[dict[str, Shape]] = {
    "address*": ADDRESS,
    "name*": Text(),
    "carrier": Text(),
    "phone": Text(),
    "tracking_number": Text(),
}
_AMOUNT_DETAILS: Final[dict[str, Shape]] = {
    "discount_amount": Integer(0, clears=True),
    "enforce_arithmetic_validation": Boolean(),
    "line_items": _NO_LINES,
    "shipping": Hash(
        {
            "amount": Integer(0, clears=True),
            "from_postal_code": Text(10, clears=True),
            "to_postal_code": Text(10, clears=True),
        },
        clears=True,
    ),
    "tax": Hash({"total_tax_amount*": Integer(0)}, clears=True),
}
_PAYMENT_DETAILS: Final[dict[str, Shape]] = {
    "customer_reference": Text(25, clears=True),
    "order_reference": Text(25, clears=True),
}
_CARD_PRESENT: Final = Hash(
    {
        "capture_method": Choice("manual", "manual_preferred"),
        "request_extended_authorization": Boolean(),
        "request_incremental_authorization_support": Boolean(),
        "routing": Hash({"requested_priority": Choice("domestic", "international")}),
    },
    clears=True,
)
_OPTIONS: Final = Hash(
    {"card_present": _CARD_PRESENT, "interac_present": Hash({}, clears=True)}
    | dict.fromkeys((*EXCLUDABLE, "link"), _ONLINE)
)
_TYPES: Final = Array(Text())
_FUTURE: Final = ("off_session", "on_session")
_CAPTURE_METHOD: Final = Choice("automatic", "automatic_async", "manual")

INTENT_CREATE: Final = Hash(
    {
        "amount*": Integer(),
        "currency*": Text(),
        "allowed_payment_method_types": allowed(),
        "payment_method_types": _TYPES,
        "automatic_payment_methods": Hash(
            {"enabled*": Boolean(), "allow_redirects": Choice("always", "never")}
        ),
        "excluded_payment_method_types": excludable(),
        "amount_details": Hash(_AMOUNT_DETAILS),
        "application_fee_amount": Integer(0),
        "capture_method": _CAPTURE_METHOD,
        "confirm": Boolean(),
        "confirmation_method": Choice("automatic", "manual"),
        "customer": Text(),
        "customer_account": Text(),
        "description": Text(1000),
        "metadata": Metadata(),
        "on_behalf_of": Text(),
        "payment_details": Hash(_PAYMENT_DETAILS),
        "payment_method_options": _OPTIONS,
        "receipt_email": Text(),
        "setup_future_usage": Choice(*_FUTURE),
        "shipping": Hash(_SHIPPING),
        "statement_descriptor": Text(22),
        "statement_descriptor_suffix": Text(22),
        "transfer_data": Hash(
            {
                "destination*": Text(),
                "amount": Integer(0),
                "description": Text(),
                "metadata": Metadata(),
                "payment_data": _ONLINE,
            }
        ),
        "transfer_group": Text(),
        "expand": EXPAND,
        "confirmation_token": _ONLINE,
        "error_on_requires_action": _ONLINE,
        "hooks": _ONLINE,
        "mandate": _ONLINE,
        "mandate_data": _ONLINE,
        "off_session": _ONLINE,
        "payment_method": _ONLINE,
        "payment_method_configuration": _ONLINE,
        "payment_method_data": _ONLINE,
        "radar_options": _ONLINE,
        "return_url": _ONLINE,
        "use_stripe_sdk": _ONLINE,
    }
)
INTENT_UPDATE: Final = Hash(
    {
        "amount": Integer(),
        "currency": Text(),
        "allowed_payment_method_types": allowed(),
        "payment_method_types": _TYPES,
        "excluded_payment_method_types": excludable(clears=True),
        "amount_details": Hash(_AMOUNT_DETAILS, clears=True),
        "application_fee_amount": Integer(0, clears=True),
        "capture_method": _CAPTURE_METHOD,
        "customer": Text(),
        "customer_account": Text(),
        "description": Text(1000, clears=True),
        "metadata": Metadata(),
        "payment_details": Hash(_PAYMENT_DETAILS, clears=True),
        "payment_method_options": _OPTIONS,
        "receipt_email": Text(clears=True),
        "setup_future_usage": Choice(*_FUTURE, clears=True),
        "shipping": Hash(_SHIPPING, clears=True),
        "statement_descriptor": Text(22),
        "statement_descriptor_suffix": Text(22),
        "transfer_data": Hash(
            {"amount": Integer(0), "description": Text(), "metadata": Metadata(), "payment_data": _ONLINE}
        ),
        "transfer_group": Text(),
        "expand": EXPAND,
        "hooks": _ONLINE,
        "payment_method": _ONLINE,
        "payment_method_configuration": _ONLINE,
        "payment_method_data": _ONLINE,
    }
)
INTENT_RETRIEVE: Final = Hash({"client_secret": Text(), "expand": EXPAND})
INTENT_LIST: Final = Hash(PAGED | {"created": CREATED, "customer": Text(), "customer_account": Text()})
INTENT_SEARCH: Final = Hash({"query*": Text(), "limit": Integer(1, 100), "page": Text(), "expand": EXPAND})
INTENT_CONFIRM: Final = Hash(
    dict.fromkeys(
        (
            "allowed_payment_method_types", "amount_details", "amount_to_confirm", "capture_method",
            "confirmation_token", "error_on_requires_action", "excluded_payment_method_types",
            "hooks", "mandate",
            "mandate_data", "off_session", "payment_details", "payment_method", "payment_method_data",
            "payment_method_options", "radar_options", "receipt_email", "return_url", "setup_future_usage",
            "shipping", "use_stripe_sdk",
        ),
        NotSimulated("a PaymentIntent for a reader is confirmed by the reader"),
    )
    | {"expand": EXPAND}
)  # fmt: skip
INTENT_CAPTURE: Final = Hash(
    {
        "amount_to_capture": Integer(),
        "final_capture": Boolean(),
        "application_fee_amount": Integer(0),
        "amount_details": Hash(_AMOUNT_DETAILS),
        "metadata": Metadata(),
        "payment_details": Hash(_PAYMENT_DETAILS, clears=True),
        "statement_descriptor": Text(22),
        "statement_descriptor_suffix": Text(22),
        "transfer_data": Hash({"amount": Integer(0)}),
        "hooks": _ONLINE,
        "expand": EXPAND,
    }
)
INTENT_CANCEL: Final = Hash(
    {
        "cancellation_reason": Choice("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
        "expand": EXPAND,
    }
)
INTENT_INCREMENT: Final = Hash(
    {
        "amount*": Integer(),
        "amount_details": Hash(_AMOUNT_DETAILS),
        "application_fee_amount": Integer(0),
        "description": Text(1000),
        "metadata": Metadata(),
        "payment_details": Hash(_PAYMENT_DETAILS),
        "statement_descriptor": Text(22),
        "transfer_data": Hash({"amount": Integer(0)}),
        "hooks": _ONLINE,
        "expand": EXPAND,
    }
)

CHARGE_LIST: Final = Hash(
    PAGED | {"created": CREATED, "customer": Text(), "payment_intent": Text(), "transfer_group": Text()}
)
CHARGE_UPDATE: Final = Hash(
    {
        "customer": Text(),
        "description": Text(40000),
        "fraud_details": Hash({"user_report*": Choice("fraudulent", "safe", clears=True)}),
        "metadata": Metadata(),
        "receipt_email": Text(),
        "shipping": Hash(_SHIPPING),
        "transfer_group": Text(),
        "expand": EXPAND,
    }
)

REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")
_CASH: Final = NotSimulated("refunds of a customer's cash balance have nothing to do with readers")
REFUND_CREATE: Final = Hash(
    {
        "charge": Text(),
        "payment_intent": Text(),
        "amount": Integer(),
        "reason": Choice(*REASONS),
        "metadata": Metadata(),
        "refund_application_fee": Boolean(),
        "reverse_transfer": Boolean(),
        "instructions_email": Text(),
        "currency": _CASH,
        "customer": _CASH,
        "origin": _CASH,
        "expand": EXPAND,
    }
)
REFUND_UPDATE: Final = Hash({"metadata": Metadata(), "expand": EXPAND})
REFUND_LIST: Final = Hash(PAGED | {"created": CREATED, "charge": Text(), "payment_intent": Text()})

EVENT_LIST: Final = Hash(
    PAGED | {"created": CREATED, "type": Text(), "types": Array(Text(), 20), "delivery_success": Boolean()}
)

READER_FILES: Final = (
    "terminal_reader_splashscreen",
    "terminal_wifi_certificate",
    "terminal_wifi_private_key",
    "terminal_android_apk",
)
FILE_PURPOSES: Final = (
    "account_requirement", "additional_verification", "business_icon", "business_logo", "customer_signature",
    "dispute_evidence", "identity_document", "issuing_regulatory_reporting", "pci_document",
    "platform_terms_of_service", "tax_document_user_upload", *READER_FILES,
)  # fmt: skip
FILE_CREATE: Final = Hash(
    {
        "purpose*": Choice(*FILE_PURPOSES),
        "file": NotSimulated("a file is a part with a file name, not a plain value"),
        "file_link_data": NotSimulated("files have no public links here"),
        "expand": EXPAND,
    }
)
FILE_LIST: Final = Hash(PAGED | {"created": CREATED, "purpose": Text()})
