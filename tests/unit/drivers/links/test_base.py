"""Tests of how links fail."""

import errno
import socket

import pytest

from drivers.contract import DriverError, LinkError, NotStartedError
from drivers.links.base import Cause, LinkLostError, LinkNotOpenedError, cause_of


def test_a_link_that_was_not_opened_is_doubt_until_the_driver_says_otherwise() -> None:
    error = LinkNotOpenedError("no port", cause=Cause.ABSENT)
    assert isinstance(error, LinkError)
    assert isinstance(error, DriverError)
    assert not isinstance(error, NotStartedError)
    assert (str(error), error.code, error.permanent) == ("no port", "link_absent", False)
    assert LinkNotOpenedError("no library", cause=Cause.UNSUPPORTED).permanent


def test_a_loss_is_told_again_in_a_new_exception() -> None:
    loss = LinkLostError("pulled")
    again = loss.again()
    assert again is not loss
    assert (str(again), again.code, again.cause) == ("pulled", "link_lost", Cause.LOST)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (FileNotFoundError(errno.ENOENT, ""), Cause.ABSENT),
        (OSError(errno.EIO, ""), Cause.ABSENT),
        (BlockingIOError(errno.EAGAIN, ""), Cause.BUSY),
        (PermissionError(errno.EACCES, ""), Cause.DENIED),
        (OSError(errno.ENOTTY, ""), Cause.UNSUITED),
        (ConnectionRefusedError(errno.ECONNREFUSED, ""), Cause.REFUSED),
        (TimeoutError(errno.ETIMEDOUT, ""), Cause.TIMEOUT),
        (TimeoutError(), Cause.TIMEOUT),
        (OSError(errno.EHOSTUNREACH, ""), Cause.UNREACHABLE),
        (OSError("several at once"), Cause.UNREACHABLE),
        (socket.herror(), Cause.UNREACHABLE),
    ],
)
def test_error_numbers_become_causes(error: OSError, cause: Cause) -> None:
    assert cause_of(error) is cause
