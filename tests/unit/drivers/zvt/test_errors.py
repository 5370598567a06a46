"""Errors say where, why and what was expected."""

from drivers.zvt.errors import DecodeError, ForeignProtocolError, IncompleteError, RemoteProtocolError


def test_a_decode_error_tells_everything() -> None:
    error = DecodeError("nothing there", 7, "something")
    assert str(error) == "nothing there at byte 7; expected something"
    assert (error.reason, error.position, error.expected) == ("nothing there", 7, "something")
    assert isinstance(error, RemoteProtocolError)


def test_an_incomplete_message_is_a_decode_error_that_counts() -> None:
    error = IncompleteError("half", 3, "3 bytes", 3)
    assert isinstance(error, DecodeError)
    assert error.missing == 3


def test_a_foreign_protocol_is_named() -> None:
    assert "not ZVT: this is chess" in str(ForeignProtocolError("chess", 0))
