"""What a terminal may send."""

import pytest

from drivers.zvt.commands.setup import Registration
from drivers.zvt.config import Config
from drivers.zvt.errors import LocalProtocolError
from drivers.zvt.fields import container
from drivers.zvt.message import Message
from drivers.zvt.permits import Permits


def permits(config: int = 0xBE, *, permitted: tuple[int, ...] = (), box: bool = False) -> Permits:
    return Permits.of(Registration("000000", Config(config), permitted=permitted, container=box))


@pytest.mark.parametrize("command", [0x040F, 0x060F, 0x061E, 0x8000, 0x84A0])
def test_some_need_no_permission(command: int) -> None:
    assert permits(0x00, box=True).allows(command)


def test_intermediate_status_hangs_on_the_config_byte() -> None:
    assert permits(0x08).allows(0x04FF)
    assert permits(0x08, permitted=(0x06D3,)).allows(0x04FF)
    assert not permits(0xB6).allows(0x04FF)


def test_without_a_container_the_old_commands_are_allowed() -> None:
    assert permits().allows(0x06D1)
    assert permits().allows(0x0401)
    assert not permits().allows(0x06D3)
    assert not permits().allows(0x040D)


def test_with_a_container_only_what_is_listed() -> None:
    assert not permits(box=True).allows(0x06D1)
    assert permits(permitted=(0x06D3, 0x040D)).allows(0x040D)
    assert not permits(permitted=(0x06D3,)).allows(0x0401)


def test_print_commands() -> None:
    assert permits().print_command == 0x06D1
    assert permits(permitted=(0x06D3,)).print_command == 0x06D3
    assert permits(0x86).prints(payment=True)
    assert permits(0x86).prints(payment=False)
    assert not permits(0x84).prints(payment=True)
    assert not permits(0x06).prints(payment=True)
    assert not permits(0x86, box=True).prints(payment=True)


def test_what_is_not_allowed_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="did not permit 04FF"):
        permits(0x00).require(Message(0x04FF))
    boxed = Message(0x040F, fields=(container(),))
    with pytest.raises(LocalProtocolError, match="takes none"):
        permits().require(boxed)
    permits().require(boxed, container_in_request=True)
    permits(box=True).require(boxed)
    permits().require(Message(0x040F))


def test_nobody_registered() -> None:
    assert not Permits().registered
    assert int(Permits().config) == 0x86
    assert permits().registered
