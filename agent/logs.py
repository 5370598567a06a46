"""Log lines on stderr: plain or JSON, with the session they belong to, card numbers and keys masked."""

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TextIO

from agent.secret import HIDDEN

_NOTHING: Mapping[str, object] = MappingProxyType({})
_bound: ContextVar[Mapping[str, object]] = ContextVar("tillgate_log_fields", default=_NOTHING)

# What every record carries; anything else in it came through `extra=` and belongs into the line.
_STANDARD = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "fields", "color_message"}
)

# sd-daemon(3): a line that starts with <N> gets the syslog priority N in the journal.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG_PRIORITY = 7

# ISO/IEC 7812: 12 to 19 digits; payment cards have 13 and more, and begin with 2 to 6.
_CARD = re.compile(r"(?<!\d)[2-6]\d{12,18}(?!\d)|(?<!\d)[2-6]\d{3}(?:[ -]\d{4}){2}[ -]\d{1,7}(?!\d)")
# Stripe's keys, connection tokens, webhook secrets; client secrets of intents; what HTTP authenticates with.
_KEY = re.compile(r"\b((?:sk|rk|pst)_(?:test|live)_|whsec_)[A-Za-z0-9_]+")
_CLIENT_SECRET = re.compile(r"(_secret_)[A-Za-z0-9]+")
_AUTHORIZATION = re.compile(r"\b(Bearer|Basic)(\s+)[A-Za-z0-9._~+/=-]+", re.IGNORECASE)


class Format(StrEnum):
    """How a log line is written."""

    PLAIN = "plain"
    JSON = "json"


class Level(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def setup(
    form: Format | str = Format.PLAIN, level: Level | str = Level.INFO, *, stream: TextIO | None = None
) -> None:
    """Send every log line of the process to stderr (or `stream`); calling it again replaces the first call.

    Lines that systemd's journal reads carry their priority and leave the time to the journal.
    """
    target = sys.stderr if stream is None else stream
    journal = _read_by_journal(target)
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        JsonFormatter(journal=journal) if Format(form) is Format.JSON else PlainFormatter(journal=journal)
    )
    handler.addFilter(_bind)
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each.formatter, PlainFormatter | JsonFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(Level(level).upper())
    # One line a request is the tills' business, not the operator's.
    quiet = logging.NOTSET if Level(level) is Level.DEBUG else logging.WARNING
    logging.getLogger("aiohttp.access").setLevel(quiet)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


@contextmanager
def fields(**values: object) -> Iterator[None]:
    """Add fields (`session=`, `reader=`) to every line logged inside, also by tasks that start inside."""
    token = _bound.set({**_bound.get(), **values})
    try:
        yield
    finally:
        _bound.reset(token)


def mask(text: str) -> str:
    """The text without card numbers, keys and tokens: the last defence, not the first."""
    text = _KEY.sub(rf"\g<1>{HIDDEN}", text)
    text = _CLIENT_SECRET.sub(rf"\g<1>{HIDDEN}", text)
    text = _AUTHORIZATION.sub(rf"\g<1>\g<2>{HIDDEN}", text)
    return _CARD.sub(_mask_card, text)


def _mask_card(found: re.Match[str]) -> str:
    digits = [letter for letter in found[0] if letter.isdigit()]
    if not _passes_luhn(digits):
        return found[0]
    return "*" * (len(digits) - 4) + "".join(digits[-4:])


def _passes_luhn(digits: list[str]) -> bool:
    """ISO/IEC 7812-1 annex B: every second digit from the right doubled, the digit sum a multiple of ten."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _bind(record: logging.LogRecord) -> bool:
    """Give the record the fields of its context and of its `extra`; it runs in the task that logged."""
    own = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    record.fields = {**_bound.get(), **own}
    return True


def _read_by_journal(stream: TextIO) -> bool:
    """Whether systemd's journal reads it: JOURNAL_STREAM names its device and inode (systemd.exec(5))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream of a test, or closed: no file, so no journal
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _priority(level: int) -> str:
    number = next((number for least, number in _PRIORITIES if level >= least), _DEBUG_PRIORITY)
    return f"<{number}>"


def _moment(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, tz=UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields_of(record: logging.LogRecord) -> dict[str, object]:
    found: dict[str, object] = getattr(record, "fields", {})
    return found


def _trace(record: logging.LogRecord) -> str:
    return "".join(traceback.format_exception(*record.exc_info)).rstrip() if record.exc_info else ""


class PlainFormatter(logging.Formatter):
    """`2026-01-31T09:00:00.000Z INFO agent.lane: message session=... reader=...`."""

    def __init__(self, *, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback adds more."""
        line = f"{record.levelname} {record.name}: {record.getMessage()}"
        line += "".join(f" {name}={_plain(value)}" for name, value in _fields_of(record).items())
        if not self._journal:
            line = f"{_moment(record)} {line}"
        trace = _trace(record)
        text = mask(f"{line}\n{trace}" if trace else line)
        if not self._journal:
            return text
        priority = _priority(record.levelno)
        return "\n".join(priority + each for each in text.split("\n"))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `message`, the fields, `error` with the traceback."""

    def __init__(self, *, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        document: dict[str, object] = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in _fields_of(record).items():
            document.setdefault(name, value)
        trace = _trace(record)
        if trace:
            document["error"] = trace
        masked = {name: _masked(value) for name, value in document.items()}
        line = json.dumps(masked, ensure_ascii=False, default=lambda value: mask(str(value)))
        return _priority(record.levelno) + line if self._journal else line


def _masked(value: object) -> object:
    if isinstance(value, bool | float | None):
        return value
    if isinstance(value, int):
        # A bare number may be a card number too; as text only when it is one.
        text = str(value)
        return value if mask(text) == text else mask(text)
    if isinstance(value, Mapping):
        return {mask(str(name)): _masked(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(each) for each in value]
    return mask(str(value))


def _plain(value: object) -> str:
    """A value that a reader of the line can tell from its neighbours."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if text == "" or re.search(r'[\s"=]', text) else text
