"""What may be said before or after any verb: which gateway, how much to log, how to print."""

import os
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.logs import Level

DEFAULT_CONFIG = Path("/etc/tillgate/gateway.yaml")
CONFIG_VARIABLE = "TILLGATE_CONFIG"

# Taken from wherever they stand on the line; what follows these verbs belongs to somebody else.
_EVERYWHERE = ("--config", "--log-level")
_PASS_ON = frozenset({"simulate", "--"})


class OptionError(ValueError):
    """An option for the whole command cannot be understood."""


class Format(StrEnum):
    """How a verb prints its data."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Options:
    """What the user said for the whole command; None where nothing was said."""

    config: Path = DEFAULT_CONFIG
    log_level: str | None = None
    output: Format = Format.TABLE

    @property
    def debug(self) -> bool:
        """Whether errors come with their traceback."""
        return self.log_level == "debug"


_current: ContextVar[Options | None] = ContextVar("tillgate_options", default=None)


def current() -> Options:
    """The options of the command that runs."""
    return _current.get() or Options(config=default_config())


def choose(options: Options) -> None:
    """Make these the options of the command that runs."""
    _current.set(options)


def default_config(environ: Mapping[str, str] | None = None) -> Path:
    """Where gateway.yaml is when nobody says: `TILLGATE_CONFIG`, else `/etc/tillgate/gateway.yaml`."""
    named = (os.environ if environ is None else environ).get(CONFIG_VARIABLE, "")
    return Path(named) if named else DEFAULT_CONFIG


def hoist(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split a command line into the options for the whole command, wherever they stand, and the rest."""
    given: list[str] = []
    rest: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if word in _PASS_ON:
            return given, [*rest, word, *words]
        if word in _EVERYWHERE:
            given += [word, *words[:1]]
            del words[:1]
        elif word.startswith(tuple(f"{name}=" for name in _EVERYWHERE)):
            given.append(word)
        else:
            rest.append(word)
    return given, rest


def parse(given: Sequence[str]) -> Options:
    """What `hoist` found, as options; `OptionError` when it makes no sense. The last one said counts."""
    config, log_level = default_config(), None
    words = list(given)
    while words:
        name, joined, value = words.pop(0).partition("=")
        if not joined:
            if not words:
                raise OptionError(f"{name} wants a value")
            value = words.pop(0)
        if name == "--config":
            config = Path(value)
        elif value in set(Level):
            log_level = value
        else:
            raise OptionError(f"{name} is one of {', '.join(Level)}, not {value!r}")
    return Options(config=config, log_level=log_level)
