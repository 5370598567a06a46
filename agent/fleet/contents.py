"""What desired state only refers to: splash screens, certificates and secrets, read and checked."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from agent import settings
from agent.documents import Problem, ProblemsError
from agent.fleet.model import DesiredState, Leaf, Place, Purpose, SecretValue, Upload
from agent.secret import Secret
from agent.settings import SecretError, SecretReference

# docs.stripe.com/terminal/fleet/configurations, splash screens: JPG and PNG below 2 MB, GIF below 4 MB
_PICTURES: Final[Mapping[str, tuple[bytes, int]]] = {
    ".png": (b"\x89PNG\r\n\x1a\n", 2_000_000),
    ".jpg": (b"\xff\xd8\xff", 2_000_000),
    ".jpeg": (b"\xff\xd8\xff", 2_000_000),
    ".gif": (b"GIF8", 4_000_000),
}
_MAX_PEM_BYTES: Final = 64 * 1024
_MAX_PASSWORD: Final = 63  # docs.stripe.com/api/terminal/configuration, wifi.personal_psk.password


class ContentsError(Exception):
    """A file or secret is not there or is not what it should be."""


class Contents(Protocol):
    """Where references lead."""

    def secret(self, reference: str) -> Secret:
        """The secret behind `file:PATH` or `credential:NAME`; `ContentsError` if it cannot be had."""
        ...

    def content(self, upload: Upload) -> bytes:
        """The bytes of a file to upload; `ContentsError` if they cannot be had or cannot be right."""
        ...


class LocalContents:
    """Files and credentials of this machine."""

    def secret(self, reference: str) -> Secret:
        """The secret behind `file:PATH` or `credential:NAME`; `ContentsError` if it cannot be had."""
        kind, _, where = reference.partition(":")
        found = SecretReference(file=Path(where)) if kind == "file" else SecretReference(credential=where)
        try:
            return settings.resolve(found)
        except SecretError as error:
            raise ContentsError(str(error)) from error

    def content(self, upload: Upload) -> bytes:
        """The bytes of a file to upload; `ContentsError` if they cannot be had or cannot be right."""
        if upload.purpose is Purpose.WIFI_PRIVATE_KEY or not upload.reference.startswith("file:"):
            return f"{self.secret(upload.reference).reveal()}\n".encode()
        path = Path(upload.reference.removeprefix("file:"))
        magic, limit = _PICTURES.get(path.suffix.lower(), (b"", _MAX_PEM_BYTES))
        if upload.purpose is not Purpose.SPLASHSCREEN:
            magic, limit = b"-----BEGIN ", _MAX_PEM_BYTES
        try:
            with path.open("rb") as file:
                content = file.read(limit + 1)
        except OSError as error:
            raise ContentsError(f"{path} cannot be read: {error.strerror or error}") from error
        if len(content) > limit:
            raise ContentsError(f"{path} is larger than the {limit} bytes that Stripe takes")
        if not content.startswith(magic):
            raise ContentsError(f"{path} does not hold what its name says ({path.suffix or 'PEM'})")
        return content


def check(state: DesiredState, contents: Contents) -> list[Problem]:
    """What is wrong with the files referred to. Secrets are not read: they may be on the gateway only."""

    def look(leaf: Leaf) -> None:
        secret = isinstance(leaf, Upload) and leaf.purpose is Purpose.WIFI_PRIVATE_KEY
        if isinstance(leaf, Upload) and not secret and leaf.reference.startswith("file:"):
            contents.content(leaf)

    return _collect(state, look)


def resolve(state: DesiredState, contents: Contents) -> DesiredState:
    """The same state with all secrets and the hashes of all files; `ProblemsError` names what is missing."""
    found: dict[int, Leaf] = {}

    def look(leaf: Leaf) -> None:
        found[id(leaf)] = _resolved(leaf, contents)

    if problems := _collect(state, look):
        raise ProblemsError(problems)
    configurations = {
        name: replace(each, sections={key: found[id(leaf)] for key, leaf in each.sections.items()})
        for name, each in state.configurations.items()
    }
    return replace(state, configurations=configurations)


def _resolved(leaf: Leaf, contents: Contents) -> Leaf:
    match leaf:
        case SecretValue():
            value = contents.secret(leaf.reference)
            if len(value.reveal()) > _MAX_PASSWORD:
                raise ContentsError(
                    f"the secret in {leaf.reference} has more than {_MAX_PASSWORD} characters"
                )
            return replace(leaf, value=value)
        case Upload():
            return replace(leaf, sha256=hashlib.sha256(contents.content(leaf)).hexdigest())
        case _:
            return leaf


def _collect(state: DesiredState, look: Callable[[Leaf], None]) -> list[Problem]:
    problems: list[Problem] = []
    for leaf in state.leaves():
        try:
            look(leaf)
        except ContentsError as error:
            place: Place = leaf.place if isinstance(leaf, SecretValue | Upload) else ("", 0, 0)
            problems.append(Problem(*place, str(error)))
    return problems
