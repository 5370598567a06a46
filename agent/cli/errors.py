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


def report(error: BaseException) -> int:
    """Print an error to stderr and give the exit code; the traceback only with `--log-level debug`."""
    if current().debug:
        sys.stderr.write(mask("".join(traceback.format_exception(error))))
    sys.stderr.write(mask(_text(error)))
    return error.exit_code if isinstance(error, CommandError) else FAILED


def _text(error: BaseException) -> str:
    if isinstance(error, ProblemsError):
        count = len(error.problems)
        return f"{error}\ntillgate: {count} problem{'s' if count != 1 else ''} found\n"
    if isinstance(error, CommandError):
        return f"tillgate: {error}\n"
    if isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        return _text(error.exceptions[0])
    hint = "" if current().debug else "  `--log-level debug` shows where it happened\n"
    what = f"{error}" if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return f"tillgate: {what}\n{hint}"
