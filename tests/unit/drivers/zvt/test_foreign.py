"""Other protocols are called by their names."""

import pytest

from drivers.zvt.foreign import recognise


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x15\x03\x69", "ECR17"),
        (b"\x06\x03\x7a", "ECR17"),
        (b"\x00\x00\x00\x3eVER|APP", "Yomani"),
        (b"HTTP/1.1 400", "HTTP"),
        (b"SSH-2.0-x", "SSH"),
        (b"\x15\x03\x03\x00\x02", "TLS"),
        (b"\x10\x02\x06\x0f", "serial"),
    ],
)
def test_known_greetings(data: bytes, name: str) -> None:
    found = recognise(data)
    assert found is not None
    assert name in found


@pytest.mark.parametrize("data", [b"", b"\x15", b"\x15\x03\x68", b"hello"])
def test_others_stay_without_a_name(data: bytes) -> None:
    assert recognise(data) is None
