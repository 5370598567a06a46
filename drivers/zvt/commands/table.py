"""The commands: one row each, for decoding, building and both dialogues (PA00P015 chapters 2, 3, 15)."""

from enum import StrEnum
from typing import NamedTuple

from drivers.zvt.commands.layout import Layout


class Direction(StrEnum):
    """Who may send a command; answers go the other way."""

    TO_TERMINAL = "ecr->pt"
    TO_REGISTER = "pt->ecr"
    BOTH = "both"


class End(StrEnum):
    """When the register is master again after a command."""

    ANSWER = "answer"
    """With the 80 00 or 84 xx itself."""
    COMPLETION = "completion"
    """With 06 0F, or 06 1E instead of it."""
    STATUS = "status"
    """With the answered 04 0F (read card), or 06 1E instead of it."""
    NEVER = "never"
    """Does not change who is master: the terminal's own messages, and the interjected abort."""


class Row(NamedTuple):
    """One command: what it is called, who sends it, how its data begins, what it carries, how it ends."""

    command: int
    name: str
    direction: Direction
    layout: Layout
    end: End
    fields: frozenset[int] = frozenset()
    prints: bool = False
    """Whether receipts belong to it, so that its money counts only once the prints are answered (2.2.8)."""
    money: bool = False
    """Whether it moves money: it may carry 1F1F (chapter 4.2), and must never be repeated blindly."""


_OUT, _IN, _BOTH = Direction.TO_TERMINAL, Direction.TO_REGISTER, Direction.BOTH
_TLV = frozenset({0x06})
_CARD = frozenset({0x0E, 0x22, 0x23, 0x24, 0x2D})
_PAYMENT = _CARD | {0x01, 0x02, 0x04, 0x05, 0x06, 0x19, 0x3A, 0x3C, 0x49, 0x8A}
_BOOKING = _CARD | {0x04, 0x06, 0x0B, 0x19, 0x37, 0x3A, 0x3B, 0x3C, 0x49, 0x87}
_STATUS = _CARD | {
    0x04, 0x06, 0x0B, 0x0C, 0x0D, 0x17, 0x19, 0x27, 0x29, 0x2A, 0x2E, 0x37, 0x3A, 0x3B, 0x3C, 0x49, 0x4C,
    0x60, 0x87, 0x88, 0x8A, 0x8B, 0x8C, 0x92, 0x9A, 0xA0, 0xA7, 0xAA, 0xAF, 0xBA,
}  # fmt: skip
_LINES = frozenset(range(0xF1, 0xF9))
_SECOND_LINES = frozenset(range(0xE1, 0xE9))
_DISPLAY = _LINES | {0x06, 0xF0, 0xF9}
_KEYS = _DISPLAY | {0xFA, 0xFB, 0xFC, 0xFD}
_INPUT = _KEYS | _SECOND_LINES | {0xE0, 0xE9, 0xEA, 0xEB}
_IMAGE = frozenset({0x06, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75})

STATUS_INFORMATION = 0x040F
INTERMEDIATE_STATUS = 0x04FF
STATUS_ENQUIRY = 0x0501
REGISTRATION = 0x0600
AUTHORISATION = 0x0601
LOG_OFF = 0x0602
COMPLETION = 0x060F
ABORT = 0x061E
REPEAT_RECEIPT = 0x0620
INTERJECTED_ABORT = 0x06B0
READ_CARD = 0x06C0
PRINT_LINE = 0x06D1
PRINT_BLOCK = 0x06D3
POSITIVE = 0x8000
NEGATIVE_CLASS = 0x84


def _money(command: int, name: str, layout: Layout, fields: frozenset[int]) -> Row:
    return Row(command, name, _OUT, layout, End.COMPLETION, fields, prints=True, money=True)


def _printed(command: int, name: str, layout: Layout, fields: frozenset[int]) -> Row:
    return Row(command, name, _OUT, layout, End.COMPLETION, fields, prints=True)


def _ended(command: int, name: str, layout: Layout, fields: frozenset[int]) -> Row:
    return Row(command, name, _OUT, layout, End.COMPLETION, fields)


def _said(command: int, name: str, layout: Layout, fields: frozenset[int]) -> Row:
    return Row(command, name, _IN, layout, End.NEVER, fields)


_ROWS: tuple[Row, ...] = (
    _said(0x0401, "set the register's clock", Layout.PLAIN, frozenset({0x06, 0x0C, 0xAA})),
    _said(0x040C, "ask for a block of a file", Layout.PLAIN, _TLV),
    _said(0x040D, "ask for input", Layout.PLAIN, _TLV),
    _said(0x040E, "ask to choose from a menu", Layout.PLAIN, _TLV),
    _said(STATUS_INFORMATION, "status information", Layout.PLAIN, _STATUS),
    _said(INTERMEDIATE_STATUS, "intermediate status", Layout.INTERMEDIATE, _TLV),
    _ended(STATUS_ENQUIRY, "status enquiry", Layout.MAYBE_PASSWORD, frozenset({0x03, 0x06})),
    _ended(REGISTRATION, "registration", Layout.REGISTRATION, frozenset({0x03, 0x06})),
    _money(AUTHORISATION, "payment", Layout.PLAIN, _PAYMENT),
    Row(LOG_OFF, "log off", _OUT, Layout.MAYBE_PASSWORD, End.ANSWER, _TLV),
    _money(0x0603, "account balance", Layout.MAYBE_PASSWORD, _PAYMENT),
    _money(0x0604, "activate card", Layout.MAYBE_PASSWORD, _PAYMENT),
    _money(0x0605, "load card", Layout.MAYBE_PASSWORD, _PAYMENT),
    _money(0x0609, "prepaid top-up", Layout.MAYBE_PASSWORD, _PAYMENT),
    _printed(0x060A, "tax free", Layout.MAYBE_PASSWORD, _PAYMENT),
    _money(0x060C, "book tip", Layout.MAYBE_PASSWORD, _BOOKING),
    _said(COMPLETION, "completion", Layout.COMPLETION, frozenset({0x06, 0x0C, 0x19, 0x27, 0x29, 0x49, 0xAA})),
    _printed(0x0610, "turnover totals", Layout.PASSWORD, _TLV),
    _printed(0x0612, "reprint receipts", Layout.MAYBE_PASSWORD, frozenset({0x06, 0x87})),
    _ended(0x0618, "reset the terminal", Layout.MAYBE_PASSWORD, _TLV),
    _printed(0x061A, "print the configuration", Layout.MAYBE_PASSWORD, _TLV),
    _ended(0x061B, "set the terminal id", Layout.MAYBE_PASSWORD, frozenset({0x06, 0x29})),
    _said(ABORT, "abort", Layout.ABORT, _STATUS),
    _printed(REPEAT_RECEIPT, "repeat receipt", Layout.PASSWORD, frozenset({0x03, 0x06})),
    _money(0x0621, "payment by phone", Layout.MAYBE_PASSWORD, _PAYMENT | _BOOKING),
    _money(0x0622, "pre-authorisation", Layout.MAYBE_PASSWORD, _PAYMENT | _BOOKING),
    _money(0x0623, "partial reversal", Layout.MAYBE_PASSWORD, _BOOKING),
    _money(0x0624, "book total", Layout.MAYBE_PASSWORD, _BOOKING),
    _money(0x0625, "reverse pre-authorisation", Layout.MAYBE_PASSWORD, _BOOKING),
    _money(0x0626, "reverse external reservation", Layout.MAYBE_PASSWORD, _BOOKING),
    _money(0x0630, "reversal", Layout.PASSWORD, _BOOKING),
    _money(0x0631, "refund", Layout.PASSWORD, _PAYMENT),
    _money(0x0650, "end of day", Layout.PASSWORD, _TLV),
    _ended(0x0651, "send offline transactions", Layout.PASSWORD, _TLV),
    _ended(0x0652, "partial reconciliation", Layout.MAYBE_PASSWORD, _TLV),
    _printed(0x0670, "diagnosis", Layout.MAYBE_PASSWORD, _TLV),
    _printed(0x0679, "self test", Layout.MAYBE_PASSWORD, _TLV),
    Row(0x0685, "display text (old)", _OUT, Layout.ANY, End.ANSWER, _DISPLAY),
    Row(0x0686, "number input (old)", _OUT, Layout.ANY, End.ANSWER, _INPUT),
    Row(0x0687, "PIN check (old)", _OUT, Layout.ANY, End.ANSWER, _INPUT | _CARD),
    Row(0x0688, "key input (old)", _OUT, Layout.ANY, End.ANSWER, _KEYS),
    _ended(0x0691, "set the terminal's clock", Layout.MAYBE_PASSWORD, frozenset({0x06, 0x0C, 0xAA})),
    _printed(0x0693, "initialisation", Layout.PASSWORD, _TLV),
    _ended(0x0695, "change password", Layout.NEW_PASSWORD, _TLV),
    Row(
        INTERJECTED_ABORT,
        "stop what is running",
        _OUT,
        Layout.PLAIN,
        End.NEVER,
        frozenset({0x06, 0xD2, 0xFA}),
    ),
    Row(READ_CARD, "read card", _OUT, Layout.CARD_TIMEOUT, End.STATUS, _KEYS | {0x19, 0xD2}),
    Row(0x06C5, "close card session", _OUT, Layout.PLAIN, End.ANSWER, _TLV | {0xD2, 0xF0, 0xFA} | _LINES),
    Row(0x06C6, "send card APDUs", _OUT, Layout.PLAIN, End.ANSWER, _TLV),
    _said(0x06D0, "menu with graphics", Layout.PLAIN, _IMAGE | _DISPLAY),
    Row(PRINT_LINE, "print line", _BOTH, Layout.PRINT_LINE, End.ANSWER),
    Row(PRINT_BLOCK, "print text block", _BOTH, Layout.PLAIN, End.ANSWER, _TLV),
    _said(0x06D8, "dial", Layout.ANY, _TLV),
    _said(0x06D9, "send over the modem", Layout.ANY, _TLV),
    _said(0x06DA, "receive from the modem", Layout.ANY, _TLV),
    _said(0x06DB, "hang up", Layout.ANY, _TLV),
    _said(0x06DD, "transparent mode", Layout.ANY, _TLV),
    Row(0x06E0, "display text", _OUT, Layout.PLAIN, End.ANSWER, _KEYS),
    Row(0x06E1, "display text and wait for a key", _OUT, Layout.PLAIN, End.ANSWER, _KEYS | {0xEB}),
    Row(0x06E2, "display text and ask for a number", _OUT, Layout.PLAIN, End.ANSWER, _INPUT),
    Row(
        0x06E3,
        "PIN check",
        _OUT,
        Layout.MAYBE_PASSWORD,
        End.ANSWER,
        _INPUT | _CARD | {0x19, 0xD0, 0xD1, 0xD3},
    ),
    _said(0x06E4, "ask for the blocked list", Layout.PLAIN, _CARD | {0x04, 0x06, 0x17, 0x19, 0x49, 0x8A}),
    Row(0x06E5, "compute a MAC", _OUT, Layout.PLAIN, End.ANSWER, _TLV | {0xD3, 0xEB}),
    _money(0x06E6, "card poll and payment", Layout.MAYBE_PASSWORD, _PAYMENT),
    Row(0x06E7, "number input, DUKPT", _OUT, Layout.PLAIN, End.ANSWER, _INPUT | {0xD3}),
    Row(0x06F0, "display image", _OUT, Layout.PLAIN, End.ANSWER, _IMAGE | _KEYS),
    Row(0x06F1, "display image and wait for a key", _OUT, Layout.ANY, End.ANSWER, _IMAGE | _KEYS),
    _ended(0x0801, "service mode", Layout.MAYBE_PASSWORD, _TLV),
    Row(0x0802, "switch protocol", _OUT, Layout.VALUE, End.ANSWER, _TLV),
    Row(0x0803, "power management", _OUT, Layout.ANY, End.ANSWER, _TLV),
    _ended(0x0810, "software update", Layout.MAYBE_PASSWORD, _TLV),
    _ended(0x0811, "read file", Layout.MAYBE_PASSWORD, _TLV),
    _ended(0x0812, "delete file", Layout.MAYBE_PASSWORD, _TLV),
    _ended(0x0813, "change configuration", Layout.MAYBE_PASSWORD, _TLV),
    _ended(0x0814, "write file", Layout.MAYBE_PASSWORD, _TLV),
    _ended(0x0820, "start OPT action", Layout.MAYBE_PASSWORD, _TLV),
    _ended(0x0821, "set OPT time", Layout.MAYBE_PASSWORD, frozenset({0x06, 0x0C, 0x0D, 0xAA})),
    _ended(0x0822, "start OPT pre-initialisation", Layout.MAYBE_PASSWORD, _TLV),
    _printed(0x0823, "output OPT data", Layout.MAYBE_PASSWORD, _TLV),
    _ended(0x0824, "OPT out of order", Layout.MAYBE_PASSWORD, _TLV),
    _ended(0x0830, "select language", Layout.VALUE, _TLV),
    Row(0x0840, "change baud rate", _OUT, Layout.VALUE, End.ANSWER, _TLV),
    Row(0x0850, "activate card reader", _OUT, Layout.VALUE, End.ANSWER, _TLV),
)

ROWS: dict[int, Row] = {row.command: row for row in _ROWS}

_PARTLY_ISSUED = Row(0x849D, "partly issued", _BOTH, Layout.PLAIN, End.NEVER, frozenset({0x04, 0x06}))
_POSITIVE = Row(POSITIVE, "accepted", _BOTH, Layout.ANSWER, End.NEVER)
_NEGATIVE = Row(0x8400, "refused", _BOTH, Layout.ANSWER, End.NEVER)
_VENDOR = Row(0x0F00, "maker's own command", _BOTH, Layout.RAW, End.COMPLETION)
_UNKNOWN = Row(0x0000, "unknown command", _BOTH, Layout.ANY, End.COMPLETION)


def row_of(command: int) -> Row:
    """The row that governs a command; answers, makers' own and unknown commands share one row each."""
    row = ROWS.get(command)
    if row is not None:
        return row
    high = command >> 8
    if high == POSITIVE >> 8:
        return _POSITIVE
    if high == NEGATIVE_CLASS:
        return _PARTLY_ISSUED if command == _PARTLY_ISSUED.command else _NEGATIVE
    return _VENDOR if high == 0x0F else _UNKNOWN


def is_known(command: int) -> bool:
    """Whether the standard or a maker gives this command a meaning; the rest is answered 84 83."""
    return row_of(command) is not _UNKNOWN


def is_answer(command: int) -> bool:
    """Whether this is 80 xx or 84 xx."""
    return command >> 8 in {POSITIVE >> 8, NEGATIVE_CLASS}
