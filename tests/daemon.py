"""`tillgate` as real processes: started, asked over the control socket, and ended by signals."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import aiohttp

TILLGATE = "import sys; from agent.cli import main; sys.exit(main(sys.argv[1:]))"
SERVING = frozenset({"ready", "busy", "in_doubt"})


async def start(*words: str) -> asyncio.subprocess.Process:
    """`tillgate WORDS`."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", TILLGATE, *words, stdout=asyncio.subprocess.PIPE, env={**os.environ}
    )


async def stop(process: asyncio.subprocess.Process, number: signal.Signals) -> int:
    """Send it a signal, and wait for its end; the exit code."""
    with suppress(ProcessLookupError):
        process.send_signal(number)
    await process.communicate()
    assert process.returncode is not None
    return process.returncode


class Daemon:
    """`tillgate run` of one store with a reader `till-1`, in as many lives as it takes, and one till."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, states: frozenset[str] = SERVING) -> None:
        """Run it until its control socket says that the reader is in one of these states."""
        self._process = await start("run", "--config", str(self._config))
        async with asyncio.timeout(20):
            while (await self.ask("GET", "/v1/readers/till-1")).get("state") not in states:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.1)

    async def end(self, number: signal.Signals) -> int:
        """Send it a signal, and wait for its end."""
        assert self._process is not None
        return await stop(self._process, number)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave no process behind, whatever failed."""
        if self._process is not None and self._process.returncode is None:
            await stop(self._process, signal.SIGKILL)

    async def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """One request over the control socket, which needs no port to be known; {} when nobody answers."""
        connector = aiohttp.UnixConnector(path=str(self._config.parent / "control.sock"))
        with suppress(aiohttp.ClientError, OSError):
            async with (
                aiohttp.ClientSession(connector=connector) as client,
                client.request(method, f"http://gateway{path}", json=body) as response,
            ):
                answer: dict[str, Any] = await response.json()
                return answer
        return {}
