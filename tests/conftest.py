"""Which loop a test runs on: virtual time by default, the ordinary loop for `real_time`."""

import asyncio
from collections.abc import Callable, Mapping

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
