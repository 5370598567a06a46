"""The door for registers that speak ZVT: one terminal for each till, wherever its register calls."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256

from agent.payments.desk import Desk
from agent.payments.errors import PaymentsError
from agent.payments.journal import Now
from agent.payments.model import TillName
from agent.pos.listening import ListenError
from agent.pos.register.conversation import Conversation
from agent.pos.register.line import BareLine, FramedLine, Line
from agent.pos.register.listening import SerialPort
from agent.pos.register.memory import Memory
from agent.pos.register.memory_file import MemoryFile
from agent.pos.register.options import RegisterOptions
from agent.pos.register.terminal import TillTerminal
from drivers.links.base import Breakable, LinkNotOpenedError, Listener
from drivers.links.tcp import TcpListener

log = logging.getLogger(__name__)

CALLERS_MAX = 8
"""Connections of one till's register: registers that forget to hang up must not use up the machine."""

RECOVER_S = 2.0
"""Between two tries to find out what an earlier life left."""

_ID_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Place:
    """One register, and where it calls."""

    options: RegisterOptions
    listener: Listener
    serial: bool = False


class ZvtDoor:
    """All registers of a gateway. `open` serves them until its block ends."""

    def __init__(
        self,
        desk: Desk,
        file: MemoryFile,
        places: Sequence[Place],
        *,
        now: Now,
        local: Callable[[], datetime] | None = None,
        gateway: str = "",
    ) -> None:
        """`local` is the time on the store's clocks (default: this machine's). Errors: `MemoryFileError`."""
        self._file = file
        self.tills = {
            place.options.till: (
                place,
                TillTerminal(
                    place.options,
                    desk,
                    Memory(file, place.options.till),
                    now=now,
                    local=local or (lambda: now().astimezone()),
                    terminal_id=_terminal_id(gateway, place.options.till),
                ),
            )
            for place in places
        }

    def terminal(self, till: str) -> TillTerminal:
        """The terminal that a till sees."""
        return next(terminal for name, (_, terminal) in self.tills.items() if name == till)

    def port(self, till: str) -> int | None:
        """The TCP port that a till's register calls; None for a serial line."""
        listener = self.tills[TillName(till)][0].listener
        return listener.port if isinstance(listener, TcpListener) else None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve registers inside the block. Errors: `ListenError` for a port that cannot be had."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._file.flushed)
            for place, _ in self.tills.values():
                try:
                    await place.listener.open()
                except LinkNotOpenedError as error:
                    raise ListenError(f"till {place.options.till}: {error}") from error
                stack.push_async_callback(place.listener.close)
                where = self.port(place.options.till)
                log.info(
                    "till %s is served by ZVT on %s",
                    place.options.till,
                    "its serial port" if where is None else f"port {where}",
                )
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._serve(place, terminal), name=terminal.name)
                    for place, terminal in self.tills.values()
                ]
                try:
                    yield
                finally:
                    for task in tasks:
                        task.cancel()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    async def idle(self) -> None:
        """Wait until no register's command is at work."""
        for _, terminal in self.tills.values():
            async with terminal.turn:
                pass

    async def _serve(self, place: Place, terminal: TillTerminal) -> None:
        await self._recover(terminal)
        async with asyncio.TaskGroup() as group:
            group.create_task(terminal.settling.run(), name=f"{terminal.name} settles")
            while True:
                link = await place.listener.accept()
                _make_room(terminal)
                group.create_task(self._converse(place, terminal, link), name=f"{terminal.name} talks")

    async def _recover(self, terminal: TillTerminal) -> None:
        """Decide what an earlier life left, before anybody is served."""
        level = logging.WARNING
        while True:
            try:
                await terminal.settling.recover()
                await terminal.memory.save()
            except PaymentsError as error:
                log.log(level, "till %s cannot be served yet: %s", terminal.till, error)
                level = logging.DEBUG
                await asyncio.sleep(RECOVER_S)
            else:
                return

    async def _converse(self, place: Place, terminal: TillTerminal, link: Breakable) -> None:
        make: Callable[[Callable[[], None]], Line] = partial(_line, place, terminal, link)
        conversation = Conversation(terminal, make, link)
        terminal.conversations.add(conversation)
        try:
            await conversation.run()
        finally:
            terminal.conversations.discard(conversation)
            if isinstance(place.listener, SerialPort):
                place.listener.let_go()


def _line(place: Place, terminal: TillTerminal, link: Breakable, failed: Callable[[], None]) -> Line:
    if place.serial:
        return FramedLine(link, failed)
    return BareLine(link, big_endian=terminal.profile.big_endian)


def _make_room(terminal: TillTerminal) -> None:
    """Hang up on the register's oldest idle connection when it has too many."""
    idle = [each for each in terminal.conversations if not each.working]
    if len(terminal.conversations) >= CALLERS_MAX and idle:
        min(idle, key=lambda each: each.heard_at).hang_up()


def _terminal_id(gateway: str, till: str) -> str:
    """Eight digits that are a till's own: the same after its memory is lost."""
    digest = sha256(f"{gateway}/{till}".encode()).digest()
    return f"{10**7 + int.from_bytes(digest[:8], 'big') % (9 * 10**7):0{_ID_DIGITS}}"
