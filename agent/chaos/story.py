"""One world from its seed to its verdict."""

import asyncio
import gc
import random
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.chaos import world as worlds
from agent.chaos.crowd import Till, Word, sell
from agent.chaos.door import OUTSIDE, Door
from agent.chaos.eyes import Eyes
from agent.chaos.faults import FAULTS, Fault, Group
from agent.chaos.house import House
from agent.chaos.journal import Kept, read
from agent.chaos.judge import Judge, Told, Truth, Violation
from agent.chaos.plan import CURRENCY, PATIENCE_S, Plan, Sale
from agent.chaos.sentry import Sentry
from agent.chaos.store import GRACE_S

CALM_S = 900.0
"""How long everything may take to end once nothing goes wrong any more."""

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a disk whose flushes cost nothing; made private below

CLOSED_S = (43 * 3600.0, 66 * 3600.0)
"""Almost two days, and then almost 4 days and 18 hours: as long as brands of cards let money be held
(docs.stripe.com/terminal/features/collect-payments). What is left is less than the sweeper waits for."""

NOTICED_S = 65.0
"""A terminal is looked at once a minute: by then a link that broke without a word is known to be gone."""

SWEEP_S = 600.0
"""How long after its start the gateway has swept the books."""

EPILOGUE = 100_000
"""Amounts of the sales that prove that every reader works again."""


@dataclass(slots=True)
class Verdict:
    """What became of one world."""

    seed: int
    violations: list[Violation]
    sales: int
    lives: int
    world_s: float
    cpu_s: float
    states: Counter[str] = field(default_factory=Counter)
    coverage: Counter[tuple[str, str]] = field(default_factory=Counter)
    timeline: list[str] = field(default_factory=list)


def play(plan: Plan, *, trace: bool = False) -> Verdict:
    """Let one world happen and judge it."""
    began_s = time.process_time()
    collecting = gc.isenabled()
    gc.disable()
    try:
        with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as folder:
            story = _Story(plan, Path(folder), trace=trace)
            verdict = story.run()
    finally:
        if collecting:
            gc.enable()
    verdict.cpu_s = time.process_time() - began_s
    return verdict


class _Story:
    """One world while it happens."""

    def __init__(self, plan: Plan, folder: Path, *, trace: bool) -> None:
        self._plan = plan
        self._folder = folder
        self.eyes = Eyes(self._now_s, trace=trace)
        self._pending: list[Fault] = []
        self._tills: list[Till] = []
        terminals = {
            name: {"profile": each.profile, "serial": each.serial, "bad_line": each.bad_line}
            for name, each in plan.terminals.items()
        }
        self.world = worlds.make(
            plan.seed,
            terminals,
            shuffle=plan.shuffle,
            note=self._noted,
            leaving=self._leaving,
            screens=self._screens,
            heard=self._heard_by_terminal,
        )
        amounts = {f"s{sale.number}": (sale.reader, sale.amount) for sale in plan.sales}
        for number, reader in enumerate(plan.readers):
            amounts[f"e{number}"] = (reader, EPILOGUE + 100 * number)
        self.judge = Judge(amounts, self._truth, patience_s=PATIENCE_S, sweeper=plan.forgetful)
        self.sentry = Sentry(folder / "journal.db", self._unwritten)
        self._journal: Mapping[str, Kept] = {}

    # -- what the world says --------------------------------------------------------------------------

    def _now_s(self) -> float:
        return float(self.world.loop.time())

    def _truth(self) -> Truth:
        return Truth(self.world.books(), self.world.refunds(), self.world.turnover())

    def _noted(self, fault: str, where: str, body: str) -> None:
        if where in self._plan.terminals:
            self.eyes.fired(fault, where)
        else:
            if where.partition("?")[0].endswith("/cancel_action"):
                # Stripe has no "only if": one that arrives late takes away whatever is shown by then
                self.judge.disturbed |= set(self._plan.stripe_readers)
            self.eyes.request_fired(fault, where, body)

    def _screens(self, screens: Mapping[str, tuple[str, str]]) -> None:
        self.judge.see(self._now_s(), screens)

    def _leaving(self, method: str, path: str, body: bytes) -> None:
        self.sentry.request(method, path, body)
        self.eyes.say("to Stripe", f"{method} {path} {body[:150].decode()}")

    def _heard_by_terminal(self, name: str, data: bytes) -> None:
        reader = name.rpartition("/")[2]
        self.sentry.bytes_leave(reader, data)
        self.eyes.say("to " + reader, data.hex(" ") if len(data) < 60 else data[:60].hex(" ") + " ...")

    def _unwritten(self, what: str) -> None:
        self.judge.blame("written first", self._now_s(), what)

    def _told(self, word: Word) -> None:
        self.judge.hear(Told(word.at_s, word.till, word.key, word.view))

    # -- the day --------------------------------------------------------------------------------------

    def run(self) -> Verdict:
        """The day, and the verdict."""
        random.seed(self._plan.seed)  # what in the product rolls dice of its own
        self.world.run(self._day)
        journal = self._journal
        states = Counter(kept.state for kept in journal.values())
        return Verdict(
            self._plan.seed,
            self.judge.violations,
            len(journal),
            self.house.lives,
            self._now_s(),
            0.0,
            states,
            self.eyes.coverage,
            self.eyes.timeline,
        )

    async def _day(self) -> None:
        loop = asyncio.get_running_loop()
        door = Door(loop)
        self.house = House(self._plan, self.world, self._folder, self.eyes, door)
        self.house.after_crash = self._after_crash
        self.house.gone = self.sentry.forget
        self.house.start()
        await self.house.served()
        for name in self._plan.stripe_readers:
            self.eyes.name_reader(self.world.reader_id(name), name)
        self._tills = [self._till(f"till-{number}", door) for number in range(self._plan.tills)]
        self._begin_s = loop.time()
        self._begin_faults()
        await sell(self._plan, self._tills)
        self._end_faults()
        await asyncio.sleep(NOTICED_S)
        await self._calm()
        if self._plan.forgetful:
            await self._weekend()
        await self._epilogue(door)
        await self.house.close()
        self._judge()

    def _till(self, name: str, door: Door) -> Till:
        gateway = self.house.gateway
        assert gateway is not None
        token = gateway.tills.add(name).reveal()
        chance = random.Random(f"{self._plan.seed}-{name}")  # noqa: S311  # repeatable, not secret
        return Till(name, token, door, self.world, self.eyes, self._told, chance)

    async def _calm(self) -> None:
        """Nothing goes wrong any more: wait until nothing is left to be done."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + CALM_S
        while loop.time() < until_s:
            gateway = self.house.gateway
            if gateway is not None and gateway.ready.is_set():
                readers = gateway.desk.readers()
                busy = [each for each in readers if each.state != "ready"]
                if not busy and not gateway.journal.unsettled():
                    return
            await asyncio.sleep(2.0)

    async def _weekend(self) -> None:
        """Nobody comes for almost as long as money can be held; then the gateway is started again."""
        for closed_s in CLOSED_S:
            self.house.terminate(closed_s + 1.0)
            await asyncio.sleep(GRACE_S + 1.0)
            self.world.loop.sleep_through(closed_s)
            await asyncio.sleep(SWEEP_S)
            await self._calm()

    async def _epilogue(self, door: Door) -> None:
        """One plain sale at every reader."""
        till = self._till("epilogue", door)
        async with asyncio.TaskGroup() as group:
            for number, reader in enumerate(self._plan.readers):
                sale = Sale(number, 0, reader, EPILOGUE + 100 * number, 0.0, 1.0)
                order = {
                    "reader": reader,
                    "amount": sale.amount,
                    "currency": CURRENCY,
                    "pos_key": f"e{number}",
                }
                group.create_task(self._prove(till, sale, order), name=f"epilogue {reader}")

    async def _prove(self, till: Till, sale: Sale, order: Mapping[str, Any]) -> None:
        view = await till.sell_plainly(sale, order)
        if view is None or view["state"] != "paid":
            state = "never taken" if view is None else f"{view['state']} ({view['verdict']})"
            self.judge.blame("serves again", self._now_s(), f"a plain sale at {sale.reader} is {state}")

    # -- faults ---------------------------------------------------------------------------------------

    def _begin_faults(self) -> None:
        loop = asyncio.get_running_loop()
        for fault in self._plan.faults:
            if not fault.step:
                loop.call_later(fault.at_s, self._happen, fault, context=OUTSIDE)
        self._pending = [fault for fault in self._plan.faults if fault.step]
        self.eyes.on_moment = self._moment

    def _end_faults(self) -> None:
        self._pending = []
        self._over = True
        self.world.heal()
        for till in self._tills:
            till.armed.clear()
        if self.house.disk is not None:
            self.house.disk.full_until_s = 0.0

    _over = False

    def _moment(self, reader: str, step: str) -> None:
        now_s = self._now_s() - self._begin_s
        for fault in self._pending:
            if fault.step == step and fault.reader == reader and now_s >= fault.at_s:
                self._pending.remove(fault)
                self.world.loop.call_soon(self._happen, fault, context=OUTSIDE)
                return

    def _happen(self, fault: Fault) -> None:
        """The moment of a fault."""
        if self._over:
            return
        self.eyes.say("FAULT", f"now: {fault}")
        match FAULTS[fault.kind].group:
            case Group.GATEWAY:
                self.judge.disturbed |= set(self._plan.readers)  # who wanted an end may be forgotten
                self._at_gateway(fault)
            case Group.DISK:
                self.judge.disturbed |= set(self._plan.readers)  # as above
                self._at_disk(fault)
            case Group.CLOCK:
                sign = 1 if fault.kind == "clock forward" else -1
                self.world.clock_offset_s += sign * fault.seconds
                self.eyes.fired(fault.kind)
            case Group.WIRE if fault.kind == "line down":
                self.world.line_down(down=True)
                self.eyes.fired(fault.kind)
                loop = self.world.loop
                loop.call_later(fault.seconds, lambda: self.world.line_down(down=False), context=OUTSIDE)
            case Group.WIRE:
                self.world.arm(fault.kind, fault.times)
            case Group.READER | Group.LINE:
                self.judge.disturbed.add(fault.reader)
                if self.world.disturb(fault.reader, fault.kind, fault.seconds, fault.seed) and (
                    FAULTS[fault.kind].group is Group.READER or fault.kind == "absent"
                ):
                    self.eyes.fired(fault.kind, fault.reader)
            case Group.TILL:
                till = self._tills[fault.seed % len(self._tills)]
                till.armed += [fault.kind] * fault.times

    def _at_gateway(self, fault: Fault) -> None:
        house, power = self.house, fault.kind.startswith("power")
        match fault.kind:
            case "crash" | "power cut":
                house.crash(after=fault.steps, down_s=fault.seconds, power=power)
            case "crash in a commit" | "power cut in a commit":
                house.crash_in_commit(down_s=fault.seconds, power=power)
            case "pause":
                self.eyes.fired(fault.kind)
                house.pause(fault.seconds)
            case "stop":
                self.eyes.fired(fault.kind)
                house.terminate(fault.seconds)
            case _:
                self.eyes.fired(fault.kind)
                house.second_gateway()

    def _at_disk(self, fault: Fault) -> None:
        disk = self.house.disk
        if disk is None:
            return
        match fault.kind:
            case "disk full":
                disk.full_until_s = self._now_s() + fault.seconds
            case "disk error":
                disk.failing = fault.times
            case _:
                disk.flushless = fault.times

    # -- the verdict ----------------------------------------------------------------------------------

    def _after_crash(self) -> None:
        self.judge.check_journal(self._now_s(), read(self._folder / "journal.db"))

    def _judge(self) -> None:
        self.sentry.forget()
        now_s = self._now_s()
        journal = self._journal = read(self._folder / "journal.db")
        self.judge.conclude(now_s, journal, self.world.screens())
        for bug in self.house.bugs:
            self.judge.blame("lives on", now_s, bug)
        for till in self._tills:
            for refusal in till.refusals:
                self.judge.blame("lives on", now_s, f"{till.name}: {refusal}")
        if not all(self.house.refused):
            self.judge.blame("second refuses", now_s, "a second gateway started")
