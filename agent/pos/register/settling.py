"""Makes the money follow what registers were told: what stands is captured, what does not is let go.

One rule decides everything: a transaction stands if the register's answer to it was written down in the
journal before anything else happened. It is the same rule in a sale, after a lost link and at start-up.
"""

import asyncio
import logging
import random
from contextlib import suppress

from agent.payments.desk import Desk
from agent.payments.errors import OrderError, PaymentsError, UnknownSessionError, WrongStateError
from agent.payments.model import PosKey, Session, SessionQuery, State, TillName
from agent.pos.register.memory import Deed, Entry, Fate, Memory
from agent.pos.register.memory_file import MemoryFileError
from drivers.links.backoff import Backoff

log = logging.getLogger(__name__)

ANSWER = "register_answer"
"""Reference of a session: what the register said to its 04 0F and prints, such as `80 00` or `84 9D 1000`."""

MARK = "tillgate_zvt"
"""Metadata of a session that was opened for a register, with the deed."""

ADOPTED_MAX = 1000
"""Holds that one till has open at most."""

RETRY = Backoff(1.0, 60.0)

_UNDER_WAY = frozenset({State.OPENED, State.IN_FLIGHT, State.IN_DOUBT})


class Settling:
    """Looks after the money of one till's transactions."""

    def __init__(self, desk: Desk, till: TillName, memory: Memory) -> None:
        self._desk = desk
        self._till = till
        self._memory = memory
        self._wake = asyncio.Event()
        self.in_hand: set[int] = set()
        """Entries that a job works on: theirs is the first word."""

    # -- at start-up ----------------------------------------------------------------------------------

    async def recover(self) -> None:
        """Decide what was broken off. Errors: `PaymentsError`, and nothing is lost by asking again."""
        if self._memory.fresh:
            await self._adopt()
        for entry in self._memory.unsettled():
            if entry.fate is Fate.OPEN:
                self.decide(entry)
                await self._memory.save(entry)

    async def _adopt(self) -> None:
        """Look after money that is held, or about to be, for registers whose memory was lost."""
        known = {entry.key for entry in self._memory.entries}
        for state in (State.AUTHORIZED, *_UNDER_WAY):
            query = SessionQuery(state=state, limit=ADOPTED_MAX)
            for session in reversed(self._desk.find(query, self._till)):
                deed = session.order.metadata.get(MARK)
                if deed is None or session.order.pos_key in known:
                    continue
                log.warning("till %s: session %s is from before its memory was lost", self._till, session.id)
                money = session.order.money
                await self._memory.begin(
                    Deed(deed),
                    session.amount_authorized or money.amount,
                    money.currency,
                    session.created_at.isoformat(timespec="seconds"),
                    key=session.order.pos_key,
                    receipt=int(session.references.get("register_receipt", "0")) or None,
                )
        self._memory.fresh = False

    def decide(self, entry: Entry) -> None:
        """What a transaction that was broken off is, by what the journal has of it."""
        session = self.session_of(entry)
        if entry.deed in {Deed.REVERSAL, Deed.REFUND}:
            # money is given back before the register hears of it, so it stands as soon as it was asked for
            entry.fate = Fate.VOID if session is None else Fate.STANDS
            return
        answer = "" if session is None else session.references.get(answer_name(entry), "")
        entry.fate = Fate.STANDS if answer else Fate.VOID
        if answer.startswith("84 9D "):
            entry.amount = int(answer.split()[2])

    # -- afterwards -----------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something is left to be done."""
        self._wake.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        tries = 0
        while True:
            # before looking: what is woken from here on is not in what is seen now
            self._wake.clear()
            left = [entry for entry in self._memory.unsettled() if entry.id not in self.in_hand]
            done = [await self.settle(entry) for entry in left]
            tries = 0 if all(done) else tries + 1
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY.delay_s(tries - 1, random.random) if tries else None):
                    await self._wake.wait()

    async def settle(self, entry: Entry) -> bool:
        """Bring the money where the entry's fate wants it; True when nothing is left to be done."""
        try:
            if entry.fate is Fate.OPEN:
                if entry.id in self.in_hand:
                    return False
                self.decide(entry)  # its job was broken off, as by a register that fell silent
            if not await self._follow(entry):
                return False
            entry.unsettled = False
            await self._memory.save(entry)
        except MemoryFileError as error:
            entry.unsettled = True
            log.warning("till %s: %s", self._till, error)
            return False
        except PaymentsError as error:
            log.info("till %s: transaction %d is not settled yet: %s", self._till, entry.id, error)
            return False
        return True

    def session_of(self, entry: Entry) -> Session | None:
        """The session of a transaction; None when it was never opened."""
        found = self._desk.find(SessionQuery(pos_key=entry.key, limit=1), self._till)
        return found[0] if found else None

    async def open_holds(self) -> list[Entry]:
        """Reservations that can be booked, oldest first. Errors: `PaymentsError`.

        One that ran out, or was ended by somebody else, is none any more.
        """
        for entry in self._memory.open_holds():
            session = self.session_of(entry)
            if session is None or session.state.ended:
                entry.fate = Fate.VOID
                await self._memory.save(entry)
        return self._memory.open_holds()

    async def _follow(self, entry: Entry) -> bool:
        session = self.session_of(entry)
        if session is None:
            return True
        match entry.deed, entry.fate:
            case (Deed.PAYMENT | Deed.BOOKING, Fate.STANDS):
                return await self._keep(entry, session)
            case (Deed.RELEASE, Fate.STANDS) | (Deed.PAYMENT | Deed.HOLD, Fate.VOID):
                return await self._undo(entry, session)
            case (Deed.REVERSAL | Deed.REFUND, Fate.STANDS):
                return self._given_back(entry, session)
            case _:
                return True

    async def _keep(self, entry: Entry, session: Session) -> bool:
        if session.state is State.AUTHORIZED:
            part = None if entry.amount >= session.amount_authorized else entry.amount
            try:
                session = await self._desk.capture(session.id, part, self._till)
            except OrderError:
                # this reader captures all or nothing: take it all, and give the rest back below
                session = await self._desk.capture(session.id, None, self._till)
        if not entry.stands:
            return False  # its register disowned it meanwhile (1F1F): it is looked at again
        if session.state is State.PAID:
            over = session.amount_captured - session.amount_refunded - entry.amount
            return over <= 0 or self._reversed(entry) or await self._give_rest_back(entry, session, over)
        if session.state.ended or (session.state is State.AUTHORIZED and session.settling is None):
            log.error(
                "till %s was told that receipt %s is paid, but session %s is %s (%s): settle it by hand",
                self._till, entry.receipt, session.id, session.state, session.code,
            )  # fmt: skip
            entry.fate = Fate.VOID
            return session.state.ended
        return False

    async def _give_rest_back(self, entry: Entry, session: Session, over: int) -> bool:
        """What was captured beyond what the register took; True when that is over."""
        done, trouble = await self._give_back(session, over, f"{entry.key}-rest")
        if trouble:
            log.critical(
                "till %s took less than was captured for receipt %s (session %s), and the rest, %d %s, "
                "cannot be given back (%s): give it to the customer another way",
                self._till, entry.receipt, session.id, over, session.order.money.currency, trouble,
            )  # fmt: skip
        return done

    async def _give_back(self, session: Session, amount: int | None, key: str) -> tuple[bool, str]:
        """Whether giving so much back is over, and why it can never be; "" if it can, or was done."""
        try:
            refund, _ = await self._desk.refund(session.id, amount, PosKey(key), self._till)
        except OrderError as error:
            if error.code != "refund_unsupported":
                raise
            return True, str(error)
        failed = refund.state.ended and refund.state is not State.PAID
        return refund.state.ended, (refund.message or refund.code or refund.state) if failed else ""

    def _reversed(self, entry: Entry) -> bool:
        return self._memory.follower(entry) is not None

    async def _undo(self, entry: Entry, session: Session) -> bool:
        if session.state is State.PAID:
            if session.amount_refunded >= session.amount_captured:
                return True
            done, trouble = await self._give_back(session, None, f"{entry.key}-undo")
            if trouble:
                log.critical(
                    "session %s was paid, its register does not know, and it cannot be given back (%s): "
                    "give the customer the money another way", session.id, trouble,
                )  # fmt: skip
            return done
        if session.state in _UNDER_WAY or session.state is State.AUTHORIZED:
            try:
                session = await self._desk.cancel(session.id, self._till)
            except (WrongStateError, UnknownSessionError):
                return False
        return session.state.ended

    def _given_back(self, entry: Entry, session: Session) -> bool:
        if session.state.ended and session.state is not State.PAID:
            log.critical(
                "till %s was told by receipt %s that %s were given back, but session %s is %s (%s): give the "
                "customer the money another way",
                self._till, entry.receipt, session.order.money, session.id, session.state, session.message,
            )  # fmt: skip
            entry.fate = Fate.VOID
        return session.state.ended


def answer_name(entry: Entry) -> str:
    """The reference that keeps the register's answer: a hold is answered again for what becomes of it."""
    return ANSWER if entry.deed in {Deed.PAYMENT, Deed.HOLD} else f"{ANSWER}_{entry.id}"
