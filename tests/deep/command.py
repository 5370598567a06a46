"""Programs of the machine, run to their end."""

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class CommandError(Exception):
    """A program failed; the message has its last words."""


def run(
    *words: str | Path,
    fine: Sequence[int] = (0,),
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> str:
    """What a program says on stdout; raises `CommandError` for an exit code that is not `fine`."""
    ended = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, env=env, check=False
    )
    if log is not None:
        log.write_text(ended.stdout + ended.stderr)
    if ended.returncode not in fine:
        told = (ended.stderr or ended.stdout).strip()[-2000:]
        raise CommandError(f"{words[0]} ended with {ended.returncode}: {told}")
    return ended.stdout


async def run_beside(*words: str | Path, fine: Sequence[int] = (0,)) -> str:
    """The same while the event loop goes on."""
    return await asyncio.to_thread(run, *words, fine=fine)
