"""The analyser: lines of hexadecimal to objects and back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zvt.analyser import Analyser, compose, read_hex
from drivers.zvt.charset import Charset
from drivers.zvt.errors import DecodeError, ZvtError
from drivers.zvt.notation import NotationError
from drivers.zvt.serial_frame import encode_frame
from tests.unit.drivers.zvt.cases import ids, load

MESSAGES = load("messages.json")
MALFORMED = load("malformed.json")
DIALOGUES = load("dialogues.json")
FRAMES = load("frames.json")
PAN = "4012888888881881"
PAN_STATUS = "040F0D270022F0F8" + PAN


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ("06 0F 00", "060F00"),
        ("0x06 0x0f 0x00", "060F00"),
        ("06:0f:00", "060F00"),
        ("06-0F-00", "060F00"),
        ("0X060F00  # completion", "060F00"),
        ("  060F00\r\n", "060F00"),
        ("", ""),
        ("# nothing", ""),
    ],
)
def test_hexadecimal_in_every_dress(line: str, data: str) -> None:
    assert read_hex(line) == (bytes.fromhex(data), None)


def test_directions_may_be_marked() -> None:
    assert read_hex("> 060F00") == (bytes.fromhex("060F00"), "ecr->pt")
    assert read_hex(" < 06 0F 00")[1] == "pt->ecr"
    assert Analyser().line("< 060F00")[0]["direction"] == "pt->ecr"


@pytest.mark.parametrize(
    ("line", "reason"), [("06xy", "'x'"), ("060", "odd number"), ("\ufffd", "hexadecimal digit")]
)
def test_what_is_not_hexadecimal(line: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        read_hex(line)
    [error] = Analyser(raw=True).line(line)
    assert reason in error["error"]
    assert "hex" not in error


@pytest.mark.parametrize("case", MESSAGES, ids=ids(MESSAGES))
def test_cases_are_shown_with_a_line_for_people_and_come_back(case: dict[str, Any]) -> None:
    [shown] = Analyser(raw=True).line(case["wire"])
    text = shown["text"] if "text" in case["shown"] else shown.pop("text")
    assert text or case["shown"].get("text") == ""
    assert shown == case["shown"]
    assert compose(json.loads(json.dumps(shown))) == bytes.fromhex(case["wire"])


@pytest.mark.parametrize("case", MALFORMED, ids=ids(MALFORMED))
def test_malformed_cases_are_one_error_each(case: dict[str, Any]) -> None:
    for serial in (False, True):
        wire = bytes.fromhex(case["wire"])
        line = encode_frame(wire).hex() if serial else case["wire"]
        [error] = Analyser(raw=True, serial=serial).line(line)
        assert case["reason"] in error["error"]
        assert error["position"] == case["position"]
        assert error["expected"]
        assert compose(error) == bytes.fromhex(line)
        [hidden] = Analyser(serial=serial).line(line)
        assert hidden["error"] == error["error"]
        assert hidden.keys().isdisjoint({"hex", "apdu"})


@pytest.mark.parametrize("case", FRAMES, ids=ids(FRAMES))
def test_serial_frames(case: dict[str, Any]) -> None:
    [shown] = Analyser(raw=True, serial=True).line(case["wire"])
    assert shown["apdu"] == case["apdu"]
    assert case["wire"].endswith(shown["crc"])
    assert compose(shown) == bytes.fromhex(case["wire"])


@pytest.mark.parametrize("case", DIALOGUES, ids=ids(DIALOGUES))
@pytest.mark.parametrize("serial", [False, True])
def test_whole_dialogues_in_one_line(case: dict[str, Any], serial: bool) -> None:
    wires = [bytes.fromhex(wire) for side, wire in case["steps"] if side != "-"]
    data = b"".join(encode_frame(wire) + b"\x06" for wire in wires) if serial else b"".join(wires)
    shown = Analyser(raw=True, serial=serial).line(data.hex())
    assert not any("error" in item for item in shown)
    assert b"".join(compose(item) for item in shown) == data
    assert len(shown) == len(wires) * (2 if serial else 1)


def test_one_message_with_bytes_behind_it_is_one_error() -> None:
    [error] = Analyser().line("06010C04000000000100490978194406061F7303000001")
    assert "8 more follow" in error["error"]


def test_bytes_behind_a_message_that_would_be_an_unknown_one_belong_to_it() -> None:
    [error] = Analyser().line("060F00 060600")
    assert "3 more follow" in error["error"]


def test_several_messages_and_the_beginning_of_another() -> None:
    shown = Analyser(raw=True).line("800000 04FF010A 040F0227")
    assert [item.get("cmd") for item in shown] == ["8000", "04FF", None]
    assert shown[2]["missing"] == 1
    assert shown[2]["hex"] == "040F0227"
    unknown = Analyser().line("800000 04FF010A 06060100")
    assert [item.get("cmd") for item in unknown] == ["8000", "04FF", "0606"]


def test_serial_signals_garbage_and_broken_frames() -> None:
    analyser = Analyser(serial=True, raw=True)
    good = encode_frame(bytes.fromhex("060F00"))
    bad = bytearray(good)
    bad[-1] ^= 1
    stream = b"\xff\x06\x15" + bytes(bad) + good + b"\x10\x02\x06"
    shown = analyser.line(stream.hex())
    assert [item.get("error", item.get("link", item.get("cmd"))) for item in shown] == [
        "bytes outside of any frame",
        "ACK",
        "NAK",
        "bad crc C632, computed C633",
        "060F",
        "frame is cut off",
    ]
    assert b"".join(compose(item) for item in shown) == stream


def test_an_apdu_without_a_frame_is_no_serial_frame() -> None:
    shown = Analyser(serial=True).line("060F00")
    assert shown[0]["link"] == "ACK"
    assert "error" in shown[1]


def test_card_numbers_show_only_when_asked_for() -> None:
    assert Analyser(raw=True).line(PAN_STATUS)[0]["bmp"]["22"] == PAN
    [masked] = Analyser().line(PAN_STATUS)
    assert masked["bmp"]["22"] == "401288EEEEEE1881"
    assert PAN not in json.dumps(masked)
    framed = encode_frame(bytes.fromhex(PAN_STATUS)).hex()
    [shown] = Analyser(serial=True).line(framed)
    assert PAN not in json.dumps(shown)
    assert shown["apdu"] == "040F0D270022F0F8401288EEEEEE1881"
    line = "06D11140" + PAN.encode().hex()
    assert Analyser().line(line)[0]["text"] == "401288******1881"
    broken = Analyser().line(PAN_STATUS + "00")
    assert PAN not in json.dumps(broken)
    assert "hex" not in broken[0]


def test_answers_are_read_by_their_command_within_a_line_and_in_a_dialogue() -> None:
    apart = Analyser()
    apart.line("0FA1020001")
    assert "error" in apart.line("060F0331324A")[0]
    together = Analyser(dialogue=True)
    together.line("0FA1020001")
    together.line("800000")
    assert together.line("060F0331324A")[0]["raw"] == "31324a"
    [_, keys] = Analyser().line("06E100 8000022700")
    assert keys["raw"] == "2700"
    # a stop in between is not what the completion ends
    [*_, done] = Analyser().line("0FA1020001 800000 06B000 800000 060F0331324A")
    assert done["raw"] == "31324a"


def test_character_sets_of_printed_lines() -> None:
    line = "06D10340C4C4"
    assert Analyser().line(line)[0]["text"] == "──"
    [shown] = Analyser(charset=Charset.LATIN_1, raw=True).line(line)
    assert (shown["text"], shown["charset"]) == ("ÄÄ", "iso8859-1")
    assert compose(shown) == bytes.fromhex(line)


def test_captures_cut_anywhere() -> None:
    data = bytes.fromhex("800000 04FF010A 06FF00")
    assert [item["cmd"] for item in Analyser().stream(data)] == ["8000", "04FF", "06FF"]
    assert Analyser().stream(data[:-1])[-1]["missing"] == 1
    [good, foreign] = Analyser(raw=True).stream(bytes.fromhex("800000") + b"HTTP/1.1")
    assert good["cmd"] == "8000"
    assert foreign["error"] == "not ZVT: this is an HTTP server"
    assert foreign["hex"] == b"HTTP/1.1".hex().upper()
    serial = Analyser(serial=True).stream(encode_frame(data[:3]) + b"\x06")
    assert [item.get("link") for item in serial] == [None, "ACK"]
    assert Analyser().stream(b"") == []


def test_a_capture_of_both_directions_is_cut_for_each_by_itself() -> None:
    analyser = Analyser()
    up, down = "ecr->pt", "pt->ecr"
    assert analyser.feed(bytes.fromhex("0601 0A 0400000000"), up) == []
    [late] = analyser.feed(bytes.fromhex("04FF010A 06"), down)
    assert (late["cmd"], late["direction"]) == ("04FF", down)
    [payment] = analyser.feed(bytes.fromhex("1234490978"), up)
    assert (payment["amount_minor"], payment["direction"]) == (1234, up)
    assert [(each["missing"], each["direction"]) for each in analyser.finish()] == [(2, down)]
    assert analyser.finish() == []


def test_frames_of_both_directions_in_pieces() -> None:
    analyser = Analyser(serial=True, raw=True)
    payment, done = (encode_frame(bytes.fromhex(text)) for text in ("060104AABBCCDD", "060F00"))
    found = []
    for at in range(max(len(payment), len(done))):
        found += analyser.feed(payment[at : at + 1], "ecr->pt")
        found += analyser.feed(done[at : at + 1], "pt->ecr")
    assert [each["direction"] for each in found] == ["pt->ecr", "ecr->pt"]
    assert [compose(each) for each in found] == [done, payment]
    assert analyser.feed(payment[:-1]) == []
    [rest] = analyser.finish()
    assert "cut off" in rest["error"]
    assert "direction" not in rest


@pytest.mark.parametrize(
    "source",
    [
        [],
        "text",
        None,
        {"error": "lost"},
        {"error": "lost", "hex": 5},
        {"error": "lost", "hex": "zz"},
        {"error": "lost", "crc": "0000", "apdu": None},
        {"link": "SYN"},
        {"cmd": "xx"},
    ],
)
def test_what_makes_no_bytes(source: Any) -> None:
    with pytest.raises(NotationError):
        compose(source)


@given(st.binary(max_size=80), st.booleans(), st.booleans())
def test_any_bytes_are_shown_without_an_exception(data: bytes, serial: bool, raw: bool) -> None:
    for item in Analyser(serial=serial, raw=raw).line(data.hex()):
        assert json.loads(json.dumps(item)) == item
        assert "cmd" in item or "error" in item or "link" in item


@given(st.binary(min_size=1, max_size=80), st.booleans())
def test_raw_objects_give_all_bytes_back(data: bytes, serial: bool) -> None:
    shown = Analyser(serial=serial, raw=True).line(data.hex())
    assert b"".join(compose(json.loads(json.dumps(item))) for item in shown) == data


@given(st.text(max_size=40))
def test_any_text_is_shown_without_an_exception(line: str) -> None:
    Analyser().line(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cmd", "bmp", "06", "04", "wire", "lengths", "error", "text", "raw"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_json_is_composed_or_refused(source: Any) -> None:
    try:
        data = compose(source)
    except ZvtError:
        return
    assert isinstance(data, bytes)
