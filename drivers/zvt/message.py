"""A decoded message: its command, the parameters in front of its fields, and the fields."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from types import MappingProxyType

from drivers.zvt.fields import CONTAINER, Field, container
from drivers.zvt.tlv import Tlv, Value, find

NO_PARAMS: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready to read or to encode.

    `params` holds what stands in front of the fields without an id (password, config byte, status, ...), and
    "raw" for bodies that are not made of fields. `long_form` repeats the length form seen on the wire.
    """

    command: int
    params: Mapping[str, bytes] = attribute(default_factory=lambda: NO_PARAMS)
    fields: tuple[Field, ...] = ()
    long_form: bool = False

    def get(self, number: int) -> bytes | None:
        """Bytes of the first BMP with this id, or None; the container counts as absent."""
        for field in self.fields:
            if field.id == number and isinstance(field.value, bytes):
                return field.value
        return None

    @property
    def has_container(self) -> bool:
        """Whether BMP 06 is there at all, even empty: its presence alone permits TLV (chapter 9.3)."""
        return any(field.id == CONTAINER for field in self.fields)

    @property
    def tlv(self) -> tuple[Tlv, ...]:
        """Objects of the TLV container; empty without one."""
        for field in self.fields:
            if field.id == CONTAINER and not isinstance(field.value, bytes):
                return field.value
        return ()

    def find(self, *path: int) -> Value | None:
        """Value of the first TLV object down this path of tags, or None."""
        return find(self.tlv, *path)

    def find_bytes(self, *path: int) -> bytes | None:
        """Like `find`, for values that are bytes."""
        value = self.find(*path)
        return value if isinstance(value, bytes) else None

    def with_tlv(self, *objects: Tlv) -> "Message":
        """The same message with these objects added at the end of its container, made if it had none."""
        if not self.has_container:
            return replace(self, fields=(*self.fields, container(*objects)))
        return replace(
            self,
            fields=tuple(
                Field(field.id, (*field.value, *objects))
                if field.id == CONTAINER and not isinstance(field.value, bytes)
                else field
                for field in self.fields
            ),
        )

    def without_tlv(self, tag: int) -> "Message":
        """The same message without the objects of this tag on the container's first level."""
        if self.find(tag) is None:
            return self
        return replace(
            self,
            fields=tuple(
                Field(field.id, tuple(item for item in field.value if item.tag != tag))
                if field.id == CONTAINER and not isinstance(field.value, bytes)
                else field
                for field in self.fields
            ),
        )


_new = object.__new__
_slots = Message.__dict__
_set_command, _set_params = _slots["command"].__set__, _slots["params"].__set__
_set_fields, _set_long_form = _slots["fields"].__set__, _slots["long_form"].__set__


def make(command: int, params: Mapping[str, bytes], fields: tuple[Field, ...], long_form: bool) -> Message:
    """`Message(...)` at a third of its price, for messages by the hundred thousand."""
    message = _new(Message)
    _set_command(message, command)
    _set_params(message, params)
    _set_fields(message, fields)
    _set_long_form(message, long_form)
    return message
