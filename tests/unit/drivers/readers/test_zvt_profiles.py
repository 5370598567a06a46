"""Profiles are data that fit together."""

from drivers.readers.zvt_profiles import BLOCK_PRINT, BUILT_HERE, PROFILES, STANDARD, TERMINAL_PRINTS, Profile


def test_config_bytes_are_those_of_the_field() -> None:
    assert (int(BLOCK_PRINT), int(BUILT_HERE), int(TERMINAL_PRINTS)) == (0xBE, 0x3E, 0x38)


def test_every_profile_is_found_by_its_name() -> None:
    assert all(PROFILES[profile.name] is profile for profile in PROFILES.values())
    assert Profile("standard", STANDARD.summary) == STANDARD


def test_passwords_have_six_digits() -> None:
    assert all(len(profile.password) == 6 and profile.password.isdigit() for profile in PROFILES.values())


def test_what_needs_tlv_is_only_asked_of_those_that_have_it() -> None:
    assert all(
        profile.tlv or not (profile.sequence_ids or profile.unique_ids) for profile in PROFILES.values()
    )


def test_who_cannot_repeat_has_another_way() -> None:
    assert all(profile.repeat_receipt or profile.totals for profile in PROFILES.values())
