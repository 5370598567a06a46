"""The simulated terminal: what it knows, who may be served, and which command means which work."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from drivers.contract import Link
from drivers.simulators.zvt_terminal import administration, books, payments
from drivers.simulators.zvt_terminal.conversation import Conversation, NoAnswerError
from drivers.simulators.zvt_terminal.device import Device, world_clock
from drivers.simulators.zvt_terminal.job import EndedError, Job, PowerCutError
from drivers.simulators.zvt_terminal.ledger import Entry, ledger
from drivers.simulators.zvt_terminal.memory import Memory
from drivers.simulators.zvt_terminal.profiles import PROFILES, Profile, Times
from drivers.zvt import results
from drivers.zvt.commands import table
from drivers.zvt.commands.reports import Abort
from drivers.zvt.errors import RemoteProtocolError
from drivers.zvt.message import Message
from drivers.zvt.statuses import TERMINAL_STATES

WRONG_PASSWORD = 0x37

HANDLERS: Mapping[int, Callable[[Job], Awaitable[None]]] = MappingProxyType(
    {
        0x0501: administration.status,
        0x0600: administration.register,
        0x0601: payments.payment,
        0x0602: administration.log_off,
        0x0610: books.show_totals,
        0x0612: books.reprint,
        0x0618: administration.reset,
        0x061A: books.print_configuration,
        0x061B: administration.set_terminal_id,
        0x0620: books.repeat,
        0x0622: payments.hold,
        0x0623: payments.release_part,
        0x0624: payments.book,
        0x0625: payments.release,
        0x0630: payments.reversal,
        0x0631: payments.refund,
        0x0650: books.end_of_day,
        0x0651: administration.work,
        0x0670: administration.diagnosis,
        0x0679: administration.work,
        0x0691: administration.set_clock,
        0x0693: administration.work,
        0x0695: administration.change_password,
        0x06C5: administration.eject_card,
        0x06D1: administration.print_for_register,
        0x06D3: administration.print_for_register,
        0x06E0: administration.display,
        0x06E1: administration.display,
        0x06E2: administration.display,
        0x0810: administration.update,
        0x0830: administration.select_language,
        0x0840: administration.change_baud_rate,
    }
)
"""What the terminal does; anything else is answered 84 83."""

WHILE_BUSY = frozenset({0x0501, 0x0600, 0x0602, 0x06E0})
"""Served at once even while something else is running for another connection."""

WHILE_LOCKED = WHILE_BUSY | {0x06E1, 0x06E2, 0x06C5, 0x0810}
"""Served in every locked state (PA00P015 chapter 7)."""


class Terminal:
    """One simulated terminal, to be run on any link. `device` has the controls: customers, locks, power.

    `clock` gives local time; pauses take the time of the running loop. The memory is the caller's to close.
    """

    def __init__(
        self,
        profile: Profile = PROFILES["standard"],
        memory: Memory | None = None,
        *,
        times: Times | None = None,
        clock: Callable[[], datetime] = world_clock,
        seed: int = 0,
    ) -> None:
        self.memory = memory or Memory()
        self.device = Device(profile, self.memory, times=times, clock=clock, seed=seed)

    async def host(self, link: Link, *, serial: bool = False, speed: Callable[[], int] | None = None) -> None:
        """Serve a register on this link until the link is over; `serial`: with framing, at a `speed` in baud.

        A second link takes the place of the first one, or is refused, as the profile says.
        """
        device = self.device
        conversation = Conversation(device, link, self._work, serial=serial, speed=speed)
        booting = device.silent and not serial
        if booting or (device.callers and device.profile.second_caller_refused):
            conversation.hang_up()
        else:
            for earlier in tuple(device.callers):
                earlier.hang_up()
        await conversation.run()

    def ledger(self) -> list[Entry]:
        """What really became of each transaction, as plain data."""
        return ledger(self.memory)

    async def _work(self, conversation: Conversation, message: Message) -> None:
        job = Job(self.device, conversation, message, frozenset(HANDLERS) - self.device.profile.unsupported)
        try:
            await self._serve(job)
        except NoAnswerError:
            conversation.say_no_more()
        except PowerCutError:
            return
        finally:
            if self.device.task is job:
                self.device.task = None

    async def _serve(self, job: Job) -> None:
        device, command = self.device, job.message.command
        if device.profile.switched_off or command not in job.known:
            job.refuse()
            return
        if not self._knows(job.message):
            job.refuse(WRONG_PASSWORD)
            return
        if device.task is not None and command not in WHILE_BUSY:
            job.refuse(results.BUSY)
            return
        if not await self._is_unlocked(job):
            return
        payments.learn_from(device, job.message)
        if command not in WHILE_BUSY:
            device.task = job
        try:
            await HANDLERS[command](job)
        except EndedError as end:
            await job.abort(_abort(job, end.result))
        except RemoteProtocolError:
            # well formed, but it lacks a field that its command cannot do without
            await job.abort(results.PROTOCOL_ERROR)

    def _knows(self, message: Message) -> bool:
        """Whether the password is right, where there is one and the terminal cares."""
        profile = self.device.profile
        right = self.memory.facts.password or profile.password
        given = message.params.get("password")
        if right is None or given is None:
            return True
        digits = profile.password_digits
        return given.hex()[:digits] == right[:digits]

    async def _is_unlocked(self, job: Job) -> bool:
        facts, command = self.memory.facts, job.message.command
        if not facts.lock or command in WHILE_LOCKED:
            return True
        known = TERMINAL_STATES.get(facts.lock)
        if known is not None and command in known.cures:
            facts.lock = 0
            self.memory.save()
            return True
        if table.row_of(command).end is table.End.ANSWER or self.device.profile.refuses_directly:
            job.refuse(facts.lock)
        else:
            job.accept()
            await job.abort(facts.lock)
        return False


def _abort(job: Job, result: int) -> Message:
    """06 1E; with the right currency for a wrong one (chapter 3.3)."""
    if result == results.WRONG_CURRENCY:
        return Abort(result, currency=job.device.profile.currencies[0]).to_message()
    return Abort(result).to_message()
