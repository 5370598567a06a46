"""A gateway that can be killed at any step of any of its tasks, in a store that outlives it.

The kill is what SIGKILL does: from that step on nothing of the gateway runs, no `finally` acts on the world,
its lock is gone, and what it left is the journal's files, the requests that were on the wire, and the reader.
"""

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.payments.desk import Desk
from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.machine import fold
from agent.payments.model import Order, PosKey, Session, SessionQuery, State, TillName
from agent.payments.store import Store
from agent.payments.writer import Commit, Done, Pending
from agent.secret import Secret
from agent.stripe.api import Stripe
from agent.stripe.bucket import Buckets, Rate
from agent.stripe.client import StripeClient
from agent.stripe.errors import NoAnswerError, NotSentError
from agent.stripe.exchange import HttpRequest, HttpResponse
from drivers.contract import Capture, Money, ReaderConfig, ReaderName, SessionId, TipPolicy
from drivers.readers.stripe import StripeReader
from drivers.simulators.stripe_api import actions
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.ledger import ledger
from drivers.simulators.stripe_api.settings import SimulatorSettings
from drivers.simulators.stripe_api.wire import ConnectionDropped, SimRequest
from drivers.simulators.virtual_time import VirtualTimeLoop
from tests.simulated_exchange import KEY, SimulatedStripe

EPOCH_S = 1_767_600_000.0
READER = ReaderName("till-1")
TILL = TillName("front")
LATENCY_S = 0.05

_ALL = SessionQuery(limit=100)

NOTHING_MOVED = frozenset({State.FAILED, State.DECLINED, State.CANCELED, State.RELEASED})


class Wire(Enum):
    """What becomes of requests that were on their way when the gateway died."""

    LOST = "lost"
    ARRIVES = "arrives"
    LATE = "late"  # seconds later, when the next gateway has begun to ask


class Death:
    """Counts the steps of one life and ends it at one of them."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.steps = 0
        self.armed = False
        self.dead = False

    def step(self) -> bool:
        """One more step; False: the gateway is dead and this step never happens."""
        if self.armed and not self.dead:
            if self.steps == self.at:
                self.dead = True
                asyncio.get_running_loop().stop()
            else:
                self.steps += 1
        return not self.dead


class MortalCoroutine(Coroutine[Any, Any, Any]):
    """A coroutine that is never resumed after the death."""

    def __init__(self, inner: Coroutine[Any, Any, Any], death: Death) -> None:
        self.inner = inner
        self._death = death
        self.__qualname__ = getattr(inner, "__qualname__", "mortal")

    def send(self, value: Any) -> Any:
        return self.inner.send(value) if self._death.step() else self._rest()

    def throw(self, *error: Any) -> Any:
        return self.inner.throw(*error) if self._death.step() else self._rest()

    def close(self) -> None:
        self.inner.close()

    def __await__(self) -> Generator[Any, None, Any]:
        raise AssertionError("a task's coroutine is not awaited")

    def _rest(self) -> asyncio.Future[None]:
        """What a task waits for that shall wait for ever."""
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        never._asyncio_future_blocking = True
        return never


class SteppingWriter:
    """Commits in a step of its own, so that the gateway may die before the disk has it, or right after."""

    def __init__(self, commit: Commit, done: Done, death: Death) -> None:
        self._commit = commit
        self._done = done
        self._death = death

    def submit(self, pending: Pending) -> None:
        if not self._death.dead:
            asyncio.get_running_loop().call_soon(self._work, pending)

    def close(self) -> None:
        pass

    def _work(self, pending: Pending) -> None:
        if self._death.step():
            self._done([pending], self._commit([pending.write]))


class MortalExchange:
    """The gateway's line to the simulated Stripe; what is on the wire belongs to the world."""

    def __init__(self, store: "MortalStore") -> None:
        self._store = store

    async def send(self, request: HttpRequest) -> HttpResponse:
        """As `Exchange.send`."""
        if self._store.line_cut:
            raise NotSentError("the line is cut")
        parts = urlsplit(request.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {name.lower(): value for name, value in request.headers.items()}
        sent = SimRequest(request.method, path, headers, request.body)
        self._store.on_the_wire.append(sent)
        try:
            async with asyncio.timeout(request.timeout_s):
                await asyncio.sleep(LATENCY_S)
                self._store.on_the_wire.remove(sent)
                answer = await self._store.simulator.handle(sent)
                await asyncio.sleep(LATENCY_S)
        except TimeoutError:
            raise NoAnswerError(f"no answer within {request.timeout_s:g} s") from None
        except ConnectionDropped:
            raise NoAnswerError("the connection was cut") from None
        return HttpResponse(answer.status, answer.headers, answer.body)


@dataclass
class Sale:
    """What a till wants, under its own key."""

    key: str = "order-1"
    amount: int = 1200
    capture: Capture = Capture.AUTOMATIC
    tip: TipPolicy | None = None
    retry_of: SessionId | None = None

    def order(self) -> Order:
        return Order(
            till=TILL,
            pos_key=PosKey(self.key),
            reader=READER,
            money=Money(self.amount, "usd"),
            capture=self.capture,
            tip=self.tip,
            retry_of=self.retry_of,
        )


@dataclass
class Till:
    """A register over several lives of the gateway: it remembers what it was told and asks again."""

    store: "MortalStore"
    told: dict[SessionId, list[Session]] = field(default_factory=dict)
    desk: Desk = field(init=False)

    async def hear(self, session: Session) -> Session:
        """The answer arrives; from here on it was said."""
        await asyncio.sleep(0)
        self.store.judge_word(session, self.told.setdefault(session.id, []))
        return session

    async def sell(self, sale: Sale) -> Session:
        """Open a sale, or ask for it again."""
        session, _ = await self.desk.open(sale.order())
        return await self.hear(session)

    async def wait(self, session: Session, *states: State) -> Session:
        """Until the session is decided, or in one of these states."""
        while not (session.state.ended or session.state in (states or {State.AUTHORIZED})):
            session = await self.hear(await self.desk.changed(session.id, session.seq, 30, TILL))
        return session

    async def cancel(self, session: Session) -> Session:
        return await self.hear(await self.desk.cancel(session.id, TILL))

    async def capture(self, session: Session, amount: int | None = None) -> Session:
        """Capture, and wait for the answer."""
        session = await self.hear(await self.desk.capture(session.id, amount, TILL))
        while session.settling:
            session = await self.hear(await self.desk.changed(session.id, session.seq, 30, TILL))
        return session

    async def refund(self, session: Session, key: str, amount: int | None = None) -> Session:
        """Give back, and wait for the answer."""
        refund, _ = await self.desk.refund(session.id, amount, PosKey(key), TILL)
        return await self.wait(await self.hear(refund))


Script = Callable[[Till], Awaitable[None]]


class MortalStore:
    """A store with one reader, a till, and one life of its gateway after the other."""

    def __init__(self, folder: Path, *, settings: SimulatorSettings | None = None, seed: int = 0) -> None:
        self._folder = folder
        self._base_s = EPOCH_S
        self._loop: VirtualTimeLoop | None = None
        self._random = random.Random(seed)
        self._lives = 0
        self._reader = ""
        self._delayed: list[SimRequest] = []
        self.line_cut = False
        self.faulty = False
        self.on_the_wire: list[SimRequest] = []
        self.simulator = StripeSimulator(now=self.now_s, settings=settings or SimulatorSettings(), seed=seed)
        self.stripe = SimulatedStripe(self.simulator)
        self.till = Till(self)
        self._outside(self._furnish())

    def now_s(self) -> float:
        return self._base_s + (0.0 if self._loop is None else self._loop.time())

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_s(), UTC)

    async def _furnish(self) -> None:
        self._reader = await self.stripe.new_reader(country="US")
        made = await self.stripe.api.create_configuration(
            {"name": "tips", "tipping": {"usd": {"percentages": [10, 15, 20]}}}, key="tips"
        )
        reader = await self.stripe.api.retrieve_reader(self._reader)
        await self.stripe.api.update_location(
            reader.location, {"configuration_overrides": made.id}, key="use"
        )

    def _outside(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that the gateway has no part in."""
        loop = VirtualTimeLoop()
        try:
            loop.run_until_complete(work)
        finally:
            self._base_s += loop.time()
            loop.close()

    def customer(self, **wishes: Any) -> None:
        """What the customers at the reader will do from now on."""
        with suppress(StopIteration):
            self.stripe.customer(self._reader, **wishes).send(None)

    def fault(self, effect: str, *, method: str, path: str, times: int) -> None:
        """Order a fault of the line or of Stripe."""
        self.faulty = True
        with suppress(StopIteration):
            self.stripe.fault(effect, method=method, path=path, times=times).send(None)

    # -- a life ---------------------------------------------------------------------------------------

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._lives}.db"

    def live(
        self, script: Script, *, die_at: int | None = None, count_start: bool = False, wire: Wire = Wire.LOST
    ) -> int | None:
        """One life of the gateway, to the script's end or to the death before step `die_at`.

        Returns how many steps there were, None if the gateway died. Steps count from the till's request, or
        with `count_start` from the start of the process.
        """
        death = Death(die_at)
        loop = self._loop = VirtualTimeLoop()
        tasks: list[tuple[asyncio.Task[Any], MortalCoroutine]] = []

        def make(on: asyncio.AbstractEventLoop, work: Any, **how: Any) -> asyncio.Task[Any]:
            mortal = MortalCoroutine(work, death)
            task: asyncio.Task[Any] = asyncio.Task(mortal, loop=on, **how)
            tasks.append((task, mortal))
            return task

        loop.set_task_factory(make)
        store: list[Store] = []
        main = loop.create_task(self._gateway(script, death, store, count_start=count_start))
        main.add_done_callback(lambda _: loop.stop())
        for late in self._delayed:
            loop.call_later(5.0, self._arrive, late)
        self._delayed = []
        try:
            loop.run_forever()
        finally:
            survived = main.done() and not death.dead
            death.dead = True
            if not survived:
                self._bury(loop, tasks, store)
            self._base_s += loop.time()
            self._loop = None
            loop.close()
        if survived:
            main.result()
            return death.steps
        self._deliver(wire)
        return None

    async def _gateway(self, script: Script, death: Death, opened: list[Store], *, count_start: bool) -> None:
        death.armed = count_start
        journal = Journal(self._path, now=self.now, inline=True, random=self._random.randbytes)
        opened.append(journal._store)
        journal._writer = SteppingWriter(journal._store.commit, journal._done, death)
        loop = asyncio.get_running_loop()
        client = StripeClient(
            MortalExchange(self),
            Secret(KEY),
            buckets=Buckets(per_operation=Rate(1e6, 1e6), overall=Rate(1e6, 1e6), clock=loop.time),
            clock=loop.time,
            spread=lambda: 0.0,
        )
        desk = self.till.desk = Desk(journal, now=self.now)
        desk.lanes.adopt(
            Lane(
                ReaderConfig(READER, "stripe", {"reader": self._reader}),
                StripeReader(self._reader, Stripe(client)),
                journal,
                now=self.now,
                chance=lambda: 0.5,
            )
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(desk.run(), name="desk")
            await asyncio.sleep(1.0)
            death.armed = True
            await group.create_task(self._request(script), name="till")
            if death.at is None:
                await self._close_up(journal, desk)
            running.cancel()
        journal.close()

    async def _request(self, script: Script) -> None:
        await script(self.till)

    def _bury(
        self,
        loop: VirtualTimeLoop,
        tasks: list[tuple[asyncio.Task[Any], MortalCoroutine]],
        store: list[Store],
    ) -> None:
        """Leave to the next life what a killed process leaves: the journal's files, and nothing else."""
        before, self._lives = self._path, self._lives + 1
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{before}{suffix}", f"{self._path}{suffix}")
        loop.set_exception_handler(lambda *_: None)
        for task, mortal in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # we know that it is pending
            for _ in range(50):
                # Blocks that wait while they are left behind are left behind again.
                with suppress(BaseException):
                    mortal.close()
                    break
        for each in store:
            each.close()

    def _deliver(self, wire: Wire) -> None:
        requests, self.on_the_wire = self.on_the_wire, []
        match wire:
            case Wire.LOST:
                pass
            case Wire.ARRIVES:
                for request in requests:
                    self._arrive(request)
            case Wire.LATE:
                self._delayed = requests

    def _arrive(self, request: SimRequest) -> None:
        handling = self.simulator.handle(request)
        # A server that was told to be slow has nobody to wait for: it drops the request.
        with suppress(StopIteration, ConnectionDropped, RuntimeError):
            handling.send(None)
        handling.close()

    def pass_time(self, seconds: float) -> None:
        """The gateway is down for so long."""
        self._base_s += seconds

    # -- the judgement --------------------------------------------------------------------------------

    def rows(self, session: SessionId) -> list[dict[str, Any]]:
        """What the books hold of one sale; a sale tried again has its first try's PaymentIntent."""
        self.simulator.catch_up()
        books = ledger(self.simulator.world, list(self.simulator.world.accounts.values()))
        intent = self.till.desk.session(session, None).references.get("payment_intent")
        return [
            row
            for row in books["payment_intents"]
            if row["metadata"].get("tillgate_session") == session or row["id"] == intent
        ]

    def _sums(self, session: SessionId) -> tuple[int, int, int, list[str]]:
        """Held, moved, given back, and what can be paid now."""
        rows = self.rows(session)
        held = sum(row["authorized"] for row in rows if row["status"] == "requires_capture")
        return (
            held,
            sum(row["captured"] for row in rows),
            sum(row["refunded"] for row in rows),
            [row["id"] for row in rows if row["payable_now"]],
        )

    def judge_word(self, session: Session, told: list[Session]) -> None:
        """Fail if the till is told what the books deny, or what an earlier word denies."""
        ends = [each for each in told if each.state.ended]
        told.append(session)
        if ends:
            assert session.state is ends[-1].state, f"told {ends[-1].state}, then {session.state}"
            assert session.amount_captured == ends[-1].amount_captured
        if session.order.refund_of is not None:
            return
        held, moved, _, payable = self._sums(session.id)
        if session.state in NOTHING_MOVED and not session.tidied:
            assert (held, moved, payable) == (0, 0, []), f"told {session.state}: {held=} {moved=} {payable=}"
        if session.state is State.PAID:
            assert (held, moved) == (0, session.amount_captured), f"told paid: {held=} {moved=}"
        if session.state is State.AUTHORIZED and session.settling is None:
            assert (held, moved) in {(session.amount_authorized, 0), (0, session.amount_authorized)}

    async def _close_up(self, journal: Journal, desk: Desk) -> None:
        """Everything is over: wait until nothing happens any more, then compare all books."""
        await asyncio.sleep(900.0)
        assert journal.unsettled() == []
        assert desk.reader(READER).state == "ready"
        found = self.simulator.world.everywhere("terminal.reader", self._reader)
        assert found is not None
        if not self.faulty:  # a reader that did not hear us may show for a while what nobody can pay
            assert found[1].hidden["phase"] not in {actions.WAIT, actions.BUSY}, "our prompt is still there"
        for session in desk.find(_ALL, None):
            assert fold(desk.history(session.id)) == session
            self._judge_session(session, desk)

    def _judge_session(self, session: Session, desk: Desk) -> None:
        assert session.state.ended or session.state is State.AUTHORIZED
        for word in self.till.told.get(session.id, []):
            assert not word.state.ended or word.state is session.state
        if session.order.refund_of is not None:
            return
        held, moved, refunded, payable = self._sums(session.id)
        assert payable == []
        assert sum(row["prompts_shown"] > 0 for row in self.rows(session.id)) <= 1, "two payable prompts"
        refunds = [each for each in desk.find(_ALL, None) if each.order.refund_of == session.id]
        given_back = sum(each.order.money.amount for each in refunds if each.state is State.PAID)
        assert refunded == given_back == session.amount_refunded
        if session.state is State.PAID:
            assert (held, moved) == (0, session.amount_captured)
            assert moved == session.order.money.amount + (session.amount_tip or 0)
        elif session.state is State.AUTHORIZED:
            assert (held, moved) == (session.amount_authorized, 0)
        elif not session.tidied or not self._taken_up(session, desk):
            assert (held, moved) == (0, 0)

    @staticmethod
    def _taken_up(session: Session, desk: Desk) -> bool:
        return any(each.order.retry_of == session.id for each in desk.find(_ALL, None))
