"""What an account owns: records in the order they were made, found by id, listed newest first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from drivers.simulators.stripe_api.errors import ApiError, bad_parameter, missing_resource
from drivers.simulators.stripe_api.idempotency import KeyRing

Body = dict[str, Any]

NOUNS = {
    "terminal.reader": "terminal.reader",
    "terminal.location": "terminal.location",
    "terminal.configuration": "terminal.configuration",
    "file": "file upload",
}


@dataclass(slots=True, eq=False)
class Record:
    """One object: `body` is what the API shows, `hidden` what only the simulator knows; both are JSON."""

    account: str
    kind: str
    id: str
    seq: int
    body: Body
    hidden: dict[str, Any] = field(default_factory=dict)

    @property
    def deleted(self) -> bool:
        """Whether only the tombstone is left."""
        return self.body.get("deleted") is True


class Account:
    """One account's data; another key or another `Stripe-Account` never sees it."""

    def __init__(self, name: str, identifier: str) -> None:
        self.name = name
        self.id = identifier
        self.keys = KeyRing()
        self.rates: dict[str, tuple[int, int]] = {}
        self._kinds: dict[str, dict[str, Record]] = {}

    def add(self, record: Record) -> None:
        """Keep a record; records of a kind are added in the order of their `seq`."""
        self._kinds.setdefault(record.kind, {})[record.id] = record

    def get(self, kind: str, identifier: str) -> Record | None:
        """The record or its tombstone."""
        return self._kinds.get(kind, {}).get(identifier)

    def find(self, kind: str, identifier: str, param: str | None = None, status: int = 404) -> Record:
        """The living record; `ApiError` resource_missing when there is none."""
        record = self.get(kind, identifier)
        if record is None or record.deleted:
            noun = NOUNS.get(kind, kind)
            raise missing_resource(noun, identifier, param or kind.rpartition(".")[2], status)
        return record

    def all(self, kind: str) -> Iterator[Record]:
        """Living records, oldest first."""
        return (record for record in self._kinds.get(kind, {}).values() if not record.deleted)

    def newest(self, kind: str) -> Iterator[Record]:
        """Living records, newest first."""
        return (record for record in reversed(self._kinds.get(kind, {}).values()) if not record.deleted)

    def everything(self) -> Iterator[Record]:
        """Every record and tombstone."""
        return (record for records in self._kinds.values() for record in records.values())

    def page(
        self, kind: str, params: Body, url: str, keep: Callable[[Record], bool] = lambda _: True
    ) -> "Page":
        """One page of a list, newest first, cut by `limit`, `starting_after` and `ending_before`."""
        after, before = params.get("starting_after"), params.get("ending_before")
        if after and before:
            raise ApiError(
                "You may only specify one of these parameters: starting_after, ending_before.",
                code="parameters_exclusive",
                param="ending_before",
                stored=False,
            )
        limit = params.get("limit", 10)
        if before:
            cursor = self._cursor(kind, before, "ending_before")
            rows = [r for r in self.all(kind) if r.seq > cursor.seq and keep(r)][: limit + 1]
            return Page(url, rows[:limit][::-1], len(rows) > limit)
        edge = self._cursor(kind, after, "starting_after").seq if after else None
        found: list[Record] = []
        for record in self.newest(kind):
            if (edge is None or record.seq < edge) and keep(record):
                found.append(record)
                if len(found) > limit:
                    break
        return Page(url, found[:limit], len(found) > limit)

    def _cursor(self, kind: str, identifier: str, param: str) -> Record:
        record = self.get(kind, identifier)
        if record is None:
            raise missing_resource(NOUNS.get(kind, kind), identifier, param, 400)
        return record


@dataclass(frozen=True, slots=True)
class Page:
    """A list answer before it is rendered."""

    url: str
    records: list[Record]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A search's answer before it is rendered; `next_page` is None on the last page."""

    url: str
    records: list[Record]
    next_page: str | None


def created_within(params: Body) -> Callable[[Record], bool]:
    """The filter of `created` and `created[gt|gte|lt|lte]`."""
    created = params.get("created")
    if created is None:
        return lambda _: True
    if isinstance(created, int):
        return lambda record: bool(record.body["created"] == created)
    low = max(created.get("gte", 0), created.get("gt", -1) + 1)
    high = min(created.get("lte", 1 << 62), created.get("lt", 1 << 62) - 1)
    return lambda record: bool(low <= record.body["created"] <= high)


def merge_metadata(body: Body, params: Body) -> None:
    """Metadata as Stripe merges it: new keys are added, empty values delete, an empty string clears.

    Errors: `ApiError` when more than 50 keys would be left.
    """
    given = params.get("metadata")
    if given is None:
        return
    if given == "":
        body["metadata"] = {}
        return
    merged = (body.get("metadata") or {}) | given
    body["metadata"] = {key: value for key, value in merged.items() if value}
    if len(body["metadata"]) > 50:
        raise bad_parameter("You can have up to 50 metadata keys.", "metadata")
