"""A string that never shows itself by accident."""

import hmac
from typing import TYPE_CHECKING, Any, Never, Self

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

HIDDEN = "***"


class Secret:
    """A key, token or password: `reveal()` is the only way to its value.

    `str`, `repr`, `format` and f-strings give stars; pickling is refused; comparing takes constant time.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: call it where the value leaves the process and nowhere else."""
        return self._value

    def hide(self, text: str) -> str:
        """The text with stars wherever the value stands in it."""
        return text.replace(self._value, HIDDEN) if self._value else text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not pickled: hand over a reference to it instead")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> "CoreSchema":
        """Let models read a secret from text, and write stars where it would be."""
        from pydantic_core import core_schema

        del source, handler
        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(), serialization=core_schema.to_string_ser_schema()
        )
