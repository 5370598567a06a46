"""The simulated world: its clock, its accounts, its ids and what will happen next."""

import hashlib
import json
import string
from collections.abc import Callable
from typing import Any, Final

from drivers.simulators.stripe_api.agenda import Agenda, Happening
from drivers.simulators.stripe_api.settings import SimulatorSettings
from drivers.simulators.stripe_api.store import Account, Body, Record

ALPHABET: Final = string.digits + string.ascii_letters
ID_DIGITS: Final = 24


class World:
    """Everything a restart must find again, and the means to change it."""

    def __init__(self, now: Callable[[], float], settings: SimulatorSettings, seed: int) -> None:
        self.settings = settings
        self.seed = seed
        self.accounts: dict[str, Account] = {}
        self.agenda = Agenda()
        self.offset = 0.0
        self.counter = 0
        self.keys: dict[str, str] = {}
        """API keys with a state of their own (`revoked`, `expired`)."""
        self.cause: tuple[str, str | None] | None = None
        """Request id and idempotency key of the request under way; None while happenings are carried out."""
        self.version = ""
        self.remembers = False
        """Whether changes are noted for a state file."""
        self.dirty: dict[tuple[str, str, str], Record] = {}
        self.on_event: Callable[[Account, Record], None] = lambda _account, _event: None
        self._now = now
        self._moment: float | None = None

    def now(self) -> float:
        """Unix seconds of this world; the planned time while a happening is carried out."""
        return self._now() + self.offset if self._moment is None else self._moment

    def seconds(self) -> int:
        """The same in whole seconds, as Stripe writes times."""
        return int(self.now())

    def at(self, moment: float | None) -> None:
        """Set the time of the happening being carried out; None when done."""
        self._moment = moment

    def count(self) -> int:
        """The next number of the one counter that orders everything."""
        self.counter += 1
        return self.counter

    def new_id(self, prefix: str, digits: int = ID_DIGITS) -> str:
        """An id never given before in this world, the same again for the same seed and history."""
        digest = hashlib.blake2b(f"{self.seed}:{self.count()}".encode(), digest_size=24).digest()
        number = int.from_bytes(digest, "big")
        letters = []
        for _ in range(digits):
            number, index = divmod(number, len(ALPHABET))
            letters.append(ALPHABET[index])
        return prefix + "".join(letters)

    def account(self, name: str) -> Account:
        """The account a key opens; made at its first use."""
        account = self.accounts.get(name)
        if account is None:
            digest = hashlib.blake2b(f"{self.seed}:{name}".encode(), digest_size=8).hexdigest()
            connected = name.partition("|")[2]
            account = self.accounts[name] = Account(name, connected or f"acct_{digest}")
        return account

    def add(self, account: Account, kind: str, body: Body, hidden: dict[str, Any] | None = None) -> Record:
        """A new object of an account."""
        record = Record(account.name, kind, body["id"], self.count(), body, hidden or {})
        account.add(record)
        self.touch(record)
        return record

    def touch(self, record: Record) -> None:
        """Say that a record changed, so that the state file gets it."""
        if self.remembers:
            self.dirty[record.account, record.kind, record.id] = record

    def plan(self, name: str, record: Record, after_s: float, turn: int = 0, note: str = "") -> None:
        """Let `name` happen to a record `after_s` seconds from now."""
        at = self.now() + after_s
        self.agenda.add(Happening(at, self.count(), name, record.account, record.id, turn, note))

    def event(self, account: Account, kind: str, record: Record, **previous: Any) -> None:
        """Write down that something happened to a record, with a snapshot of it."""
        data: Body = {"object": json.loads(json.dumps(record.body))}
        if previous:
            data["previous_attributes"] = previous
        cause = None if self.cause is None else {"id": self.cause[0], "idempotency_key": self.cause[1]}
        body: Body = {
            "id": self.new_id("evt_"),
            "object": "event",
            "api_version": self.version,
            "created": self.seconds(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": cause or {"id": None, "idempotency_key": None},
            "type": kind,
        }
        if "|" in account.name:
            body["account"] = account.id
        self.on_event(account, self.add(account, "event", body))

    def everywhere(self, kind: str, identifier: str) -> tuple[Account, Record] | None:
        """An object found by its id alone, in whichever account."""
        for account in self.accounts.values():
            record = account.get(kind, identifier)
            if record is not None and not record.deleted:
                return account, record
        return None
