"""Where the door listens: a TCP address for tills, a Unix socket for operators."""

import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import web

from agent.pos.http import make_runner


class ListenError(Exception):
    """The door cannot be opened where it should be; the message says where, why and what to do."""


@asynccontextmanager
async def on_tcp(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve on an address; gives the port (port 0: a free one). Streams end and answers finish on leaving."""
    runner = make_runner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise ListenError(
                f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; is another gateway "
                "running, or is the address not of this machine?"
            ) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def on_unix(app: web.Application, path: Path, *, mode: int = 0o660) -> AsyncIterator[Path]:
    """Serve on a Unix socket that exactly those may open whom `mode` lets; a stale one is replaced."""
    runner = make_runner(app)
    await runner.setup()
    try:
        listener = _bind(path, mode)
        try:
            await web.SockSite(runner, listener).start()  # from here on the site closes it
            yield path
        finally:
            _forget(path)
    finally:
        await runner.cleanup()


def _bind(path: Path, mode: int) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear_stale(path)
        # The mode must be there before the name is: between bind and chmod anybody could connect. Linux gives
        # the file the mode of the unbound socket, less the umask.
        os.fchmod(listener.fileno(), mode)
        listener.bind(str(path))
        path.chmod(mode)
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot make the control socket {path}: {error.strerror or error}") from error
    except ListenError:
        listener.close()
        raise
    return listener


def _forget(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _clear_stale(path: Path) -> None:
    """Remove what a killed gateway left; never another gateway's living socket, nor a file."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise ListenError(f"cannot make the control socket {path}: there is a file of that name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ListenError(f"cannot make the control socket {path}: another gateway answers there")
