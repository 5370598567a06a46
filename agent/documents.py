"""YAML documents that remember where every value stood, and problems that say so.

Stricter than YAML on purpose: duplicate keys, tags and merge keys are errors, and only `true`, `false`,
`null` and plain decimal numbers are anything but text (so that `country: NO` stays Norway and
`postal_code: 01067` keeps its zero).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Loc: TypeAlias = tuple[str | int, ...]
AnyModel = TypeVar("AnyModel", bound=BaseModel)

MAX_BYTES: Final = 4 * 1024 * 1024  # thousands of readers fit; a wrong file (an image, a log) does not
MAX_DEPTH: Final = 32  # our deepest model needs 8; protects the stack
MAX_NODES: Final = 400_000  # counted after aliases are expanded; protects memory from alias bombs

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS: Final = frozenset({None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_TEXT_TAG: Final = "tag:yaml.org,2002:str"
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]{1,3})?")
_WORDS: Final[Mapping[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a file; `path` is the dotted way to the value ("" for the whole document)."""

    file: str
    line: int
    column: int
    message: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ProblemsError(Exception):
    """Everything that is wrong in the files that were read, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(slots=True)
class _Node:
    """A value with its place, and the places of what is inside."""

    value: Any
    line: int
    column: int
    size: int = 1  # nodes in here, with aliases expanded
    children: dict[str | int, "_Node"] = field(default_factory=dict)
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)


class Document:
    """One YAML document: its plain data and the place of each part of it."""

    def __init__(self, name: str, root: _Node) -> None:
        self.name = name
        self._root = root

    @property
    def data(self) -> Any:
        """The document as dicts, lists, strings, numbers, booleans and None."""
        return self._root.value

    @property
    def kind_hint(self) -> str:
        """What the document says it is (`kind`); "" when it does not say."""
        kind = self.data.get("kind") if isinstance(self.data, dict) else None
        return kind if isinstance(kind, str) else ""

    def position(self, loc: Loc = (), *, key: bool = False) -> Position:
        """Where the value at `loc` stands (or its key); of a missing part, where its nearest parent stands.

        Elements that are not in the document (pydantic's names of union members) are passed over.
        """
        node = self._root
        line, column = node.line, node.column
        for element in loc:
            child = node.children.get(element)
            if child is None:
                continue
            line, column = child.line, child.column
            if key and isinstance(element, str):
                line, column = node.keys[element]
            node = child
        return Position(self.name, line, column)

    def problem(self, message: str, loc: Loc = (), *, key: bool = False) -> Problem:
        """A problem at a place of this document."""
        at = self.position(loc, key=key)
        return Problem(at.file, at.line, at.column, message, dotted(loc))


def dotted(loc: Loc) -> str:
    """A location for people: `spec.smtp[0].host`."""
    text = ""
    for element in loc:
        if isinstance(element, int):
            text += f"[{element}]"
        else:
            text += f".{element}" if text else element
    return text


def load(path: Path) -> list[Document]:
    """The documents of a file; `ProblemsError` when it cannot be read or is not the YAML we accept."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProblemsError([Problem(name, 1, 1, f"cannot be read: {error.strerror or error}")]) from error
    if len(raw) > MAX_BYTES:
        raise ProblemsError([Problem(name, 1, 1, f"is larger than {MAX_BYTES} bytes")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        raise ProblemsError([Problem(name, line, column, "is not UTF-8 text")]) from error
    return parse(text, name)


def parse(text: str, name: str) -> list[Document]:
    """The documents in a text, empty ones left out; `ProblemsError` names every problem with its place."""
    if len(text) > MAX_BYTES:
        raise ProblemsError([Problem(name, 1, 1, f"is larger than {MAX_BYTES} characters")])
    composer = _Composer(name, text)
    documents: list[Document] = []
    try:
        documents.extend(Document(name, root) for root in composer.roots() if root.value is not None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = " ".join(part for part in (error.context, error.problem) if part)
        composer.problems.append(Problem(name, line, column, f"is not valid YAML: {what}"))
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        composer.problems.append(Problem(name, line, column, "holds a character that YAML does not allow"))
    except _StopError as error:
        composer.problems.append(error.problem)
    if composer.problems:
        raise ProblemsError(composer.problems)
    return documents


class _StopError(Exception):
    """A problem after which reading on makes no sense."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class _Composer:
    """Builds nodes from the parser's events, within the limits above."""

    def __init__(self, name: str, text: str) -> None:
        self.problems: list[Problem] = []
        self._name = name
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, _Node] = {}
        self._size = 0

    def roots(self) -> Iterator[_Node]:
        """The root node of each document."""
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._node(next(self._events), 0)

    def _problem(self, event: yaml.Event, message: str) -> Problem:
        return Problem(self._name, *_place(event), message)

    def _node(self, event: yaml.Event, depth: int) -> _Node:
        if depth > MAX_DEPTH:
            raise _StopError(self._problem(event, f"is nested deeper than {MAX_DEPTH} levels"))
        line, column = _place(event)
        if isinstance(event, yaml.AliasEvent):
            target = self._anchors.get(event.anchor or "")
            if target is None:
                raise _StopError(self._problem(event, f"alias *{event.anchor} has no anchor before it"))
            self._count(event, target.size)
            return _Node(target.value, line, column, target.size, target.children, target.keys)
        self._count(event, 1)
        node = _Node(None, line, column)
        match event:
            case yaml.ScalarEvent():
                node.value = self._scalar(event)
            case yaml.SequenceStartEvent():
                self._check_tag(event)
                node.value = self._items(node, depth)
            case yaml.MappingStartEvent():
                self._check_tag(event)
                node.value = self._pairs(node, depth)
            case _:
                raise AssertionError(f"the parser gave {event!r} where a value begins")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _count(self, event: yaml.Event, size: int) -> None:
        self._size += size
        if self._size > MAX_NODES:
            raise _StopError(self._problem(event, f"holds more than {MAX_NODES} values (aliases expanded)"))

    def _items(self, node: _Node, depth: int) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            child = self._node(event, depth + 1)
            node.children[len(values)] = child
            node.size += child.size
            values.append(child.value)
        return values

    def _pairs(self, node: _Node, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            child = self._node(next(self._events), depth + 1)
            node.size += key.size + child.size
            name = key.value
            if not isinstance(name, str):
                self.problems.append(self._problem(event, "a key must be text: put it in quotes"))
            elif name == "<<":
                self.problems.append(
                    self._problem(event, "merge keys (<<) are not supported: repeat the keys")
                )
            elif name in values:
                first = node.keys[name][0]
                self.problems.append(
                    self._problem(event, f"duplicate key `{name}`, first used in line {first}")
                )
            else:
                values[name] = child.value
                node.children[name] = child
                node.keys[name] = (key.line, key.column)
        return values

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        tag = event.tag
        if tag not in _PLAIN_TAGS:
            self.problems.append(self._problem(event, f"tag {tag} is not allowed here: leave it out"))

    def _scalar(self, event: yaml.ScalarEvent) -> str | int | float | bool | None:
        if event.tag == _TEXT_TAG:
            return str(event.value)
        self._check_tag(event)
        return _resolve(event.value) if event.implicit[0] else str(event.value)


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _resolve(text: str) -> str | int | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def validate(model: type[AnyModel], document: Document, at: Loc = ()) -> AnyModel:
    """The document (or its part `at`) as a model; `ProblemsError` with messages and places for people."""
    data = document.data
    for element in at:
        data = data[element]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ProblemsError(problems_of(error, model, document, at)) from None


def problems_of(
    error: ValidationError, model: type[BaseModel], document: Document, at: Loc = ()
) -> list[Problem]:
    """What pydantic found, as problems with places. Never shows a value: it may be a secret."""
    return sorted(
        _problem_of(details, model, document, at)
        for details in error.errors(include_url=False, include_input=True)
    )


def _problem_of(details: ErrorDetails, model: type[BaseModel], document: Document, at: Loc) -> Problem:
    loc: Loc = details["loc"]
    here = at + loc
    name = _last_name(loc)
    match details["type"]:
        case "extra_forbidden":
            known = sorted(_known_keys(model, loc))
            return document.problem(f"unknown key `{name}`{_advice(str(loc[-1]), known)}", here, key=True)
        case "missing":
            return document.problem(f"`{name}` is missing", here, key=True)
        case "value_error" | "assertion_error":
            message = str(details.get("ctx", {}).get("error", details["msg"]))
            return document.problem(message, here)
        case "string_type" if isinstance(details["input"], int | float):
            return document.problem(f"`{name}` must be text: put it in quotes", here)
        case "model_type" | "dict_type" | "model_attributes_type":
            return document.problem(f"`{name}` must be a mapping (key: value)", here)
        case _:
            message = details["msg"].replace("Input should", "must")
            message = message[:1].lower() + message[1:]
            joint = " " if message.startswith("must") else ": "
            return document.problem(f"`{name}`{joint}{message}", here)


def _last_name(loc: Loc) -> str:
    """The key (with the index behind it) that a message is about."""
    start = max((place for place, element in enumerate(loc) if isinstance(element, str)), default=0)
    return dotted(loc[start:]) or "document"


def _advice(key: str, known: Sequence[str]) -> str:
    import difflib  # needed only when something is wrong

    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if near:
        return f", did you mean `{near[0]}`?"
    return f"; known here: {', '.join(known)}" if known else ""


def _known_keys(model: type[BaseModel], loc: Loc) -> set[str]:
    """The keys that the model(s) at the parent of `loc` accept."""
    models: list[type[BaseModel]] = [model]
    for element in loc[:-1]:
        inner = [
            found
            for owner in models
            for name, info in owner.model_fields.items()
            if (info.alias or name) == element
            for found in _models_in(info.annotation)
        ]
        models = inner or models
    return {info.alias or name for owner in models for name, info in owner.model_fields.items()}


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
