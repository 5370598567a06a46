"""Result codes: BMP 27, 06 1E and the second byte of 84 xx (PA00P015 chapter 10)."""

OK = 0x00
HOST_LAST = 0x63
"""01 to 63 come from the host of the acquirer (1 to 99 decimal)."""

ABORTED = 0x6C
NOT_REGISTERED = 0x6B
WRONG_CURRENCY = 0x6F
UNKNOWN_COMMAND = 0x83
PROTOCOL_ERROR = 0x9A
PLEASE_WAIT = 0x9C
PARTIAL_ISSUE = 0x9D
BUSY = 0xA0
ALREADY_REVERSED = 0xB4
REVERSAL_IMPOSSIBLE = 0xB5
OPEN_PRE_AUTHORISATION = 0xB8
PRINTER_NOT_READY = 0xCC
GOODS_FAILED = 0x66
OTHER_ERROR = 0xFF

RESULTS: dict[int, str] = {
    OK: "done",
    0x64: "the card cannot be read: check sum or parity is wrong",
    0x65: "the card gave no data: neither stripe nor chip",
    GOODS_FAILED: "processing failed, perhaps the card reader's mechanics",
    0x67: "not allowed for girocard or Maestro",
    0x68: "not allowed for credit and fuel cards",
    0x6A: "the terminal's turnover memory is full",
    NOT_REGISTERED: "switched off: the register is not registered for this",
    ABORTED: "stopped by the stop key or by a time-out",
    0x6E: "the card is on the blocked list",
    WRONG_CURRENCY: "the terminal does not take this currency",
    0x71: "not enough money in the purse",
    0x72: "the chip failed",
    0x73: "card data are wrong (country or check digit)",
    0x74: "the DUKPT keys are used up",
    0x75: "the text is not authentic",
    0x76: "the card is not on the white list",
    0x77: "the closing cannot be done",
    0x78: "the card has expired",
    0x79: "the card is not valid yet",
    0x7A: "the card is not known",
    0x7B: "girocard: the stripe may not be used instead of the chip",
    0x7C: "the stripe may not be used instead of the chip",
    0x7D: "the communication module is missing or silent",
    0x7E: "girocard: the stripe may not be used, direct debit would do",
    UNKNOWN_COMMAND: "the terminal does not know or does not allow this command",
    0x85: "a key is missing",
    0x89: "the PIN pad is broken",
    PROTOCOL_ERROR: "the message was not understood: malformed, or a field is missing",
    0x9B: "the line to the host failed",
    PLEASE_WAIT: "wait and ask again",
    PARTIAL_ISSUE: "only part of the goods was handed out",
    BUSY: "the receiver is busy",
    0xA1: "the far end does not answer",
    0xA3: "no connection to the host",
    0xA4: "purse transactions cannot be submitted",
    0xA5: "forbidden by the rules for card data (PCI, P2PE)",
    0xB1: "memory is full",
    0xB2: "the merchant journal is full",
    ALREADY_REVERSED: "already reversed (some makers: this order number was paid before)",
    REVERSAL_IMPOSSIBLE: "cannot be reversed",
    0xB7: "the pre-authorised amount or the amount is wrong",
    OPEN_PRE_AUTHORISATION: "pre-authorisation: an error, or the answer to the question for open ones",
    0xBF: "supply voltage is low",
    0xC0: "the card lock is broken",
    0xC1: "the merchant card is locked",
    0xC2: "a diagnosis is due",
    0xC3: "the largest allowed amount is exceeded",
    0xC4: "the card profile is invalid, new ones must be loaded",
    0xC5: "this way of paying is not supported",
    0xC6: "the currency cannot be used here",
    0xC8: "the amount is too small",
    0xC9: "the limit of the transaction is too small",
    0xCB: "only euros",
    PRINTER_NOT_READY: "the printer is not ready",
    0xCD: "no cashback",
    0xD2: "not allowed for service or bank cards",
    0xDC: "a card is inserted",
    0xDD: "the card could not be ejected",
    0xDE: "the card could not be drawn in",
    0xE0: "remote maintenance is running",
    0xE2: "the card reader is silent or broken",
    0xE3: "the shutter is closed",
    0xE4: "the terminal must be activated first",
    0xE7: "goods group not known",
    0xE8: "no table of goods",
    0xE9: "the restriction code was refused",
    0xEA: "the card code was refused",
    0xEB: "the PIN algorithm is not known",
    0xEC: "the PIN cannot be handled",
    0xED: "the PIN pad is broken (PIN entry)",
    0xF0: "a closing is due: end of day first",
    0xF1: "girocard or Maestro: offline error",
    0xF5: "OPT error",
    0xF6: "OPT data are missing",
    0xFA: "stored offline transactions could not be sent",
    0xFB: "a turnover record is damaged",
    0xFC: "a device that is needed is missing",
    0xFD: "this baud rate is not supported",
    0xFE: "the register is not known",
    OTHER_ERROR: "another error: see tags 1F16 and 1F17",
}

_SYSTEM = "a system error at the host"
_DECLINED = "declined"

HOST_RESULTS: dict[int, str] = {
    0x01: "the acquirer wants a phone call (authorisation by phone may follow)",
    0x02: "the acquirer wants a phone call",
    0x03: "the merchant number is wrong",
    0x04: "keep the card",
    0x05: _DECLINED,
    0x06: "the card is invalid",
    0x07: _DECLINED,
    0x08: _DECLINED,
    0x09: "the fleet id is wrong",
    0x0A: "transaction not allowed",
    0x0B: _DECLINED,
    0x0C: _DECLINED,
    0x0D: "the amount is invalid",
    0x0E: "the card is invalid",
    0x0F: _SYSTEM,
    0x10: _DECLINED,
    0x11: "the fleet id was wrong too often",
    0x18: _SYSTEM,
    0x19: "the reversal was refused",
    0x1D: "failed",
    0x1E: "format error",
    0x22: _DECLINED,
    0x29: "keep the card",
    0x2B: "keep the card",
    0x32: _DECLINED,
    0x33: _DECLINED,
    0x36: "the card has expired",
    0x37: "wrong PIN",
    0x38: "wrong PIN",
    0x39: "wrong card",
    0x3A: _SYSTEM,
    0x3F: _SYSTEM,
    0x40: "the amount is wrong",
    0x4C: _SYSTEM,
    0x50: "the card has expired",
    0x51: "wrong PIN",
    0x52: "wrong card check value",
    0x53: _DECLINED,
    0x55: _DECLINED,
    0x56: "the terminal is not active",
    0x57: "the terminal must be initialised",
    0x58: _DECLINED,
    0x59: "the terminal is locked",
    0x5B: _SYSTEM,
    0x5C: _SYSTEM,
    0x5D: _SYSTEM,
    0x5F: "try again",
    0x60: _SYSTEM,
    0x61: _SYSTEM,
    0x62: "an extended diagnosis is due",
    0x63: _SYSTEM,
    0xCD: "paid, but no cashback",
}
"""What a host's code means to one acquirer; shown only where the terminal sent no text in BMP 3C."""


def result_text(code: int) -> str:
    """What a result code says, in one short phrase."""
    text = RESULTS.get(code) or HOST_RESULTS.get(code)
    if text is not None:
        return text
    return f"refused by the host with code {code}" if code <= HOST_LAST else f"unknown result {code:02X}"
