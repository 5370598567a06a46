"""BER-TLV as ZVT uses it inside BMP 06 (PA00P015 chapter 9.2)."""

from collections.abc import Iterable
from typing import NamedTuple

from drivers.zvt.errors import DecodeError, LocalProtocolError
from drivers.zvt.tags import RAW_CONSTRUCTED

TAG_BYTES_MAX = 4
"""Tags of the standard have at most three bytes; a longer one is noise that would eat its neighbours."""

DEPTH_MAX = 16
"""The standard nests four deep; without a limit two bytes a level would exhaust the stack."""

LENGTH_MAX = 0xFFFF
"""81 nn and 82 hi lo are the only long forms (chapter 9.2.1)."""

_CONSTRUCTED_BIT = 0x20
_MORE = 0x80
_LOW_TAG_BITS = 0x1F


class Tlv(NamedTuple):
    """One data object. `value` is bytes, or the children of a constructed tag.

    `width` is 0, or the number of length bytes the sender used where fewer would have done.
    """

    tag: int
    value: "bytes | tuple[Tlv, ...]" = b""
    width: int = 0


Value = bytes | tuple[Tlv, ...]


def is_constructed(tag: int) -> bool:
    """Whether the tag's own bits promise children (bit 6 of its first byte)."""
    while tag > 0xFF:
        tag >>= 8
    return bool(tag & _CONSTRUCTED_BIT)


def read_length(data: bytes, position: int, end: int) -> tuple[int, int, int]:
    """BER length at `position`: (length, position after it, width or 0 if it was the shortest form)."""
    if position >= end:
        raise DecodeError("TLV length is missing", position, "a length byte")
    first = data[position]
    position += 1
    if first < _MORE:
        return first, position, 0
    if first == 0x81:
        if position >= end:
            raise DecodeError("TLV length is cut off", position, "one more length byte after 81")
        length = data[position]
        return length, position + 1, 2 if length < _MORE else 0
    if first == 0x82:
        if position + 1 >= end:
            raise DecodeError("TLV length is cut off", position, "two more length bytes after 82")
        length = data[position] << 8 | data[position + 1]
        return length, position + 2, 3 if length <= 0xFF else 0
    raise DecodeError(f"BER length {first:02X} is invalid", position - 1, "00-7F, 81 nn or 82 hi lo")


def parse_tlv(data: bytes, position: int, end: int, depth: int = 0) -> tuple[Tlv, ...]:
    """Objects that fill data[position:end] exactly; raises DecodeError with the offset within `data`."""
    if depth >= DEPTH_MAX:
        raise DecodeError(f"TLV nested deeper than {DEPTH_MAX}", position, "fewer levels")
    objects: list[Tlv] = []
    # objects come by the hundred: the named tuple is made without its keyword-taking constructor
    new = tuple.__new__
    while position < end:
        start = position
        first = tag = data[position]
        position += 1
        if first & _LOW_TAG_BITS == _LOW_TAG_BITS:
            more = True
            while more:
                if position >= end:
                    raise DecodeError("TLV tag is cut off", position, "another tag byte")
                if position - start >= TAG_BYTES_MAX:
                    raise DecodeError(f"TLV tag longer than {TAG_BYTES_MAX} bytes", start, "a shorter tag")
                byte = data[position]
                tag = tag << 8 | byte
                position += 1
                more = byte >= _MORE
        # the short form is read in line: nearly every object has it
        if position < end and data[position] < _MORE:
            stop = position + 1 + data[position]
            position += 1
            width = 0
        else:
            length, position, width = read_length(data, position, end)
            stop = position + length
        if stop > end:
            raise DecodeError(
                f"TLV tag {tag:02X} announces {stop - position} bytes, {end - position} are left",
                position,
                "a length within the container",
            )
        value: Value = data[position:stop]
        if first & _CONSTRUCTED_BIT and tag not in RAW_CONSTRUCTED:
            value = _children(data, position, stop, depth + 1)
        objects.append(new(Tlv, (tag, value, width)))
        position = stop
    return tuple(objects)


def _children(data: bytes, position: int, stop: int, depth: int) -> Value:
    """What a constructed tag holds; its bytes where that is not well formed.

    Its own length says where it ends, so the rest of the message stays readable, and a 04 0F is not refused
    (which would reverse the payment) for a detail that nobody asked for.
    """
    try:
        return parse_tlv(data, position, stop, depth)
    except DecodeError:
        return data[position:stop]


def encode_length(length: int, width: int = 0) -> bytes:
    """The shortest BER length, or the one `width` bytes wide."""
    if length > LENGTH_MAX:
        raise LocalProtocolError(f"a TLV object carries at most {LENGTH_MAX} bytes, not {length}")
    natural = 1 if length < _MORE else 2 if length <= 0xFF else 3
    width = width or natural
    if not natural <= width <= 3:
        raise LocalProtocolError(f"a TLV length of {length} cannot be written in {width} bytes")
    if width == 1:
        return bytes((length,))
    if width == 2:
        return bytes((0x81, length))
    return bytes((0x82, length >> 8, length & 0xFF))


def encode_tag(tag: int) -> bytes:
    """The bytes of a tag given as one number, such as 0x1F73."""
    if not 0 <= tag < 1 << (8 * TAG_BYTES_MAX):
        raise LocalProtocolError(f"{tag:X} is no TLV tag")
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big")


HEADS_MAX = 64
"""How many tags' beginnings are kept: ours are fewer, and a stranger's must not fill the memory."""

_SHORT_LENGTHS: list[bytes] = [bytes((length,)) for length in range(_MORE)]


class Heads(dict[int, list[bytes]]):
    """A tag and its short length as they are written, by tag and length; made when a tag is first written."""

    def __missing__(self, tag: int) -> list[bytes]:
        """Make them, and keep them while there is room."""
        written = encode_tag(tag)
        heads = [written + length for length in _SHORT_LENGTHS]
        if len(self) < HEADS_MAX:
            self[tag] = heads
        return heads


HEADS = Heads()


def encode_head(tag: int, length: int, width: int) -> bytes:
    """A tag and the length of what follows it; `width` as in `encode_length`."""
    if width or length >= _MORE:
        return encode_tag(tag) + encode_length(length, width)
    return HEADS[tag][length]


def encode_tlv(objects: Iterable[Tlv]) -> bytes:
    """Bytes of the objects one after another, without a container round them."""
    parts: list[bytes] = []
    heads = HEADS
    for tag, value, width in objects:
        body = value if isinstance(value, bytes) else encode_tlv(value)
        length = len(body)
        if width or length >= _MORE:
            parts.append(encode_head(tag, length, width) + body)
        else:
            parts.append(heads[tag][length] + body)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def find(objects: Iterable[Tlv], *path: int) -> Value | None:
    """Value of the first object reached by going down the tags of `path`, or None."""
    wanted, rest = path[0], path[1:]
    for tag, value, _ in objects:
        if tag == wanted:
            if not rest:
                return value
            if not isinstance(value, bytes):
                found = find(value, *rest)
                if found is not None:
                    return found
    return None


def find_bytes(objects: Iterable[Tlv], *path: int) -> bytes | None:
    """Like `find`, for values that are bytes; children count as absent."""
    value = find(objects, *path)
    return value if isinstance(value, bytes) else None


def every(objects: Iterable[Tlv], tag: int) -> list[Value]:
    """Values of all objects with this tag on this level."""
    return [item.value for item in objects if item.tag == tag]
