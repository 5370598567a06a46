"""One request on its way through the API, and the operations there are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from drivers.simulators.stripe_api.shapes import Hash
from drivers.simulators.stripe_api.store import Account, Body, Found, Page, Record
from drivers.simulators.stripe_api.world import World


class Reception(Enum):
    """Whether a reader gets a command and whether its acknowledgement comes back."""

    NORMAL = "normal"
    LOST = "lost"
    UNACKNOWLEDGED = "unacknowledged"


@dataclass(slots=True)
class Call:
    """What an operation needs to know of its request."""

    world: World
    account: Account
    params: Body
    target: str
    version: str
    raw: bytes = b""
    content_type: str = ""
    reception: Reception = Reception.NORMAL
    expand: list[str] = field(default_factory=list)


Answer = Record | Page | Found | Body


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation: `path` with `{id}` where an id stands, its parameters, and what it does."""

    method: str
    path: str
    params: Hash
    run: Callable[[Call], Answer]
    multipart: bool = False
    reader_command: bool = False
