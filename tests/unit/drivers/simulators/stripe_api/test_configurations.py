"""Configurations: their sections, their rules, the account's default."""

from typing import Any

import pytest

from drivers.simulators.stripe_api.configurations import account_default, effective
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.wire import SimRequest
from tests.unit.drivers.simulators.stripe_api.caller import Caller

PATH = "/v1/terminal/configurations"
PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


async def upload(api: Caller, purpose: str, content: bytes) -> str:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n' + purpose.encode() + b"\r\n--x\r\n"
        b'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + content + b"\r\n--x--\r\n"
    )
    headers = api.headers | {"content-type": "multipart/form-data; boundary=x"}
    return str((await api.simulator.handle(SimRequest("POST", "/v1/files", headers, body))).json()["id"])


async def test_the_default_is_always_there(api: Caller) -> None:
    (default,) = (await api.get(PATH))["data"]
    assert default["is_account_default"] is True
    assert (await api.get(PATH, is_account_default=False))["data"] == []
    assert "cannot be deleted" in (await api.error("DELETE", f"{PATH}/{default['id']}"))["message"]
    changed = await api.post(f"{PATH}/{default['id']}", offline={"enabled": True})
    assert changed["offline"] == {"enabled": True}


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"reboot_window": {"start_hour": 3, "end_hour": 3}}, "reboot_window[end_hour]"),
        ({"reboot_window": {"start_hour": 3, "end_hour": 24}}, "reboot_window[end_hour]"),
        ({"reboot_window": {"start_hour": 3}}, "reboot_window[end_hour]"),
        (
            {"tipping": {"eur": {"percentages": [1, 2, 3]}, "usd": {"fixed_amounts": [1, 2, 3]}}},
            "tipping[usd]",
        ),
        ({"tipping": {"eur": {"percentages": [1, 2]}}}, "tipping[eur][percentages]"),
        (
            {"tipping": {"eur": {"percentages": [1, 2, 3], "smart_tip_threshold": 5}}},
            "tipping[eur][smart_tip_threshold]",
        ),
        ({"tipping": {"xyz": {"percentages": [1, 2, 3]}}}, "tipping[xyz]"),
        ({"wifi": {"type": "personal_psk"}}, "wifi[personal_psk]"),
        (
            {
                "wifi": {
                    "type": "personal_psk",
                    "personal_psk": {"ssid": "a", "password": "b"},
                    "enterprise_eap_peap": {"ssid": "a", "username": "u", "password": "b"},
                }
            },
            "wifi[enterprise_eap_peap]",
        ),
        (
            {"wifi": {"type": "personal_psk", "personal_psk": {"ssid": "a", "password": "b" * 64}}},
            "wifi[personal_psk][password]",
        ),
        ({"stripe_s700": {"splashscreen": "file_none"}}, "stripe_s700[splashscreen]"),
        ({"name": "x" * 101}, "name"),
    ],
)
async def test_settings_have_rules(api: Caller, params: Any, param: str) -> None:
    assert (await api.error("POST", PATH, **params))["param"] == param


async def test_an_empty_tipping_entry_is_refused(simulator: StripeSimulator) -> None:
    headers = {"authorization": "Bearer sk_test_one"}
    answer = await simulator.handle(SimRequest("POST", PATH, headers, b"tipping[eur]="))
    assert answer.json()["error"]["param"] == "tipping[eur]"


async def test_an_empty_section_is_inherited_again(api: Caller) -> None:
    sections: Any = {
        "tipping": {"eur": {"percentages": [1, 2, 3]}},
        "offline": {"enabled": True},
        "cellular": {"enabled": True},
        "reader_security": {"admin_menu_passcode": "12345"},
        "reboot_window": {"start_hour": 1, "end_hour": 2},
        "wifi": {"type": "personal_psk", "personal_psk": {"ssid": "a", "password": "secret"}},
    }
    made = await api.post(PATH, name="A", **sections)
    assert made["wifi"] == sections["wifi"]
    assert made["tipping"]["eur"] == {"fixed_amounts": None, "percentages": [1, 2, 3]}
    cleared = await api.post(f"{PATH}/{made['id']}", **dict.fromkeys(sections, ""))
    assert set(cleared) == {"id", "object", "is_account_default", "livemode", "name"}
    passcode = await api.post(f"{PATH}/{made['id']}", reader_security={"admin_menu_passcode": ""})
    assert "reader_security" not in passcode


async def test_files_must_fit_their_purpose(api: Caller) -> None:
    certificate = await upload(api, "terminal_wifi_certificate", PEM)
    key = await upload(api, "terminal_wifi_private_key", PEM)
    picture = await upload(api, "terminal_reader_splashscreen", b"GIF89a" + bytes(10))
    wifi: Any = {
        "type": "enterprise_eap_tls",
        "enterprise_eap_tls": {"ssid": "a", "client_certificate_file": certificate, "private_key_file": key},
    }
    made = await api.post(PATH, wifi=wifi, stripe_s700={"splashscreen": picture})
    assert made["stripe_s700"]["splashscreen"] == picture
    shown = await api.get(f"{PATH}/{made['id']}", expand=["stripe_s700.splashscreen"])
    assert shown["stripe_s700"]["splashscreen"]["purpose"] == "terminal_reader_splashscreen"
    error = await api.error("POST", PATH, stripe_s700={"splashscreen": key})
    assert error["param"] == "stripe_s700[splashscreen]"
    wifi["enterprise_eap_tls"]["private_key_file"] = certificate
    error = await api.error("POST", PATH, wifi=wifi)
    assert error["param"] == "wifi[enterprise_eap_tls][private_key_file]"
    assert "stripe_s700" not in await api.post(f"{PATH}/{made['id']}", stripe_s700={"splashscreen": ""})


async def test_deleting_falls_back_to_the_default(api: Caller) -> None:
    made = await api.post(PATH, name="A")
    location = await api.location(configuration_overrides=made["id"])
    await api.location()
    assert (await api.delete(f"{PATH}/{made['id']}"))["deleted"] is True
    assert "configuration_overrides" not in await api.get(f"/v1/terminal/locations/{location}")
    assert (await api.get(f"{PATH}/{made['id']}"))["deleted"] is True
    await api.error("GET", f"{PATH}/tmc_none", 404)


async def test_settings_are_inherited_one_by_one(api: Caller, simulator: StripeSimulator) -> None:
    default = (await api.get(PATH))["data"][0]["id"]
    await api.post(f"{PATH}/{default}", offline={"enabled": True}, cellular={"enabled": False})
    made = await api.post(PATH, cellular={"enabled": True})
    location = await api.location(configuration_overrides=made["id"])
    world, account = simulator.world, simulator.world.account("one")
    record = account.find("terminal.location", location)
    assert effective(world, account, record, "cellular") == {"enabled": True}
    assert effective(world, account, record, "offline") == {"enabled": True}
    assert effective(world, account, None, "cellular") == {"enabled": False}
    assert effective(world, account, record, "tipping") is None
    assert account_default(world, account).id == default
