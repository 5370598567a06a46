"""The terminal itself, apart from any register: what it is, what it remembers, who stands before it."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Protocol

from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.memory import Memory, State
from drivers.simulators.zvt_terminal.profiles import Profile, Reversal, Times
from drivers.zvt import statuses
from drivers.zvt.charset import Charset
from drivers.zvt.permits import Permits

FACTORY_BAUD = 9600


class Task(Protocol):
    """What the terminal is busy with."""

    @property
    def conversation(self) -> "Caller | None":
        """For whom; None: for somebody at its own keys."""
        ...

    def stop(self) -> None:
        """Somebody pressed stop, or the register said 06 B0."""
        ...

    def power_off(self) -> None:
        """End at once, without a word."""
        ...


class Caller(Protocol):
    """A register's connection."""

    def hang_up(self) -> None:
        """Break it off."""
        ...

    def power_off(self) -> None:
        """Lose it, as a terminal without power does."""
        ...


def world_clock() -> datetime:
    """Local time of this machine."""
    return datetime.now(UTC).astimezone()


class Device:
    """State that all connections share. `clock` gives the local time of the place (seconds count)."""

    def __init__(
        self,
        profile: Profile,
        memory: Memory,
        *,
        times: Times | None = None,
        clock: Callable[[], datetime] = world_clock,
        seed: int = 0,
    ) -> None:
        self.profile = profile
        self.memory = memory
        self.times = times or profile.times
        self.chance = Random(seed)  # noqa: S311  # approval codes of a simulation
        self.permits = Permits()
        self.charset: Charset = profile.charset
        self.usual = Customer()
        self.coming: deque[Customer] = deque()
        self.paper: list[tuple[str, ...]] = []
        """Receipts that came out of its own printer."""
        self.display: tuple[str, ...] = ()
        self.keys: deque[bytes] = deque()
        """What is typed at the next questions of the register."""
        self.pressed = asyncio.Event()
        self.card_inserted = False
        self.rebooted = False
        self.baud_rate = FACTORY_BAUD
        self.speed_was_set = False
        """Whether 08 40 was ever used: only then is a line at the wrong rate not understood."""
        self.task: Task | None = None
        self.callers: set[Caller] = set()
        self._clock = clock
        self._silent_until = 0.0
        if not memory.facts.terminal_id:
            memory.facts.terminal_id = profile.terminal_id
        self.recover()

    def now(self) -> datetime:
        """The terminal's own clock: local time, as far off as it was set."""
        return self._clock() + timedelta(seconds=self.memory.facts.skew_s)

    def set_clock(self, local: datetime) -> None:
        """Set the terminal's clock to this local time."""
        zone = self._clock().tzinfo
        self.memory.facts.skew_s = (local.replace(tzinfo=zone) - self._clock()).total_seconds()
        self.memory.save()

    @property
    def silent(self) -> bool:
        """Whether it is booting or updating: it hears and says nothing."""
        return asyncio.get_running_loop().time() < self._silent_until

    @property
    def state(self) -> int:
        """What 05 01 answers (PA00P015 chapter 11)."""
        if self.memory.facts.lock:
            return self.memory.facts.lock
        if self.task is not None:
            return 0x9C
        return statuses.CARD_INSERTED if self.card_inserted else statuses.READY

    def customer(self) -> Customer:
        """Who comes next."""
        return self.coming.popleft() if self.coming else self.usual

    def press(self, keys: bytes) -> None:
        """Type the answer to this or the next question of the register."""
        self.keys.append(keys)
        self.pressed.set()

    def lock(self, code: int) -> None:
        """Lock it with a state of chapter 11; 0 unlocks. Survives a power cut."""
        self.memory.facts.lock = code
        self.memory.save()

    def be_silent(self, seconds: float) -> None:
        """Hear and say nothing for a while."""
        self._silent_until = asyncio.get_running_loop().time() + seconds

    def over(self, caller: Caller) -> None:
        """The register has had the last word of its command: its next one finds a terminal that is free."""
        if self.task is not None and self.task.conversation is caller:
            self.task = None

    def reboot(self) -> None:
        """The power fails and comes back: what is not in the memory is lost, connections too."""
        task, self.task = self.task, None
        if task is not None:
            task.power_off()
        for caller in tuple(self.callers):
            caller.power_off()
        self.permits = Permits()
        self.charset = self.profile.charset
        self.baud_rate = FACTORY_BAUD
        self.card_inserted = False
        self.display = ()
        self.rebooted = True
        self.be_silent(self.times.boot_s)
        self.recover()

    def recover(self) -> None:
        """What the terminal does first when it has power: undo what nobody acknowledged, by its habit."""
        undone = {Reversal.AT_ONCE: State.REVERSED, Reversal.DECLINED: State.DECLINED}
        state = undone.get(self.profile.reversal)
        open_ones = self.memory.unacknowledged() if state is not None else []
        for record in open_ones:
            assert state is not None
            record.state = state
        started = [record for record in self.memory.records if record.state is State.STARTED]
        for record in started:
            record.state = State.ABORTED
        self.memory.save(*open_ones, *started)
