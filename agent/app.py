"""The one composition root: builds the parts of the daemon, runs them, and stops them in order."""

import asyncio
import logging
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from agent import settings as gateway_settings
from agent.discovery.hotplug import HotPlug
from agent.fleet.contents import LocalContents
from agent.fleet.fitting import Fitting
from agent.fleet.roster import Roster, roster
from agent.fleet.sources import FileSource
from agent.fleet.watch import FileWatch
from agent.payments.desk import Desk
from agent.payments.journal import Journal
from agent.payments.model import ReaderState
from agent.payments.policy import LanePolicy
from agent.payments.sweeper import Sweeper
from agent.payments.writer import MakeWriter
from agent.pos.http import count_readers, link_losses, link_states, make_app
from agent.pos.limits import Limits, Rate
from agent.pos.listening import on_tcp, on_unix
from agent.pos.metrics import Metrics
from agent.pos.tills import TillRegistry
from agent.pos.tokens import ConnectionToken, TokenIssueError
from agent.settings import HttpDoorSettings, Settings, StripeSettings
from agent.supervision import Finding, Health, Heartbeat, Notifier
from drivers import registry
from drivers.contract import DriverError

if TYPE_CHECKING:  # loaded where the settings ask for it: a store without Stripe pays nothing for it
    from agent.fleet.reconciler import Reconciler
    from agent.pos.register.door import ZvtDoor
    from agent.pos.register.places import MakeListener
    from agent.stripe.api import Stripe
    from agent.stripe.exchange import Exchange

log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class World:
    """What the daemon takes from outside: the clocks and the way to Stripe. Tests bring their own."""

    now: Callable[[], datetime] = _utc_now
    clock: Callable[[], float] | None = None  # seconds; None: the event loop's
    exchange: "Exchange | None" = None  # None: a connection pool of our own
    notifier: Notifier | None = None  # None: as systemd told us
    inline_journal: bool = False  # commit on the event loop: virtual time only
    make_writer: MakeWriter | None = None  # None: a thread, or as `inline_journal` says
    random: Callable[[int], bytes] = secrets.token_bytes  # makes the ids of sessions
    lane_policy: LanePolicy | None = None  # None: from the settings
    services: Mapping[str, object] = field(default_factory=dict)  # lent to drivers, besides our own
    on_tcp: Callable[[web.Application, str, int], AbstractAsyncContextManager[int]] = on_tcp
    on_unix: Callable[[web.Application, Path], AbstractAsyncContextManager[Path]] = on_unix
    on_register: "MakeListener | None" = None  # where ZVT registers call; None: as the settings say


class Gateway:
    """All parts of one store's daemon, wired. `run` lives until `stop` is set."""

    def __init__(self, settings: Settings, world: World, exchange: "Exchange | None") -> None:
        """Open the journal and build the parts; needs a running loop. Nothing is reached yet.

        `exchange` is the way to Stripe, needed where the settings name an account.
        """
        self._settings = settings
        self._world = world
        self._loop = asyncio.get_running_loop()
        self.tills = TillRegistry(settings.tills_path, now=world.now)
        self.port: int | None = None
        self.ready = asyncio.Event()
        self._source = FileSource(settings.fleet.paths, LocalContents())
        self._stripe: Stripe | None = None
        if settings.stripe is not None and exchange is not None:
            self._stripe = self._make_stripe(settings.stripe, exchange)
        # Last of what can fail: it takes the lock and starts a thread.
        self.journal = Journal(
            settings.journal.path,
            now=world.now,
            inline=world.inline_journal,
            make_writer=world.make_writer,
            random=world.random,
        )
        self.desk = Desk(self.journal, now=world.now)
        self.registers = self._make_registers()
        self.sweeper = Sweeper(
            self.desk.lanes, self.journal, lambda name: self.desk.cancel(name, None), now=world.now
        )
        self._services = registry.Services(
            now=world.now,
            gateway=settings.gateway.name,
            **world.services,
            **({} if self._stripe is None else {"stripe": self._stripe}),
        )
        self.reconciler = self._make_reconciler()
        self._fitting = self._make_fitting()
        self._notifier = world.notifier or Notifier.from_environment()
        self._heartbeat = Heartbeat(self._notifier, status=self._status_line, clock=self._clock)
        self._health = self._make_health()
        self._metrics = self._make_metrics()

    def _make_registers(self) -> "ZvtDoor | None":
        if not self._settings.doors.zvt:
            return None
        from agent.pos.register.door import ZvtDoor
        from agent.pos.register.memory_file import MemoryFile
        from agent.pos.register.places import places

        try:
            return ZvtDoor(
                self.desk,
                MemoryFile(self._settings.registers_path),
                places(self._settings.doors.zvt, self._world.on_register),
                now=self._world.now,
                gateway=self._settings.gateway.name,
            )
        except BaseException:  # handed on: but the journal's lock and thread must not be left behind
            self.journal.close()
            raise

    def _clock(self) -> float:
        return self._loop.time() if self._world.clock is None else self._world.clock()

    def _make_stripe(self, told: StripeSettings, exchange: "Exchange") -> "Stripe":
        from agent.stripe import bucket
        from agent.stripe.api import Stripe
        from agent.stripe.client import StripeClient

        per_s = told.requests_per_second
        buckets = bucket.Buckets(
            per_operation=bucket.Rate(per_s, 2 * per_s),
            overall=bucket.Rate(4 * per_s, 8 * per_s),
            clock=self._clock,
        )
        default = StripeSettings.model_fields["files_url"].default
        client = StripeClient(
            exchange,
            gateway_settings.resolve(told.key),
            base_url=told.base_url,
            # Files go where the API is, unless somebody says otherwise: a simulator serves both.
            files_url=None if told.files_url == default else told.files_url,
            account=told.account,
            buckets=buckets,
            clock=self._clock,
        )
        return Stripe(client)

    def _make_reconciler(self) -> "Reconciler | None":
        if self._stripe is None:
            return None
        from agent.fleet.observed import StripeAccount
        from agent.fleet.reconciler import Reconciler

        fleet = self._settings.fleet
        return Reconciler(
            self._source,
            StripeAccount(self._stripe),
            LocalContents(),
            path=self._state_path("bindings.json"),
            interval_s=fleet.interval_s,
            heal=fleet.heal,
            prune=fleet.prune,
            busy=self.desk.busy,
            changed=lambda _: self._fitting.changed(),
            clock=self._clock,
        )

    def _state_path(self, name: str) -> Path:
        return self._settings.journal.path.with_name(name)

    def _roster(self) -> Roster:
        desired, location = self._source.read().state, self._settings.location
        if self.reconciler is None:
            return roster(desired, {}, location)
        return roster(desired, self.reconciler.bindings, location, self.reconciler.location_id(location))

    def _make_fitting(self) -> Fitting:
        patience_s = self._settings.payments.payment_timeout_s
        return Fitting(
            self.desk.lanes,
            self.journal,
            self._roster,
            lambda config: registry.make(config, self._services),
            now=self._world.now,
            location=self._settings.location,
            policy=self._world.lane_policy or LanePolicy(payment_timeout_s=patience_s),
            interval_s=self._settings.fleet.interval_s,
        )

    # -- tokens, health, metrics ----------------------------------------------------------------------

    async def issue(self) -> ConnectionToken:
        """A fresh connection token for this gateway's location (`pos.seams.TokenIssuer`)."""
        location = None if self.reconciler is None else self.reconciler.location_id(self._settings.location)
        if self._stripe is None or location is None:
            raise TokenIssueError(
                f"location {self._settings.location!r} is not known at Stripe yet: apply the desired state",
                code="location_unknown",
            )
        try:
            token = await self._stripe.create_connection_token(location=location)
        except DriverError as error:
            temporary = not getattr(error, "permanent", False)
            raise TokenIssueError(str(error), code=error.code, retryable=temporary) from error
        return ConnectionToken(token.secret, location)

    def _status_line(self) -> str:
        states = [reader.state for reader in self.desk.readers()]
        ready = sum(state in {ReaderState.READY, ReaderState.BUSY} for state in states)
        doubt = sum(state is ReaderState.IN_DOUBT for state in states)
        return f"{ready} of {len(states)} readers ready" + (f", {doubt} in doubt" if doubt else "")

    def _make_health(self) -> Health:
        parts = {
            "journal": self._journal_health,
            "readers": self._readers_health,
            "fleet": self._fleet_health,
            "books": self._books_health,
        }
        return Health(
            self._settings.gateway.name,
            version("tillgate"),
            self._heartbeat,
            parts,
            clock=self._clock,
            now=self._world.now,
        )

    def _journal_health(self) -> Finding:
        return Finding(self.journal.trouble, {"path": str(self._settings.journal.path)})

    def _books_health(self) -> Finding:
        last, count = self.sweeper.last, len(self.sweeper.last.quarrels)
        problem = (
            f"{count} sales differ from the provider's books: see the log, correct by hand" if count else ""
        )
        return Finding(problem, {"seen": last.seen, "released": last.released, "quarrels": count})

    def _readers_health(self) -> Finding:
        readers = self.desk.readers()
        states = {state.value: sum(reader.state is state for reader in readers) for state in ReaderState}
        problem = ", ".join(
            f"{reader.name} is {reader.state} ({reader.why})"
            for reader in readers
            if reader.state in {ReaderState.OFFLINE, ReaderState.IN_DOUBT, ReaderState.CONNECTING}
            or (reader.link is not None and reader.link.flapping)
        )
        listed = [{"name": each.name, "state": each.state.value, "why": each.why} for each in readers]
        return Finding(problem, {**states, "list": listed})

    def _fleet_health(self) -> Finding:
        if self.reconciler is None:
            return Finding("; ".join(map(str, self._source.read().problems)), {"enabled": False})
        status = self.reconciler.status
        detail = {"in_sync": status.in_sync, "drift": list(status.drift), "contested": list(status.contested)}
        return Finding("; ".join(status.troubles), detail)

    def _make_metrics(self) -> Metrics:
        metrics = Metrics()
        metrics.gauge(
            "tillgate_readers", "Readers in each state.", lambda: count_readers(self.desk), ("state",)
        )
        metrics.gauge(
            "tillgate_sessions",
            "Sessions in the journal by state.",
            lambda: {(state,): float(count) for state, count in self.desk.totals().items()},
            ("state",),
        )
        metrics.gauge(
            "tillgate_reader_link",
            "1 for the state that each reader's link is in.",
            lambda: link_states(self.desk),
            ("reader", "state"),
        )
        metrics.gauge(
            "tillgate_reader_link_losses_total",
            "How often each reader's link was lost.",
            lambda: link_losses(self.desk),
            ("reader",),
            grows=True,
        )
        metrics.gauge(
            "tillgate_books_quarrels",
            "Sales about which the provider's books and the journal differ; each needs a person.",
            lambda: {(): float(len(self.sweeper.last.quarrels))},
        )
        metrics.gauge(
            "tillgate_loop_lag_seconds",
            "How late the event loop was at the last heartbeat.",
            lambda: {(): self._heartbeat.lag_s},
        )
        return metrics

    def make_door(self, *, operator: bool) -> web.Application:
        """The HTTP API, for tills or for the operator's socket."""
        door = self._settings.doors.http or HttpDoorSettings()
        limits = Limits(connection_tokens=Rate(door.connection_tokens_per_minute / 60, 10))
        return make_app(
            self.desk,
            self.tills,
            self,
            self._health.document,
            self._metrics,
            look=self.look,
            app_readers=self._app_readers,
            limits=limits,
            operator=operator,
            language=door.language,
        )

    def _app_readers(self) -> list[dict[str, str]]:
        if self.reconciler is None:
            return []
        return [asdict(each) for each in self.reconciler.app_readers(self._settings.location)]

    def look(self) -> None:
        """Look at the fleet files, the account and the readers now rather than at the end of the interval."""
        log.info("looking at the fleet now")
        if self.reconciler is not None:
            self.reconciler.poke()
        self._fitting.changed()

    # -- life -----------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; raises, in a group, what a bug raised, or `ListenError` for a door."""
        registers = [door.listen for door in self._settings.doors.zvt]
        hotplug = HotPlug(self.desk.lanes.by_name.values, registers)
        try:
            if self.reconciler is not None:
                self.reconciler.restore()
            async with asyncio.TaskGroup() as group:
                await self._fitting.refit()
                tasks = [
                    group.create_task(self.desk.run(), name="desk"),
                    group.create_task(self._fitting.run(), name="readers"),
                    group.create_task(self.sweeper.run(), name="sweeper"),
                    group.create_task(self._heartbeat.run(), name="heartbeat"),
                    group.create_task(hotplug.run(), name="hot-plug"),
                    group.create_task(FileWatch(self._source, self.look).run(), name="fleet files"),
                ]
                if self.reconciler is not None:
                    tasks.append(group.create_task(self.reconciler.run(), name="fleet"))
                async with self._open_doors():
                    self._notifier.ready(self._status_line())
                    log.info("ready: %s", self._status_line())
                    self.ready.set()
                    await stop.wait()
                    self._notifier.stopping("finishing the sales under way")
                    self.desk.stop()
                    await self._drain()
                for task in tasks:
                    task.cancel()
        finally:
            if self.registers is not None:
                self.registers.close()
            self.journal.close()

    @asynccontextmanager
    async def _open_doors(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            door = self._settings.doors.http
            if door is not None:
                self.port = await stack.enter_async_context(
                    self._world.on_tcp(self.make_door(operator=False), door.host, door.port)
                )
                log.info("tills are served on %s:%d", door.host, self.port)
            await stack.enter_async_context(
                self._world.on_unix(self.make_door(operator=True), self._settings.control_socket)
            )
            if self.registers is not None:
                await stack.enter_async_context(self.registers.open())
            yield

    async def _drain(self) -> None:
        """Give the sales under way a little time; what remains is taken up at the next start."""
        try:
            async with asyncio.timeout(self._settings.payments.shutdown_grace_s):
                for lane in list(self.desk.lanes.by_name.values()):
                    await lane.idle()
                if self.registers is not None:
                    await self.registers.idle()
        except TimeoutError:
            log.info("stopping with a sale under way: it is taken up at the next start")


async def serve(settings: Settings, world: World | None = None) -> None:
    """Run the daemon until SIGTERM or SIGINT; SIGHUP makes it look at its fleet."""
    world = world or World()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        exchange = world.exchange
        if settings.stripe is not None and exchange is None:
            from agent.stripe.exchange import PooledExchange

            exchange = await stack.enter_async_context(PooledExchange())
        gateway = Gateway(settings, world, exchange)
        loop.add_signal_handler(signal.SIGHUP, gateway.look)
        await gateway.run(stop)
