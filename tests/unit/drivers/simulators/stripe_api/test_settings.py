"""The settings' defaults are the documented behaviour."""

import dataclasses

import pytest

from drivers.simulators.stripe_api.settings import SimulatorSettings


def test_defaults_and_immutability() -> None:
    settings = SimulatorSettings()
    assert (settings.offline_after_s, settings.confirm_within_s, settings.inputs_within_s) == (120, 30, 120)
    assert (settings.terminal_error_status, settings.rate_limit, settings.busy_s) == (400, None, 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.busy_s = 1.0  # type: ignore[misc]  # that is the point
