"""The driver of Stripe's smart readers, through Stripe's server-driven API."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime

from drivers.contract import (
    Capability,
    Decision,
    Driver,
    DriverError,
    Entry,
    Kind,
    NotStartedError,
    Outcome,
    PaymentRequest,
    ReaderConfig,
    ReaderInfo,
    RefusedError,
    Report,
)
from drivers.readers import stripe_books, stripe_refund, stripe_settlement
from drivers.readers.stripe_calls import StripeCalls
from drivers.readers.stripe_claim import claim
from drivers.readers.stripe_outcome import GATEWAY_KEY
from drivers.readers.stripe_sale import Sale
from drivers.readers.stripe_schedule import Schedule
from drivers.readers.stripe_timing import Timing

CAPABILITIES = frozenset(
    {
        Capability.MANUAL_CAPTURE,
        Capability.PARTIAL_CAPTURE,
        Capability.TIP,
        Capability.REFUND,
        Capability.CUSTOMER_CANCEL,
        Capability.RETRY,
        Capability.SETTLE_REMOTELY,
    }
)

_OPTIONS = frozenset({"reader", *(each.name for each in fields(Timing))})


class StripeOptionsError(ValueError):
    """A reader's options do not say which reader it is, or say what nobody understands."""


class StripeReader:
    """One smart reader. Holds nothing but the sale under way: everything else is at Stripe or on disk."""

    def __init__(
        self,
        reader: str,
        calls: StripeCalls,
        *,
        gateway: str = "",
        timing: Timing | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        """`reader` is Stripe's id (tmr_...); `gateway` is written on every PaymentIntent."""
        self._reader = reader
        self._calls = calls
        self._gateway = gateway
        self._timing = timing or Timing()
        self._schedule = schedule or Schedule()
        self._sale: Sale | None = None

    async def open(self) -> ReaderInfo:
        """Learn what the reader is; whether Stripe calls it online is only a hint and not asked."""
        reader = await self._calls.retrieve_reader(self._reader)
        if reader.deleted:
            raise DriverError(f"{self._reader} was removed from the account", code="reader_deleted")
        unclaimed = await claim(self._calls, reader, self._gateway)
        details = {
            "unclaimed": unclaimed,
            "stripe_reader": reader.id,
            "label": reader.label,
            "stripe_location": reader.location,
            "software": reader.device_sw_version,
        }
        return ReaderInfo(
            device_type=reader.device_type,
            serial_number=reader.serial_number,
            capabilities=CAPABILITIES,
            details={name: value for name, value in details.items() if value},
        )

    async def close(self) -> None:
        """Nothing is held."""

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        """Take or refund the money; `NotStartedError` is certain, any other `DriverError` is doubt."""
        if request.kind is Kind.REFUND:
            return await stripe_refund.refund(self._calls, request, report)
        sale = self._sale = Sale(
            self._calls,
            self._reader,
            self._signed(request),
            report,
            timing=self._timing,
            schedule=self._schedule,
        )
        try:
            return await sale.run()
        finally:
            self._sale = None

    def _signed(self, request: PaymentRequest) -> PaymentRequest:
        if not self._gateway:
            return request
        return replace(request, metadata={**request.metadata, GATEWAY_KEY: self._gateway})

    async def cancel(self) -> None:
        """Ask the sale under way to end; a refund under way cannot be stopped."""
        if self._sale is not None:
            self._sale.cancel()

    def nudge(self) -> None:
        """Look at once: a webhook or an event said that something happened."""
        if self._sale is not None:
            self._sale.nudge()

    async def inquire(self, request: PaymentRequest) -> Outcome:
        """What became of it, decided by the PaymentIntent or the refund alone; read-only."""
        try:
            if request.kind is Kind.REFUND:
                return await stripe_refund.inquire(self._calls, request)
            return await stripe_settlement.inquire(self._calls, self._reader, request)
        except (NotStartedError, RefusedError) as error:
            # Not being able to ask says nothing about what was asked for.
            raise DriverError(str(error), code=error.code) from error

    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        """Capture, release or reverse; answers with what is true then."""
        try:
            if request.kind is Kind.REFUND:
                return await stripe_refund.inquire(self._calls, request)
            return await stripe_settlement.settle(
                self._calls, self._reader, request, decision, report, timing=self._timing
            )
        except (NotStartedError, RefusedError) as error:
            raise DriverError(str(error), code=error.code) from error

    @property
    def books(self) -> str:
        """The account is the same for every reader of a gateway."""
        return f"stripe {self._gateway}" if self._gateway else ""

    async def entries(self, since: datetime) -> list[Entry]:
        """What Stripe keeps in this gateway's name; found by search, so it lags by a minute or more."""
        return await stripe_books.entries(self._calls, self._gateway, since)


def make(config: ReaderConfig, services: Mapping[str, object]) -> Driver:
    """The driver named `stripe`: needs the service `stripe` (a `StripeCalls`) and the option `reader`.

    The service `gateway`, its name, is used where there is one.
    """
    calls = services["stripe"]
    if not isinstance(calls, StripeCalls):
        raise StripeOptionsError("the service 'stripe' does not offer the calls of a Stripe client")
    unknown = sorted(set(config.options) - _OPTIONS)
    if unknown:
        raise StripeOptionsError(f"unknown options: {', '.join(unknown)}")
    reader = config.options.get("reader", "")
    if not reader:
        raise StripeOptionsError("the option 'reader' (Stripe's reader id, tmr_...) is missing")
    gateway = str(services["gateway"]) if "gateway" in services else ""
    return StripeReader(reader, calls, gateway=gateway, timing=Timing.of(config.options))
