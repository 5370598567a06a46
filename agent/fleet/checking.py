"""Everything that can be said about gateway and fleet files without an account."""

from collections.abc import Sequence
from pathlib import Path

from agent import documents, settings
from agent.documents import Document, Problem, ProblemsError
from agent.fleet import contents, declaration
from agent.fleet.contents import LocalContents
from agent.fleet.sources import find, is_gateway
from agent.settings import Settings


def check(paths: Sequence[Path], config: Path) -> tuple[int, list[Problem]]:
    """How many files there are, and all that is wrong with them, each alone and all together.

    Without paths: `config` (a gateway.yaml) and the fleet files that it names.
    """
    fleet: list[Document] = []
    gateways: list[tuple[Document, Settings]] = []
    problems: list[Problem] = []
    waiting = list(paths or [config])
    seen: list[Path] = []
    while waiting:
        new = [path for path in _found(waiting.pop(0), problems) if path not in seen]
        for path in new:
            seen.append(path)
            try:
                found = documents.load(path)
                if (not paths and path == config) or any(is_gateway(each) for each in found):
                    read = settings.read(found, path)
                    gateways.append((found[0], read))
                    waiting += () if paths else read.fleet.paths
                else:
                    fleet += found
            except ProblemsError as error:
                problems += error.problems
    try:
        state = declaration.declare(fleet)
        problems += contents.check(state, LocalContents())
        if fleet:
            problems += [
                document.problem(f"there is no Location `{each.location}` in the fleet files", ("location",))
                for document, each in gateways
                if each.location not in state.locations
            ]
    except ProblemsError as error:
        problems += error.problems
    return len(seen), sorted(problems)


def _found(path: Path, problems: list[Problem]) -> list[Path]:
    try:
        return find([path])
    except OSError as error:
        problems.append(Problem(str(path), 1, 1, f"cannot be read: {error.strerror}"))
        return []
