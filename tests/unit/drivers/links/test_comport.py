"""Our side of RFC 2217, word by word, against a server written down here."""

import pytest

from drivers.links.address import Rfc2217Address
from drivers.links.comport import ComPort, ComPortError, Phase
from drivers.links.telnet import (
    ANSWER,
    Com,
    Control,
    LineState,
    ModemState,
    Negotiated,
    Option,
    Subnegotiated,
    TelnetReader,
    Verb,
    com,
)

ADDRESS = Rfc2217Address("192.0.2.7", 4001, 19_200, 7, "E", 1.5)
DO = Negotiated(Verb.DO, Option.COM_PORT).encode()
CONFIRMED = com(101, (19_200).to_bytes(4, "big")) + com(102, b"\x07") + com(103, b"\x03") + com(104, b"\x03")


def taken() -> ComPort:
    """A port whose server has taken the option."""
    port = ComPort(ADDRESS)
    port.begin()
    port.feed(DO)
    return port


def ready() -> ComPort:
    port = taken()
    port.feed(CONFIRMED)
    assert port.phase is Phase.READY
    return port


def words(data: bytes) -> list[object]:
    return list(TelnetReader().feed(data))


def test_it_offers_then_orders_then_is_ready() -> None:
    port = ComPort(ADDRESS)
    said = words(port.begin())
    assert Negotiated(Verb.WILL, Option.COM_PORT) in said
    assert {each.option for each in said if isinstance(each, Negotiated)} == {0, 3, 44}
    payload, orders = port.feed(DO)
    assert payload == b""
    ordered = [each.data for each in words(orders) if isinstance(each, Subnegotiated)]
    assert ordered[:4] == [b"\x01\x00\x00\x4b\x00", b"\x02\x07", b"\x03\x03", b"\x04\x03"]
    assert bytes((Com.CONTROL, Control.DTR_ON)) in ordered
    assert bytes((Com.CONTROL, Control.RTS_ON)) in ordered
    assert ordered[-1] == bytes((Com.PURGE, 3))
    assert port.phase.name == "SETTING_UP"
    assert "baudrate, datasize, parity, stopsize" in port.missing
    assert port.feed(DO) == (b"", b""), "it is set up once"
    assert port.feed(CONFIRMED[:-3]) == (b"", b"")
    assert "stopsize" in port.missing
    assert port.feed(CONFIRMED[-3:]) == (b"", b"")
    assert port.phase.name == "READY"


def test_answers_that_need_not_come_are_not_waited_for() -> None:
    port = ready()
    assert port.feed(com(Com.CONTROL + ANSWER, b"\x08") + com(Com.PURGE + ANSWER, b"\x03")) == (b"", b"")


def test_a_server_that_refuses() -> None:
    port = ComPort(ADDRESS)
    port.begin()
    with pytest.raises(ComPortError, match="refuses the COM port option"):
        port.feed(Negotiated(Verb.DONT, Option.COM_PORT).encode())
    assert "does not take the COM port option" in port.missing


def test_a_server_that_sets_something_else() -> None:
    with pytest.raises(ComPortError, match="sets baudrate to 9600 instead of 19200"):
        taken().feed(com(101, (9600).to_bytes(4, "big")))


def test_bytes_of_the_device_come_out_as_they_went_in() -> None:
    port = ready()
    every = bytes(range(256))
    travelling = port.send(every)
    assert port.feed(travelling) == (every, b"")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (Negotiated(Verb.WILL, Option.BINARY), b""),  # asked for already
        (Negotiated(Verb.WILL, Option.COM_PORT), Negotiated(Verb.DO, Option.COM_PORT).encode()),
        (Negotiated(Verb.WILL, 1), Negotiated(Verb.DONT, 1).encode()),
        (Negotiated(Verb.WONT, Option.BINARY), Negotiated(Verb.DONT, Option.BINARY).encode()),
        (Negotiated(Verb.DO, Option.BINARY), b""),  # offered already
        (Negotiated(Verb.DO, 1), Negotiated(Verb.WONT, 1).encode()),
        (Negotiated(Verb.DONT, Option.BINARY), Negotiated(Verb.WONT, Option.BINARY).encode()),
    ],
)
def test_options_are_answered_once(said: Negotiated, answer: bytes) -> None:
    port = taken()
    assert port.feed(said.encode()) == (b"", answer)
    assert port.feed(said.encode()) == (b"", b""), "two polite sides would never end"


def test_what_the_port_reports() -> None:
    port = ready()
    port.feed(com(107, bytes((ModemState.CTS | ModemState.DELTA_CTS,))))
    assert ModemState.CTS in port.modem
    port.feed(com(106, bytes((LineState.FRAMING | LineState.DATA_READY,))))
    port.feed(com(106, bytes((LineState.PARITY,))))
    assert port.line_errors == LineState.FRAMING | LineState.PARITY
    assert port.feed(com(107) + com(106) + com(177, b"\x00") + Subnegotiated(1, b"x").encode()) == (b"", b"")
    port.feed(com(Com.SUSPEND + ANSWER))
    suspended = port.suspended
    port.feed(com(Com.RESUME + ANSWER))
    assert (suspended, port.suspended) == (True, False)
