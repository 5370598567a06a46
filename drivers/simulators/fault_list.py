"""The named faults of `--fault NAME[=ARG]`: what a line in a real store does to its bytes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from drivers.simulators.faults import (
    AfterBytes,
    Chance,
    Direction,
    Ending,
    Kind,
    NthChunk,
    Plan,
    Rule,
)

BYTE_S = 11 / 9600
"""One byte at 9600 baud, 8N2: start bit, eight bits, two stop bits."""


class FaultError(ValueError):
    """A fault nobody knows, or one with an argument that makes no sense."""


class Harm(StrEnum):
    """How bad it is: what whoever uses the link has to live with."""

    TIMING = "timing"  # every byte arrives once and in order: the result must not change at all
    BYTES = "bytes"  # bytes are lost, changed, added or repeated on a link that lives
    LINK = "link"  # the link dies, is silent or cannot be made


Ingredients: TypeAlias = tuple[tuple[Rule, ...], float | None, float]
"""Rules, `idle_s` and `absent_s` of a plan."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the list; `serial_only` ones understand serial framing and do nothing on TCP."""

    name: str
    summary: str
    argument: str
    default: float
    harm: Harm
    make: Callable[[float], Ingredients]
    serial_only: bool = False


def _rules(*rules: Rule) -> Ingredients:
    return rules, None, 0.0


def _cut(direction: Direction, ending: Ending = Ending.BROKEN) -> Callable[[float], Ingredients]:
    return lambda count: _rules(Rule(Kind.CUT, direction, AfterBytes(int(count)), ending=ending))


_LIST = (
    Fault(
        "byte-by-byte",
        "each byte arrives alone",
        "seconds between bytes",
        BYTE_S,
        Harm.TIMING,
        lambda seconds: _rules(Rule(Kind.SPLIT, times=None, seconds=seconds)),
    ),
    Fault(
        "coalesce",
        "what is sent close together arrives as one",
        "seconds to wait for more",
        0.05,
        Harm.TIMING,
        lambda seconds: _rules(Rule(Kind.COALESCE, times=None, seconds=seconds)),
    ),
    Fault(
        "delay",
        "everything arrives late",
        "seconds",
        0.3,
        Harm.TIMING,
        lambda seconds: _rules(Rule(Kind.DELAY, times=None, seconds=seconds)),
    ),
    Fault(
        "garbage",
        "bytes nobody sent come between the others",
        "probability per chunk",
        0.05,
        Harm.BYTES,
        lambda chance: _rules(Rule(Kind.NOISE, None, Chance(chance), times=None, count=3)),
    ),
    Fault(
        "garble",
        "a byte arrives as another",
        "probability per chunk",
        0.05,
        Harm.BYTES,
        lambda chance: _rules(Rule(Kind.GARBLE, None, Chance(chance), times=None)),
    ),
    Fault(
        "loss",
        "a chunk is lost",
        "probability per chunk",
        0.05,
        Harm.BYTES,
        lambda chance: _rules(Rule(Kind.DROP, None, Chance(chance), times=None)),
    ),
    Fault(
        "duplicate",
        "a chunk arrives twice",
        "probability per chunk",
        0.1,
        Harm.BYTES,
        lambda chance: _rules(Rule(Kind.DUPLICATE, None, Chance(chance), times=None)),
    ),
    Fault(
        "cut-up",
        "the link breaks after so many bytes to the device, once",
        "bytes",
        40,
        Harm.LINK,
        _cut(Direction.UP),
    ),
    Fault(
        "cut-down",
        "the link breaks after so many bytes from the device, once",
        "bytes",
        40,
        Harm.LINK,
        _cut(Direction.DOWN),
    ),
    Fault(
        "hang-up",
        "the device closes after having sent so many bytes, once",
        "bytes",
        40,
        Harm.LINK,
        _cut(Direction.DOWN, Ending.CLOSED),
    ),
    Fault(
        "stall",
        "nothing arrives either way for a while, from the device's third chunk on",
        "seconds",
        10,
        Harm.LINK,
        lambda seconds: _rules(Rule(Kind.STALL, Direction.DOWN, NthChunk(3), seconds=seconds)),
    ),
    Fault(
        "silence",
        "nothing arrives any more, from a chunk of the device on, and the link stays",
        "number of the chunk",
        3,
        Harm.LINK,
        lambda number: _rules(Rule(Kind.STALL, Direction.DOWN, NthChunk(int(number)))),
    ),
    Fault(
        "reboot",
        "the device restarts after 60 bytes of its own and is away for a while, once",
        "seconds",
        5,
        Harm.LINK,
        lambda seconds: _rules(Rule(Kind.CUT, Direction.DOWN, AfterBytes(60), seconds=seconds)),
    ),
    Fault(
        "idle-hang-up",
        "the device closes when nothing was said for a while",
        "seconds",
        2,
        Harm.LINK,
        lambda seconds: ((), seconds, 0.0),
    ),
    Fault(
        "absent",
        "the device cannot be reached at first",
        "seconds",
        3,
        Harm.LINK,
        lambda seconds: ((), None, seconds),
    ),
    Fault(
        "nak-storm",
        "frames to the device are lost and refused by NAK",
        "how many",
        2,
        Harm.BYTES,
        lambda times: _rules(Rule(Kind.REFUSE_FRAME, Direction.UP, times=int(times))),
        serial_only=True,
    ),
    Fault(
        "drop-ack",
        "ACKs are lost, both ways",
        "how many",
        1,
        Harm.BYTES,
        lambda times: _rules(
            Rule(Kind.DROP_ACK, Direction.UP, times=int(times)),
            Rule(Kind.DROP_ACK, Direction.DOWN, times=int(times)),
        ),
        serial_only=True,
    ),
    Fault(
        "ack-as-nak",
        "ACKs of the device arrive as NAK: it is told again what it has understood",
        "how many",
        1,
        Harm.BYTES,
        lambda times: _rules(Rule(Kind.ACK_TO_NAK, Direction.DOWN, times=int(times))),
        serial_only=True,
    ),
)

FAULTS: Mapping[str, Fault] = MappingProxyType({fault.name: fault for fault in _LIST})
"""The list, by name."""


def plan_for(*texts: str, seed: int = 0) -> Plan:
    """A plan of all faults named, each as NAME or NAME=NUMBER; none at all is a good line.

    Errors: `FaultError`.
    """
    made = [_ingredients(text) for text in texts]
    return Plan(
        [rule for rules, _, _ in made for rule in rules],
        seed=seed,
        idle_s=_least(idle_s for _, idle_s, _ in made),
        absent_s=max((absent_s for _, _, absent_s in made), default=0.0),
    )


def _ingredients(text: str) -> Ingredients:
    name, equals, argument = text.partition("=")
    fault = FAULTS.get(name)
    if fault is None:
        close = get_close_matches(name, FAULTS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(FAULTS)}"
        raise FaultError(f"unknown fault {name!r}; {hint}")
    try:
        value = float(argument) if equals else fault.default
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise FaultError(f"{name}={argument}: the argument is a number: {fault.argument}")
    return fault.make(value)


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)
