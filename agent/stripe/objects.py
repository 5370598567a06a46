"""The fields of Stripe's objects that we read; everything else, and every new enum value, passes by."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from agent.secret import Secret
from agent.stripe.errors import NoAnswerError

Model = TypeVar("Model", bound=BaseModel)


def _expandable(value: Any) -> Any:
    """An id where an object could stand becomes an object that has nothing but its id."""
    return {"id": value} if isinstance(value, str) else value


def _id(value: Any) -> Any:
    """An object where an id could stand becomes its id."""
    return value.get("id") if isinstance(value, dict) else value


def _text(value: Any) -> Any:
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(_text)]
"""A string; null and a missing key are both empty."""

Id = Annotated[str, BeforeValidator(_id)]


class Part(BaseModel):
    """A part of an object: unknown fields are dropped. Validators are built when first used."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=(), defer_build=True)


class StripeObject(Part):
    """Frozen. `object` is empty where Stripe gave only an id."""

    model_config = ConfigDict(frozen=True)

    id: str = ""
    object: str = ""
    deleted: bool = False


class Tip(Part):
    """None: tipping off; 0: offered, none chosen (docs.stripe.com/terminal/features/collecting-tips)."""

    amount: int | None = None


class AmountDetails(Part):
    """What the amount is made of."""

    tip: Tip | None = None


class ApiError(Part):
    """Why Stripe or the issuer said no. Decide on the codes, never on the message."""

    type: Text = ""
    code: Text = ""
    decline_code: Text = ""
    message: Text = ""
    charge: Annotated[Text, BeforeValidator(_id)] = ""


class CardReceipt(Part):
    """What a card receipt must or may print (docs.stripe.com/terminal/features/receipts)."""

    account_type: Text = ""
    application_cryptogram: Text = ""
    application_preferred_name: Text = ""
    authorization_code: Text = ""
    authorization_response_code: Text = ""
    cardholder_verification_method: Text = ""
    dedicated_file_name: Text = ""
    terminal_verification_results: Text = ""
    transaction_status_information: Text = ""


class Wallet(Part):
    """The phone or watch that stood in for the card."""

    type: Text = ""


class PresentedCard(Part):
    """A card as the reader saw it: `card_present` or `interac_present`."""

    amount_authorized: int | None = None
    brand: Text = ""
    country: Text = ""
    exp_month: int | None = None
    exp_year: int | None = None
    funding: Text = ""
    last4: Text = ""
    read_method: Text = ""
    capture_before: int | None = None
    wallet: Wallet | None = None
    receipt: CardReceipt | None = None


class PaymentMethodDetails(Part):
    """How it was paid; one of the sections is filled."""

    type: Text = ""
    card_present: PresentedCard | None = None
    interac_present: PresentedCard | None = None


class Charge(StripeObject):
    """One try of the card at the issuer. `status`: succeeded, pending, failed."""

    amount: int = 0
    amount_captured: int = 0
    amount_refunded: int = 0
    captured: bool = False
    refunded: bool = False
    status: Text = ""
    failure_code: Text = ""
    failure_message: Text = ""
    payment_method_details: PaymentMethodDetails | None = None


class PaymentIntent(StripeObject):
    """One sale at Stripe. `status` is empty where Stripe gave only the id."""

    amount: int = 0
    amount_capturable: int = 0
    amount_received: int = 0
    amount_tip: int | None = None
    amount_details: AmountDetails | None = None
    cancellation_reason: Text = ""
    canceled_at: int | None = None
    capture_method: Text = ""
    created: int = 0
    currency: Text = ""
    description: Text = ""
    last_payment_error: ApiError | None = None
    latest_charge: Annotated[Charge | None, BeforeValidator(_expandable)] = None
    livemode: bool = False
    metadata: Mapping[str, str] = Field(default_factory=dict)
    payment_method_types: Sequence[str] = ()
    status: Text = ""


class Refund(StripeObject):
    """Money on its way back. `status`: pending, requires_action, succeeded, failed, canceled."""

    amount: int = 0
    charge: Annotated[Text, BeforeValidator(_id)] = ""
    created: int = 0
    currency: Text = ""
    failure_reason: Text = ""
    metadata: Mapping[str, str] = Field(default_factory=dict)
    payment_intent: Annotated[Text, BeforeValidator(_id)] = ""
    pending_reason: Text = ""
    status: Text = ""


class ActionPayment(Part):
    """The payment an action is about."""

    payment_intent: Annotated[PaymentIntent | None, BeforeValidator(_expandable)] = None


class ReaderAction(Part):
    """The one thing a reader does or did last. `status`: in_progress, succeeded, failed."""

    type: str
    status: str
    failure_code: Text = ""
    failure_message: Text = ""
    api_error: ApiError | None = None
    process_payment_intent: ActionPayment | None = None
    collect_payment_method: ActionPayment | None = None
    confirm_payment_intent: ActionPayment | None = None

    @property
    def payment_intent(self) -> PaymentIntent | None:
        """The PaymentIntent the action is about, whichever payment action it is."""
        about = self.process_payment_intent or self.collect_payment_method or self.confirm_payment_intent
        return about.payment_intent if about else None


class Reader(StripeObject):
    """A smart reader. `status` and `last_seen_at` (milliseconds) are hints only."""

    action: ReaderAction | None = None
    device_sw_version: Text = ""
    device_type: Text = ""
    ip_address: Text = ""
    label: Text = ""
    last_seen_at: int | None = None
    livemode: bool = False
    location: Annotated[Text, BeforeValidator(_id)] = ""
    metadata: Mapping[str, str] = Field(default_factory=dict)
    serial_number: Text = ""
    status: Text = ""


class Location(StripeObject):
    """A store."""

    address: Mapping[str, str | None] = Field(default_factory=dict)
    address_kana: Mapping[str, str | None] | None = None
    address_kanji: Mapping[str, str | None] | None = None
    configuration_overrides: Text = ""
    display_name: Text = ""
    display_name_kana: Text = ""
    display_name_kanji: Text = ""
    livemode: bool = False
    metadata: Mapping[str, str] = Field(default_factory=dict)
    phone: Text = ""


_CONFIGURATION_FRAME = frozenset({"id", "object", "deleted", "livemode", "name", "is_account_default"})


class Configuration(StripeObject):
    """Settings of readers. `sections` (tipping, wifi, stripe_s700, ...) hold Wi-Fi passwords: never shown."""

    name: Text = ""
    is_account_default: bool | None = None
    livemode: bool = False
    sections: Mapping[str, JsonValue] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "sections" in data:
            return data
        frame = {name: value for name, value in data.items() if name in _CONFIGURATION_FRAME}
        return {**frame, "sections": {n: v for n, v in data.items() if n not in _CONFIGURATION_FRAME}}


class ConnectionToken(Part):
    """The one-time secret that lets a client SDK connect; never cached, never logged."""

    secret: Secret
    location: Text = ""


class FileObject(StripeObject):
    """A stored file."""

    filename: Text = ""
    purpose: Text = ""
    size: int = 0


def parse(kind: type[Model], data: object) -> Model:
    """Read an object; one that does not have our fields' shapes is an answer we cannot use."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        # Only the places: the values may be Wi-Fi passwords or tokens.
        where = ", ".join(
            sorted({".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)})
        )
        raise NoAnswerError(
            f"Stripe's answer is no usable {kind.__name__}: {where}", code="stripe_odd_answer"
        ) from None
