"""What can go wrong in a simulated store, and the steps of a sale at which it can."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

STEPS: Final = (
    "opened",
    "started",
    "reference",
    "attempt",
    "waiting",
    "authorizing",
    "cancel asked",
    "doubt",
    "held",
    "capturing",
    "releasing",
    "ended",
    "refund opened",
    "refund sent",
    "refund doubt",
    "refunded",
)
"""What the journal said last of the sale under way at a reader."""

IDLE: Final = "idle"

ONLY_STRIPE: Final = ("held", "capturing", "releasing")
"""Steps that a sale at a simulated ZVT terminal does not come to."""

ONLY_ZVT: Final = ("authorizing",)
"""Steps that Stripe does not show."""

_AT_REST: Final = ("opened", "held", "ended", "refund opened", "refunded")
"""Nothing is sent for the sale itself at these steps."""

_ASKING: Final = ("reference", "waiting", "doubt", "refund doubt")
"""Only questions are sent to Stripe at these steps."""

_SENDING: Final = tuple(step for step in STEPS if step not in {*_AT_REST, *ONLY_ZVT})
_CHANGING: Final = tuple(step for step in _SENDING if step not in _ASKING)
_COMMANDING: Final = ("attempt", "cancel asked")


class Group(Enum):
    """Where a fault comes from."""

    GATEWAY = "gateway"
    DISK = "disk"
    CLOCK = "clock"
    WIRE = "Stripe's answers"
    READER = "reader"
    LINE = "terminal's line"
    TILL = "till"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of fault. `seconds` bounds how long it lasts, or how far a clock jumps."""

    name: str
    group: Group
    seconds: tuple[float, float] = (0.0, 0.0)
    stripe: bool = True
    zvt: bool = True
    serial_only: bool = False
    steps: tuple[str, ...] = ()
    """The steps at which it can come true; all of them if left out."""

    def can(self, step: str) -> bool:
        """Whether it can come true at a step of a sale."""
        if (not self.zvt and step in ONLY_ZVT) or (not self.stripe and step in ONLY_STRIPE):
            return False
        return not self.steps or step in self.steps

    def can_at(self, terminal: bool, step: str) -> bool:
        """Whether it can come true at a step of a sale at a ZVT terminal, or else at a reader of Stripe's."""
        return self.can(step) and step not in (ONLY_STRIPE if terminal else ONLY_ZVT)

    def fits(self, terminal: bool) -> bool:
        """Whether it can happen at a ZVT terminal, or else at a reader of Stripe's."""
        return self.zvt if terminal else self.stripe


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one world.

    It happens at `at_s`, or, with a `step`, as soon as a sale at `reader` comes there after that, and then
    `steps` steps of the event loop later. `times`: how many requests suffer it.
    """

    kind: str
    reader: str
    at_s: float
    step: str = ""
    seconds: float = 0.0
    times: int = 1
    steps: int = 0
    seed: int = 0

    def __str__(self) -> str:
        when = f"at {self.at_s:.1f} s" if not self.step else f"after {self.at_s:.0f} s at {self.step!r}"
        return f"{self.kind} {self.reader} {when} ({self.seconds:g} s, x{self.times}, +{self.steps})"


def _wire(name: str, steps: tuple[str, ...] = _SENDING) -> Trouble:
    return Trouble(name, Group.WIRE, zvt=False, steps=steps)


def _line(name: str, *, serial_only: bool = False) -> Trouble:
    steps = tuple(step for step in STEPS if step not in {*ONLY_STRIPE, "opened", "refund opened"})
    return Trouble(name, Group.LINE, (5.0, 150.0), stripe=False, serial_only=serial_only, steps=steps)


_LIST: Final = (
    Trouble("crash", Group.GATEWAY, (0.1, 30.0)),
    Trouble("crash in a commit", Group.GATEWAY, (0.1, 30.0)),
    Trouble("power cut", Group.GATEWAY, (0.1, 60.0)),
    Trouble("power cut in a commit", Group.GATEWAY, (0.1, 60.0)),
    Trouble("pause", Group.GATEWAY, (0.5, 70.0)),
    Trouble("stop", Group.GATEWAY, (0.1, 10.0)),
    Trouble("second gateway", Group.GATEWAY),
    Trouble("disk full", Group.DISK, (0.5, 20.0)),
    Trouble("disk error", Group.DISK, (0.0, 1.0)),
    Trouble("fsync error", Group.DISK, (0.0, 1.0)),
    Trouble("clock forward", Group.CLOCK, (5.0, 4000.0)),
    Trouble("clock back", Group.CLOCK, (5.0, 4000.0)),
    _wire("no connection"),
    _wire("request lost"),
    _wire("answer lost"),
    _wire("answer torn"),
    _wire("request late"),
    _wire("answer late"),
    _wire("request doubled", _CHANGING),
    _wire("request overtaken", _CHANGING),
    _wire("409", _CHANGING),
    _wire("429"),
    _wire("500"),
    _wire("500 after execution began", _CHANGING),
    _wire("HTML"),
    _wire("reader time-out, delivered", _COMMANDING),
    _wire("reader time-out, not delivered", _COMMANDING),
    Trouble("line down", Group.WIRE, (0.5, 60.0), zvt=False),
    Trouble("reboot", Group.READER, (5.0, 40.0)),
    Trouble("busy", Group.READER, (1.0, 30.0)),
    Trouble("vanish", Group.READER, (5.0, 200.0), zvt=False),
    Trouble("offline", Group.READER, (5.0, 60.0), zvt=False),
    Trouble("updating", Group.READER, (5.0, 60.0), zvt=False),
    Trouble("connection_error", Group.READER, zvt=False),
    Trouble("connection_error_authorized", Group.READER, zvt=False),
    Trouble("unplugged", Group.READER, (0.2, 40.0), stripe=False),
    _line("byte-by-byte"),
    _line("coalesce"),
    _line("delay"),
    _line("garbage"),
    _line("garble"),
    _line("loss"),
    _line("duplicate"),
    _line("cut-up"),
    _line("cut-down"),
    _line("hang-up"),
    _line("stall"),
    _line("silence"),
    _line("line reboot"),
    _line("idle-hang-up"),
    Trouble("absent", Group.LINE, (0.5, 30.0), stripe=False),
    _line("nak-storm", serial_only=True),
    _line("drop-ack", serial_only=True),
    _line("ack-as-nak", serial_only=True),
    Trouble("till hangs up", Group.TILL),
    Trouble("till's request lost", Group.TILL),
    Trouble("till's answer lost", Group.TILL),
)

FAULTS: Final[Mapping[str, Trouble]] = MappingProxyType({each.name: each for each in _LIST})
"""Every kind, by name."""

KINDS: Final = tuple(FAULTS)
