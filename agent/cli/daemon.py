"""The running daemon over its control socket: the tills' API, where file permissions say who may ask."""

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from agent.cli.errors import CommandError
from agent.cli.options import current
from agent.settings import Settings, load

if TYPE_CHECKING:
    import aiohttp

ANSWER_S = 30.0  # a capture or refund asks Stripe before it answers
STOPPING = "shutting_down"  # the daemon's own word: nothing was done, ask again soon
Document = dict[str, Any]


class RefusedError(CommandError):
    """The daemon said no; `code` is its stable reason, `status` that of HTTP."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class AwayError(CommandError):
    """Nobody answers at the control socket; the daemon may be back in a moment."""


class NoAnswerError(AwayError):
    """The daemon did not answer; whether it did what was asked is not known."""


class StoppingError(AwayError):
    """The daemon is still there and about to end."""


class Daemon(Protocol):
    """What the verbs ask of the daemon; every call raises a `CommandError` that says what to do."""

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, wait_s: float = 0) -> Document:
        """Read something; with `wait_s` the daemon may keep us waiting that long."""
        ...

    async def post(self, path: str, body: Mapping[str, Any]) -> Document:
        """Ask for something to be done."""
        ...


@asynccontextmanager
async def connect(settings: Settings | None = None) -> AsyncIterator[Daemon]:
    """The daemon of these settings, or of the `--config` of the command that runs."""
    import aiohttp

    socket = (settings or load(current().config)).control_socket
    async with aiohttp.ClientSession(
        connector=aiohttp.UnixConnector(path=str(socket)), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield SocketDaemon(session, socket)


async def tell_to_look(settings: Settings) -> None:
    """Make a daemon that runs look at its fleet now, and say so on stderr. What was done stays done."""
    try:
        async with connect(settings) as connected:
            await connected.post("/v1/fleet/look", {})
    except AwayError:
        return  # it looks when it starts
    except CommandError as error:
        sys.stderr.write(f"the daemon could not be told, and looks at its next turn: {error.args[0]}\n")
    else:
        sys.stderr.write("the daemon has been told\n")


class SocketDaemon:
    """`Daemon` over HTTP on a UNIX socket."""

    def __init__(self, session: "aiohttp.ClientSession", socket: Path) -> None:
        self._session = session
        self._socket = socket

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, wait_s: float = 0) -> Document:
        """GET, as of `Daemon`."""
        asked = {name: value for name, value in (query or {}).items() if value}
        if wait_s:
            asked["wait"] = f"{wait_s:g}"
        return await self._call("GET", path, query=asked, timeout_s=ANSWER_S + wait_s)

    async def post(self, path: str, body: Mapping[str, Any]) -> Document:
        """POST, as of `Daemon`."""
        return await self._call("POST", path, body=body, timeout_s=ANSWER_S)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        timeout_s: float,
    ) -> Document:
        import aiohttp

        try:
            async with self._session.request(
                method,
                f"http://localhost{path}",
                params=query,
                json=body,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as response:
                return _read(response.status, await response.read(), f"{method} {path}")
        except aiohttp.ClientConnectorError as error:
            raise _unreachable(self._socket, error.os_error) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = "it took too long" if isinstance(error, TimeoutError) else str(error) or "it hung up"
            raise NoAnswerError(
                f"the daemon at {self._socket} did not answer {method} {path}: {why}",
                fix="it may have done it: `tillgate sessions` shows, and `journalctl -u tillgate` says why",
            ) from error


def _unreachable(socket: Path, error: OSError) -> CommandError:
    if isinstance(error, PermissionError):
        return CommandError(
            f"may not talk to the daemon at {socket}: permission denied",
            fix="run this as root or as a member of the group tillgate",
        )
    return AwayError(
        f"the daemon does not run: nobody listens at {socket}",
        fix="start it (`systemctl start tillgate`, `tillgate run`), or name its gateway.yaml with --config",
    )


def _read(status: int, raw: bytes, what: str) -> Document:
    try:
        document = json.loads(raw)
        if not isinstance(document, dict):
            raise ValueError("not an object")  # noqa: TRY004 -- as unreadable as broken JSON
    except ValueError as error:
        raise NoAnswerError(f"the answer to {what} is not the daemon's (status {status}): {error}") from error
    if status < 400 or "error" not in document:
        return document
    told = document["error"]
    if told.get("code") == STOPPING:
        raise StoppingError(str(told.get("message", "")))
    raise RefusedError(str(told.get("message", "")), code=str(told.get("code", "")), status=status)
