"""The driver of ZVT terminals: serial, TCP, TLS or a serial port behind a terminal server."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from drivers.contract import (
    Capability,
    Decision,
    Driver,
    DriverError,
    Kind,
    Link,
    LinkHealth,
    NotStartedError,
    Outcome,
    PaymentRequest,
    Progress,
    ReaderConfig,
    ReaderInfo,
    RefusedError,
    Report,
    Settlement,
    Verdict,
)
from drivers.links.memory import MemoryNetwork
from drivers.links.reconnect import Connect
from drivers.links.schemes import connect
from drivers.readers import zvt_orders as orders
from drivers.readers import zvt_settlement as settlement
from drivers.readers.zvt_conversation import End, Ended, Hear
from drivers.readers.zvt_options import Setup, ZvtOptionsError, setup_of
from drivers.readers.zvt_outcome import code_name, refused, why
from drivers.readers.zvt_payment import Done, Transaction
from drivers.readers.zvt_receipt import Paper
from drivers.readers.zvt_recovery import Ear
from drivers.readers.zvt_standing import Standing
from drivers.readers.zvt_terminal import Terminal
from drivers.zvt import results
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.commands.setup import EndOfDay, SetTerminalClock
from drivers.zvt.ecr import Told
from drivers.zvt.fields import Field
from drivers.zvt.message import Message
from drivers.zvt.turns import Topic
from drivers.zvt.values import TEXT, TOTAL_KINDS

DISPLAY_TEXT = 0x06E0
DISPLAY_LINES = 8


@dataclass(frozen=True, slots=True)
class Closing:
    """What an end of day said: the sum (minor units), number and sum by kind of card, and the print-out."""

    amount: int | None
    by_card: Mapping[str, tuple[int, int]]
    text: str


class ZvtReader:
    """One terminal. Knows nothing that a restart may lose but the connection and what can be asked again."""

    def __init__(
        self, setup: Setup, connect: Connect, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._setup = setup
        self._terminal = Terminal(setup, connect, now=now)
        self._lock = asyncio.Lock()
        self._canceled = False
        self._transaction: Transaction | None = None

    # -- the contract -----------------------------------------------------------------------------------

    async def open(self) -> ReaderInfo:
        """Connect, register, and ask for the state: 06 00 and 05 01, nothing that could move money."""
        async with self._lock:
            try:
                standing = await self._terminal.ask()
            finally:
                await self._terminal.let_go()
        if not standing.usable:
            raise DriverError(f"{self._setup.name}: {standing.text}", code=f"state_{standing.code:02x}")
        return self._info(standing)

    async def close(self) -> None:
        """Hang up."""
        await self._terminal.close()

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        """Take, hold or give back the money; `NotStartedError` is certain, other `DriverError` doubt."""
        self._canceled = False
        async with self._lock:
            try:
                return await self._pay(request, report)
            finally:
                self._transaction, self._canceled = None, False
                await self._terminal.let_go()

    async def cancel(self) -> None:
        """Ask the session under way to end by 06 B0; the answer comes from `pay`."""
        self._canceled = True
        if self._transaction is not None:
            self._transaction.cancel()

    async def inquire(self, request: PaymentRequest) -> Outcome:
        """What became of it: reconnect, register, 05 01, 06 20, compare. PENDING while it is at work."""
        known = settlement.known(request)
        if known is not None:
            return known
        async with self._lock:
            try:
                return await settlement.inquire(self._terminal, request)
            except (NotStartedError, RefusedError) as error:
                # Not being able to ask says nothing about what was asked for.
                raise DriverError(str(error), code=error.code) from error
            finally:
                await self._terminal.let_go()

    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        """06 24, 06 25 or 06 30; `RefusedError` when the terminal says no."""
        known = settlement.known(request)
        if known is not None:
            return known
        async with self._lock:
            # a cancel was meant for the sale before it
            self._canceled = False
            try:
                outcome = await settlement.settle(self._terminal, request, decision, report, self._began)
                return _withdrawn(outcome, decision.settlement is Settlement.RELEASE)
            except NotStartedError as error:
                raise DriverError(str(error), code=error.code) from error
            finally:
                self._transaction = None
                await self._terminal.let_go()

    # -- beyond it --------------------------------------------------------------------------------------

    @property
    def link_health(self) -> LinkHealth:
        """How the link to the terminal is."""
        return self._terminal.link_health

    def on_link_end(self, told: Callable[[], None]) -> None:
        """Call `told` when the link ends while nobody pays."""
        self._terminal.on_link_end(told)

    @property
    def check_every_s(self) -> float:
        """How often `check` is worth while when nobody pays."""
        return self._setup.timing.check_every_s

    async def check(self) -> None:
        """See whether the terminal is there, by 05 01 alone. Raises `DriverError` when it is not.

        A terminal that is asked at least once a minute runs its own jobs meanwhile (PA00P015 2.56).
        """
        if not self._lock.locked():
            await self._status(patient=True)

    async def status(self) -> Standing:
        """The terminal's own word on its state (05 01). Raises `DriverError` when it does not answer."""
        return await self._status()

    async def _status(self, *, patient: bool = False) -> Standing:
        async with self._lock:
            try:
                return await self._terminal.ask(patient=patient)
            finally:
                await self._terminal.let_go()

    async def end_of_day(self) -> Closing:
        """Close the terminal's books (06 50). Raises `RefusedError` for a no, else `DriverError`."""
        papers, ear = list[Paper](), Ear()

        async def hear(told: Told) -> Message | None:
            if told.topic is Topic.PRINT:
                # made late: the character set may be agreed on when the connection is made
                papers[:] = papers or [Paper(self._terminal.charset)]
                papers[0].print(told.message)
                return None
            return await ear(told)

        await self._command(EndOfDay(self._setup.password).to_message(), "the end of day", hear)
        text = "\n\n".join(text for paper in papers for text in paper.texts.values())
        self._terminal.mark = None  # makers disagree on what 06 20 repeats after a closing
        if ear.status is None:
            return Closing(None, {}, text)
        told = StatusInformation.from_message(ear.status)
        cards = told.totals.cards if told.totals is not None else ()
        by_card = {
            name: (total.transactions, total.amount) for name, total in zip(TOTAL_KINDS, cards, strict=False)
        }
        return Closing(told.amount, by_card, text)

    async def set_clock(self, local: datetime) -> None:
        """Set the terminal's clock (06 91) to this local time."""
        await self._command(SetTerminalClock.at(local, self._setup.password).to_message(), "the time")
        self._terminal.skew = None

    async def display(self, text: str, seconds: int = 10) -> None:
        """Show up to eight lines (06 E0) for so many seconds, 0 for ever."""
        lines = text.splitlines()[:DISPLAY_LINES]
        fields = [Field(0xF0, bytes((min(max(seconds, 0), 0xFF),)))]
        fields += [Field(0xF1 + at, TEXT.encode(line)) for at, line in enumerate(lines)]
        await self._command(Message(DISPLAY_TEXT, fields=tuple(fields)), "the text")

    # -- how --------------------------------------------------------------------------------------------

    async def _command(self, message: Message, what: str, hear: Hear | None = None) -> Ended:
        async with self._lock:
            try:
                conversation = await self._terminal.ready()
                ended = await self._terminal.run(conversation, message, hear or Ear())
            finally:
                await self._terminal.let_go()
        if ended.end is not End.DONE:
            text = f"the terminal refused {what}: {why(ended.message, ended.code)}"
            raise RefusedError(text, code=code_name(ended.code))
        return ended

    async def _pay(self, request: PaymentRequest, report: Report) -> Outcome:
        if request.attempts:
            # Sent before: whatever became of it, it is never sent a second time.
            return _withdrawn(await settlement.end(self._terminal, request), self._canceled)
        await report.progress(Progress.PREPARING)
        try:
            done = await self._send(request, report)
        except NotStartedError as error:
            if self._canceled and error.code == "canceled":
                return Outcome(Verdict.CANCELED, code="canceled_by_till", message=str(error))
            raise
        if done.booked is not None:
            operation = orders.REFUND if request.kind is Kind.REFUND else orders.AUTHORIZE
            return done.booked.outcome(settlement.verdict_of(operation, request))
        return self._unbooked(done)

    async def _send(self, request: PaymentRequest, report: Report) -> Done:
        if request.kind is Kind.REFUND:
            return await settlement.refund(self._terminal, request, report, self._began)
        transaction = Transaction(self._terminal, request, report, orders.authorise(self._setup, request))
        self._began(transaction)
        return await transaction.run()

    def _began(self, transaction: Transaction) -> None:
        self._transaction = transaction
        if self._canceled:
            transaction.cancel()

    def _unbooked(self, done: Done) -> Outcome:
        if done.code == results.GOODS_FAILED and done.text:
            return Outcome(Verdict.FAILED, code="not_booked", message=done.text)
        outcome = refused(done.code, done.message, self._terminal.charset)
        if outcome.verdict is Verdict.CANCELED:
            code = "canceled_by_till" if self._canceled else "customer_canceled"
            return Outcome(Verdict.CANCELED, code=code, message=done.text)
        return outcome

    def _info(self, standing: Standing) -> ReaderInfo:
        profile, identity = self._setup.profile, standing.identity
        capabilities = {Capability.CUSTOMER_CANCEL, Capability.DISPLAY}
        if profile.refunds or profile.reversals.value != "none":
            capabilities.add(Capability.REFUND)
        if profile.tips:
            capabilities.add(Capability.TIP)
        if profile.pre_authorisation:
            capabilities |= {Capability.MANUAL_CAPTURE, Capability.PARTIAL_CAPTURE}
        details = {
            "terminal_id": identity.terminal_id,
            "software": identity.version,
            "profile": profile.name,
            "state": standing.text,
            "needs": self._terminal.needs,
        }
        return ReaderInfo(
            device_type=identity.device or "zvt",
            serial_number=identity.serial_number or identity.terminal_id,
            capabilities=frozenset(capabilities),
            details={name: value for name, value in details.items() if value},
        )


def _withdrawn(outcome: Outcome, wanted: bool) -> Outcome:
    """What was not booked and was to end is canceled, and has not failed."""
    if wanted and outcome.verdict is Verdict.FAILED and outcome.code == settlement.NOT_BOOKED:
        return replace(outcome, verdict=Verdict.CANCELED, code="canceled_by_till")
    return outcome


def make(config: ReaderConfig, services: Mapping[str, object]) -> Driver:
    """The driver named `zvt`; see `zvt_options` for its options.

    Services, both optional: `memory`, a `MemoryNetwork` for memory:// links; `now`, the clock (UTC).
    """
    setup = setup_of(config)
    network = _service(services, "memory")
    if network is not None and not isinstance(network, MemoryNetwork):
        raise ZvtOptionsError("the service 'memory' is no MemoryNetwork")
    memory = network
    clock = _service(services, "now")
    if clock is not None and not callable(clock):
        raise ZvtOptionsError("the service 'now' is no clock")

    async def open_link() -> Link:
        return await connect(setup.address, memory=memory)

    return ZvtReader(setup, open_link) if clock is None else ZvtReader(setup, open_link, now=clock)


def _service(services: Mapping[str, object], name: str) -> object:
    """A service that may be missing; the gateway's mapping says no in its own way, so it is asked first."""
    if name not in services:
        return None
    return services[name]
