"""Kinds of terminals."""

import pytest

from drivers.simulators.zvt_terminal.profiles import PROFILES, ProfileError, profile_named


def test_each_has_a_name_and_a_summary() -> None:
    assert len(PROFILES) >= 15
    for name, profile in PROFILES.items():
        assert profile.name == name
        assert profile.summary
        assert len(bytes.fromhex(profile.terminal_id)) == 4


def test_names_are_looked_up() -> None:
    assert profile_named("valina").flat_tags
    with pytest.raises(ProfileError, match="did you mean 'valina'"):
        profile_named("valinna")
    with pytest.raises(ProfileError, match="there are: standard"):
        profile_named("qqqqqq")
