"""Where desired state comes from. Files here; the seam is one method, so that it may come by other ways."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from agent import documents
from agent.documents import Document, Problem, ProblemsError
from agent.fleet import contents, declaration
from agent.fleet.contents import Contents
from agent.fleet.model import DesiredState, SecretValue, Upload

_SUFFIXES: Final = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source says: the last good state (None: there never was one) and what is wrong now."""

    state: DesiredState | None
    problems: tuple[Problem, ...] = ()


class Source(Protocol):
    """Says what is desired now."""

    def read(self) -> Reading:
        """The newest good state; cheap when nothing changed; never raises."""
        ...


def find(paths: Sequence[Path]) -> list[Path]:
    """The YAML files among paths; those of a directory by name, not recursive, hidden ones left out."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(
                each
                for each in path.iterdir()
                if each.suffix in _SUFFIXES and not each.name.startswith(".") and each.is_file()
            )
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def is_gateway(document: Document) -> bool:
    """Whether a document is a gateway.yaml, which may lie beside the fleet's files."""
    return isinstance(document.data, dict) and "kind" not in document.data and "gateway" in document.data


def declared(paths: Sequence[Path]) -> DesiredState:
    """The desired state in files and directories, references not followed; `ProblemsError` if it is wrong."""
    found: list[Document] = []
    problems: list[Problem] = []
    for path in _existing(paths):
        try:
            found += [each for each in documents.load(path) if not is_gateway(each)]
        except ProblemsError as error:
            problems += error.problems
    try:
        state = declaration.declare(found)
    except ProblemsError as error:
        problems += error.problems
    if problems:
        raise ProblemsError(problems)
    if not found:
        # An empty or unmounted directory must never read as "nothing is wanted any more".
        raise ProblemsError([Problem(str(path), 1, 1, "declares nothing") for path in paths])
    return state


def _existing(paths: Sequence[Path]) -> list[Path]:
    try:
        return find(paths)
    except OSError as error:
        where = str(error.filename or paths[0])
        raise ProblemsError([Problem(where, 1, 1, f"cannot be read: {error.strerror}")]) from error


class FileSource:
    """Desired state in files; read again when a file (or one it refers to) has changed."""

    def __init__(self, paths: Sequence[Path], contents: Contents) -> None:
        self._paths = tuple(paths)
        self._contents = contents
        self._signature: object = None
        self._references: tuple[Path, ...] = ()
        self._reading = Reading(None)

    def read(self) -> Reading:
        """The newest good state; a broken new version leaves the last good one in force and is reported."""
        signature = self._look()
        if signature != self._signature:
            self._signature = signature
            try:
                self._reading = Reading(self._load())
            except ProblemsError as error:
                self._reading = Reading(self._reading.state, error.problems)
            self._signature = self._look()  # now with the files referred to
        return self._reading

    def _load(self) -> DesiredState:
        state = declared(self._paths)
        self._references = tuple(_referred(state))
        return contents.resolve(state, self._contents)

    def _look(self) -> object:
        try:
            files = find(self._paths)
        except OSError as error:
            return str(error)
        return [(path, _stat(path)) for path in (*files, *self._references)]


def _referred(state: DesiredState) -> list[Path]:
    return [
        Path(leaf.reference.removeprefix("file:"))
        for leaf in state.leaves()
        if isinstance(leaf, SecretValue | Upload) and leaf.reference.startswith("file:")
    ]


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
