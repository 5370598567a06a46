"""The judge: holds what Stripe, the terminals, the journal's file and every till say against one another.

It knows nothing of the product's own code: it reads the simulators' books, the file by SQL, and words told.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.chaos.journal import Kept

ENDED: Final = frozenset({"paid", "declined", "canceled", "failed", "released"})
NOTHING_MOVED: Final = ENDED - {"paid"}
HOLDING: Final = frozenset({"opened", "in_flight", "in_doubt"})
STANDING: Final = frozenset({"approved", "stored"})
CUSTOMERS_WORD: Final = frozenset({"customer_canceled", "zvt_6c"})
"""Codes of an end that the customer chose at the reader, by its key or by walking away."""

INVARIANTS: Final[Mapping[str, str]] = {
    "sums agree": "what was captured, what the journal calls paid and what tills were told are the same",
    "sale agrees": "for each sale, the books, the journal and the till's last word are the same",
    "one prompt": "at most one prompt of a sale can be paid at any instant",
    "one capture": "the money of a sale moves at most once",
    "told is true": "no till is told an unpaid end while money is held, moved or payable, nor paid without",
    "told stays": "what a till was told of an end never changes",
    "told is durable": "every word a till was told is in the journal, whatever happened since",
    "ends": "every session ends, or is in doubt for a reason that the world gave",
    "no prompt left": "no reader is left with a prompt of ours",
    "nobody else's": "nothing of one sale is canceled or replaced by another",
    "one key one sale": "a key never makes a second sale",
    "refunds fit": "refunds never exceed what was paid, and are told as they are",
    "holds end": "every hold is captured or released before it expires",
    "written first": "what could move money is in the journal before it leaves",
    "journal sound": "events have no gaps, ends stay ends, no reader is held twice",
    "second refuses": "a second gateway on the same journal refuses to start",
    "lives on": "the gateway never ends or stumbles by a bug of its own",
    "serves again": "when nothing is wrong any more, every reader takes a sale",
}
"""What is judged, by name."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    invariant: str
    at_s: float
    what: str

    def __str__(self) -> str:
        return f"[{self.invariant}] at {self.at_s:.1f} s: {self.what}"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a till was told: `view` is the session as the door showed it."""

    at_s: float
    till: str
    key: str
    view: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Truth:
    """What the owners of the truth say at one moment.

    `intents` are rows of Stripe's ledger, `refunds` Stripe's refunds, `turnover` the terminals' transactions.
    """

    intents: Sequence[Mapping[str, Any]]
    refunds: Sequence[Mapping[str, Any]]
    turnover: Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Sums:
    """The money of one sale: held, moved (with what was given back since), and whether it can be paid now."""

    held: int = 0
    moved: int = 0
    payable: bool = False
    times: int = 0
    """How often money moved for it."""


def sale_of(key: str) -> str:
    """The sale that a key belongs to: a retry and the refunds of a sale carry its key and a suffix."""
    return key.partition("-")[0]


def is_refund(key: str) -> bool:
    """Whether a key is of a refund."""
    return "-r" in key


class Judge:
    """`amounts`: of each sale its reader and what is due, which is no other sale's at that reader."""

    def __init__(
        self,
        amounts: Mapping[str, tuple[str, int]],
        truth: Callable[[], Truth],
        *,
        patience_s: float = 45.0,
        sweeper: bool = False,
    ) -> None:
        """`patience_s`: how long a customer may take. `sweeper`: whether forgotten holds must end, too."""
        self._patience_s = patience_s
        self.violations: list[Violation] = []
        self.words: list[Told] = []
        self._amounts = amounts
        self._truth = truth
        self._sweeper = sweeper
        self._sessions: dict[str, set[str]] = defaultdict(set)  # by sale, payments only
        self._of_key: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._end: dict[str, Told] = {}
        self._latest: dict[str, Told] = {}
        self._retried: set[str] = set()
        self._shown: dict[str, tuple[str, str]] = {}
        self.disturbed: set[str] = set()
        """Readers to which the world did something that ends a prompt."""

    def blame(self, invariant: str, at_s: float, what: str) -> None:
        """Write down a broken promise."""
        assert invariant in INVARIANTS, invariant
        self.violations.append(Violation(invariant, at_s, what))

    # -- while it happens -----------------------------------------------------------------------------

    def hear(self, word: Told) -> None:
        """A till is told something."""
        self.words.append(word)
        view, session = word.view, word.view["id"]
        self._of_key[word.till, word.key].add(session)
        if len(self._of_key[word.till, word.key]) > 1:
            self.blame("one key one sale", word.at_s, f"{word.key} of {word.till} has two sessions")
        before = self._latest.get(session)
        if before is None or view["seq"] >= before.view["seq"]:
            self._latest[session] = word
        self._hold_to_its_word(word)
        if is_refund(word.key):
            return
        self._sessions[sale_of(word.key)].add(session)
        if view.get("retry_of"):
            self._retried.add(view["retry_of"])
        if view["state"] in ENDED:
            self._compare_now(word)

    def _hold_to_its_word(self, word: Told) -> None:
        view, session = word.view, word.view["id"]
        ended = self._end.get(session)
        if ended is not None:
            for name in ("state", "amount_captured"):
                if view[name] != ended.view[name] and view["seq"] >= ended.view["seq"]:
                    self.blame(
                        "told stays",
                        word.at_s,
                        f"{word.key}: {name} was told {ended.view[name]}, then {view[name]}",
                    )
        elif view["state"] in ENDED:
            self._end[session] = word

    def _compare_now(self, word: Told) -> None:
        view = word.view
        sums = self.sums(sale_of(word.key), self._truth())
        if view["state"] == "paid":
            if (sums.held, sums.moved) != (0, view["amount_captured"]):
                self.blame(
                    "told is true", word.at_s, f"{word.key} is told paid {view['amount_captured']}: {sums}"
                )
        elif view["id"] not in self._retried and not self._others_live(word) and sums != Sums():
            self.blame("told is true", word.at_s, f"{word.key} is told {view['state']}: {sums}")

    def _others_live(self, word: Told) -> bool:
        """Whether another session of the same sale was opened, which the money may belong to."""
        return len(self._sessions[sale_of(word.key)]) > 1

    def see(self, at_s: float, screens: Mapping[str, tuple[str, str]]) -> None:
        """What all readers of Stripe's show: reader to PaymentIntent and session."""
        for reader, (intent, session) in screens.items():
            before = self._shown.get(reader)
            if before is not None and before[0] != intent and before[0] in self._replaced():
                self.blame(
                    "nobody else's", at_s, f"{before[0]} of {before[1]} gave way to {session} on {reader}"
                )
        self._shown = dict(screens)
        shown: dict[str, list[str]] = defaultdict(list)
        for reader, (_, session) in screens.items():
            shown[session].append(reader)
        for session, readers in shown.items():
            if session and len(readers) > 1:
                self.blame("one prompt", at_s, f"session {session} can be paid at {', '.join(readers)}")

    def _replaced(self) -> set[str]:
        """PaymentIntents that could be paid on a reader until something else took their place."""
        rows = (row for row in self._truth().intents if row["prompts_replaced"])
        return {row["id"] for row in rows if row["status"] == "requires_payment_method"}

    # -- the money of one sale ------------------------------------------------------------------------

    def sums(self, sale: str, truth: Truth) -> Sums:
        """What the owners of the truth say of one sale."""
        reader, amount = self._amounts[sale]
        if reader in truth.turnover:
            return _at_terminal(truth.turnover[reader], amount)
        ids = self._sessions[sale]
        rows = [row for row in truth.intents if row["metadata"].get("tillgate_session") in ids]
        return Sums(
            held=sum(row["authorized"] for row in rows if row["status"] == "requires_capture"),
            moved=sum(row["captured"] for row in rows),
            payable=any(row["payable_now"] for row in rows),
            times=sum(row["captured"] > 0 for row in rows),
        )

    # -- after a crash --------------------------------------------------------------------------------

    def check_journal(self, at_s: float, journal: Mapping[str, Kept]) -> None:
        """The journal's file is sound and holds all that tills were told."""
        for problem in unsound(journal):
            self.blame("journal sound", at_s, problem)
        for session, word in self._latest.items():
            kept = journal.get(session)
            if kept is None:
                self.blame("told is durable", at_s, f"{word.key}: session {session} is gone")
            elif not kept.events or kept.events[-1].seq < word.view["seq"]:
                self.blame(
                    "told is durable", at_s, f"{word.key}: was told event {word.view['seq']}, which is gone"
                )

    # -- the end --------------------------------------------------------------------------------------

    def conclude(
        self, at_s: float, journal: Mapping[str, Kept], screens: Mapping[str, tuple[str, str]]
    ) -> None:
        """Everything is over: compare all books."""
        truth = self._truth()
        self.check_journal(at_s, journal)
        by_sale: dict[str, list[Kept]] = defaultdict(list)
        for kept in journal.values():
            by_sale[sale_of(kept.key)].append(kept)
            if kept.kind == "payment":
                self._sessions[sale_of(kept.key)].add(kept.id)
            self._check_end(at_s, kept)
        for sale in self._amounts:
            self._check_sale(at_s, sale, by_sale.get(sale, []), truth)
        self._check_sums(at_s, journal, truth)
        for reader, (intent, session) in screens.items():
            self.blame("no prompt left", at_s, f"{reader} shows {intent} of session {session}")
        for row in truth.intents:
            if row["metadata"].get("tillgate_session") not in journal and (
                row["authorized"] or row["captured"]
            ):
                self.blame("sale agrees", at_s, f"{row['id']} holds or moved money for no session")

    def _check_end(self, at_s: float, kept: Kept) -> None:
        name = f"{kept.key} ({kept.kind}, session {kept.id})"
        if kept.state in HOLDING or kept.settling:
            self.blame("ends", at_s, f"{name} is {kept.state}{' and settling' if kept.settling else ''}")
        if kept.state == "authorized" and self._sweeper:
            self.blame("holds end", at_s, f"{name} is still held")
        last = self._latest.get(kept.id)
        if last is not None and last.view["state"] in ENDED and last.view["state"] != kept.state:
            self.blame("told stays", at_s, f"{name} is {kept.state}, its till was told {last.view['state']}")
        canceled = kept.state == "canceled" and kept.kind == "payment"
        if canceled and not why_canceled(kept, self._patience_s) and kept.reader not in self.disturbed:
            self.blame("nobody else's", at_s, f"{name} was canceled by nobody")

    def _check_sale(self, at_s: float, sale: str, kept: Sequence[Kept], truth: Truth) -> None:
        sums = self.sums(sale, truth)
        payments = [each for each in kept if each.kind == "payment"]
        paid = [each for each in payments if each.state == "paid"]
        held = [each for each in payments if each.state == "authorized"]
        if sums.times > 1 or len(paid) > 1:
            self.blame("one capture", at_s, f"{sale}: money moved {sums.times} times, {len(paid)} are paid")
        if sums.moved != sum(each.captured for each in paid):
            self.blame("sale agrees", at_s, f"{sale}: {sums}, the journal says {_states(payments)}")
        if bool(sums.held) != bool(held):
            self.blame("sale agrees", at_s, f"{sale}: {sums} are held, the journal says {_states(payments)}")
        if sums.payable:
            self.blame(
                "no prompt left", at_s, f"{sale} can still be paid; the journal says {_states(payments)}"
            )
        for each in payments:
            tip = self._tip(each)
            if each.state == "paid" and each.captured > each.amount + tip:
                self.blame("sale agrees", at_s, f"{sale}: {each.captured} captured of {each.amount} + {tip}")
        self._check_refunds(at_s, sale, kept, sums)

    @staticmethod
    def _tip(kept: Kept) -> int:
        facts = kept.last("concluded", "ruled") or {}
        return int(facts.get("amount_tip") or 0)

    def _check_refunds(self, at_s: float, sale: str, kept: Sequence[Kept], sums: Sums) -> None:
        given = sum(each.amount for each in kept if each.kind == "refund" and each.state == "paid")
        if given > sums.moved:
            self.blame("refunds fit", at_s, f"{sale}: {given} given back of {sums.moved}")

    def _check_sums(self, at_s: float, journal: Mapping[str, Kept], truth: Truth) -> None:
        paid = sum(each.captured for each in journal.values() if each.kind == "payment")
        back = sum(each.amount for each in journal.values() if each.kind == "refund" and each.state == "paid")
        moved = sum(row["captured"] for row in truth.intents)
        refunded = sum(row["refunded"] for row in truth.intents)
        terminals = sum(row["money"] for rows in truth.turnover.values() for row in rows)
        if paid - back != moved - refunded + terminals:
            self.blame(
                "sums agree",
                at_s,
                f"journal {paid} - {back}, Stripe {moved} - {refunded}, terminals {terminals}",
            )
        listed = sum(each["amount"] for each in truth.refunds if each["status"] in {"succeeded", "pending"})
        told = sum(
            kept.amount
            for kept in journal.values()
            if kept.kind == "refund" and kept.state == "paid" and kept.reader not in truth.turnover
        )
        if listed != told:
            self.blame("refunds fit", at_s, f"Stripe gave back {listed}, the journal says {told}")
        heard = sum(
            word.view["amount_captured"]
            for word in self._latest.values()
            if word.view["state"] == "paid" and word.view["kind"] == "payment"
        )
        unheard = sum(
            kept.captured for kept in journal.values() if kept.kind == "payment" and not self._knows(kept)
        )
        if heard + unheard != paid:
            self.blame(
                "sums agree", at_s, f"tills were told {heard}, the journal says {paid} ({unheard} unheard)"
            )

    def _knows(self, kept: Kept) -> bool:
        """Whether the till heard of the end; one that stopped asking did not."""
        last = self._latest.get(kept.id)
        return last is not None and last.view["state"] == "paid"


def _states(kept: Iterable[Kept]) -> str:
    return ", ".join(f"{each.state} {each.captured or each.amount}" for each in kept) or "nothing"


def _at_terminal(rows: Iterable[Mapping[str, Any]], amount: int) -> Sums:
    rows = list(rows)
    booked = {row["original"]: row for row in rows if row["kind"] == "booking" and row["state"] in STANDING}
    mine = [row for row in rows if row["kind"] in {"payment", "hold"} and row["amount"] == amount]
    holds = [row for row in mine if row["kind"] == "hold" and row["held"]]
    moved = [row["amount"] for row in mine if row["kind"] == "payment" and row["state"] in STANDING]
    moved += [booked[row["id"]]["amount"] for row in mine if row["id"] in booked]
    return Sums(
        held=sum(row["held"] for row in holds),
        moved=sum(moved),
        payable=any(row["state"] == "started" for row in mine),
        times=len(moved),
    )


def why_canceled(kept: Kept, patience_s: float) -> str:
    """Who wanted the end of a sale: a till, the clock, the customer; "": nobody."""
    asked = kept.last("cancel_asked")
    if asked is not None:
        return str(asked["by"])
    if kept.events[-1].at - kept.events[0].at >= patience_s * 1e6:
        return "late"
    code = (kept.last("concluded", "ruled") or {}).get("code", "")
    return str(code) if code in CUSTOMERS_WORD else ""


def unsound(journal: Mapping[str, Kept]) -> Iterator[str]:
    """What in the file contradicts itself."""
    held: dict[str, str] = {}
    for kept in journal.values():
        numbers = [each.seq for each in kept.events]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{kept.id} has the events {numbers}"
        state = "opened"
        for each in kept.events:
            after = _state_after(state, each.kind, each.facts)
            if state in ENDED and after != state:
                yield f"{kept.id} was {state} and became {after}"
            state = after
        if state != kept.state:
            yield f"{kept.id} is {kept.state}, its events say {state}"
        if bool(kept.holds) != (kept.state in HOLDING):
            yield f"{kept.id} is {kept.state} and {'holds' if kept.holds else 'does not hold'} its reader"
        if kept.holds and kept.on_reader:
            if kept.reader in held:
                yield f"{kept.reader} is held by {held[kept.reader]} and {kept.id}"
            held[kept.reader] = kept.id


_VERDICTS: Final = frozenset({"paid", "authorized", "declined", "canceled", "released", "failed"})


def _state_after(state: str, kind: str, facts: Mapping[str, Any]) -> str:
    match kind:
        case "opened":
            return "opened"
        case "started" | "resumed":
            return "in_flight"
        case "doubted":
            return "in_doubt"
        case "concluded" | "ruled":
            return str(facts["verdict"]) if facts["verdict"] in _VERDICTS else state
        case _:
            return state
