"""Tests of addresses as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.links.address import (
    SCHEMES,
    Address,
    AddressError,
    MemoryAddress,
    Rfc2217Address,
    SerialAddress,
    TcpAddress,
    TlsAddress,
    parse_address,
)

BY_ID = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_SIM0001-if00-port0"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (f"serial://{BY_ID}", SerialAddress(BY_ID)),
        (
            "serial:///dev/ttyUSB0?baudrate=115200&stopbits=1&parity=E&bytesize=7",
            SerialAddress("/dev/ttyUSB0", 115_200, 7, "E", 1.0),
        ),
        ("serial:///dev/ttyS0?stopbits=1.5", SerialAddress("/dev/ttyS0", stopbits=1.5)),
        ("serial:///run/a%23b%3Fc", SerialAddress("/run/a#b?c")),
        ("tcp://192.0.2.7:20007", TcpAddress("192.0.2.7", 20007)),
        ("TCP://Terminal-3.lan:20007/", TcpAddress("terminal-3.lan", 20007)),
        ("tcp://[2001:db8::7]:20007", TcpAddress("2001:db8::7", 20007)),
        ("tcp://t:1?keepalive_idle_s=0", TcpAddress("t", 1, keepalive_idle_s=0)),
        (
            "tls://t:22001?ca=/etc/ca.pem&cert=/etc/c.pem&key=/etc/k.pem&server_name=t.test&keepalive_count=9",
            TlsAddress(
                "t",
                22001,
                keepalive_count=9,
                ca="/etc/ca.pem",
                cert="/etc/c.pem",
                key="/etc/k.pem",
                server_name="t.test",
            ),
        ),
        ("rfc2217://box:2217?baudrate=19200", Rfc2217Address("box", 2217, baudrate=19200)),
        ("memory://terminal%201", MemoryAddress("terminal 1")),
    ],
)
def test_an_address_is_read_and_written_back(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


def test_only_what_differs_from_the_default_is_written() -> None:
    assert str(SerialAddress("/dev/ttyUSB0")) == "serial:///dev/ttyUSB0"
    assert str(SerialAddress("/dev/ttyUSB0", stopbits=1)) == "serial:///dev/ttyUSB0?stopbits=1"
    assert str(TcpAddress("2001:db8::7", 1)) == "tcp://[2001:db8::7]:1"
    assert str(TlsAddress("t", 1, ca="/a/b.pem")) == "tls://t:1?ca=/a/b.pem"
    assert str(Rfc2217Address("::1", 5, 1200)) == "rfc2217://[::1]:5?baudrate=1200"
    assert str(MemoryAddress("a b")) == "memory://a%20b"


def test_a_default_port_stands_in() -> None:
    assert parse_address("tcp://t", default_port=20007) == TcpAddress("t", 20007)
    assert parse_address("tcp://[::1]?keepalive_count=4", default_port=7) == TcpAddress(
        "::1", 7, keepalive_count=4
    )
    assert parse_address("tcp://t:1", default_port=20007) == TcpAddress("t", 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("/dev/ttyUSB0", "has no scheme; did you mean serial:///dev/ttyUSB0?"),
        ("192.0.2.7:20007", "did you mean tcp://192.0.2.7:20007?"),
        ("terminal", "as in serial:///dev/ttyUSB0 or tcp://"),
        ("terminal:", "as in serial:///dev/ttyUSB0 or tcp://"),
        ("serail:///dev/ttyUSB0", "unknown scheme 'serail'; did you mean 'serial'?"),
        ("http://x", "unknown scheme 'http' (there are: serial, tcp, tls, rfc2217, ble, memory)"),
        ("serial://dev/ttyUSB0", "three slashes: serial:///dev/ttyUSB0"),
        ("serial:///", "names no port"),
        ("serial://", "names no port"),
        ("serial:///dev/serial/by-id/", "names no port"),
        ("serial:///dev/ttyS0#1", "write # as %23"),
        ("tcp://user@t:1", "USER@"),
        ("tcp://t", "names no port, as in tcp://t:20007"),
        ("tcp://t:0", "names no port"),
        ("tcp://:1", "names no host"),
        ("tcp://a..b:1", "'a..b' cannot be a host's name"),
        ("tcp://t:x", "is no address: Port"),
        ("tcp://t:70000", "is no address: Port out of range"),
        ("tcp://[::1", "is no address"),
        ("tcp://t:1/path", "nothing may follow the port"),
        ("memory://", "memory://NAME"),
        ("memory://a/b", "memory://NAME"),
        ("memory://a?b=1", "unknown key 'b' (it takes none)"),
        ("serial:///dev/ttyS0?baud=9600", "unknown key 'baud'; did you mean 'baudrate'?"),
        ("serial:///dev/ttyS0?speed=9600", "unknown key 'speed' (there are: baudrate, bytesize"),
        ("tcp://t:1?ca=/x", "unknown key 'ca'"),
        ("serial:///dev/ttyS0?baudrate=1&baudrate=2", "whole number from 50 to 4000000, not '1'"),
        ("serial:///dev/ttyS0?baudrate=300&baudrate=300", "says 'baudrate' twice"),
        ("serial:///dev/ttyS0?baudrate", "KEY=VALUE"),
        ("serial:///dev/ttyS0?baudrate=", "whole number"),
        ("serial:///dev/ttyS0?baudrate=9600.0", "whole number"),
        ("serial:///dev/ttyS0?parity=even", "parity is one of N, E, O, M, S, not 'even'"),
        ("serial:///dev/ttyS0?bytesize=9", "bytesize is one of 5, 6, 7, 8, not '9'"),
        ("serial:///dev/ttyS0?stopbits=3", "stopbits is one of 1, 1.5, 2, not '3'"),
        ("tls://t:1?ca=ca.pem", "ca is the absolute path of a file, not 'ca.pem'"),
        ("tls://t:1?cert=/c.pem", "needs both cert and key"),
    ],
)
def test_what_leads_nowhere_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    assert says in str(caught.value)
    assert repr(text) in str(caught.value)


@given(st.one_of(st.text(), st.builds("{}://{}".format, st.sampled_from(SCHEMES), st.text())))
def test_whatever_is_written_gives_an_address_or_a_reason(text: str) -> None:
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert parse_address(str(address)) == address
