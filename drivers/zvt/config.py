"""The bit fields by which register and terminal agree on their habits."""

from enum import IntEnum, IntFlag


class Config(IntFlag):
    """The config byte of 06 00 (PA00P015 chapter 2.1)."""

    PAYMENT_RECEIPTS = 0x02
    """The register prints receipts of payments, reversals, refunds, pre-authorisations."""
    ADMIN_RECEIPTS = 0x04
    """The register prints all other receipts."""
    INTERMEDIATE_STATUS = 0x08
    """The terminal sends 04 FF."""
    NO_AMOUNT_ENTRY = 0x10
    """The terminal starts no payment by itself."""
    NO_ADMINISTRATION = 0x20
    """The terminal starts no administration by itself."""
    PRINT_COMMANDS = 0x80
    """Receipts come as print commands; without it the register builds them from 04 0F."""


LOGGED_OFF = Config.PRINT_COMMANDS | Config.ADMIN_RECEIPTS | Config.PAYMENT_RECEIPTS
"""What 06 02 puts back: 86 (chapter 2.24)."""


class Service(IntFlag):
    """The service byte of 06 00."""

    HIDE_SERVICE_MENU = 0x01
    CAPITALS = 0x02


class StatusService(IntFlag):
    """The service byte of 05 01 (chapter 2.55)."""

    HIDE_SERVICE_MENU = 0x01
    NO_VERSION = 0x02
    SEND_TLV = 0x04


class RepeatService(IntFlag):
    """The service byte of 06 20."""

    SEND_STATUS = 0x01
    DO_NOT_PRINT = 0x02


class PaymentType(IntFlag):
    """BMP 19 of 06 01: the low bits are wishes, the high nibble chooses who decides (chapter 2.2)."""

    USE_READ_CARD = 0x02
    PRINTER_READY = 0x04
    TIPPABLE = 0x08
    PURSE = 0x10
    ONLINE = 0x20
    PIN = 0x30
    TERMINAL_DECIDES = 0x40
    TERMINAL_DECIDES_OR_PURSE = 0x50


class CompletionStatus(IntFlag):
    """BMP 19 of the completion of 06 00."""

    INITIALISATION_NEEDED = 0x01
    DIAGNOSIS_NEEDED = 0x02
    OPT_NEEDED = 0x04
    FILLING_STATION = 0x08
    VENDING = 0x10


class CardHandling(IntEnum):
    """BMP 19 of 04 0F: how the payment was made."""

    OFFLINE = 0x40
    CARD_CHECKED = 0x50
    ONLINE = 0x60
    PIN = 0x70


class ReceiptKind(IntEnum):
    """Tag 1F07."""

    MERCHANT = 0x01
    CUSTOMER = 0x02
    ADMINISTRATION = 0x03


class DiagnosisKind(IntEnum):
    """Tag 1B."""

    LINE = 0x01
    EXTENDED = 0x02
    CONFIGURATION = 0x03
    EMV = 0x04
    EP2 = 0x05


class InputMode(IntEnum):
    """Tag 1F38."""

    TEXT = 0x00
    NUMBER = 0x01
    AMOUNT = 0x02


class Key(IntEnum):
    """Key codes that answer 06 E1 and 06 E2."""

    OK = 0x0D
    CORRECT = 0x18
    STOP = 0x1B
    F1 = 0x31
    F2 = 0x32
    F3 = 0x33
    F4 = 0x34
    DOWN = 0x44
    INFO = 0x46
    UP = 0x55
    TIMEOUT = 0x6C
    CARD = 0xDC


LANGUAGES: dict[int, str] = {
    0x00: "de", 0x01: "en", 0x02: "fr", 0x03: "it", 0x04: "hu", 0x05: "sl", 0x06: "es", 0x07: "cs",
    0x08: "sv", 0x09: "nl", 0x0A: "pl", 0x0B: "sk", 0x0C: "da", 0x0D: "el", 0x0E: "pt", 0x0F: "lt",
}  # fmt: skip
"""Values of 08 30, as ISO 639-1."""

BAUD_RATES: dict[int, int] = {0x00: 9600, 0x01: 19200, 0x06: 57600, 0x07: 115200}
"""Values of 08 40."""
