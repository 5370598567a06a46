"""The story of a session for people: one line for everything that happened, in order."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from agent.cli.output import cell
from agent.cli.sale import verdict

# By the event's kind; what is in braces comes from its facts, which are named again behind the sentence only
# when the sentence did not use them.
_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "opened": "till {till} asked for {amount} {currency} on {reader} (its key: {pos_key})",
        "started": "handed to the reader",
        "attempt": "about to send {operation}, attempt {number}",
        "reference": "learnt {name} {value}",
        "progress": "the reader says: {step}",
        "cancel_asked": "asked to end by {by}",
        "doubted": "contact lost while money may have moved: {message}",
        "checked": "asked what became of it, not decided yet: {message}",
        "resumed": "still waiting for the customer",
        "settling": "about to {settlement} the money",
        "concluded": "decided: {verdict}",
        "ruled": "decided by an operator: {verdict}",
        "refunded": "{amount} given back by another session",
        "retried": "tried again as {by}",
        "tidied": "what the declined sale left behind is gone",
    }
)


# Told elsewhere: the heading has the kind, the end the references; receipts are for printers (and -o json).
_UNTOLD = frozenset({"kind", "on_reader", "options", "references", "receipt"})


def lines(session: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The heading, each event with its time and the time since the first, and how it stands now."""
    yield (
        f"{session['id']}  {session['kind']} of {session['amount']} {session['currency']} "
        f"on {session['reader']}: {verdict(session)}"
    )
    begun = _at(events[0]) if events else None
    for event in events:
        assert begun is not None
        elapsed = (_at(event) - begun).total_seconds()
        yield f"  {event['at']}  {elapsed:+9.3f} s  {sentence(event)}"
    for name, value in session.get("references", {}).items():
        yield f"  {name}: {cell(value)}"
    if session.get("next_check_at"):
        yield f"  asked again at {session['next_check_at']}"


def sentence(event: Mapping[str, Any]) -> str:
    """One event in words; a kind that is not known here is shown as it is."""
    kind, facts = str(event["kind"]), dict(event.get("facts", {}))
    pattern = _SENTENCES.get(kind, kind.replace("_", " "))
    rest = {
        name: value
        for name, value in facts.items()
        if name not in _UNTOLD and f"{{{name}}}" not in pattern and value not in ("", None)
    }
    told = pattern.format_map(_Facts({name: cell(value) for name, value in facts.items()})).rstrip(": ")
    return f"{told}  [{cell(rest)}]" if rest else told


class _Facts(dict[str, str]):
    """A fact that an event does not have is left out of its sentence."""

    def __missing__(self, name: str) -> str:
        return ""


def _at(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["at"])
