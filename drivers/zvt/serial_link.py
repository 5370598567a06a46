"""The link on a serial line: acknowledgements, repeats, repeated frames (PA00P016 chapters 3.2 to 3.5).

Bytes and expired timers in, steps out. The shell carries the steps out in their order and keeps the clock: it
starts and stops the timers it is told to, and calls `expired` when one runs out.
"""

from dataclasses import dataclass
from enum import StrEnum

from drivers.zvt.errors import LocalProtocolError
from drivers.zvt.serial_frame import ACK, NAK, BrokenFrame, Frame, FrameReader, Garbage, Signal, encode_frame

REPEATS = 2
"""A frame is sent at most three times (chapter 3.5); it ends the wait for a peer that is not there."""


class Timer(StrEnum):
    """What the link waits for; the shell knows how long (chapter 3.4: 200 ms and 5 s)."""

    T1 = "T1"
    """The next byte of a frame that has begun."""
    T2 = "T2"
    """ACK or NAK for the frame just sent."""


@dataclass(frozen=True, slots=True)
class Write:
    """Send these bytes now."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Start:
    """Start this timer, anew if it runs."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop this timer."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class Delivered:
    """An APDU has come; its ACK is already among the steps."""

    apdu: bytes


@dataclass(frozen=True, slots=True)
class Repeated:
    """The frame delivered last has come again: acknowledged, and not delivered a second time."""

    apdu: bytes


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The peer has our frame, by its ACK or (`implicit`) by going on with the dialogue."""

    implicit: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """A transmission error to report upward (chapter 3.5): our frame did not get through, or the peer's."""

    sending: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes outside of any frame or a signal nobody waits for: ignored, worth a line in the log."""

    raw: bytes


Step = Write | Start | Stop | Delivered | Repeated | Confirmed | Failed | Noise


class _Sending(StrEnum):
    IDLE = "idle"
    SENT = "sent"


class _Input(StrEnum):
    ACK = "ACK"
    NAK = "NAK"
    T2 = "T2 expired"
    NEW_FRAME = "new frame"


class _Action(StrEnum):
    IGNORE = "ignore"
    CONFIRM = "confirm"
    CONFIRM_IMPLICITLY = "confirm implicitly"
    REPEAT = "repeat or give up"


SENDER: dict[tuple[_Sending, _Input], _Action] = {
    (_Sending.IDLE, _Input.ACK): _Action.IGNORE,
    (_Sending.IDLE, _Input.NAK): _Action.IGNORE,
    (_Sending.IDLE, _Input.T2): _Action.IGNORE,
    (_Sending.IDLE, _Input.NEW_FRAME): _Action.IGNORE,
    (_Sending.SENT, _Input.ACK): _Action.CONFIRM,
    (_Sending.SENT, _Input.NAK): _Action.REPEAT,
    (_Sending.SENT, _Input.T2): _Action.REPEAT,
    # T2 and T3 are both 5 s: an answer can overtake a lost ACK, and it proves that our frame was understood
    (_Sending.SENT, _Input.NEW_FRAME): _Action.CONFIRM_IMPLICITLY,
}
"""What the sender does in each of its states with each thing that can happen."""


class SerialLink:
    """One end of a serial link. One frame is under way at a time; the next is sent when it is confirmed."""

    def __init__(self) -> None:
        """Begin idle, knowing nothing of the peer."""
        self._reader = FrameReader()
        self._state = _Sending.IDLE
        self._frame = b""
        self._left = 0
        self._last: bytes | None = None
        self._unanswered = False
        self._broken = 0

    @property
    def idle(self) -> bool:
        """Whether a frame may be sent: the last one is confirmed or given up."""
        return self._state is _Sending.IDLE

    def send(self, apdu: bytes) -> list[Step]:
        """Send an APDU; LocalProtocolError while the one before is not confirmed."""
        if self._state is _Sending.SENT:
            raise LocalProtocolError("the frame before this one is not acknowledged yet")
        self._frame = encode_frame(apdu)
        self._left = REPEATS
        self._state = _Sending.SENT
        return [Write(self._frame), Start(Timer.T2)]

    def feed(self, data: bytes) -> list[Step]:
        """What to do about bytes that have come."""
        steps: list[Step] = []
        was_inside = self._reader.inside
        for piece in self._reader.feed(data):
            match piece:
                case Frame(apdu):
                    self._arrived(apdu, steps)
                case BrokenFrame(reason):
                    self._refuse(reason, steps)
                case Garbage(raw):
                    steps.append(Noise(raw))
                case Signal.ACK:
                    self._act(_Input.ACK, steps)
                case _:
                    self._act(_Input.NAK, steps)
        if self._reader.inside:
            steps.append(Start(Timer.T1))
        elif was_inside:
            steps.append(Stop(Timer.T1))
        return steps

    def expired(self, timer: Timer) -> list[Step]:
        """What to do when a timer has run out."""
        steps: list[Step] = []
        if timer is Timer.T2:
            self._act(_Input.T2, steps)
            return steps
        match self._reader.abandon():
            case BrokenFrame(reason):
                self._refuse(reason, steps)
            case Garbage(raw):
                steps.append(Noise(raw))
            case _:
                pass
        return steps

    def _arrived(self, apdu: bytes, steps: list[Step]) -> None:
        self._broken = 0
        # before it is processed: the ACK only says that the frame is whole (chapter 3.2)
        steps.append(Write(ACK))
        # Frames carry no number. One equal to the frame before is its repeat as long as the peer has
        # confirmed nothing of ours since: it cannot have seen our answer, so why would it say the same anew.
        if self._unanswered and apdu == self._last:
            steps.append(Repeated(apdu))
            return
        self._act(_Input.NEW_FRAME, steps)
        self._last = apdu
        self._unanswered = True
        steps.append(Delivered(apdu))

    def _refuse(self, reason: str, steps: list[Step]) -> None:
        steps.append(Write(NAK))
        self._broken += 1
        if self._broken > REPEATS:
            # the sender gives up now as well (chapter 3.5: both sides report)
            self._broken = 0
            steps.append(
                Failed(sending=False, reason=f"{REPEATS + 1} broken frames in a row, the last: {reason}")
            )

    def _act(self, happened: _Input, steps: list[Step]) -> None:
        match SENDER[self._state, happened]:
            case _Action.IGNORE:
                if happened is _Input.ACK:
                    steps.append(Noise(ACK))
                elif happened is _Input.NAK:
                    steps.append(Noise(NAK))
            case _Action.CONFIRM:
                self._confirmed(steps, implicit=False)
            case _Action.CONFIRM_IMPLICITLY:
                self._confirmed(steps, implicit=True)
            case _:
                self._repeat(happened, steps)

    def _confirmed(self, steps: list[Step], *, implicit: bool) -> None:
        self._state = _Sending.IDLE
        self._unanswered = False
        steps.extend((Stop(Timer.T2), Confirmed(implicit)))

    def _repeat(self, happened: _Input, steps: list[Step]) -> None:
        if self._left:
            self._left -= 1
            steps.extend((Write(self._frame), Start(Timer.T2)))
            return
        self._state = _Sending.IDLE
        steps.extend(
            (Stop(Timer.T2), Failed(sending=True, reason=f"no ACK after {REPEATS + 1} tries ({happened})"))
        )
