"""Words that both dialogues share: what one waits for, and who is to speak (PA00P015 2.1, PA00P016 5.2)."""

from dataclasses import dataclass
from enum import StrEnum

from drivers.zvt.message import Message


class Wait(StrEnum):
    """What a dialogue waits for; the shell knows how long."""

    NOTHING = "nothing"
    """The register is master and silent."""
    T3 = "T3"
    """80 00 or 84 xx from the peer (5 s)."""
    T4 = "T4"
    """The terminal's next word while it is master (180 s, or the minutes a 04 FF named)."""
    GOODS = "goods"
    """The register's answer to 04 0F (the seconds of BMP 01, 30 s without it)."""
    US = "us"
    """Our own application: the peer waits for our answer, or for what we do as master."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is waited for now. `minutes` for T4, `seconds` for GOODS, where the peer named them.

    The clock starts anew with everything that is sent or received.
    """

    wait: Wait
    minutes: int | None = None
    seconds: int | None = None


class Topic(StrEnum):
    """What a message of the terminal is about."""

    PROGRESS = "progress"
    RESULT = "result"
    PRINT = "print"
    CLOCK = "clock"
    QUESTION = "question"


@dataclass(frozen=True, slots=True)
class Repeated:
    """The peer said again what it said before; only `answer` is to be sent again, if there is one."""

    message: Message
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class Stray:
    """An answer to nothing: late, or repeated by the link. Worth a line in the log."""

    message: Message
