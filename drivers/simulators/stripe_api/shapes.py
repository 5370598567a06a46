"""What a parameter may look like: declared shapes, checked the way Stripe's API checks them."""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from drivers.simulators.stripe_api.errors import (
    ApiError,
    bad_parameter,
    missing_parameter,
    unknown_parameter,
)

INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
TEXT_MAX: Final = 5000
METADATA_KEYS: Final = 50
METADATA_KEY_MAX: Final = 40
METADATA_VALUE_MAX: Final = 500
ARRAY_MAX: Final = 1000


class Shape(Protocol):
    """Reads one decoded value; raises the `ApiError` Stripe would answer with."""

    def read(self, value: Any, name: str) -> Any:
        """The value in Python's types; `name` is the parameter as the caller wrote it."""
        ...


def _empty(name: str) -> ApiError:
    return bad_parameter(
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a "
        f"parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or "
        "supply a non-empty value.",
        name,
        "parameter_invalid_empty",
    )


class Text:
    """A string of at most `longest` characters; with `clears` an empty one unsets."""

    def __init__(self, longest: int = TEXT_MAX, *, clears: bool = False, pattern: str | None = None) -> None:
        self.longest = longest
        self.clears = clears
        self.pattern = re.compile(pattern) if pattern else None

    def read(self, value: Any, name: str) -> str:
        """The string itself."""
        if not isinstance(value, str):
            raise bad_parameter(f"Invalid string: {name} must be a string", name)
        if not value:
            if self.clears:
                return ""
            raise _empty(name)
        if len(value) > self.longest:
            raise bad_parameter(
                f"Invalid string: {value[:20]}...{value[-5:]}; must be at most {self.longest} characters",
                name,
            )
        if self.pattern and not self.pattern.fullmatch(value):
            raise bad_parameter(f"Invalid {name}: '{value}'", name)
        return value


class Integer:
    """A whole number in digits; floats, signs other than `-` and spaces are refused."""

    def __init__(self, least: int | None = None, most: int | None = None, *, clears: bool = False) -> None:
        self.least = least
        self.most = most
        self.clears = clears

    def read(self, value: Any, name: str) -> int | str:
        """The number, or `""` where it may be unset."""
        if value == "" and self.clears:
            return ""
        if value == "":
            raise _empty(name)
        if not isinstance(value, str) or not INTEGER.fullmatch(value):
            shown = value if isinstance(value, str) else name
            raise bad_parameter(f"Invalid integer: {shown}", name, "parameter_invalid_integer")
        number = int(value)
        if self.least is not None and number < self.least:
            raise bad_parameter(
                f"This value must be greater than or equal to {self.least}.",
                name,
                "parameter_invalid_integer",
            )
        if self.most is not None and number > self.most:
            raise bad_parameter(
                f"This value must be less than or equal to {self.most}.", name, "parameter_invalid_integer"
            )
        return number


class Boolean:
    """`true` or `false`."""

    def read(self, value: Any, name: str) -> bool:
        """The truth value."""
        if value == "true":
            return True
        if value == "false":
            return False
        raise bad_parameter(f"Invalid boolean: {value if isinstance(value, str) else name}", name)


class Choice:
    """One of a closed set of words; with `clears` an empty one unsets."""

    def __init__(self, *values: str, clears: bool = False) -> None:
        self.values = values
        self.clears = clears

    def read(self, value: Any, name: str) -> str:
        """The word itself."""
        if isinstance(value, str) and (value in self.values or (self.clears and not value)):
            return value
        choices = ", ".join(self.values[:-1]) + (
            f", or {self.values[-1]}" if self.values[1:] else self.values[0]
        )
        raise bad_parameter(f"Invalid {name}: must be one of {choices}", name)


class Metadata:
    """Up to 50 keys of 40 characters with values of 500; an empty value deletes a key."""

    def __init__(self, *, clears: bool = True) -> None:
        self.clears = clears

    def read(self, value: Any, name: str) -> dict[str, str] | str:
        """The keys and values, or `""` to delete all."""
        if value == "" and self.clears:
            return ""
        if not isinstance(value, dict):
            raise bad_parameter("Invalid object", name)
        if len(value) > METADATA_KEYS:
            raise bad_parameter(f"You can set up to {METADATA_KEYS} metadata keys at once.", name)
        for key, item in value.items():
            where = f"{name}[{key}]"
            if not isinstance(item, str):
                raise bad_parameter("Metadata values must be strings", where)
            if len(key) > METADATA_KEY_MAX:
                raise bad_parameter(
                    f"Metadata keys must be up to {METADATA_KEY_MAX} characters, you passed: '{key}'", where
                )
            if len(item) > METADATA_VALUE_MAX:
                raise bad_parameter(
                    f"Metadata values can have up to {METADATA_VALUE_MAX} characters, but you passed in a "
                    f"value that is {len(item)} characters.",
                    where,
                )
        return value


class Array:
    """A list of one shape, written `a[]=` or `a[0]=`; with `clears` an empty string empties it."""

    def __init__(self, item: Shape, most: int = ARRAY_MAX, *, clears: bool = False) -> None:
        self.item = item
        self.most = most
        self.clears = clears

    def read(self, value: Any, name: str) -> list[Any] | str:
        """The items in order."""
        if value == "" and self.clears:
            return ""
        if not isinstance(value, dict) or not all(key.isdecimal() for key in value):
            raise bad_parameter("Invalid array", name)
        if len(value) > self.most:
            raise bad_parameter(f"Array must have at most {self.most} elements", name)
        return [self.item.read(value[key], f"{name}[{key}]") for key in sorted(value, key=int)]


class Hash:
    """Named parameters; a `*` behind a name makes it required."""

    def __init__(self, fields: Mapping[str, Shape], *, clears: bool = False) -> None:
        self.fields = {name.removesuffix("*"): shape for name, shape in fields.items()}
        self.required = tuple(name[:-1] for name in fields if name.endswith("*"))
        self.clears = clears

    def read(self, value: Any, name: str = "") -> dict[str, Any] | str:
        """The parameters that were sent; never one that was not."""
        if value == "" and self.clears:
            return ""
        if not isinstance(value, dict):
            raise bad_parameter("Invalid object", name)
        result: dict[str, Any] = {}
        for key, item in value.items():
            where = f"{name}[{key}]" if name else key
            shape = self.fields.get(key)
            if shape is None:
                raise unknown_parameter(where)
            result[key] = shape.read(item, where)
        for key in self.required:
            if key not in result:
                raise missing_parameter(f"{name}[{key}]" if name else key)
        return result


class Either:
    """The first shape for plain values, the second for hashes (`created=1` and `created[gte]=1`)."""

    def __init__(self, plain: Shape, hashed: Shape) -> None:
        self.plain = plain
        self.hashed = hashed

    def read(self, value: Any, name: str) -> Any:
        """Whichever fits."""
        return (self.hashed if isinstance(value, dict) else self.plain).read(value, name)


class NotSimulated:
    """A parameter Stripe has and this simulator refuses on purpose, with the reason."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def read(self, value: Any, name: str) -> Any:
        """Always an error."""
        del value
        raise bad_parameter(f"The simulated Stripe API does not take '{name}': {self.reason}.", name)


EXPAND: Final = Array(Text(), 100)
PAGED: Final[dict[str, Shape]] = {
    "expand": EXPAND,
    "limit": Integer(1, 100),
    "starting_after": Text(),
    "ending_before": Text(),
}
CREATED: Final = Either(Integer(), Hash({key: Integer() for key in ("gt", "gte", "lt", "lte")}))
ONLY_EXPAND: Final = Hash({"expand": EXPAND})
NOTHING: Final = Hash({})
