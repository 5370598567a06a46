"""The `tillgate` command: looks at its line first, so that the daemon loads no command-line library."""

import sys
from collections.abc import Sequence

from agent.cli.options import OptionError, choose, hoist, parse


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (`sys.argv` by default) and give its exit code."""
    given, rest = hoist(sys.argv[1:] if argv is None else argv)
    try:
        choose(parse(given))
    except OptionError as error:
        sys.stderr.write(f"tillgate: {error}\n")
        return 2
    if rest == ["run"]:
        from agent.startup import frugal

        with frugal():
            from agent import app  # noqa: F401  # for its effect: it is loaded now
            from agent.cli.run import run

        return run()
    from agent.cli.command import dispatch

    return dispatch(rest)
