"""What a reader's options mean, and what is wrong with the rest."""

import pytest

from drivers.contract import ReaderConfig, ReaderName
from drivers.links.address import AddressError, SerialAddress, TcpAddress
from drivers.readers.zvt_options import Setup, ZvtOptionsError, setup_of
from drivers.readers.zvt_profiles import Habit, Reversals
from drivers.readers.zvt_timing import TimingError
from drivers.zvt.charset import Charset


def setup(link: str = "tcp://192.0.2.7", **options: str) -> Setup:
    return setup_of(ReaderConfig(ReaderName("till-9"), "zvt", {"link": link, **options}))


def test_an_address_is_enough() -> None:
    made = setup()
    assert made.address == TcpAddress("192.0.2.7", 20007)
    assert (made.name, made.profile.name, made.password, made.currency) == (
        "till-9",
        "standard",
        "000000",
        978,
    )
    assert not made.framed


def test_the_profile_knows_port_and_password() -> None:
    assert setup(profile="feig-cvend").address == TcpAddress("192.0.2.7", 22000)
    assert setup(profile="card-complete").password == "123456"


def test_serial_settings_come_from_the_address_before_the_profile() -> None:
    link = "serial:///dev/ttyUSB0"
    for made, stopbits in (
        (setup(link), 2.0),
        (setup(link, profile="serial-8n1"), 1.0),
        (setup(f"{link}?stopbits=2", profile="serial-8n1"), 2.0),
    ):
        assert isinstance(made.address, SerialAddress)
        assert made.address.stopbits == stopbits
        assert made.framed
    fast = setup(f"{link}?baudrate=115200").address
    assert isinstance(fast, SerialAddress)
    assert fast.baudrate == 115200
    assert setup("rfc2217://192.0.2.7:4000").framed


def test_a_bluetooth_bridge_carries_serial_frames_unless_told_otherwise() -> None:
    bridge = "ble://AA:BB:CC:DD:EE:FF"
    assert setup(bridge).framed
    assert not setup(bridge, framing="bare").framed
    assert setup("tcp://192.0.2.7", framing="serial").framed
    with pytest.raises(ZvtOptionsError, match="framing is serial or bare, not 'dle'"):
        setup(bridge, framing="dle")


def test_each_habit_can_be_overridden() -> None:
    made = setup(
        config="BA",
        charset="iso8859-1",
        connection="transaction",
        reversals="last",
        tips="true",
        sequence_ids="false",
        currency="chf",
        password="654321",
        t3_s="2",
    )
    profile = made.profile
    assert int(profile.config) == 0xBA
    assert profile.charset is Charset.LATIN_1
    assert (profile.habit, profile.reversals) == (Habit.TRANSACTION, Reversals.LAST)
    assert (profile.tips, profile.sequence_ids) == (True, False)
    assert (made.currency, made.password, made.timing.t3_s) == (756, "654321", 2.0)
    assert setup(charset="auto").profile.charset is None
    assert setup(ask_charset="utf-8").profile.ask_charset is Charset.UTF_8


def test_a_password_is_never_shown() -> None:
    assert "654321" not in repr(setup(password="654321"))
    with pytest.raises(ZvtOptionsError, match="password has six digits") as caught:
        setup(password="65432")
    assert "65432" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profle": "x"}, "did you mean 'profile'"),
        ({"zzzzzzzz": "x"}, "there are: "),
        ({"profile": "x"}, "unknown profile 'x'"),
        ({"config": "B"}, "config is one byte in hex"),
        ({"config": "XX"}, "config is one byte in hex"),
        ({"charset": "klingon"}, "charset is auto or one of"),
        ({"ask_charset": "auto"}, "ask_charset is one of"),
        ({"ask_charset": "zvt-7bit"}, "ask_charset is one of"),
        ({"connection": "never"}, "connection is one of lasting, transaction"),
        ({"reversals": "some"}, "reversals is one of any, last, none"),
        ({"tips": "yes"}, "tips is true or false"),
        ({"currency": "xyz"}, "unknown currency 'xyz'"),
        ({"password": "abcdef"}, "password has six digits"),
    ],
)
def test_what_nobody_understands_is_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ZvtOptionsError, match=message):
        setup(**options)


def test_other_errors_say_what_they_are() -> None:
    with pytest.raises(ZvtOptionsError, match="'link' is missing"):
        setup("")
    with pytest.raises(AddressError):
        setup("tcp:/nowhere")
    with pytest.raises(TimingError):
        setup(t3_s="x")
