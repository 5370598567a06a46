"""Which loop a test runs on: virtual time by default, the ordinary loop for `real_time`; and clean logs."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping

import pytest

from drivers.simulators.virtual_time import VirtualTimeLoop

pytest_plugins = ["tests.plugins.require_all"]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """One loop a test, chosen by its marker."""
    del config
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.new_event_loop}
    return {"virtual": VirtualTimeLoop}


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A test that sets up logging as a program does leaves nothing of it to the next one."""
    watched = [logging.getLogger(name) for name in (None, "aiohttp.access", "asyncio")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in watched]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
