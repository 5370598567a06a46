"""Intermediate statuses (04 FF) and states of the terminal (05 01), with texts (PA00P015 3.7, chapter 11)."""

from typing import NamedTuple

REMOVE_CARD = 0x40
"""Added to many codes: the same, and the card is to be taken out."""

SEE_TEXT = 0xFF
AUTOMATIC_REVERSAL = 0x05
NEVER_TIMES_OUT = 0x00

_BASE: dict[int, str] = {
    0x00: "confirm the amount on the terminal",
    0x01: "look at the PIN pad",
    0x02: "look at the PIN pad",
    0x03: "not accepted, or not possible",
    0x04: "waiting for the host's answer",
    AUTOMATIC_REVERSAL: "reversing automatically",
    0x06: "sending stored bookings",
    0x07: "this card is not admitted",
    0x08: "this card is not known",
    0x09: "the card has expired",
    0x0A: "insert the card",
    0x0B: "take the card out",
    0x0C: "the card cannot be read",
    0x0D: "stopped by an error",
    0x0E: "being processed, please wait",
    0x0F: "starting an automatic closing",
    0x10: "the card is invalid",
    0x11: "balance is shown",
    0x12: "system error",
    0x13: "payment is not possible",
    0x14: "not enough money on the card",
    0x15: "wrong PIN",
    0x16: "the limit does not suffice",
    0x17: "please wait",
    0x18: "wrong PIN too often",
    0x19: "card data are wrong",
    0x1A: "in service mode",
    0x1B: "approved, please fill up",
    0x1C: "approved, please take the goods",
    0x1D: "declined",
    0x26: "waiting for a mobile number",
    0x27: "waiting for the mobile number again",
}

_ALONE: dict[int, str] = {
    0x28: "the currency is being chosen",
    0x29: "the language is being chosen",
    0x2A: "insert the card to be loaded",
    0x2B: "emergency operation without the host",
    0x2C: "debit or credit is being chosen",
    0x68: "a customer card was noticed",
    0x69: "the currency conversion is being chosen",
    0xC7: "waiting for the mileage",
    0xC8: "waiting for the cashier",
    0xC9: "starting an automatic diagnosis",
    0xCA: "starting an automatic initialisation",
    0xCB: "the journal is full",
    0xCC: "no direct debit, the PIN is needed",
    0xD2: "dialling",
    0xD3: "the line is up",
    0xE0: "the application is being chosen",
    0xE1: "the language is being chosen",
    0xE2: "please use the cleaning card",
    0xF1: "offline",
    0xF2: "online",
    0xF3: "an offline transaction",
    SEE_TEXT: "see the text",
}

_NO_CARD_VARIANT = frozenset({0x00, 0x0A})
"""Codes that have no variant with the card to be taken out."""

_VENDOR: dict[int, str] = {
    0x5E: "contactless reading is finished",
    0x6A: "a PIN digit was typed",
    0x6B: "a PIN digit was typed, it may be confirmed now",
    0x6C: "the correction key was pressed",
    0x6D: "the PIN is complete",
    0xA0: "the payment was processed",
    0xA1: "the payment was processed, take the card out",
    0xA2: "cancelled",
    0xA3: "cancelled, take the card out",
    0xA4: "cannot be cancelled",
    0xA5: "cannot be cancelled, take the card out",
}
"""Later revisions and makers' additions."""


def _with_remove_card() -> dict[int, str]:
    card: dict[int, str] = {}
    for code, text in _BASE.items():
        if code not in _NO_CARD_VARIANT:
            card[code + REMOVE_CARD] = text if code == 0x0B else f"{text}; take the card out"
    return card


INTERMEDIATE: dict[int, str] = {**_BASE, **_with_remove_card(), **_ALONE, **_VENDOR}


def intermediate_text(code: int) -> str:
    """What an intermediate status says."""
    return INTERMEDIATE.get(code, f"status {code:02X}")


class TerminalState(NamedTuple):
    """A state the terminal reports after 05 01, and the commands that may cure it."""

    text: str
    cures: tuple[int, ...] = ()


READY = 0x00
CARD_INSERTED = 0xDC

TERMINAL_STATES: dict[int, TerminalState] = {
    READY: TerminalState("ready"),
    0x51: TerminalState("must be initialised", (0x0693,)),
    0x62: TerminalState("its date or time is wrong", (0x0691, 0x0670)),
    0x9C: TerminalState("busy, for instance with a software update"),
    0x9D: TerminalState("goods were handed out in part"),
    0xB1: TerminalState("its memory is full: end of day, or a technician", (0x0650,)),
    0xB2: TerminalState("its journal is full: read it and delete it", (0x0811, 0x0812)),
    0xBF: TerminalState("supply voltage is low"),
    0xC0: TerminalState("the card lock is broken"),
    0xC1: TerminalState("the merchant card is locked: register again afterwards", (0x0691, 0x0670, 0x0600)),
    0xC2: TerminalState("a diagnosis is due", (0x0670,)),
    0xC4: TerminalState("its card profiles are invalid", (0x0810,)),
    0xCC: TerminalState("its printer is not ready"),
    CARD_INSERTED: TerminalState("a card is inserted: use it, or eject it", (0x06B0,)),
    0xDF: TerminalState("out of order"),
    0xE0: TerminalState("remote maintenance is running"),
    0xE1: TerminalState("the card was not taken out completely"),
    0xE2: TerminalState("the card reader is broken"),
    0xE3: TerminalState("the shutter is closed"),
    0xE4: TerminalState("must be activated"),
    0xF0: TerminalState("a closing is due", (0x0650,)),
    0xF6: TerminalState("OPT data are missing", (0x0820, 0x0822)),
}


def terminal_state_text(code: int) -> str:
    """What a terminal state says."""
    known = TERMINAL_STATES.get(code)
    return known.text if known else f"state {code:02X}"
