"""The table of registers, and that gateway.yaml knows the same names."""

from typing import get_args

from agent.pos.register.profiles import PROFILES, STANDARD
from agent.settings import RegisterProfile


def test_gateway_yaml_knows_every_profile_and_no_other() -> None:
    assert set(get_args(RegisterProfile)) == set(PROFILES)


def test_every_profile_says_what_it_is_for_and_differs() -> None:
    assert all(profile.text for profile in PROFILES.values())
    assert len(set(PROFILES.values())) == len(PROFILES)


def test_without_signs_of_life_a_sale_ends_before_the_registers_t4() -> None:
    assert all(profile.silent_s < 180 for profile in PROFILES.values())
    assert STANDARD.repeated_orders in {"asked", "same-amount", "never"}
