"""The ways Bluetooth devices carry bytes are data: complete, and in bleak's own notation."""

from uuid import UUID

import pytest

from drivers.links.ble_profiles import PROFILES, uuid_of


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_are_written_as_bleak_gives_them(name: str) -> None:
    profile = PROFILES[name]
    assert profile.name == name
    for uuid in (profile.service, profile.write, profile.notify):
        assert uuid == str(UUID(uuid))


def test_short_and_long_uuids() -> None:
    assert uuid_of("FFE0") == "0000ffe0-0000-1000-8000-00805f9b34fb"
    assert uuid_of("6E400001-B5A3-F393-E0A9-E50E24DCCA9E") == PROFILES["nus"].service
    for wrong in ("ffe", "xxxx", "6e400001"):
        with pytest.raises(ValueError, match="is a UUID"):
            uuid_of(wrong)
