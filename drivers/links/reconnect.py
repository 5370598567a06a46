"""When to make a new link: the one place that remembers how the last ones went."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from random import random as _chance
from typing import TypeAlias

from drivers.contract import Link, LinkError, LinkHealth
from drivers.links.backoff import Backoff
from drivers.links.base import Cause, LinkNotOpenedError, Watchable

Connect: TypeAlias = Callable[[], Awaitable[Link]]
"""Opens a link once, or raises `LinkNotOpenedError`."""

STEADY_S = 60.0
"""A link that lived so long is a good one: what went before it is forgiven."""

FLAP_LOSSES = 3
FLAP_WINDOW_S = 300.0
"""So many losses in so many seconds are no accidents but a bad cable, a bad supply, a wrong setting."""

LOSSES_KEPT = 1000
"""Losses remembered within the window. Protects memory; there are pauses between them anyway."""

ABSENT_CAP_S = 2.0
"""How long an unplugged device that is back may go unnoticed; to look for it costs next to nothing."""

_log = logging.getLogger(__name__)


class Reconnector:
    """Keeps at most one link; makes a new one when asked and never by itself. Safe to share between tasks.

    The log has one WARNING when an outage begins, one INFO when it ends, DEBUG between. A link that comes and
    goes is told once as such, and once when it is steady again.
    """

    def __init__(
        self,
        name: str,
        connect: Connect,
        *,
        proof: bool = False,
        backoff: Backoff | None = None,
        random: Callable[[], float] = _chance,
    ) -> None:
        """`name` is for the log; `random` gives 0 <= x < 1 for the jitter.

        With `proof` a link counts as up only once `answered` was called: a port that can be opened says
        nothing about the device behind it.
        """
        self._name = name
        self._connect = connect
        self._proof = proof
        self._backoff = backoff or Backoff()
        self._random = random
        self._lock = asyncio.Lock()
        self._link: Link | None = None
        self._proven = False
        self._since: float | None = None
        self._outage: LinkError | None = None
        self._tries = 0
        self._pauses = 0
        self._not_before = 0.0
        self._losses: deque[float] = deque(maxlen=LOSSES_KEPT)
        self._losses_total = 0
        self._flapping = False
        self._steady: asyncio.TimerHandle | None = None
        self.on_end: Callable[[], None] = _nobody
        """Called when the link that is there ends while perhaps nobody listens (`base.Watchable`).

        It is still to be dropped: by who finds out how it ended.
        """

    @property
    def link(self) -> Link | None:
        """The link that is there now."""
        return self._link

    @property
    def health(self) -> LinkHealth:
        """How it is now."""
        now = _now()
        losses = self._recent(now)
        outage = self._outage
        return LinkHealth(
            up=self._link is not None and self._proven,
            for_s=now - self._since if self._since is not None else 0.0,
            cause=str(outage) if outage else "",
            code=outage.code if outage else "",
            tries=self._tries,
            losses=losses,
            losses_total=self._losses_total,
            flapping=self._flapping and losses > 0,
            rest_s=0.0 if self._link is not None else max(0.0, self._not_before - now),
        )

    async def open(self) -> Link:
        """The link that is there, or a new one by one try now, without a pause.

        Errors: `LinkNotOpenedError`; nothing left through a link that was not made.
        """
        async with self._lock:
            if self._link is not None:
                return self._link
            try:
                link = await self._connect()
            except LinkNotOpenedError as error:
                self._failed(error, ABSENT_CAP_S if error.cause is Cause.ABSENT else None)
                raise
            self._link = link
            if isinstance(link, Watchable):
                link.on_end(lambda: self._ended(link))
            if not self._proof:
                self._up()
            return link

    async def wait(self) -> Link:
        """The link that is there, or a new one however long it takes. Safe to cancel.

        Errors: `LinkNotOpenedError` only when trying again cannot help.
        """
        while True:
            pause_s = self._not_before - _now()
            if self._link is None and pause_s > 0:
                await asyncio.sleep(pause_s)
            try:
                return await self.open()
            except LinkNotOpenedError as error:
                if error.permanent:
                    raise

    def answered(self, link: Link) -> None:
        """The device has spoken over this link; said as often as you like."""
        if link is self._link and not self._proven:
            self._up()

    async def drop(self, link: Link, loss: LinkError | None = None) -> None:
        """Close a link of ours: because it was lost, or (None) because it is not needed now.

        Of several losses of the same link the first counts; a link that was replaced does no harm to its
        successor.
        """
        if link is self._link:
            self._link = None
            if self._proven:
                self._down(loss)
            elif loss is not None:
                self._failed(loss)
        await link.close()

    def _ended(self, link: Link) -> None:
        if link is self._link:
            self.on_end()

    def _up(self) -> None:
        self._proven = True
        down_s = self._turn()
        self._steady = asyncio.get_running_loop().call_later(STEADY_S, self._has_been_steady)
        if self._outage is None:
            _log.debug("%s: linked", self._name)
            return
        level = logging.DEBUG if self._flaps() else logging.INFO
        _log.log(
            level,
            "%s: back after %.1f s, tries that failed: %d (first: %s)",
            self._name,
            down_s,
            self._tries,
            self._outage,
        )
        self._outage = None
        self._tries = 0

    def _down(self, loss: LinkError | None) -> None:
        self._proven = False
        assert self._steady is not None
        self._steady.cancel()
        lived_s = self._turn()
        if loss is not None:
            self._lost(loss, lived_s)
        else:
            # it has served, however short: a link for each transaction never gets old
            self._pauses = 0

    def _failed(self, error: LinkError, cap_s: float | None = None) -> None:
        self._tries += 1
        if self._outage is None:
            self._outage = error
            self._turn()
            _log.warning("%s: no link: %s", self._name, error)
        else:
            _log.debug("%s: still no link after %d tries: %s", self._name, self._tries, error)
        self._pause(self._backoff.cap_s if cap_s is None else cap_s)

    def _lost(self, loss: LinkError, lived_s: float) -> None:
        now = _now()
        flapped = self._flaps()
        self._outage = loss
        self._losses.append(now)
        self._losses_total += 1
        if lived_s < STEADY_S:
            self._pause(self._backoff.cap_s)
        if flapped:
            _log.debug("%s: link lost again after %.1f s: %s", self._name, lived_s, loss)
        elif self._recent(now) >= FLAP_LOSSES:
            self._flapping = True
            _log.warning(
                "%s: flaps: lost %d times in %.0f s, now by: %s; look at cable, power and settings",
                self._name,
                len(self._losses),
                now - self._losses[0],
                loss,
            )
        else:
            _log.warning("%s: link lost: %s", self._name, loss)

    def _has_been_steady(self) -> None:
        self._pauses = 0
        if self._flapping:
            self._flapping = False
            self._losses.clear()
            _log.info("%s: steady for %.0f s", self._name, STEADY_S)

    def _flaps(self) -> bool:
        """Whether it still does: what was long ago says nothing about a link that was away since."""
        if self._flapping and not self._recent(_now()):
            self._flapping = False
        return self._flapping

    def _recent(self, now: float) -> int:
        while self._losses and now - self._losses[0] > FLAP_WINDOW_S:
            self._losses.popleft()
        return len(self._losses)

    def _pause(self, cap_s: float) -> None:
        pause_s = min(cap_s, self._backoff.delay_s(self._pauses, self._random))
        self._pauses += 1
        self._not_before = _now() + pause_s

    def _turn(self) -> float:
        """Seconds since the link came or went, counted anew from now."""
        now = _now()
        since = self._since if self._since is not None else now
        self._since = now
        return now - since


def _nobody() -> None:
    pass


def _now() -> float:
    return asyncio.get_running_loop().time()
