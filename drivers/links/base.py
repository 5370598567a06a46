"""How links fail: not opened (nothing left through it) or lost (what was sent may have arrived)."""

import errno
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, runtime_checkable

from drivers.contract import Link, LinkError


class Cause(StrEnum):
    """Why a link is not there; the `code` of a `LinkError`."""

    ABSENT = "link_absent"  # no such device: unplugged, switched off
    NO_HOST = "link_no_host"  # nobody knows a host of that name
    BUSY = "link_busy"  # another program has the port
    DENIED = "link_denied"  # the rights are missing
    REFUSED = "link_refused"  # the other side is there and says no
    UNREACHABLE = "link_unreachable"  # no way to the other side
    TIMEOUT = "link_timeout"  # no answer in time
    UNTRUSTED = "link_untrusted"  # TLS: not who we expect, or it does not expect us
    UNSUITED = "link_unsuited"  # it is there, but cannot do what the address asks for
    UNSUPPORTED = "link_unsupported"  # this installation cannot open links of this scheme
    LOST = "link_lost"  # it was there and went away
    CLOSED = "link_closed"  # we closed it ourselves


class LinkNotOpenedError(LinkError):
    """The link could not be made, so nothing left through it.

    Deliberately no `NotStartedError`: whether an earlier link carried a command is for the driver to know.
    """

    def __init__(self, message: str, *, cause: Cause) -> None:
        super().__init__(message, code=cause.value)
        self.cause = cause

    @property
    def permanent(self) -> bool:
        """Whether trying again cannot help before somebody changes the installation."""
        return self.cause is Cause.UNSUPPORTED


class LinkLostError(LinkError):
    """The link was there and is gone. What was sent last may or may not have arrived."""

    def __init__(self, message: str, *, cause: Cause = Cause.LOST) -> None:
        super().__init__(message, code=cause.value)
        self.cause = cause

    def again(self) -> "LinkLostError":
        """The same loss for another caller: an exception raised twice would grow its traceback for ever."""
        return LinkLostError(str(self), cause=self.cause)


@runtime_checkable
class Breakable(Link, Protocol):
    """A link that can be broken off without manners; all of ours can."""

    def abort(self) -> None:
        """Let go at once; where the wire can say so, the other side sees a broken link and not an end."""
        ...


@runtime_checkable
class Endable(Protocol):
    """A link that can say, without being used, that it is over. All of ours can."""

    @property
    def ended(self) -> bool:
        """Whether it is known to be over; bytes that came before may still wait."""
        ...


@runtime_checkable
class Watchable(Protocol):
    """A link whose loss is news even while nobody receives: a port that is pulled, a device out of range.

    Not those on a network: there many a peer hangs up on an idle link as a habit, and is there all the same.
    """

    def on_end(self, told: Callable[[], None]) -> None:
        """Call `told` once when the link is over, by whoever's doing."""
        ...


class Listener(Protocol):
    """Where links come from when the other side calls."""

    async def accept(self) -> Breakable:
        """The next caller's link, in order of calls."""
        ...

    async def open(self) -> None:
        """Be there for callers (again); raises `LinkNotOpenedError`."""
        ...

    async def shut(self) -> None:
        """Be gone for callers until `open`; links that are there live on."""
        ...

    async def close(self) -> None:
        """Be gone for good, and let go of callers nobody accepted."""
        ...


_CAUSES = {
    errno.ENOENT: Cause.ABSENT,
    errno.ENODEV: Cause.ABSENT,
    errno.ENXIO: Cause.ABSENT,
    errno.EIO: Cause.ABSENT,  # a device node whose device has just been pulled
    errno.EAGAIN: Cause.BUSY,  # flock: another process has the port
    errno.EBUSY: Cause.BUSY,
    errno.EADDRINUSE: Cause.BUSY,
    errno.EACCES: Cause.DENIED,
    errno.EPERM: Cause.DENIED,
    errno.ENOTTY: Cause.UNSUITED,
    errno.EINVAL: Cause.UNSUITED,
    errno.ECONNREFUSED: Cause.REFUSED,
    errno.ECONNRESET: Cause.REFUSED,
}


def cause_of(error: OSError) -> Cause:
    """The cause that an error number stands for when opening."""
    if isinstance(error, TimeoutError):
        return Cause.TIMEOUT
    return _CAUSES.get(error.errno or 0, Cause.UNREACHABLE)
