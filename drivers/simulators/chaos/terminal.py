"""One simulated ZVT terminal in the store: on a line with faults of its own, with hands that disturb it."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context
from datetime import datetime
from typing import Any

from drivers.links.memory import MemoryListener
from drivers.simulators.fault_list import plan_for
from drivers.simulators.faults import Act, Direction, Plan, Write
from drivers.simulators.faulty import FaultyListener
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.device import Device
from drivers.simulators.zvt_terminal.ledger import Entry
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.simulators.zvt_terminal.terminal import Terminal


class LinePlan(Plan):
    """What goes wrong on the line, as it is told to while it runs."""

    def __init__(self, fired: Callable[[str], None], seed: int) -> None:
        super().__init__(seed=seed)
        self._fired = fired
        self._plans: dict[str, Plan] = {}

    def begin(self, fault: str, seed: int) -> None:
        """Let one fault of the list be in force, NAME or NAME=NUMBER."""
        plan = plan_for(fault, seed=seed)
        name = fault.partition("=")[0]
        self._plans[name] = plan
        if plan.idle_s is not None:
            self._fired(name)  # it comes true when nothing is said, which nobody sees
        self.idle_s = plan.idle_s if plan.idle_s is not None else self.idle_s

    def end(self, fault: str = "") -> None:
        """One fault is over, or all of them."""
        for name in [fault] if fault else list(self._plans):
            self._plans.pop(name, None)
        self.idle_s = next((plan.idle_s for plan in self._plans.values() if plan.idle_s is not None), None)

    def new_link(self) -> None:
        """As `Plan.new_link`."""
        for plan in self._plans.values():
            plan.new_link()

    def apply(self, direction: Direction, data: bytes) -> list[Act]:
        """As `Plan.apply`."""
        acts: list[Act] = [Write(direction, data)]
        for name, plan in self._plans.items():
            before = plan.fired
            acts = [made for act in acts for made in _through(plan, act, direction)]
            if plan.fired > before:
                self._fired("line reboot" if name == "reboot" else name)
        return acts


def _through(plan: Plan, act: Act, direction: Direction) -> list[Act]:
    return plan.apply(direction, act.data) if isinstance(act, Write) and act.direction is direction else [act]


class _Occupied:
    """What the terminal does for somebody at its own keys."""

    conversation = None

    def stop(self) -> None:
        """Nobody stops it."""

    def power_off(self) -> None:
        """It ends with the power."""


class StoreTerminal:
    """Made with the running world; `serve` is the task that hosts its callers."""

    def __init__(
        self,
        name: str,
        profile: str,
        listener: MemoryListener,
        *,
        serial: bool,
        clock: Callable[[], datetime],
        fired: Callable[[str], None],
        seed: int,
        bad_line: bool,
    ) -> None:
        """`bad_line`: faults may be ordered for it; a good one costs less."""
        self.name = name
        self._listener = listener
        self._serial = serial
        self._fired = fired
        self._plugged = asyncio.Event()
        self._terminal = Terminal(PROFILES[profile], clock=clock, seed=seed)
        self.plan = LinePlan(fired, seed) if bad_line else None

    @property
    def device(self) -> Device:
        """Who stands there, and what it does."""
        return self._terminal.device

    async def serve(self) -> None:
        """Host every caller until cancelled."""
        if self.plan is None:
            await self._accept(self._listener)
        else:
            async with FaultyListener(self._listener, self.plan) as calls:
                await self._accept(calls)

    async def _accept(self, calls: MemoryListener | FaultyListener) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                link = await calls.accept()
                group.create_task(
                    self._terminal.host(link, serial=self._serial), name=f"{self.name}'s caller"
                )

    def expect(self, hands: Mapping[str, Any]) -> None:
        """Who comes from now on."""
        self.device.usual = Customer(**hands)

    def reboot(self) -> None:
        """The power fails and comes back."""
        self.device.reboot()

    def occupy(self, seconds: float) -> None:
        """Somebody works at its own keys; what it does for a register goes on."""
        if self.device.task is None:
            task = self.device.task = _Occupied()

            def free() -> None:
                if self.device.task is task:
                    self.device.task = None

            asyncio.get_running_loop().call_later(seconds, free)

    async def unplug(self, seconds: float) -> None:
        """Its cable is out for a while."""
        await self._listener.shut()
        for caller in tuple(self.device.callers):
            caller.hang_up()
        self._plugged.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._plugged.wait()
        await self._listener.open()

    def line_fault(self, fault: str, seconds: float, seed: int) -> None:
        """Let a fault of the list be in force for a while."""
        if self.plan is not None:
            self.plan.begin(fault, seed)
            asyncio.get_running_loop().call_later(seconds, self.plan.end, fault, context=Context())

    def heal(self) -> None:
        """The line is good again, the cable in, and nobody at its keys."""
        self._plugged.set()
        if isinstance(self.device.task, _Occupied):
            self.device.task = None
        if self.plan is not None:
            self.plan.end()

    def turnover(self) -> list[Entry]:
        """What its memory says of each transaction."""
        return self._terminal.ledger()
