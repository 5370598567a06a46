"""What is seen while a world runs: how far each sale is, which faults came true where, and the timeline."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl

from agent.chaos.faults import IDLE
from agent.payments.writer import Pending

Moment = Callable[[str, str], None]
"""Told of a reader and the step that a sale at it has just come to."""

_PROGRESS = {
    "waiting_for_card": "waiting",
    "entering_pin": "authorizing",
    "authorizing": "authorizing",
    "wrong_pin": "authorizing",
}
_KINDS = {"started": "started", "cancel_asked": "cancel asked", "doubted": "doubt", "resumed": "attempt"}


class Eyes:
    """Follows the journal as it is written. For coverage and traces only: it judges nothing."""

    def __init__(self, now_s: Callable[[], float], *, trace: bool) -> None:
        self._now_s = now_s
        self._trace = trace
        self.coverage: Counter[tuple[str, str]] = Counter()
        self.timeline: list[str] = []
        self.on_moment: Moment | None = None
        self._reader_of: dict[str, str] = {}
        self._refund: set[str] = set()
        self._step: dict[str, str] = {}
        self._of_intent: dict[str, str] = {}
        self._reader_ids: dict[str, str] = {}

    def say(self, who: str, text: str) -> None:
        """One line of the timeline."""
        if self._trace:
            self.timeline.append(f"{self._now_s():9.3f}  {who:<10} {text}")

    def step_at(self, reader: str) -> str:
        """How far the sale at a reader is."""
        return self._step.get(reader, IDLE)

    def fired(self, fault: str, reader: str = "") -> None:
        """A fault came true: at one reader, or for all of them."""
        self.say("FAULT", f"{fault} {reader}".rstrip())
        if reader:
            self.coverage[fault, self.step_at(reader)] += 1
            return
        for step in set(self._step.values()) or {IDLE}:
            self.coverage[fault, step] += 1

    def request_fired(self, fault: str, path: str, body: str) -> None:
        """A fault of the way to Stripe came true for this request."""
        self.fired(fault, self._reader_of_request(path, body) or "elsewhere")

    def name_reader(self, identifier: str, name: str) -> None:
        """Stripe's id of a reader."""
        self._reader_ids[identifier] = name

    def _reader_of_request(self, path: str, body: str) -> str:
        for part in path.partition("?")[0].split("/"):
            if part in self._reader_ids:
                return self._reader_ids[part]
            if part in self._of_intent:
                return self._reader_of.get(self._of_intent[part], "")
        for name, value in parse_qsl(body):
            if name == "metadata[tillgate_session]":
                return self._reader_of.get(value, "")
            if name == "payment_intent":
                return self._reader_of.get(self._of_intent.get(value, ""), "")
        return ""

    def told(self, stored: Sequence[Pending]) -> None:
        """These changes are on the disk."""
        for pending in stored:
            for session, _, _, kind, facts in pending.write.events:
                self._look(session, kind, facts)

    def _look(self, session: str, kind: str, text: str) -> None:
        facts = json.loads(text)
        if kind == "opened":
            self._reader_of[session] = facts["reader"]
            if facts["kind"] == "refund":
                self._refund.add(session)
        elif kind == "reference" and facts["name"] == "payment_intent":
            self._of_intent[facts["value"]] = session
        reader = self._reader_of.get(session, "")
        if self._trace:
            self.say(reader, f"{session[-6:]} {kind} {text if len(text) < 160 else text[:157] + '...'}")
        step = self._step_of(session, kind, facts)
        if step and self._step.get(reader) != step:
            self._step[reader] = step
            if self.on_moment is not None:
                self.on_moment(reader, step)

    def _step_of(self, session: str, kind: str, facts: dict[str, str]) -> str:
        if session in self._refund:
            words = {"opened": "refund opened", "attempt": "refund sent", "doubted": "refund doubt"}
            return "refunded" if kind == "concluded" else words.get(kind, "")
        match kind:
            case "opened" | "reference" | "attempt":
                return kind
            case "progress":
                return _PROGRESS.get(facts["step"], "")
            case "settling":
                return "capturing" if facts["settlement"] == "capture" else "releasing"
            case "concluded" | "ruled":
                return "held" if facts["verdict"] == "authorized" else "ended"
            case _:
                return _KINDS.get(kind, "")
