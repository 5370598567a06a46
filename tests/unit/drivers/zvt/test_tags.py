"""The table of tags."""

from drivers.zvt.tags import RAW_CONSTRUCTED, TAGS, Kind, tag_name
from drivers.zvt.tlv import is_constructed


def test_containers_have_the_constructed_bit_and_others_have_not() -> None:
    for tag, known in TAGS.items():
        assert is_constructed(tag) == (known.kind is Kind.CONTAINER or tag in RAW_CONSTRUCTED), f"{tag:X}"


def test_names() -> None:
    assert tag_name(0x1F73) == "message sequence id"
    assert tag_name(0xDF01) == "tag DF01"
    assert len(TAGS) > 200
