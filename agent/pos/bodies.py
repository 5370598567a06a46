"""What a till may send: strict models, and one clear complaint about the first thing that is wrong."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from agent.payments.model import Order, PosKey, Sale, TillName
from agent.pos.currencies import EXPONENTS
from agent.pos.errors import BadRequestError
from drivers.contract import Capture, Money, Outcome, ReaderName, SessionId, TipPolicy, Verdict

MAX_AMOUNT = 99_999_999
"""Eight digits of minor units: Stripe takes no larger card payment, and a scanned barcode is no price."""

MAX_POS_KEY = 100
MAX_NAME = 100
MAX_DESCRIPTION = 1000  # Stripe: description of a PaymentIntent

MAX_METADATA_KEYS = 40
"""Stripe keeps 50; ten are left for what the gateway writes about the sale itself."""

MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500
RESERVED_METADATA = "tillgate"
"""Keys that begin so are the gateway's: recovery looks sales up by them."""

_Model = TypeVar("_Model", bound=BaseModel)


def _printable(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("odd_text", "must hold printable characters only, no control characters")
    if value != value.strip():
        raise PydanticCustomError("odd_text", "must not begin or end with a space")
    return value


def _line_text(value: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise PydanticCustomError("odd_text", "must not hold control characters")
    return value


def _currency(value: str) -> str:
    lower = value.lower()
    if lower not in EXPONENTS:
        raise PydanticCustomError(
            "unknown_currency",
            "is not a currency of card payments in a store; known: {known}",
            {"known": " ".join(sorted(EXPONENTS))},
        )
    return lower


def _metadata(value: dict[str, str]) -> dict[str, str]:
    if len(value) > MAX_METADATA_KEYS:
        raise PydanticCustomError(
            "metadata_size",
            "holds {count} keys; at most {most}",
            {"count": len(value), "most": MAX_METADATA_KEYS},
        )
    for key, text in value.items():
        if not 1 <= len(key) <= MAX_METADATA_KEY or not key.isprintable() or re.search(r"[\[\]]", key):
            raise PydanticCustomError(
                "metadata_key",
                "has a key that cannot be: 1 to {most} printable characters without [ and ]",
                {"most": MAX_METADATA_KEY},
            )
        if key.lower().startswith(RESERVED_METADATA):
            raise PydanticCustomError(
                "metadata_key", "must not use keys that begin with {mark}", {"mark": RESERVED_METADATA}
            )
        if not 1 <= len(text) <= MAX_METADATA_VALUE:
            raise PydanticCustomError(
                "metadata_value",
                "has a value that is empty or longer than {most} characters",
                {"most": MAX_METADATA_VALUE},
            )
        _line_text(text)
    return value


Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT, description="Minor units, e.g. cents: 1250 is 12.50 EUR.")]
Key = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_POS_KEY,
        description="The till's own key of this request: the same key never makes a second sale.",
    ),
    AfterValidator(_printable),
]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_printable)]
Currency = Annotated[
    str,
    AfterValidator(_currency),
    Field(description="ISO 4217, upper or lower case.", json_schema_extra={"enum": sorted(EXPONENTS)}),
]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION), AfterValidator(_line_text)]
Metadata = Annotated[dict[str, str], AfterValidator(_metadata)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class TipBody(_Body):
    """Whether the reader asks for a tip. Without it, the reader's configuration decides."""

    skip: bool = False
    amount_eligible: Annotated[
        int | None,
        Field(
            ge=0,
            le=MAX_AMOUNT,
            description="The part of the amount that a percentage is taken of; minor units.",
        ),
    ] = None


class SplitBody(_Body):
    """The whole that this session pays a part of, so that all its sessions together never pay more."""

    id: Annotated[Key, Field(description="The till's own id of the whole sale, the same in every part.")]
    amount: Annotated[Amount, Field(description="The whole amount without tips, the same in every part.")]


class SaleBody(_Body):
    """One sale on one reader."""

    reader: Annotated[Name, Field(description="The reader's name in the fleet's desired state.")]
    amount: Amount
    currency: Currency
    pos_key: Key
    capture: Annotated[
        Literal["automatic", "manual"],
        Field(description="manual: the money is only held; POST .../capture moves it."),
    ] = "automatic"
    tip: TipBody | None = None
    description: Description | None = None
    metadata: Metadata | None = None
    retry_of: Annotated[
        Name | None,
        Field(description="A declined session: the same order again, on the same payment."),
    ] = None
    sale: SplitBody | None = None

    def order(self, till: TillName) -> Order:
        """The order as payments know it."""
        tip = self.tip
        return Order(
            till=till,
            pos_key=PosKey(self.pos_key),
            reader=ReaderName(self.reader),
            money=Money(self.amount, self.currency),
            capture=Capture(self.capture),
            tip=None if tip is None else TipPolicy(skip=tip.skip, amount_eligible=tip.amount_eligible),
            description=self.description or "",
            metadata=MappingProxyType(self.metadata or {}),
            retry_of=None if self.retry_of is None else SessionId(self.retry_of),
            sale=None if self.sale is None else Sale(self.sale.id, self.sale.amount),
        )


class CancelBody(_Body):
    """Nothing to say: the address names the session."""


class CaptureBody(_Body):
    """How much of the held money to move; all of it when no amount is given."""

    amount: Amount | None = None


class RefundBody(_Body):
    """How much to give back (all that is left when no amount is given), under a key of its own."""

    pos_key: Key
    amount: Amount | None = None


class ConnectionTokenBody(_Body):
    """Nothing to say: tokens are always for the gateway's own location."""


class LookBody(_Body):
    """Nothing to say: the gateway looks at everything it knows of."""


class ResolveBody(_Body):
    """An operator's word on a sale in doubt: what the terminal or the provider's own pages say."""

    state: Literal["paid", "authorized", "declined", "canceled", "failed", "released"]
    because: Annotated[str, Field(min_length=1, max_length=MAX_DESCRIPTION), AfterValidator(_line_text)]
    amount: Amount | None = None

    def outcome(self, ordered: int) -> Outcome:
        """The word as an outcome; without an amount, what was ordered is what was paid or is held."""
        amount = ordered if self.amount is None else self.amount
        return Outcome(
            Verdict(self.state),
            code="operator",
            message=self.because,
            amount_authorized=amount if self.state in {"paid", "authorized"} else 0,
            amount_captured=amount if self.state == "paid" else 0,
        )


def parse(model: type[_Model], value: object) -> _Model:
    """The body as a model; `BadRequestError` names the first part that is wrong and what it must be."""
    if not isinstance(value, dict):
        raise BadRequestError("body_not_an_object", f"the body must be a JSON object, not {_kind_of(value)}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _complaint(error.errors(include_url=False)[0]) from None


_CODES: Mapping[str, str] = MappingProxyType(
    {
        "missing": "parameter_missing",
        "extra_forbidden": "parameter_unknown",
        "int_type": "parameter_invalid_integer",
        "string_too_short": "parameter_invalid_empty",
        "unknown_currency": "unknown_currency",
    }
)


def _complaint(detail: ErrorDetails) -> BadRequestError:
    param = ".".join(str(part) for part in detail["loc"])
    kind = detail["type"]
    code = _CODES.get(kind, "parameter_invalid")
    money = param.split(".")[-1] == "amount"
    if money and kind == "greater_than_equal":
        code = "amount_too_small"
    elif money and kind == "less_than_equal":
        code = "amount_too_large"
    return BadRequestError(code, f"{param} {_what_is_wrong(detail, money=money)}", param=param)


def _what_is_wrong(detail: ErrorDetails, *, money: bool) -> str:
    kind, given = detail["type"], _shown(detail["input"])
    limits = detail.get("ctx", {})
    match kind:
        case "missing":
            return "is missing"
        case "extra_forbidden" if detail["loc"] == ("location",):
            return "cannot be chosen: a connection token is always for the gateway's own location"
        case "extra_forbidden":
            return "is not known here; nothing was stored"
        case "int_type" | "greater_than_equal" | "less_than_equal" if money:
            return (
                f"must be a whole number of minor units (cents) from 1 to {MAX_AMOUNT}, written as a JSON "
                f"integer; got {given}"
            )
        case "int_type":
            return f"must be a JSON integer; got {given}"
        case "greater_than_equal":
            return f"must be at least {limits['ge']}; got {given}"
        case "less_than_equal":
            return f"must be at most {limits['le']}; got {given}"
        case "string_type":
            return f"must be a JSON string; got {given}"
        case "bool_type":
            return f"must be true or false; got {given}"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must be at most {limits['max_length']} characters; got {len(detail['input'])}"
        case "literal_error":
            return f"must be {limits['expected']}; got {given}"
        case "dict_type" | "model_type":
            return f"must be a JSON object; got {given}"
        case _:
            return detail["msg"]


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number"


def _shown(value: Any) -> str:
    """The value as the till wrote it, if it is short enough to help."""
    match value:
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int() if value > 10**15:
            return "a number of more than 15 digits"
        case int() | float():
            return repr(value)
        case str():
            return f"the string {value!r}" if len(value) <= 40 else f"a string of {len(value)} characters"
        case _:
            return _kind_of(value)
