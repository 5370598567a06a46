"""The gateway in its store, one life after the other: the whole daemon on a simulated machine."""

import asyncio
import random
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent import app
from agent.app import Gateway
from agent.chaos.disk import Disk
from agent.chaos.door import OUTSIDE, Door
from agent.chaos.eyes import Eyes
from agent.chaos.plan import Plan
from agent.chaos.store import furnish
from agent.chaos.world import Life, World
from agent.payments.errors import JournalError, JournalLockedError
from agent.payments.model import ReaderState
from agent.settings import load
from agent.stripe.errors import NoAnswerError, NotSentError
from agent.stripe.exchange import HttpRequest, HttpResponse
from agent.supervision import Notifier

RESTART_S = 1.0
"""What systemd waits before it starts a program again that has ended."""

STRIPE_URL = "http://127.0.0.1:1"
"""Nobody is there: requests go through the world."""


def _nothing() -> None:
    """Nobody wants to know."""


class _Exchange:
    """The gateway's way to Stripe."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def send(self, request: HttpRequest) -> HttpResponse:
        """As `Exchange.send`."""
        path = request.url.removeprefix(STRIPE_URL)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            answer = await self._world.request(request.method, path, headers, request.body, request.timeout_s)
        except Exception as error:  # its `sent` says that it is a lost exchange; others are handed on
            sent = getattr(error, "sent", None)
            if sent is None:
                raise
            kind = NoAnswerError if sent else NotSentError
            raise kind(str(error)) from error
        return HttpResponse(*answer)


class House:
    """Starts the gateway, ends it in all ways there are, and starts it again."""

    def __init__(self, plan: Plan, world: World, folder: Path, eyes: Eyes, door: Door) -> None:
        self._world = world
        self._eyes = eyes
        self._door = door
        links = {name: world.link_of(name) for name in plan.terminals}
        self._settings = load(furnish(folder, plan.stripe_readers, links, base_url=STRIPE_URL))
        self._path = folder / "journal.db"
        self._chance = random.Random(plan.seed ^ 0x5EED)  # noqa: S311  # repeatable, not secret
        self._ids = random.Random(plan.seed ^ 0x1D5)  # noqa: S311  # as above
        self._down_s = RESTART_S
        self._power = False
        self._closing = False
        self.life: Life | None = None
        self.disk: Disk | None = None
        self.gateway: Gateway | None = None
        self.stop = asyncio.Event()
        self.lives = 0
        self.bugs: list[str] = []
        self.refused: list[bool] = []
        """Of each second gateway that was started by mistake: whether it refused."""
        self.gone: Callable[[], None] = _nothing
        """Called when a life is over, before the next one touches the files."""
        self.after_crash: Callable[[], None] = _nothing

    # -- beginning ------------------------------------------------------------------------------------

    def start(self) -> None:
        """A new process."""
        if self._closing:
            return
        self.lives += 1
        self._eyes.say("gateway", f"starts, life {self.lives}")
        life = self.life = self._world.new_life(self._died)
        self.stop = asyncio.Event()
        self.disk = Disk(
            self._path,
            life,
            random.Random(self._chance.random()),  # noqa: S311  # as above
            self._eyes.told,
            self._eyes.fired,
        )
        running = life.start(self._world.loop, self._main(life, self.disk), "gateway")
        running.add_done_callback(lambda done: self._ended(life, done), context=OUTSIDE)

    async def _main(self, life: Life, disk: Disk) -> None:
        outside = app.World(
            now=self._world.gateway_now,
            exchange=_Exchange(self._world),
            notifier=Notifier(),
            make_writer=disk.make_writer,
            random=self._ids.randbytes,
            services={"memory": self._world.network},
            on_tcp=self._door.tcp(life),
            on_unix=self._door.unix(life),
        )
        gateway = self.gateway = Gateway(self._settings, outside, outside.exchange)
        await gateway.run(self.stop)

    async def served(self) -> None:
        """Wait until every reader is in service for the first time."""
        while True:
            gateway = self.gateway
            if gateway is not None and gateway.ready.is_set() and not self._missing(gateway):
                return
            await asyncio.sleep(0.25)

    @staticmethod
    def _missing(gateway: Gateway) -> bool:
        readers = gateway.desk.readers()
        return not readers or any(each.state is not ReaderState.READY for each in readers)

    # -- ends -----------------------------------------------------------------------------------------

    def crash(self, *, after: int, down_s: float, power: bool) -> None:
        """Kill it so many steps from now; it is back `down_s` seconds later."""
        if self.life is not None and not self.life.dead:
            self._down_s, self._power = down_s, power
            self.life.die_after(after)

    def crash_in_commit(self, *, down_s: float, power: bool) -> None:
        """Kill it in the next commit."""
        if self.disk is not None and self.life is not None and not self.life.dead:
            self._down_s, self._power = down_s, power
            self.disk.doomed = "power" if power else "crash"

    def pause(self, seconds: float) -> None:
        """Let it stand still: SIGSTOP, and SIGCONT later."""
        life = self.life
        if life is None or life.dead or life.frozen:
            return
        life.frozen = True

        def go_on() -> None:
            self._world.loop.resume(life.thaw())

        self._world.loop.call_later(seconds, go_on, context=OUTSIDE)

    def terminate(self, down_s: float) -> None:
        """SIGTERM."""
        if self.life is not None and not self.life.dead:
            self._down_s = down_s
            self._world.loop.call_soon(self.stop.set, context=self.life.context)

    def _died(self, life: Life) -> None:
        """Its last step was its last."""
        self._world.loop.call_soon(self._bury, life, context=OUTSIDE)

    def _bury(self, life: Life) -> None:
        self._eyes.say("gateway", f"is dead after {life.steps} steps{' (power)' if self._power else ''}")
        self._eyes.fired(("power cut" if self._power else "crash") + self._where())
        self._door.died(life)
        self._world.died(life, power=self._power)
        assert self.disk is not None
        left = self.disk.what_is_left(power=self._power)
        life.bury()
        self.disk.put_back(left)
        self.gateway = None
        self.gone()
        self.after_crash()
        self._world.loop.call_later(max(self._down_s, 0.01), self.start, context=OUTSIDE)

    def _where(self) -> str:
        return " in a commit" if self.disk is not None and self.disk.doomed else ""

    def _ended(self, life: Life, done: "asyncio.Task[None]") -> None:
        """The process ended by itself: by SIGTERM, for want of its journal, or by a bug."""
        if life.dead or done.cancelled():
            return
        error = done.exception()
        self._door.died(life)
        self.gone()
        life.dead = True
        life.bury()
        self.gateway = None
        if error is not None and not isinstance(error, JournalError):
            self.bugs.append(_shown(error))
            self._eyes.say("gateway", "".join(traceback.format_exception(error)))
        self._eyes.say("gateway", "has ended" + ("" if error is None else f": {error!r}"))
        if not self._closing:
            self._world.loop.call_later(max(self._down_s, 0.01), self.start, context=OUTSIDE)

    # -- accidents ------------------------------------------------------------------------------------

    def second_gateway(self) -> None:
        """Somebody starts another one on the same journal; where none runs there is nothing to refuse."""
        if self.gateway is None or self.life is None or self.life.dead:
            return
        outside = app.World(now=self._world.gateway_now, notifier=Notifier(), inline_journal=True)
        try:
            gateway = Gateway(self._settings, outside, _Exchange(self._world))
        except JournalLockedError:
            self.refused.append(True)
        else:
            gateway.journal.close()
            self.refused.append(False)

    async def close(self) -> None:
        """The day is over: stop it in order."""
        self._closing = True
        life = self.life
        if life is None or life.dead:
            return
        self._world.loop.call_soon(self.stop.set, context=life.context)
        for _ in range(400):
            await asyncio.sleep(0.25)
            if self.gateway is None:
                return
        self.bugs.append("the gateway does not stop")
        life.dead = True
        life.bury()


def _shown(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    trace: Any = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
    return f"{type(error).__name__}: {error}{where}"
