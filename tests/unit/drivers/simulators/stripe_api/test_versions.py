"""API versions."""

import pytest

from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.versions import CURRENT, VERSIONS, read_version


def test_versions_are_read() -> None:
    assert read_version(None) == read_version("") == CURRENT == VERSIONS[-1]
    assert read_version("2026-10-28.endive; terminal_hardware_orders_beta=v5") == CURRENT
    assert list(VERSIONS) == sorted(VERSIONS)
    for wrong in ("2026-10-28", "latest", "2026-10-29.endive"):
        with pytest.raises(ApiError):
            read_version(wrong)
