"""The few things the Stripe reader driver needs from a Stripe client, by shape only."""

# ruff: noqa: D102  # the members of the facts are Stripe's own fields and are documented there

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

Value: TypeAlias = "str | int | bool | Mapping[str, Value] | Sequence[Value] | None"


class TipFacts(Protocol):
    """None: tipping off; 0: offered, none chosen."""

    @property
    def amount(self) -> int | None: ...


class AmountFacts(Protocol):
    """What an amount is made of."""

    @property
    def tip(self) -> TipFacts | None: ...


class ErrorFacts(Protocol):
    """Why the issuer or Stripe said no."""

    @property
    def type(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def decline_code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def charge(self) -> str: ...


class ReceiptFacts(Protocol):
    """What a card receipt prints."""

    @property
    def account_type(self) -> str: ...
    @property
    def application_cryptogram(self) -> str: ...
    @property
    def application_preferred_name(self) -> str: ...
    @property
    def authorization_code(self) -> str: ...
    @property
    def authorization_response_code(self) -> str: ...
    @property
    def cardholder_verification_method(self) -> str: ...
    @property
    def dedicated_file_name(self) -> str: ...
    @property
    def terminal_verification_results(self) -> str: ...
    @property
    def transaction_status_information(self) -> str: ...


class WalletFacts(Protocol):
    """The phone that stood in for the card."""

    @property
    def type(self) -> str: ...


class CardFacts(Protocol):
    """A card as the reader saw it."""

    @property
    def brand(self) -> str: ...
    @property
    def country(self) -> str: ...
    @property
    def exp_month(self) -> int | None: ...
    @property
    def exp_year(self) -> int | None: ...
    @property
    def funding(self) -> str: ...
    @property
    def last4(self) -> str: ...
    @property
    def read_method(self) -> str: ...
    @property
    def wallet(self) -> WalletFacts | None: ...
    @property
    def receipt(self) -> ReceiptFacts | None: ...


class MethodFacts(Protocol):
    """How it was paid; one of the two is filled."""

    @property
    def card_present(self) -> CardFacts | None: ...
    @property
    def interac_present(self) -> CardFacts | None: ...


class ChargeFacts(Protocol):
    """One try of the card at the issuer."""

    @property
    def id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def refunded(self) -> bool: ...
    @property
    def payment_method_details(self) -> MethodFacts | None: ...


class IntentFacts(Protocol):
    """A PaymentIntent; `status` is empty where only its id is known."""

    @property
    def id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def amount_capturable(self) -> int: ...
    @property
    def amount_received(self) -> int: ...
    @property
    def amount_details(self) -> AmountFacts | None: ...
    @property
    def cancellation_reason(self) -> str: ...
    @property
    def capture_method(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def last_payment_error(self) -> ErrorFacts | None: ...
    @property
    def latest_charge(self) -> ChargeFacts | None: ...
    @property
    def payment_method_types(self) -> Sequence[str]: ...


class ActionFacts(Protocol):
    """What a reader does or did last: in_progress, succeeded or failed."""

    @property
    def type(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def failure_code(self) -> str: ...
    @property
    def failure_message(self) -> str: ...
    @property
    def api_error(self) -> ErrorFacts | None: ...
    @property
    def payment_intent(self) -> IntentFacts | None: ...


class ReaderFacts(Protocol):
    """A reader; whether it is online is not asked, because the answer is only a hint."""

    @property
    def id(self) -> str: ...
    @property
    def deleted(self) -> bool: ...
    @property
    def device_type(self) -> str: ...
    @property
    def device_sw_version(self) -> str: ...
    @property
    def serial_number(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def location(self) -> str: ...
    @property
    def action(self) -> ActionFacts | None: ...


class RefundFacts(Protocol):
    """Money on its way back."""

    @property
    def id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def charge(self) -> str: ...
    @property
    def failure_reason(self) -> str: ...
    @property
    def metadata(self) -> Mapping[str, str]: ...


@runtime_checkable
class StripeCalls(Protocol):
    """Calls on Stripe. They raise `RefusedError` (a definite no), `NotStartedError` (nothing was sent) or
    another `DriverError` (who knows); PaymentIntents come with their latest charge expanded.
    """

    async def retrieve_reader(self, reader: str) -> ReaderFacts:
        """The reader, its action, the action's PaymentIntent and its charge, in one call."""
        ...

    async def process_payment_intent(
        self, reader: str, intent: str, *, key: str, config: Mapping[str, Value] | None = None
    ) -> ReaderFacts:
        """Show a payment on the reader; one try."""
        ...

    async def cancel_action(self, reader: str) -> ReaderFacts:
        """Stop whatever the reader shows; one try."""
        ...

    async def create_payment_intent(self, params: Mapping[str, Value], *, key: str) -> IntentFacts:
        """Make a PaymentIntent."""
        ...

    async def retrieve_payment_intent(self, intent: str) -> IntentFacts:
        """The PaymentIntent as it is now."""
        ...

    async def capture_payment_intent(
        self, intent: str, *, key: str, amount: int | None = None
    ) -> IntentFacts:
        """Move held money."""
        ...

    async def cancel_payment_intent(self, intent: str) -> IntentFacts:
        """Make it unpayable, let held money go."""
        ...

    async def create_refund(
        self, intent: str, *, key: str, amount: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> RefundFacts:
        """Give money back."""
        ...

    async def retrieve_refund(self, refund: str) -> RefundFacts:
        """The refund as it is now."""
        ...

    async def list_refunds(self, intent: str) -> Sequence[RefundFacts]:
        """Every refund of one PaymentIntent."""
        ...
