"""The parameters of Terminal's operations (API reference, 2026-10-28.endive)."""

from typing import Final

from drivers.simulators.stripe_api.shapes import (
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

DEVICE_TYPES: Final = (
    "bbpos_chipper2x", "bbpos_wisepad3", "bbpos_wisepos_e", "mobile_phone_reader", "simulated_stripe_s700",
    "simulated_stripe_s710", "simulated_stripe_t600", "simulated_verifone_m425", "simulated_verifone_p630",
    "simulated_verifone_ux700", "simulated_verifone_v660p", "simulated_wisepos_e", "stripe_m2", "stripe_s700",
    "stripe_s710", "stripe_t600", "verifone_P400", "verifone_m425", "verifone_p630", "verifone_ux700",
    "verifone_v660p",
)  # fmt: skip
DEVICE_SECTIONS: Final = (
    "bbpos_wisepad3", "bbpos_wisepos_e", "stripe_s700", "stripe_s710", "stripe_t600", "verifone_m425",
    "verifone_p400", "verifone_p630", "verifone_ux700", "verifone_v660p",
)  # fmt: skip
TIPPING_CURRENCIES: Final = (
    "aed", "aud", "cad", "chf", "czk", "dkk", "eur", "gbp", "gip", "hkd", "huf", "jpy", "mxn", "myr", "nok",
    "nzd", "pln", "ron", "sek", "sgd", "usd",
)  # fmt: skip

CONNECTION_TOKEN: Final = Hash({"location": Text(), "expand": EXPAND})

_ADDRESS: Final = Hash(
    {
        "country*": Text(),
        "line1": Text(),
        "line2": Text(clears=True),
        "city": Text(),
        "state": Text(),
        "postal_code": Text(),
    }
)
_JAPANESE: Final = Hash(
    {key: Text() for key in ("city", "country", "line1", "line2", "postal_code", "state", "town")}
)
LOCATION_CREATE: Final = Hash(
    {
        "display_name": Text(1000),
        "display_name_kana": Text(1000),
        "display_name_kanji": Text(1000),
        "address": _ADDRESS,
        "address_kana": _JAPANESE,
        "address_kanji": _JAPANESE,
        "configuration_overrides": Text(500),
        "phone": Text(),
        "metadata": Metadata(),
        "expand": EXPAND,
    }
)
LOCATION_UPDATE: Final = Hash(
    {
        "display_name": Text(1000, clears=True),
        "display_name_kana": Text(1000, clears=True),
        "display_name_kanji": Text(1000, clears=True),
        "address": Hash({**_ADDRESS.fields}),
        "address_kana": _JAPANESE,
        "address_kanji": _JAPANESE,
        "configuration_overrides": Text(1000, clears=True),
        "phone": Text(clears=True),
        "metadata": Metadata(),
        "expand": EXPAND,
    }
)
LOCATION_LIST: Final = Hash(PAGED)

READER_CREATE: Final = Hash(
    {
        "registration_code*": Text(),
        "label": Text(),
        "location": Text(),
        "metadata": Metadata(),
        "expand": EXPAND,
    }
)
READER_UPDATE: Final = Hash({"label": Text(clears=True), "metadata": Metadata(), "expand": EXPAND})
READER_LIST: Final = Hash(
    PAGED
    | {
        "device_type": Choice(*DEVICE_TYPES),
        "location": Text(),
        "serial_number": Text(),
        "status": Choice("offline", "online"),
    }
)

REDISPLAY: Final = Choice("always", "limited", "unspecified")
_TIPPING: Final = Hash({"amount_eligible": Integer(0)})
_COLLECT: Final[dict[str, Shape]] = {
    "allow_redisplay": REDISPLAY,
    "enable_customer_cancellation": Boolean(),
    "skip_tipping": Boolean(),
    "tipping": _TIPPING,
}
PROCESS_PAYMENT: Final = Hash(
    {"payment_intent*": Text(), "process_config": Hash(_COLLECT | {"return_url": Text()}), "expand": EXPAND}
)
COLLECT_PAYMENT: Final = Hash({"payment_intent*": Text(), "collect_config": Hash(_COLLECT), "expand": EXPAND})
CONFIRM_PAYMENT: Final = Hash(
    {"payment_intent*": Text(), "confirm_config": Hash({"return_url": Text()}), "expand": EXPAND}
)
_CANCELLATION: Final = Hash({"enable_customer_cancellation": Boolean()})
PROCESS_SETUP: Final = Hash(
    {
        "setup_intent*": Text(),
        "allow_redisplay*": REDISPLAY,
        "process_config": _CANCELLATION,
        "expand": EXPAND,
    }
)
REFUND_PAYMENT: Final = Hash(
    {
        "amount": Integer(1),
        "charge": Text(),
        "payment_intent": Text(),
        "metadata": Metadata(clears=False),
        "refund_application_fee": Boolean(),
        "reverse_transfer": Boolean(),
        "refund_payment_config": _CANCELLATION,
        "expand": EXPAND,
    }
)
_LINE_ITEM: Final = Hash({"amount*": Integer(), "description*": Text(), "quantity*": Integer(0)})
SET_DISPLAY: Final = Hash(
    {
        "type*": Choice("cart"),
        "cart": Hash(
            {"currency*": Text(), "line_items*": Array(_LINE_ITEM), "tax": Integer(), "total*": Integer()}
        ),
        "expand": EXPAND,
    }
)
INPUT_TYPES: Final = ("email", "numeric", "phone", "selection", "signature", "text")
_CHOICE: Final = Hash({"id*": Text(50), "text*": Text(30), "style": Choice("primary", "secondary")})
_TOGGLE: Final = Hash(
    {"title": Text(50), "description": Text(50), "default_value": Choice("disabled", "enabled")}
)
_INPUT: Final = Hash(
    {
        "type*": Choice(*INPUT_TYPES),
        "custom_text*": Hash(
            {
                "title*": Text(40),
                "description": Text(500),
                "submit_button": Text(30),
                "skip_button": Text(14),
            }
        ),
        "required": Boolean(),
        "selection": Hash({"choices*": Array(_CHOICE)}),
        "toggles": Array(_TOGGLE, 4),
    }
)
COLLECT_INPUTS: Final = Hash(
    {"inputs*": Array(_INPUT, 5), "metadata": Metadata(clears=False), "expand": EXPAND}
)

PRESENT: Final = Hash(
    {
        "type": Choice("card", "card_present", "interac_present"),
        "card_present": Hash({"number": Text()}),
        "interac_present": Hash({"number": Text()}),
        "card": NotSimulated("typed-in cards (MOTO) need a feature Stripe enables by hand"),
        "amount_tip": Integer(0),
        "expand": EXPAND,
    }
)
SUCCEED_INPUTS: Final = Hash({"skip_non_required_inputs": Choice("all", "none"), "expand": EXPAND})

_SPLASH: Final = Hash({"splashscreen": Text(clears=True)})
_TIPS: Final = Hash(
    {
        "fixed_amounts": Array(Integer(0)),
        "percentages": Array(Integer(0, 100)),
        "smart_tip_threshold": Integer(0),
    }
)
_WIFI: Final = Hash(
    {
        "type*": Choice("enterprise_eap_peap", "enterprise_eap_tls", "personal_psk"),
        "personal_psk": Hash({"ssid*": Text(), "password*": Text(63)}),
        "enterprise_eap_peap": Hash(
            {"ssid*": Text(), "username*": Text(), "password*": Text(), "ca_certificate_file": Text()}
        ),
        "enterprise_eap_tls": Hash(
            {
                "ssid*": Text(),
                "client_certificate_file*": Text(),
                "private_key_file*": Text(),
                "private_key_file_password": Text(),
                "ca_certificate_file": Text(),
            }
        ),
    },
    clears=True,
)
_HOUR: Final = Integer(0, 23)
_COMMON: Final[dict[str, Shape]] = {
    "name": Text(100),
    "tipping": Hash(dict.fromkeys(TIPPING_CURRENCIES, _TIPS), clears=True),
    "offline": Hash({"enabled*": Boolean()}, clears=True),
    "cellular": Hash({"enabled*": Boolean()}, clears=True),
    "reader_security": Hash({"admin_menu_passcode": Text(5, clears=True, pattern=r"[0-9]{5}")}, clears=True),
    "wifi": _WIFI,
    "expand": EXPAND,
}
CONFIGURATION_CREATE: Final = Hash(
    _COMMON
    | dict.fromkeys(DEVICE_SECTIONS, _SPLASH)
    | {"reboot_window": Hash({"start_hour*": _HOUR, "end_hour*": _HOUR})}
)
CONFIGURATION_UPDATE: Final = Hash(
    _COMMON
    | dict.fromkeys(DEVICE_SECTIONS, Hash(_SPLASH.fields, clears=True))
    | {"reboot_window": Hash({"start_hour*": _HOUR, "end_hour*": _HOUR}, clears=True)}
)
CONFIGURATION_LIST: Final = Hash(PAGED | {"is_account_default": Boolean()})
