"""Typed faces of messages: a frozen dataclass each, with a table of where its values stand."""

from types import NoneType
from typing import Any, ClassVar, NamedTuple, Self, get_args

from drivers.zvt.errors import LocalProtocolError, RemoteProtocolError
from drivers.zvt.fields import CONTAINER, Field
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv, every, find, find_bytes
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
        for attribute, codec, param, bmp, path, many in self.PLACES:
            value = getattr(self, attribute)
            if value is None or value == ():
                continue
            if param:
                params[param] = codec.encode(value)
            elif bmp:
                fields.append(Field(bmp, codec.encode(value)))
            else:
                _put(objects, path, [codec.encode(item) for item in value] if many else [codec.encode(value)])
        if objects or getattr(self, "container", False):
            fields.append(Field(CONTAINER, tuple(objects)))
        return Message(self.COMMAND, params, tuple(fields))

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """What a message says; RemoteProtocolError where it lacks something that cannot be left out."""
        if message.command != cls.COMMAND:
            raise LocalProtocolError(f"{message.command:04X} read as {cls.__name__}")
        plan = _PLANS.get(cls)
        if plan is None:
            plan = _PLANS[cls] = _plan(cls)
        try:
            return cls(**_read(plan, message))
        except TypeError as error:
            raise RemoteProtocolError(f"{message.command:04X} lacks a field: {error}") from None


class _Plan(NamedTuple):
    """A face's places by where they stand, and what becomes of values that are not there."""

    absent: dict[str, Any]
    params: tuple[Place, ...]
    bmps: dict[int, Place]
    tags: tuple[Place, ...]
    container: bool


_PLANS: dict[type[Face], _Plan] = {}
"""Made when a face is first read."""


def _plan(face: type[Face]) -> _Plan:
    kinds = face.__annotations__
    # what is not there is None, whatever a new message of ours would have by default
    absent: dict[str, Any] = {
        place.attribute: () if place.many else None
        for place in face.PLACES
        if place.many or NoneType in get_args(kinds[place.attribute])
    }
    return _Plan(
        absent,
        tuple(place for place in face.PLACES if place.param),
        {place.bmp: place for place in face.PLACES if place.bmp},
        tuple(place for place in face.PLACES if place.path),
        "container" in kinds,
    )


def _read(plan: _Plan, message: Message) -> dict[str, Any]:
    found = plan.absent.copy()
    for place in plan.params:
        raw = message.params.get(place.param)
        if raw is not None:
            found[place.attribute] = place.codec.decode(raw)
    objects: tuple[Tlv, ...] = ()
    # from behind, so that the first of equal fields counts
    for number, value, _ in reversed(message.fields):
        if not isinstance(value, bytes):
            objects = value
        elif number in plan.bmps:
            at = plan.bmps[number]
            found[at.attribute] = at.codec.decode(value)
    if objects:
        there = {item.tag for item in objects}
        for place in plan.tags:
            if place.path[0] in there:
                _find(place, objects, found)
    if plan.container:
        found["container"] = message.has_container
    return found


def _find(place: Place, objects: tuple[Tlv, ...], found: dict[str, Any]) -> None:
    if place.many:
        # one that is no number is left out: nobody who reads the others expects it among them
        values = map(place.codec.decode, _all(objects, place.path))
        found[place.attribute] = tuple(value for value in values if value is not None)
        return
    raw = find_bytes(objects, *place.path)
    if raw is not None:
        found[place.attribute] = place.codec.decode(raw)


def _all(objects: tuple[Tlv, ...], path: tuple[int, ...]) -> list[bytes]:
    *boxes, last = path
    inside = find(objects, *boxes) if boxes else objects
    if inside is None or isinstance(inside, bytes):
        return []
    return [value for value in every(inside, last) if isinstance(value, bytes)]


def _put(objects: list[Tlv], path: tuple[int, ...], values: list[bytes]) -> None:
    """Add values at the end of their container, which is made if it is not there already."""
    first, *rest = path
    if not rest:
        objects += [Tlv(first, value) for value in values]
        return
    inside: list[Tlv] = []
    for index, item in enumerate(objects):
        if item.tag == first and not isinstance(item.value, bytes):
            inside = list(item.value)
            _put(inside, tuple(rest), values)
            objects[index] = Tlv(first, tuple(inside))
            return
    _put(inside, tuple(rest), values)
    objects.append(Tlv(first, tuple(inside)))
