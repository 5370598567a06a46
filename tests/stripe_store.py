"""A store with one simulated smart reader, our driver on it, and a journal that is only a dict."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drivers.contract import (
    Capture,
    Decision,
    DriverError,
    Kind,
    Money,
    NotStartedError,
    Outcome,
    PaymentRequest,
    Progress,
    SessionId,
    Settlement,
    TipPolicy,
    Verdict,
)
from drivers.readers.stripe import StripeReader
from drivers.readers.stripe_timing import Timing
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.settings import SimulatorSettings
from tests.simulated_exchange import SimulatedExchange, SimulatedStripe

EPOCH_S = 1_767_600_000.0

NOTHING_MOVED = frozenset({Verdict.DECLINED, Verdict.CANCELED, Verdict.RELEASED, Verdict.FAILED})


@dataclass
class FakeReport:
    """Keeps what a driver made durable, as the journal would."""

    references: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    steps: list[Progress] = field(default_factory=list)

    async def progress(self, step: Progress) -> None:
        self.steps.append(step)

    async def reference(self, name: str, value: str) -> None:
        await asyncio.sleep(0)
        self.references[name] = value

    async def attempt(self, operation: str) -> int:
        await asyncio.sleep(0)
        self.attempts[operation] = self.attempts.get(operation, 0) + 1
        return self.attempts[operation]


class Session:
    """One session as the lane would carry it: a request that grows with what was reported."""

    def __init__(
        self,
        name: str = "s1",
        *,
        amount: int = 1200,
        currency: str = "eur",
        kind: Kind = Kind.PAYMENT,
        capture: Capture = Capture.AUTOMATIC,
        tip: TipPolicy | None = None,
        references: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        description: str = "",
    ) -> None:
        self.report = FakeReport(dict(references or {}))
        self._given: dict[str, Any] = {
            "session": SessionId(name),
            "kind": kind,
            "money": Money(amount, currency),
            "capture": capture,
            "tip": tip,
            "metadata": metadata or {},
            "description": description,
        }

    @property
    def request(self) -> PaymentRequest:
        return PaymentRequest(
            **self._given,
            references=dict(self.report.references),
            attempts=dict(self.report.attempts),
        )

    @property
    def intent(self) -> str:
        return self.report.references["payment_intent"]


class StripeStore:
    """The world of one test."""

    def __init__(
        self, *, settings: SimulatorSettings | None = None, timing: Timing | None = None, seed: int = 0
    ) -> None:
        loop = asyncio.get_running_loop()
        self.simulator = StripeSimulator(
            now=lambda: EPOCH_S + loop.time(), settings=settings or SimulatorSettings(), seed=seed
        )
        self.stripe = SimulatedStripe(self.simulator)
        self.timing = timing
        self.reader = ""

    async def begin(self, *, country: str = "DE", exchange: SimulatedExchange | None = None) -> StripeReader:
        """Register the reader; a driver for it."""
        if exchange is not None:
            self.stripe = SimulatedStripe(self.simulator, exchange=exchange)
        self.reader = await self.stripe.new_reader(country=country)
        return self.driver()

    def driver(self, gateway: str = "") -> StripeReader:
        """A driver that knows nothing of what was before, as after a restart."""
        return StripeReader(self.reader, self.stripe.api, gateway=gateway, timing=self.timing)

    async def customer(self, **wishes: Any) -> None:
        """What the customer will do."""
        await self.stripe.customer(self.reader, **wishes)

    async def row(self, intent: str) -> dict[str, Any]:
        """One PaymentIntent in the books."""
        return next(row for row in await self.stripe.ledger() if row["id"] == intent)

    async def rows_of(self, session: str) -> list[dict[str, Any]]:
        """What the books hold of one session."""
        rows = await self.stripe.ledger()
        return [row for row in rows if row["metadata"].get("tillgate_session") == session]

    async def check(self, session: Session, outcome: Outcome | NotStartedError) -> None:
        """Fail unless the outcome is what the books say."""
        name = str(session.request.session)
        rows = [
            row
            for row in await self.stripe.ledger()
            if row["metadata"].get("tillgate_session") == name
            or row["id"] == session.report.references.get("payment_intent")
        ]
        assert len(rows) <= 1, "two PaymentIntents for one sale"
        held = sum(row["authorized"] for row in rows if row["status"] == "requires_capture")
        moved = sum(row["captured"] - row["refunded"] for row in rows)
        payable = [row for row in rows if row["payable_now"]]
        verdict = Verdict.FAILED if isinstance(outcome, NotStartedError) else outcome.verdict
        if verdict in NOTHING_MOVED:
            assert (held, moved, payable) == (0, 0, []), f"{outcome!r} but {rows}"
        elif verdict is Verdict.PAID:
            assert isinstance(outcome, Outcome)
            assert (held, moved) == (0, outcome.amount_captured), f"{outcome!r} but {rows}"
        elif verdict is Verdict.AUTHORIZED:
            assert isinstance(outcome, Outcome)
            assert (held, moved) == (outcome.amount_authorized, 0), f"{outcome!r} but {rows}"
        else:
            raise AssertionError(f"{outcome!r} is no end")

    async def settle_doubt(self, session: Session, driver: StripeReader) -> Outcome:
        """What a lane does with a doubt: ask until there is an answer, withdraw what may still be paid."""
        for _ in range(50):
            await asyncio.sleep(30)
            try:
                outcome = await driver.inquire(session.request)
                if outcome.verdict is Verdict.PENDING:
                    outcome = await driver.settle(
                        session.request, Decision(Settlement.RELEASE), session.report
                    )
            except DriverError:
                continue
            if outcome.verdict is not Verdict.PENDING:
                return outcome
        raise AssertionError("the doubt never ended")

    async def run(self, session: Session, driver: StripeReader) -> Outcome | NotStartedError:
        """Pay, settle the doubt if there is one, and compare with the books."""
        end: Outcome | NotStartedError
        try:
            end = await driver.pay(session.request, session.report)
        except NotStartedError as error:
            end = error
        except DriverError:
            end = await self.settle_doubt(session, driver)
        await self.check(session, end)
        return end
