"""Carries out a plan, action by action. Nothing else changes the fleet."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from agent.fleet.actions import Action, Obstacle, Plan, Verb
from agent.fleet.contents import Contents, ContentsError
from agent.fleet.errors import FleetError, PermanentError, TemporaryError
from agent.fleet.model import Fields, Key, Kind, Reference, SecretValue, Upload, nest
from agent.fleet.observed import Account

ATTEMPTS: Final = 3
FIRST_DELAY_S: Final = 2.0
"""Between the attempts of one action; doubled each time. The client below has its own, shorter patience."""


class Status(StrEnum):
    """How an action is going."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"  # permanent: somebody has to change something
    PUT_OFF = "put off"  # temporary: a sale on the reader, or Stripe could not be had
    SKIPPED = "skipped"  # what it builds on did not come about


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one action; `id` of the object where it has one now."""

    action: Action
    status: Status
    message: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a plan."""

    results: tuple[Result, ...]
    obstacles: tuple[Obstacle, ...] = ()

    def count(self, status: Status) -> int:
        """How many actions ended so."""
        return sum(result.status is status for result in self.results)

    @property
    def complete(self) -> bool:
        """Whether everything is as declared now."""
        return not self.obstacles and self.count(Status.DONE) == len(self.results)

    @property
    def exit_code(self) -> int:
        """0: all done; 3: partly; 1: something was to be done and nothing was."""
        if self.complete:
            return 0
        return 3 if self.count(Status.DONE) else 1


def _not_busy(reader: str) -> bool:
    del reader
    return False


def _in_silence(result: Result) -> None:
    del result


class Executor:
    """Carries out plans on one account.

    `busy` tells whether a reader (by name) has a sale on it; Stripe is asked as well before a reader is
    deleted. `progress` hears of every action twice: when it starts and how it ended.
    """

    def __init__(
        self,
        account: Account,
        contents: Contents,
        *,
        busy: Callable[[str], bool] = _not_busy,
        progress: Callable[[Result], None] = _in_silence,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._account = account
        self._contents = contents
        self._busy = busy
        self._progress = progress
        self._sleep = sleep

    async def apply(self, plan: Plan, nonce: str) -> Report:
        """Do all that can be done; an action that fails stops only what builds on it.

        `nonce` goes into the idempotency keys: the same for a repeat of the same plan, another for the next.
        """
        run = _Run(nonce)
        results: list[Result] = []
        for action in plan.actions:
            self._progress(Result(action, Status.STARTED))
            result = await self._act(action, run)
            results.append(result)
            self._progress(result)
        return Report(tuple(results), plan.obstacles)

    async def _act(self, action: Action, run: "_Run") -> Result:
        absent = [str(ref) for ref in _references(action.params) if ref not in run.ids]
        if absent:
            message = f"builds on {', '.join(absent)}, which did not come about"
            return Result(action, Status.SKIPPED, message)
        delay_s = FIRST_DELAY_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                identifier = await self._carry_out(action, run)
            except TemporaryError as error:
                if attempt == ATTEMPTS:
                    return Result(action, Status.PUT_OFF, str(error))
                await self._sleep(delay_s)
                delay_s *= 2
            except _InUseError as error:
                return Result(action, Status.PUT_OFF, str(error))
            except (FleetError, ContentsError) as error:
                return Result(action, Status.FAILED, _explain(action, run, error))
            else:
                run.ids[Reference(action.kind, action.name)] = identifier
                return Result(action, Status.DONE, id=identifier)
        raise AssertionError("every attempt returns")

    async def _carry_out(self, action: Action, run: "_Run") -> str:
        """Do it; the id of the object. `_InUseError` when its reader must not be touched now."""
        params = nest(await self._told(action.params, run))
        key = run.key(action)
        account = self._account
        if action.kind is Kind.READER and action.id:
            await self._spare(action)
        match action.verb:
            case Verb.CREATE | Verb.REGISTER:
                return await account.create(action.kind, params, key)
            case Verb.ADOPT | Verb.UPDATE:
                if action.reset:
                    await account.update(
                        action.kind, action.id, dict.fromkeys(action.reset, ""), f"{key}-reset"
                    )
                await account.update(action.kind, action.id, params, key)
                return action.id
            case Verb.MOVE:
                await account.delete(action.kind, action.id)
                run.deleted.add(action.id)
                return await account.create(action.kind, params, key)
            case Verb.REMOVE:
                await account.delete(action.kind, action.id)
                return action.id

    async def _spare(self, action: Action) -> None:
        """Raise `_InUseError` while a sale is on the reader of this action."""
        self._spare_busy(action)
        if action.verb in {Verb.MOVE, Verb.REMOVE} and await self._account.acting(action.id):
            raise _InUseError("Stripe says that an action is in progress on this reader")
        self._spare_busy(action)  # asking Stripe took time in which a sale may have begun

    def _spare_busy(self, action: Action) -> None:
        if self._busy(action.name):
            raise _InUseError("a sale is on this reader")

    async def _told(self, params: Fields, run: "_Run") -> dict[Key, Any]:
        """The parameters as Stripe is told them: ids for references and files, values for secrets."""
        told: dict[Key, Any] = {}
        for key, value in params.items():
            match value:
                case Reference():
                    told[key] = run.ids[value]
                case SecretValue():
                    told[key] = self._contents.secret(value.reference).reveal()
                case Upload():
                    told[key] = await self._uploaded(value, run)
                case _:
                    told[key] = value
        return told

    async def _uploaded(self, upload: Upload, run: "_Run") -> str:
        if upload.filename not in run.files:
            content = self._contents.content(upload)
            if hashlib.sha256(content).hexdigest() != upload.sha256:
                raise PermanentError(f"{upload.reference} has changed since the plan was made: plan again")
            key = f"tillgate-{run.nonce}-{upload.filename}"
            run.files[upload.filename] = await self._account.upload(
                upload.purpose, upload.filename, content, key
            )
        return run.files[upload.filename]


class _InUseError(FleetError):
    """A reader must not be touched now."""


class _Run:
    """What is known while one plan is carried out."""

    def __init__(self, nonce: str) -> None:
        self.nonce = nonce
        self.ids: dict[Reference, str] = {}
        self.files: dict[str, str] = {}
        self.deleted: set[str] = set()

    def key(self, action: Action) -> str:
        """The idempotency key of an action. A secret enters by its reference, never by its value."""
        said = sorted([*key, repr(value)] for key, value in action.params.items())
        facts = json.dumps([action.verb, action.kind, action.name, action.id, said])
        digest = hashlib.sha256(facts.encode()).hexdigest()[:24]
        return f"tillgate-{self.nonce}-{action.verb}-{action.name}-{digest}"


def _references(params: Fields) -> list[Reference]:
    return [value for value in params.values() if isinstance(value, Reference)]


def _explain(action: Action, run: _Run, error: Exception) -> str:
    if action.verb is Verb.MOVE and action.id in run.deleted:
        return (
            f"{error}. The reader is out of the account now: let it show a registration code, put the code "
            "in `spec.registration_code` and apply again"
        )
    return str(error)
