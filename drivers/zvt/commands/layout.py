"""What stands in front of a message's fields, and how its end of the data is found; one function a layout.

A layout takes the data and the command it answers (None: not known) and returns the parameters and the offset
where the fields begin, or NO_FIELDS when the rest is no list of fields.
"""

from collections.abc import Callable, Mapping
from enum import Enum

from drivers.zvt.errors import DecodeError, IncompleteError
from drivers.zvt.fields import CONTAINER, Field, parse_fields, var_length
from drivers.zvt.message import NO_PARAMS
from drivers.zvt.tlv import read_length

PASSWORD_SIZE = 3
CURRENCY_SIZE = 2
SW_VERSION_DIGITS = 3
WRONG_CURRENCY = 0x6F
VENDOR_CLASS = 0x0F

Parsed = tuple[Mapping[str, bytes], tuple[Field, ...]]
Reader = Callable[[bytes, int | None], Parsed]


def _need(data: bytes, size: int, what: str) -> None:
    if len(data) < size:
        raise IncompleteError(f"{what} is missing", len(data), f"{size} bytes", size - len(data))


def _try_fields(data: bytes, position: int) -> tuple[Field, ...] | None:
    try:
        return parse_fields(data, position)
    except DecodeError:
        return None


def read_plain(data: bytes, after: int | None) -> Parsed:
    """Fields and nothing else."""
    del after
    return NO_PARAMS, parse_fields(data)


def read_password(data: bytes, after: int | None) -> Parsed:
    """Three bytes of password, then fields."""
    del after
    _need(data, PASSWORD_SIZE, "password")
    return {"password": data[:PASSWORD_SIZE]}, parse_fields(data, PASSWORD_SIZE)


def read_maybe_password(data: bytes, after: int | None) -> Parsed:
    """A password where one is sent: makers disagree for many commands, and fields cannot look like one.

    The usual passwords 000000 and 123456 begin with no BMP of the standard, so the two readings do not mix.
    """
    del after
    try:
        return NO_PARAMS, parse_fields(data)
    except DecodeError as error:
        if len(data) < PASSWORD_SIZE:
            raise
        fields = _try_fields(data, PASSWORD_SIZE)
        if fields is None or not data[:PASSWORD_SIZE].hex().isdigit():
            # report the reading that got further, it is nearer to what the sender meant
            raise _further(error, data) from None
        return {"password": data[:PASSWORD_SIZE]}, fields


def _further(error: DecodeError, data: bytes) -> DecodeError:
    try:
        parse_fields(data, PASSWORD_SIZE)
    except DecodeError as other:
        return other if other.position > error.position else error
    return error


def read_registration(data: bytes, after: int | None) -> Parsed:
    """Password, config byte, then perhaps a bare currency code, then fields (chapter 2.1)."""
    del after
    _need(data, PASSWORD_SIZE + 1, "password or config byte")
    params = {"password": data[:PASSWORD_SIZE], "config": data[PASSWORD_SIZE : PASSWORD_SIZE + 1]}
    start = PASSWORD_SIZE + 1
    if len(data) == start:
        return params, ()
    _need(data, start + CURRENCY_SIZE, "currency code")
    currency = data[start : start + CURRENCY_SIZE]
    if not currency.hex().isdigit():
        raise DecodeError(
            "currency code is not BCD", start, "two bytes of digits right behind the config byte"
        )
    params["cc"] = currency
    return params, parse_fields(data, start + CURRENCY_SIZE)


def read_new_password(data: bytes, after: int | None) -> Parsed:
    """The old password and the new one."""
    del after
    _need(data, 2 * PASSWORD_SIZE, "old or new password")
    both = {"password": data[:PASSWORD_SIZE], "new_password": data[PASSWORD_SIZE : 2 * PASSWORD_SIZE]}
    return both, parse_fields(data, 2 * PASSWORD_SIZE)


def read_card_timeout(data: bytes, after: int | None) -> Parsed:
    """One byte of seconds, then fields; some registers leave the seconds out."""
    del after
    if not data:
        return NO_PARAMS, ()
    try:
        return {"timeout": data[:1]}, parse_fields(data, 1)
    except DecodeError:
        fields = _try_fields(data, 0)
        if fields is None:
            raise
        return NO_PARAMS, fields


def read_value(data: bytes, after: int | None) -> Parsed:
    """One byte that is the whole wish, then fields."""
    del after
    _need(data, 1, "value")
    return {"value": data[:1]}, parse_fields(data, 1)


def read_print_line(data: bytes, after: int | None) -> Parsed:
    """Attribute byte and text up to the end (chapter 3.4)."""
    del after
    _need(data, 1, "print attribute")
    return {"attr": data[:1], "text": data[1:]}, ()


def _is_container(data: bytes, start: int) -> bool:
    """Whether a container begins here and ends with the data."""
    if start >= len(data) or data[start] != CONTAINER:
        return False
    try:
        length, position, _ = read_length(data, start + 1, len(data))
    except DecodeError:
        return False
    return position + length == len(data)


def read_intermediate(data: bytes, after: int | None) -> Parsed:
    """Status, perhaps minutes, perhaps a container.

    Chapter 3.7 demands the minutes when there is a container; chapter 5 shows one without. A container that
    fills the rest exactly is taken for one.
    """
    del after
    _need(data, 1, "intermediate status")
    params = {"status": data[:1]}
    if len(data) == 1:
        return params, ()
    if _is_container(data, 1):
        return params, parse_fields(data, 1)
    params["timeout_min"] = data[1:2]
    return params, parse_fields(data, 2)


def read_abort(data: bytes, after: int | None) -> Parsed:
    """Result code, the terminal's currency bare behind it if it got another, fields (chapter 3.3)."""
    del after
    if not data:
        raise IncompleteError("abort without result code", 0, "a result code", 1)
    params = {"result": data[:1]}
    currency = data[1 : 1 + CURRENCY_SIZE]
    # a currency begins with 0 (ISO 4217 has three digits); so may a container, but that fills the rest
    if (
        data[0] == WRONG_CURRENCY
        and len(currency) == CURRENCY_SIZE
        and currency[0] <= 0x09
        and currency.hex().isdigit()
        and not _is_container(data, 1)
    ):
        params["cc"] = currency
        return params, parse_fields(data, 1 + CURRENCY_SIZE)
    return params, parse_fields(data, 1)


def _read_sw_version(data: bytes) -> Parsed | None:
    """LLLVAR version, status byte, perhaps a container: the answer to 05 01 (chapter 2.55)."""
    try:
        length = var_length(data, 0, SW_VERSION_DIGITS, len(data))
    except DecodeError:
        return None
    stop = SW_VERSION_DIGITS + length
    if stop >= len(data):
        return None
    fields = _try_fields(data, stop + 1)
    if fields is None:
        return None
    return {"sw": data[SW_VERSION_DIGITS:stop], "status": data[stop : stop + 1]}, fields


def _read_status(data: bytes) -> Parsed | None:
    if len(data) > 1 and not _is_container(data, 1):
        return None
    fields = _try_fields(data, 1)
    return None if fields is None else ({"status": data[:1]}, fields)


def read_completion(data: bytes, after: int | None) -> Parsed:
    """Fields after most commands, version and status after 05 01, the maker's own after 0F xx (chapter 3.2).

    Without the command that was answered the forms are told apart by what parses to the end: a lone byte is a
    status, three bytes F0-F9 begin a version, everything else is fields before it is a status.
    """
    if not data:
        return NO_PARAMS, ()
    if after is not None and after >> 8 == VENDOR_CLASS:
        return {"raw": data}, ()
    parsed = _read_sw_version(data)
    if parsed is not None:
        return parsed
    if len(data) == 1:
        return {"status": data}, ()
    if after == STATUS_ENQUIRY:
        parsed = _read_status(data)
        if parsed is not None:
            return parsed
    try:
        return NO_PARAMS, parse_fields(data)
    except DecodeError:
        parsed = _read_status(data)
        if parsed is None:
            raise
        return parsed


STATUS_ENQUIRY = 0x0501
KEY_ANSWERS = frozenset({0x06E1, 0x06E2, 0x0686, 0x0688})
"""Answered with bare key codes (chapters 2.39, 2.40)."""

KEY_AND_FIELDS_ANSWERS = frozenset({0x06E7})
"""Answered with one key code and fields."""

PARTIAL_ISSUE = 0x9D


def read_answer(data: bytes, after: int | None) -> Parsed:
    """Data of 80 00 and 84 xx: fields where they are some, else bare bytes such as key codes."""
    if not data:
        return NO_PARAMS, ()
    if after in KEY_ANSWERS:
        return {"raw": data}, ()
    if after in KEY_AND_FIELDS_ANSWERS:
        fields = _try_fields(data, 1)
        if fields is not None:
            return {"value": data[:1]}, fields
    if data[0] == CONTAINER and len(data) > 1:
        return NO_PARAMS, parse_fields(data)
    fields = _try_fields(data, 0)
    return ({"raw": data}, ()) if fields is None else (NO_PARAMS, fields)


def read_any(data: bytes, after: int | None) -> Parsed:
    """Fields where they are some, else bare bytes: for commands whose data nobody publishes."""
    del after
    if not data:
        return NO_PARAMS, ()
    fields = _try_fields(data, 0)
    return ({"raw": data}, ()) if fields is None else (NO_PARAMS, fields)


def read_raw(data: bytes, after: int | None) -> Parsed:
    """Bytes of the maker's own meaning."""
    del after
    return ({"raw": data}, ()) if data else (NO_PARAMS, ())


class Layout(Enum):
    """How a command's data begins: the reader, and the parameters in the order they are written."""

    PLAIN = (read_plain, ())
    PASSWORD = (read_password, ("password",))
    MAYBE_PASSWORD = (read_maybe_password, ("password",))
    REGISTRATION = (read_registration, ("password", "config", "cc"))
    NEW_PASSWORD = (read_new_password, ("password", "new_password"))
    CARD_TIMEOUT = (read_card_timeout, ("timeout",))
    VALUE = (read_value, ("value",))
    PRINT_LINE = (read_print_line, ("attr", "text"))
    INTERMEDIATE = (read_intermediate, ("status", "timeout_min"))
    ABORT = (read_abort, ("result", "cc"))
    COMPLETION = (read_completion, ("sw", "status", "raw"))
    ANSWER = (read_answer, ("raw", "value"))
    ANY = (read_any, ("raw",))
    RAW = (read_raw, ("raw",))

    def __init__(self, reader: Reader, params: tuple[str, ...]) -> None:
        """Unpack the row."""
        self.reader = reader
        self.params = params
