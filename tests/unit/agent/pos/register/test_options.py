"""What the door needs to know of a register."""

from agent.payments.model import TillName
from agent.pos.register.options import RegisterOptions
from agent.pos.register.profiles import STANDARD
from agent.secret import Secret
from drivers.contract import ReaderName


def test_little_must_be_said_and_the_password_does_not_show() -> None:
    options = RegisterOptions(TillName("kasse-1"), ReaderName("till-1"), password=Secret("123456"))
    assert (options.profile, options.currencies, options.language) == (STANDARD, ("eur",), "de")
    assert "123456" not in repr(options)
