"""How a command that fails says so: what was tried, on what, and what to do."""

import sys
import traceback

from agent.cli.options import current
from agent.documents import ProblemsError
from agent.logs import mask

FAILED = 1  # as of the exit codes: 0 done, 1 error, 2 wrong usage, 3 partly done, 4 stopped by a rollout
USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as of every shell


class CommandError(Exception):
    """A verb cannot do what was asked; `fix` tells people what to do about it."""

    def __init__(self, message: str, *, fix: str = "", exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.fix = fix
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.args[0]}\n  {self.fix}" if self.fix else str(self.args[0])


def report(error: Exception) -> int:
    """Print an error to stderr and give the exit code; the traceback only with `--log-level debug`."""
    if current().debug:
        sys.stderr.write(mask("".join(traceback.format_exception(error))))
    cause = single(error)
    sys.stderr.write(mask(_text(cause)))
    return cause.exit_code if isinstance(cause, CommandError) else FAILED


def expected(error: Exception) -> bool:
    """Whether the error's message is enough: it is ours, or the system's word on a file or a socket."""
    cause = single(error)
    return isinstance(cause, OSError) or type(cause).__module__.partition(".")[0] in {"agent", "drivers"}


def single(error: Exception) -> Exception:
    """What a task group wrapped, when it is one thing only."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _text(error: Exception) -> str:
    if isinstance(error, ProblemsError):
        count = len(error.problems)
        return f"{error}\ntillgate: {count} problem{'s' if count != 1 else ''} found\n"
    if expected(error):
        return f"tillgate: {error}\n"
    hint = "" if current().debug else "  this is a mistake in tillgate; `--log-level debug` shows where\n"
    return f"tillgate: {type(error).__name__}: {error}\n{hint}"
