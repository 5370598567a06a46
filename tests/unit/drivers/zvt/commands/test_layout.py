"""What stands in front of the fields, and the forms that only the context tells apart."""

import pytest

from drivers.zvt.apdu import parse_apdu
from drivers.zvt.commands.codec import decode, decode_bytes
from drivers.zvt.errors import DecodeError
from drivers.zvt.message import Message


def read(wire: str, after: int | None = None) -> Message:
    return decode(parse_apdu(bytes.fromhex(wire)), after)


def shown(message: Message) -> dict[str, str]:
    return {name: value.hex() for name, value in message.params.items()}


@pytest.mark.parametrize(
    ("wire", "after", "params"),
    [
        # a lone byte is a status, never an empty container
        ("060F0106", None, {"status": "06"}),
        ("060F01F0", None, {"status": "f0"}),
        ("060F03060600", None, {"status": "06"}),
        ("060F020600", None, {}),
        # fields before status, unless the question was 05 01
        ("060F022700", None, {}),
        ("060F022700", 0x0501, {}),
        ("060F00", None, {}),
        ("060F0719060415024445", 0x0501, {"status": "19"}),
        # version, then status, then a container
        ("060F07F0F0F3312E3000", None, {"sw": "312e30", "status": "00"}),
        ("060F09F0F0F3312E30060600", None, {"sw": "312e30", "status": "06"}),
        # not a version: nothing is left for the status
        ("060F03F0F0F0", None, None),
        ("060F05F0F0F1312E", None, {"sw": "31", "status": "2e"}),
        ("060F06F0F0F1312EEE", None, None),
        # behind a maker's own command everything is the maker's own
        ("060F0331324A", 0x0FA1, {"raw": "31324a"}),
        ("060F00", 0x0FA1, {}),
        ("060F0331324A", None, None),
        ("060F04DC060100", None, None),
        ("060F0300EE00", None, None),
    ],
)
def test_completions(wire: str, after: int | None, params: dict[str, str] | None) -> None:
    if params is None:
        with pytest.raises(DecodeError):
            read(wire, after)
    else:
        assert shown(read(wire, after)) == params


@pytest.mark.parametrize(
    ("wire", "params", "container"),
    [
        ("04FF010A", {"status": "0a"}, False),
        ("04FF020A01", {"status": "0a", "timeout_min": "01"}, False),
        ("04FF020A06", {"status": "0a", "timeout_min": "06"}, False),
        ("04FF030A0600", {"status": "0a"}, True),
        ("04FF040A060600", {"status": "0a", "timeout_min": "06"}, True),
        ("04FF060A0603140101", {"status": "0a"}, True),
        ("04FF070A010603140101", {"status": "0a", "timeout_min": "01"}, True),
    ],
)
def test_intermediate_status(wire: str, params: dict[str, str], container: bool) -> None:
    message = read(wire)
    assert shown(message) == params
    assert message.has_container is container


@pytest.mark.parametrize(
    ("wire", "params", "fields"),
    [
        ("061E016C", {"result": "6c"}, 0),
        ("061E036F0978", {"result": "6f", "cc": "0978"}, 0),
        # 0203 are Czech crowns, although 02 is also a BMP
        ("061E036F0203", {"result": "6f", "cc": "0203"}, 0),
        # a container begins like a currency, and fills the rest
        ("061E066F0603140101", {"result": "6f"}, 1),
        ("061E036F2700", {"result": "6f"}, 1),
        ("061E04B8870042", {"result": "b8"}, 1),
        ("061E086F09780603140101", {"result": "6f", "cc": "0978"}, 1),
        ("061E016F", {"result": "6f"}, 0),
    ],
)
def test_aborts(wire: str, params: dict[str, str], fields: int) -> None:
    message = read(wire)
    assert shown(message) == params
    assert len(message.fields) == fields


@pytest.mark.parametrize(
    ("wire", "params", "fields"),
    [
        ("060004987654BE", {"password": "987654", "config": "be"}, 0),
        ("060006987654BE0978", {"password": "987654", "config": "be", "cc": "0978"}, 0),
        ("060008987654BE09780302", {"password": "987654", "config": "be", "cc": "0978"}, 1),
        ("050100", {}, 0),
        ("050103123456", {"password": "123456"}, 0),
        ("0501020304", {}, 1),
        ("0501051234560304", {"password": "123456"}, 1),
        # fields where other makers put the password first
        ("069108AA2402290C101112", {}, 2),
        ("06910B000000AA2402290C101112", {"password": "000000"}, 2),
        ("06C000", {}, 0),
        ("06C0010F", {"timeout": "0f"}, 0),
        ("06C0021910", {}, 1),
        ("06C0030F1910", {"timeout": "0f"}, 1),
        ("069506000000123456", {"password": "000000", "new_password": "123456"}, 0),
        ("08300101", {"value": "01"}, 0),
        ("083003010600", {"value": "01"}, 1),
        ("06D10140", {"attr": "40", "text": ""}, 0),
        ("06850441424344", {"raw": "41424344"}, 0),
        ("068500", {}, 0),
        ("068502F00A", {}, 1),
        ("0FA10141", {"raw": "41"}, 0),
        ("0FA100", {}, 0),
        ("06FF00", {}, 0),
        ("06FF023132", {"raw": "3132"}, 0),
    ],
)
def test_prefixes(wire: str, params: dict[str, str], fields: int) -> None:
    message = read(wire)
    assert shown(message) == params
    assert len(message.fields) == fields


@pytest.mark.parametrize(
    ("wire", "after", "params", "fields"),
    [
        ("800000", None, {}, 0),
        ("8000010D", None, {"raw": "0d"}, 0),
        ("8000023132", 0x06E2, {"raw": "3132"}, 0),
        # by itself it is a BMP, as an answer to a question for keys it is two keys
        ("8000022700", None, {}, 1),
        ("8000022700", 0x06E1, {"raw": "2700"}, 0),
        ("80000106", None, {"raw": "06"}, 0),
        ("8000050603190102", None, {}, 1),
        ("8000060D0603140101", 0x06E7, {"value": "0d"}, 1),
        ("8000010D", 0x06E7, {"value": "0d"}, 0),
        ("800002EEEE", 0x06E7, {"raw": "eeee"}, 0),
        ("841E036F0978", None, {"raw": "6f0978"}, 0),
        ("849D0704000000000750", None, {}, 1),
    ],
)
def test_answers(wire: str, after: int | None, params: dict[str, str], fields: int) -> None:
    message = read(wire, after)
    assert shown(message) == params
    assert len(message.fields) == fields


def test_of_two_failed_readings_the_one_that_got_further_is_told() -> None:
    with pytest.raises(DecodeError) as with_password:
        read("069106000000AA2402")
    assert with_password.value.position == 7
    with pytest.raises(DecodeError) as without:
        read("06910AAA2402290C101112EEEE")
    assert without.value.position == 11
    # too short for a password
    with pytest.raises(DecodeError) as equally:
        read("069101EE")
    assert equally.value.reason == "unknown BMP EE"
    # a password is digits
    with pytest.raises(DecodeError):
        read("069103EEEEEE")


def test_reading_whole_bytes_is_the_same() -> None:
    assert decode_bytes(bytes.fromhex("060F00")) == Message(0x060F)
