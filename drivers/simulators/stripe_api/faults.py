"""Faults to order: what goes wrong, where, and how often."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from drivers.simulators.stripe_api.errors import bad_parameter


class Effect(Enum):
    """What can go wrong with a request."""

    DELAY = "delay"
    DELAY_ANSWER = "delay_answer"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    TORN_BODY = "torn_body"
    STATUS = "status"
    CAPTIVE_PORTAL = "captive_portal"
    TIMEOUT_DELIVERED = "timeout_delivered"
    TIMEOUT_NOT_DELIVERED = "timeout_not_delivered"
    DUPLICATE_WEBHOOK = "duplicate_webhook"
    LOSE_WEBHOOK = "lose_webhook"
    REORDER_WEBHOOKS = "reorder_webhooks"


_WITH_SECONDS: Final = (Effect.DELAY, Effect.DELAY_ANSWER)
_FOR_READERS: Final = (Effect.TIMEOUT_DELIVERED, Effect.TIMEOUT_NOT_DELIVERED)
_FOR_WEBHOOKS: Final = (Effect.DUPLICATE_WEBHOOK, Effect.LOSE_WEBHOOK, Effect.REORDER_WEBHOOKS)


def _pattern(glob: str) -> re.Pattern[str]:
    """`*` stands for anything within one segment of a path, `**` for anything at all."""
    parts = re.split(r"(\*\*|\*)", glob)
    return re.compile("".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts))


@dataclass(slots=True)
class Fault:
    """One fault: `left` is how often it still happens, None for ever."""

    id: str
    method: str
    path: str
    effect: Effect
    left: int | None
    seconds: float = 0.0
    status: int = 0
    code: str | None = None
    stored: bool = False

    def describe(self) -> dict[str, Any]:
        """The fault as `GET /_sim/faults` lists it."""
        effect = self.effect.value
        if self.effect in _WITH_SECONDS:
            effect += f":{self.seconds:g}"
        if self.effect is Effect.STATUS:
            effect += f":{self.status}" + (f":{self.code}" if self.code else "")
        return {
            "id": self.id,
            "match": {"method": self.method, "path": self.path},
            "effect": effect,
            "times": self.left,
            "stored": self.stored,
        }

    def hits(self, method: str, path: str) -> bool:
        """Whether it applies to a request."""
        return self.method in ("*", method) and _pattern(self.path).fullmatch(path) is not None


def read_fault(identifier: str, given: Any) -> Fault:
    """A fault from the JSON of `POST /_sim/faults`.

    `{"match": {"method", "path"}, "effect": E, "times": N, "stored": false}`; `times` null is for ever.
    Errors: `ApiError` 400 that names what is wrong.
    """
    if not isinstance(given, dict) or set(given) - {"match", "effect", "times", "stored"}:
        raise bad_parameter("A fault has match, effect, times and stored.", "fault")
    match = given.get("match", {})
    if not isinstance(match, dict) or set(match) - {"method", "path"}:
        raise bad_parameter("match has method and path.", "match")
    times = given.get("times", 1)
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
        raise bad_parameter("times is a positive number or null.", "times")
    name, _, argument = str(given.get("effect", "")).partition(":")
    try:
        effect = Effect(name)
    except ValueError:
        words = ", ".join(effect.value for effect in Effect)
        raise bad_parameter(f"effect is one of {words}.", "effect") from None
    fault = Fault(
        identifier,
        str(match.get("method", "*")).upper(),
        str(match.get("path", "**")),
        effect,
        times,
        stored=given.get("stored") is True,
    )
    try:
        if effect in _WITH_SECONDS:
            fault.seconds = float(argument)
        elif effect is Effect.STATUS:
            status, _, code = argument.partition(":")
            fault.status, fault.code = int(status), code or None
        elif argument:
            raise bad_parameter(f"{name} takes no argument.", "effect")
    except ValueError:
        raise bad_parameter(f"{name} needs a number: {name}:N.", "effect") from None
    return fault


class Faults:
    """The faults in force, in the order they were ordered."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, fault: Fault) -> None:
        """Put one in force."""
        self._faults.append(fault)

    def clear(self, identifier: str | None = None) -> None:
        """End one, or all."""
        self._faults = [fault for fault in self._faults if identifier not in (None, fault.id)]

    def describe(self) -> list[dict[str, Any]]:
        """All in force."""
        return [fault.describe() for fault in self._faults]

    def take(self, method: str, path: str, *, reader_command: bool) -> Fault | None:
        """The first fault that applies to a request, counted down."""
        for fault in self._faults:
            if fault.effect in _FOR_WEBHOOKS or (fault.effect in _FOR_READERS and not reader_command):
                continue
            if fault.hits(method, path):
                return self._spend(fault)
        return None

    def take_webhook(self, kind: str) -> Fault | None:
        """The first fault that applies to the delivery of an event type (matched by `path`)."""
        for fault in self._faults:
            if fault.effect in _FOR_WEBHOOKS and fault.hits("POST", kind):
                return self._spend(fault)
        return None

    def _spend(self, fault: Fault) -> Fault:
        if fault.left is not None:
            fault.left -= 1
            if fault.left == 0:
                self._faults.remove(fault)
        return fault
