"""Typed faces of messages: a frozen dataclass each, with a table of where its values stand."""

from collections.abc import Iterator
from types import NoneType
from typing import Any, ClassVar, NamedTuple, Self, get_args

from drivers.zvt.errors import LocalProtocolError, RemoteProtocolError
from drivers.zvt.fields import CONTAINER, Field
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv, every, find
from drivers.zvt.values import Codec


class Place(NamedTuple):
    """Where one value of a face stands: a parameter, a BMP or a TLV path, and how it is written.

    `many` collects all objects of the last tag of the path into a tuple.
    """

    attribute: str
    codec: Codec
    param: str = ""
    bmp: int = 0
    path: tuple[int, ...] = ()
    many: bool = False


def param(attribute: str, codec: Codec, name: str = "") -> Place:
    """A value in front of the fields."""
    return Place(attribute, codec, param=name or attribute)


def bmp(attribute: str, number: int, codec: Codec) -> Place:
    """A value in a BMP."""
    return Place(attribute, codec, bmp=number)


def tag(attribute: str, codec: Codec, *path: int, many: bool = False) -> Place:
    """A value in the TLV container."""
    return Place(attribute, codec, path=path, many=many)


class Face:
    """What all typed messages share. A value of None, or an empty tuple, is not written.

    `with_container` is the name of the attribute that asks for a container even when nothing is in it.
    """

    __slots__ = ()
    COMMAND: ClassVar[int]
    PLACES: ClassVar[tuple[Place, ...]]

    def to_message(self) -> Message:
        """The message that says this; LocalProtocolError for values that do not fit."""
        params: dict[str, bytes] = {}
        fields: list[Field] = []
        objects: list[Tlv] = []
        for place in self.PLACES:
            value = getattr(self, place.attribute)
            if value is None or value == ():
                continue
            if place.param:
                params[place.param] = place.codec.encode(value)
            elif place.bmp:
                fields.append(Field(place.bmp, place.codec.encode(value)))
            else:
                for item in value if place.many else (value,):
                    _put(objects, place.path, place.codec.encode(item))
        if objects or getattr(self, "container", False):
            fields.append(Field(CONTAINER, tuple(objects)))
        return Message(self.COMMAND, params, tuple(fields))

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """What a message says; RemoteProtocolError where it lacks something that cannot be left out."""
        if message.command != cls.COMMAND:
            raise LocalProtocolError(f"{message.command:04X} read as {cls.__name__}")
        try:
            return cls(**dict(_read(cls, message)))
        except TypeError as error:
            raise RemoteProtocolError(f"{message.command:04X} lacks a field: {error}") from None


def _read(face: type[Face], message: Message) -> Iterator[tuple[str, Any]]:
    for place in face.PLACES:
        if place.many:
            values = _all(message.tlv, place.path)
            yield place.attribute, tuple(place.codec.decode(value) for value in values)
            continue
        if place.param:
            raw = message.params.get(place.param)
        elif place.bmp:
            raw = message.get(place.bmp)
        else:
            raw = message.find_bytes(*place.path)
        if raw is not None:
            yield place.attribute, place.codec.decode(raw)
        elif NoneType in get_args(face.__annotations__[place.attribute]):
            # what is not there is None, whatever a new message of ours would have by default
            yield place.attribute, None
    if "container" in face.__annotations__:
        yield "container", message.has_container


def _all(objects: tuple[Tlv, ...], path: tuple[int, ...]) -> list[bytes]:
    *boxes, last = path
    inside = find(objects, *boxes) if boxes else objects
    if inside is None or isinstance(inside, bytes):
        return []
    return [value for value in every(inside, last) if isinstance(value, bytes)]


def _put(objects: list[Tlv], path: tuple[int, ...], value: bytes) -> None:
    """Add a value at the end of its container, which is made if it is not the last one already."""
    first, *rest = path
    if not rest:
        objects.append(Tlv(first, value))
        return
    inside: list[Tlv] = []
    for index, item in enumerate(objects):
        if item.tag == first and not isinstance(item.value, bytes):
            inside = list(item.value)
            _put(inside, tuple(rest), value)
            objects[index] = Tlv(first, tuple(inside))
            return
    _put(inside, tuple(rest), value)
    objects.append(Tlv(first, tuple(inside)))
