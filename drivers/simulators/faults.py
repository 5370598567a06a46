"""What a bad link does to bytes: rules that say what, where and how often; no I/O and no clock."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TypeAlias, assert_never

from drivers.zvt.serial_frame import (
    ACK,
    NAK,
    BrokenFrame,
    Frame,
    FrameReader,
    Garbage,
    Piece,
    Signal,
    encode_frame,
)


class Direction(StrEnum):
    """Which way bytes go."""

    UP = "up"  # to the device
    DOWN = "down"  # from the device

    @property
    def other(self) -> "Direction":
        """The way back."""
        return Direction.DOWN if self is Direction.UP else Direction.UP


class Kind(StrEnum):
    """What can happen to a chunk."""

    CUT = "cut"  # the link dies
    STALL = "stall"  # the link lives and is silent both ways
    DELAY = "delay"  # it arrives later, all behind it too
    DROP = "drop"  # it is lost, or some bytes of it
    GARBLE = "garble"  # one byte of it is changed
    NOISE = "noise"  # bytes nobody sent come before it or inside
    DUPLICATE = "duplicate"  # it arrives twice
    SPLIT = "split"  # it arrives byte by byte
    COALESCE = "coalesce"  # it arrives together with what comes soon after
    REFUSE_FRAME = "refuse frame"  # serial framing: the frame is lost and NAK comes back
    DROP_ACK = "drop ack"  # serial framing: the ACK is lost
    ACK_TO_NAK = "ack to nak"  # serial framing: the ACK arrives as NAK


class Ending(StrEnum):
    """How a link dies."""

    BROKEN = "broken"  # reset by TCP, unplugged if serial
    CLOSED = "closed"  # the orderly end


@dataclass(frozen=True, slots=True)
class Write:
    """Let these bytes arrive, `delay_s` seconds after they were sent."""

    direction: Direction
    data: bytes
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Let nothing more arrive this way for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gather:
    """Wait so many seconds and let all that was sent meanwhile arrive as one."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """Let nothing arrive either way for so many seconds; None: for ever."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Cut:
    """End the link; nothing can connect for `down_s` seconds."""

    ending: Ending
    down_s: float = 0.0


Act: TypeAlias = Write | Pause | Gather | Silence | Cut


@dataclass(frozen=True, slots=True)
class Always:
    """Every chunk."""

    def place(self, start: int, number: int, data: bytes, chance: Random) -> int | None:
        """Where in the chunk the rule applies, None for not at all; -1 leaves the place to the kind."""
        del start, number, data, chance
        return -1


@dataclass(frozen=True, slots=True)
class AtByte:
    """The chunk that carries byte number `offset` (from 0) of its direction, at that byte."""

    offset: int

    def place(self, start: int, number: int, data: bytes, chance: Random) -> int | None:
        """As in `Always`."""
        del number, chance
        return self.offset - start if start <= self.offset < start + len(data) else None


@dataclass(frozen=True, slots=True)
class AfterBytes:
    """As soon as `count` bytes of a direction have passed; 0: before the first."""

    count: int

    def place(self, start: int, number: int, data: bytes, chance: Random) -> int | None:
        """As in `Always`."""
        del number, chance
        if start < self.count <= start + len(data) or self.count == start == 0:
            return self.count - start
        return None


@dataclass(frozen=True, slots=True)
class NthChunk:
    """Chunk number `number` (from 1) of its direction."""

    number: int

    def place(self, start: int, number: int, data: bytes, chance: Random) -> int | None:
        """As in `Always`."""
        del start, data, chance
        return -1 if number == self.number else None


@dataclass(frozen=True, slots=True)
class When:
    """Chunks that a predicate picks."""

    predicate: Callable[[bytes], bool]

    def place(self, start: int, number: int, data: bytes, chance: Random) -> int | None:
        """As in `Always`."""
        del start, number, chance
        return -1 if self.predicate(data) else None


@dataclass(frozen=True, slots=True)
class Chance:
    """Each chunk with this probability, decided by the plan's seed."""

    probability: float

    def place(self, start: int, number: int, data: bytes, chance: Random) -> int | None:
        """As in `Always`."""
        del start, number, data
        return -1 if chance.random() < self.probability else None


Trigger: TypeAlias = Always | AtByte | AfterBytes | NthChunk | When | Chance


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that goes wrong: what, which way (None: both), where, how many times (None: for ever).

    `seconds` is the length of a stall (0: for ever), a delay, the gap between split bytes, the window of a
    coalescence, and how long nothing can connect after a cut. `count` is how many bytes are dropped (0: the
    chunk) or added as noise, and how many NAKs refuse a frame.
    """

    kind: Kind
    direction: Direction | None = None
    trigger: Trigger = Always()
    times: int | None = 1
    seconds: float = 0.0
    count: int = 0
    ending: Ending = Ending.BROKEN


class Plan:
    """All that goes wrong on one line, in order; it lives on when the link is made anew.

    Offsets and chunk numbers count what was sent since the plan was made. The same seed and the same bytes
    give the same faults. A link silent for `idle_s` seconds is closed; nothing can connect for the first
    `absent_s` seconds.
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        *,
        seed: int = 0,
        idle_s: float | None = None,
        absent_s: float = 0.0,
    ) -> None:
        self.rules = tuple(rules)
        self.seed = seed
        self.idle_s = idle_s
        self.absent_s = absent_s
        chance = Random(seed)  # noqa: S311  # repeatable bad luck, not a secret
        self._running = [_Running(rule, chance) for rule in self.rules]

    @property
    def fired(self) -> int:
        """How often something has gone wrong so far."""
        return sum(each.fired for each in self._running)

    def apply(self, direction: Direction, data: bytes) -> list[Act]:
        """What to do instead of letting this chunk arrive, in this order."""
        acts: list[Act] = [Write(direction, data)]
        for running in self._running:
            acts = _through(running, direction, acts)
        return acts

    def new_link(self) -> None:
        """Forget half a frame: what was under way on the last link is gone."""
        for running in self._running:
            running.new_link()


def _through(running: "_Running", direction: Direction, acts: list[Act]) -> list[Act]:
    result: list[Act] = []
    for act in acts:
        if not isinstance(act, Write) or act.direction is not direction:
            result.append(act)
            continue
        for made in running.act(direction, act.data):
            if isinstance(made, Write):
                result.append(Write(made.direction, made.data, made.delay_s + act.delay_s))
            else:
                result.append(made)
            if isinstance(made, Cut):
                return result
    return result


_FRAMED = {
    Kind.REFUSE_FRAME: lambda piece: isinstance(piece, Frame | BrokenFrame),
    Kind.DROP_ACK: lambda piece: piece is Signal.ACK,
    Kind.ACK_TO_NAK: lambda piece: piece is Signal.ACK,
}
"""The kinds that understand serial framing, and which pieces of the stream they count."""


def _raw(piece: Piece) -> bytes:
    match piece:
        case Frame(apdu):
            return encode_frame(apdu)
        case BrokenFrame(_, raw) | Garbage(raw):
            return raw
        case Signal.ACK:
            return ACK
        case Signal.NAK:
            return NAK
        case _:
            assert_never(piece)


class _Running:
    """A rule and how far it has come."""

    def __init__(self, rule: Rule, chance: Random) -> None:
        self._rule = rule
        self._chance = chance
        self._passed = dict.fromkeys(Direction, 0)
        self._chunks = dict.fromkeys(Direction, 0)
        self._frames = {direction: FrameReader() for direction in Direction}
        self.fired = 0

    def new_link(self) -> None:
        for frames in self._frames.values():
            frames.abandon()

    def act(self, direction: Direction, data: bytes) -> list[Act]:
        if self._rule.direction not in (None, direction):
            return [Write(direction, data)]
        concerns = _FRAMED.get(self._rule.kind)
        if concerns is None:
            return self._chunk(direction, data)
        acts: list[Act] = []
        for piece in self._frames[direction].feed(data):
            raw = _raw(piece)
            acts += self._chunk(direction, raw) if concerns(piece) else [Write(direction, raw)]
        return acts

    def _chunk(self, direction: Direction, data: bytes) -> list[Act]:
        start = self._passed[direction]
        self._passed[direction] += len(data)
        self._chunks[direction] += 1
        place = self._rule.trigger.place(start, self._chunks[direction], data, self._chance)
        if place is None or (self._rule.times is not None and self.fired >= self._rule.times):
            return [Write(direction, data)]
        self.fired += 1
        return _effect(self._rule, self._chance, direction, data, place)


def _effect(rule: Rule, chance: Random, direction: Direction, data: bytes, place: int) -> list[Act]:
    somewhere = place if place >= 0 else chance.randrange(len(data))
    before, after = data[: max(place, 0)], data[max(place, 0) :]
    match rule.kind:
        case Kind.CUT:
            # without a place of its own: in the middle of the chunk
            return [*_written(direction, data[:somewhere]), Cut(rule.ending, rule.seconds)]
        case Kind.STALL:
            silence = Silence(rule.seconds or None)
            return [*_written(direction, before), silence, *_written(direction, after)]
        case Kind.DELAY:
            return [Write(direction, data, rule.seconds)]
        case Kind.DROP:
            return _written(direction, before + (after[rule.count :] if rule.count else b""))
        case Kind.GARBLE:
            at = min(somewhere, len(data) - 1)
            wrong = bytes((data[at] ^ chance.randrange(1, 256),))
            return [Write(direction, data[:at] + wrong + data[at + 1 :])]
        case Kind.NOISE:
            noise = chance.randbytes(rule.count or 1)
            return [Write(direction, data[:somewhere] + noise + data[somewhere:])]
        case Kind.DUPLICATE:
            return [Write(direction, data), Write(direction, data)]
        case Kind.SPLIT:
            bytewise = [(Write(direction, data[at : at + 1]), Pause(rule.seconds)) for at in range(len(data))]
            return [act for pair in bytewise for act in pair]
        case Kind.COALESCE:
            return [Gather(rule.seconds), Write(direction, data)]
        case Kind.REFUSE_FRAME:
            return [Write(direction.other, NAK) for _ in range(rule.count or 1)]
        case Kind.DROP_ACK:
            return []
        case Kind.ACK_TO_NAK:
            return [Write(direction, NAK)]
        case _:
            assert_never(rule.kind)


def _written(direction: Direction, data: bytes) -> list[Act]:
    return [Write(direction, data)] if data else []
