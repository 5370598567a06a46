"""Other protocols are called by their names."""

import pytest

from drivers.zvt.foreign import recognise, show


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x15\x03\x69", "ECR17"),
        (b"\x06\x03\x7a", "ECR17"),
        (b"\x00\x00\x00\x3eVER|APP", "Yomani"),
        (b"HTTP/1.1 400", "HTTP"),
        (b"\n<!DOCTYPE HTML>", "HTTP"),
        (b"\x00\x00\x01\x00<?xml version", "O.P.I."),
        (b"SSH-2.0-x", "SSH"),
        (b"\x15\x03\x03\x00\x02", "TLS"),
        (b"\xff\xfd\x2c", "RFC 2217"),
        (b"\x10\x02\x06\x0f", "serial"),
    ],
)
def test_known_greetings(data: bytes, name: str) -> None:
    found = recognise(data)
    assert found is not None
    assert name in found.name
    assert found.remedy


@pytest.mark.parametrize("data", [b"", b"\x15", b"\x15\x03\x68", b"hello"])
def test_others_stay_without_a_name(data: bytes) -> None:
    assert recognise(data) is None


def test_what_is_strange_depends_on_what_was_expected() -> None:
    assert recognise(b"\x80\x00\x00") is None
    bare = recognise(b"\x80\x00\x00", framed=True)
    assert bare is not None
    assert "without serial framing" in bare.name
    assert recognise(b"\x10\x02\x06\x0f", framed=True) is None


def test_noise_before_a_greeting_does_not_hide_it() -> None:
    found = recognise(b"\x00\xf8\x15\x03\x69", framed=True)
    assert found is not None
    assert "ECR17" in found.name


def test_first_bytes_are_shown_as_text_where_they_are_some() -> None:
    assert show(b"hi") == "68 69 'hi'"
    assert show(b"\x00\xff" * 20) == "00 FF " * 5 + "00 FF"
