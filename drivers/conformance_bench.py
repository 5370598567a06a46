"""What the conformance suite needs of whoever runs it: a device, a customer, a line and honest books."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from drivers.contract import Driver, Money, Outcome, PaymentRequest, Progress, SessionId


class Customer(StrEnum):
    """What the customer does when asked for a card."""

    PAYS = "pays"  # after some seconds
    IS_DECLINED = "is_declined"
    CANCELS = "cancels"  # on the device
    STAYS_AWAY = "stays_away"


class Act(StrEnum):
    """What a bench may be unable to play."""

    DECLINE = "decline"  # `Customer.IS_DECLINED`
    DEVICE_CANCEL = "device_cancel"  # `Customer.CANCELS`
    LOSE_ANSWER = "lose_answer"  # `Bench.lose_answer`
    RESTART = "restart"  # `Bench.restart`
    RESUME = "resume"  # a sale whose host has died can be paid to the next one
    GOOD_LINE = "good_line"  # the line fails only when it is told to


@dataclass(frozen=True, slots=True)
class Books:
    """What the owner of the money says about one session; minor units."""

    held: int = 0
    moved: int = 0  # to the merchant; for a refund: to the customer
    prompts: int = 0  # how often it was shown to a customer
    payable: bool = False  # whether a customer could pay it this moment


class Bench(Protocol):
    """One device with a customer before it, a line that can be cut, and honest books."""

    @property
    def money(self) -> Money:
        """An amount that this device takes."""
        ...

    @property
    def cannot(self) -> Mapping[Act, str]:
        """What cannot be played here, each with its reason: the report says so."""
        ...

    def driver(self) -> Driver:
        """A driver that remembers nothing, as after a restart, on the same device."""
        ...

    async def customer(self, does: Customer) -> None:
        """From now on the customer does this."""
        ...

    async def line(self, *, up: bool) -> None:
        """Cut the line between driver and device, or mend it."""
        ...

    async def lose_answer(self) -> None:
        """The next command that lets a customer pay arrives, and its answer is lost, once."""
        ...

    async def restart(self) -> None:
        """The device loses its power now, and comes back by itself."""
        ...

    async def books(self, session: SessionId) -> Books:
        """What really happened."""
        ...

    def refund_references(self, paid: Outcome) -> Mapping[str, str]:
        """What a refund of this sale finds in its request."""
        ...


@dataclass
class Record:
    """A session's journal: what a driver reported is in the next request."""

    request: PaymentRequest
    references: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    steps: list[Progress] = field(default_factory=list)

    def now(self) -> PaymentRequest:
        """The request as it stands on disk."""
        known = {**self.request.references, **self.references}
        return replace(self.request, references=known, attempts=dict(self.attempts))

    async def progress(self, step: Progress) -> None:
        """As `Report.progress`."""
        self.steps.append(Progress(step))

    async def reference(self, name: str, value: str) -> None:
        """As `Report.reference`."""
        self.references[name] = value

    async def attempt(self, operation: str) -> int:
        """As `Report.attempt`."""
        self.attempts[operation] = self.attempts.get(operation, 0) + 1
        return self.attempts[operation]
