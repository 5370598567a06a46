"""What is refused in fleet files, each with its place, and what good files come to."""

from pathlib import Path
from typing import Any

import pytest

from agent import documents
from agent.documents import ProblemsError
from agent.fleet.declaration import declare
from agent.fleet.model import DesiredState, Purpose, SecretValue, Upload

EXAMPLES = Path(__file__).parents[4] / "config" / "fleet"
LOCATION = """\
apiVersion: tillgate/v1
kind: Location
metadata: {name: berlin}
spec:
  display_name: Berlin
  address: {line1: S 1, city: Berlin, postal_code: "10117", country: DE}
"""


def read(text: str) -> DesiredState:
    return declare(documents.parse(text, "/shop/fleet.yaml"))


def problems(text: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        read(text)
    return [line.removeprefix("/shop/fleet.yaml:") for line in str(caught.value).splitlines()]


def location(spec: str) -> str:
    return f"apiVersion: tillgate/v1\nkind: Location\nmetadata: {{name: a}}\nspec: {spec}\n"


def configuration(spec: str, name: str = "c", more: str = "") -> str:
    return f"apiVersion: tillgate/v1\nkind: Configuration\nmetadata: {{name: {name}{more}}}\nspec: {spec}\n"


def reader(spec: str, name: str = "r") -> str:
    return f"apiVersion: tillgate/v1\nkind: Reader\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def test_the_examples_are_good() -> None:
    found = [each for path in sorted(EXAMPLES.glob("*.yaml")) for each in documents.load(path)]
    state = declare(found)
    assert set(state.locations) == {"berlin-mitte"}
    assert state.readers["till-3"].options == {"link": "tcp://192.0.2.10:20007"}
    splash = state.configurations["default-de"].sections["stripe_s700", "splashscreen"]
    assert splash == Upload(Purpose.SPLASHSCREEN, f"file:{EXAMPLES / 'splash.png'}")


def test_a_state_in_facts() -> None:
    state = read(
        LOCATION
        + "  configuration: c\n  metadata: {erp: '17'}\n---\n"
        + configuration(
            "{name: Tips, wifi: {type: enterprise_eap_tls, enterprise_eap_tls: {ssid: S, "
            "client_certificate_file: c.pem, "
            "private_key_file: {credential: key}, private_key_file_password: {file: pw}, "
            "ca_certificate_file: {file: /etc/ca.pem}}}}"
        )
        + "---\n"
        + reader("{location: berlin, driver: stripe, serial_number: S1, metadata: {a: b}}")
        + "---\n"
        + reader("{location: berlin, driver: vendor-x, link: 'ble://AA', options: {speed: '1'}}", "r2")
    )
    berlin = state.locations["berlin"]
    assert berlin.fields["address", "postal_code"] == "10117"
    assert (berlin.configuration, berlin.metadata, berlin.id) == ("c", {"erp": "17"}, "")
    assert berlin.place == ("/shop/fleet.yaml", 3, 18)
    tips = state.configurations["c"]
    assert tips.stripe_name == "Tips"
    assert tips.sections == {
        ("wifi", "type"): "enterprise_eap_tls",
        ("wifi", "enterprise_eap_tls", "ssid"): "S",
        ("wifi", "enterprise_eap_tls", "client_certificate_file"): Upload(
            Purpose.WIFI_CERTIFICATE, "file:/shop/c.pem"
        ),
        ("wifi", "enterprise_eap_tls", "private_key_file"): Upload(
            Purpose.WIFI_PRIVATE_KEY, "credential:key"
        ),
        ("wifi", "enterprise_eap_tls", "private_key_file_password"): SecretValue("file:/shop/pw"),
        ("wifi", "enterprise_eap_tls", "ca_certificate_file"): Upload(
            Purpose.WIFI_CERTIFICATE, "file:/etc/ca.pem"
        ),
    }
    assert state.readers["r"].serial_number == "S1"
    assert state.readers["r2"].options == {"speed": "1", "link": "ble://AA"}


def test_ids_that_export_wrote_are_kept_and_old_addresses_believed() -> None:
    state = read(
        "apiVersion: tillgate/v1\nkind: Location\nmetadata: {name: a, id: tml_1}\n"
        "spec: {display_name: A, address: {country: BR}}\n---\n"
        + configuration("{}", more=", id: tmc_1")
        + "---\n"
        + configuration("{name: c}", "d", ", id: tmc_2")
    )
    assert state.locations["a"].id == "tml_1"
    assert state.configurations["c"].stripe_name == ""
    assert state.configurations["d"].stripe_name == "c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n", "1:1: `kind` is missing: Location, Configuration, Reader"),
        ("[]\n", "1:1: `kind` is missing: Location, Configuration, Reader"),
        ("kind: Store\n", "1:7: `kind` must be one of Location, Configuration, Reader"),
        ("kind: 5\n", "1:7: `kind` must be one of Location, Configuration, Reader"),
        (LOCATION.replace("v1", "v2"), "1:13: `apiVersion` must be 'tillgate/v1'"),
        (LOCATION.replace("berlin}", "Berlin Mitte}"), "3:18: `name`: string should match pattern"),
        (
            LOCATION.replace("display_name", "displayname"),
            "5:3: unknown key `displayname`, did you mean `display_name`?",
        ),
        (LOCATION.replace('"10117"', "10117"), "6:52: `postal_code` must be text: put it in quotes"),
        (
            LOCATION.replace("S 1", "'" + "x" * 501 + "'"),
            "6:20: `line1`: string should have at most 500 characters",
        ),
        (
            location("{address: {line1: x, city: y, postal_code: z, country: DE}}"),
            "4:7: `display_name` is missing",
        ),
        (location("{display_name: x}"), "4:7: `address` is missing"),
        (location("{}"), "4:7: `address` is missing"),
        (
            location("{display_name: x, address: {country: DE, line1: a, city: b}}"),
            "4:34: `postal_code` is required in DE",
        ),
        (
            location("{display_name: x, address: {country: US, line1: a, city: b, postal_code: c}}"),
            "4:34: `state` is required in US",
        ),
        (
            location("{display_name: x, address: {country: IE, line1: a}}"),
            "4:34: `postal_code` is required in IE",
        ),
        (location("{display_name: x, address: {country: GI}}"), "4:34: `line1` is required in GI"),
        (
            location("{display_name: x, address: {country: XX, line1: a}}"),
            "4:44: Stripe Terminal is not available in `XX`",
        ),
        (
            location("{display_name: x, address: {country: de, line1: a}}"),
            "4:44: `country`: string should match pattern",
        ),
        (
            location("{display_name: x, address: {country: JP, line1: a}}"),
            "4:25: in Japan give `address_kana` or `address_kanji`",
        ),
        (
            location("{address_kanji: {country: JP}}"),
            "4:7: give `display_name`, `display_name_kana` or `display_name_kanji`",
        ),
        (
            location("{display_name: x, metadata: {tillgate_name: y}}"),
            "4:35: metadata key `tillgate_name`: keys that begin with",
        ),
        (LOCATION + "  configuration: nope\n", "7:18: there is no Configuration `nope` in these files"),
        (
            LOCATION + "  configuration: c\n---\n" + configuration("{is_account_default: true}"),
            "7:18: the account's default applies without being named",
        ),
        (
            LOCATION + "---\n" + LOCATION,
            "10:18: Location `berlin` is already declared at /shop/fleet.yaml:3:18",
        ),
        (
            configuration("{name: x}") + "---\n" + configuration("{name: x}", "d"),
            "9:14: another Configuration has the name `x`: /shop/fleet.yaml:1:1",
        ),
        (
            configuration("{is_account_default: true}")
            + "---\n"
            + configuration("{is_account_default: true}", "d"),
            "9:28: the account has one default, already declared at /shop/fleet.yaml:1:1",
        ),
        (reader("{location: nope, driver: stripe}"), "4:18: there is no Location `nope` in these files"),
        (
            LOCATION + "---\n" + reader("{location: berlin, driver: stripe, link: 'tcp://h:1'}"),
            "11:42: `link` has no meaning here",
        ),
        (
            LOCATION + "---\n" + reader("{location: berlin, driver: zvt}"),
            "11:7: `link` is missing: how is this zvt reader reached?",
        ),
        (
            LOCATION + "---\n" + reader("{location: berlin, driver: zvt, link: 'tcp://h', label: x}"),
            "11:56: `label` has no meaning here: only readers of driver stripe are registered, not zvt",
        ),
        (
            LOCATION + "---\n" + reader("{location: berlin, driver: zvt, link: nowhere}"),
            "11:45: `link`: string should match pattern",
        ),
        (LOCATION + "---\n" + reader("{location: berlin}"), "11:1: `driver` is missing"),
        (
            LOCATION + "---\n" + reader("{location: berlin, driver: stripe, regsitration_code: x}"),
            "11:42: unknown key `regsitration_code`, did you mean `registration_code`?",
        ),
        (
            configuration("{tipping: {eur: {percentages: [1, 2]}}}"),
            "4:37: the reader shows three suggestions: give 3, not 2",
        ),
        (
            configuration("{tipping: {eur: {percentages: [1, 2, 101]}}}"),
            "4:44: `percentages[2]` must be less than or equal to 100",
        ),
        (
            configuration("{tipping: {eur: {percentages: [1, 2, 3.5]}}}"),
            "4:44: `percentages[2]` must be a valid integer",
        ),
        (configuration("{tipping: {eur: {}}}"), "4:23: give `fixed_amounts`, `percentages` or both"),
        (configuration("{tipping: {}}"), "4:17: `tipping` names no currency: leave it out to inherit"),
        (
            configuration("{tipping: {eur: {percentages: [1, 2, 3]}, usd: {fixed_amounts: [1, 2, 3]}}}"),
            "4:17: Stripe wants the same keys for every currency: eur has percentages; usd has fixed_amounts",
        ),
        (
            configuration("{tipping: {eur: {percentages: [1, 2, 3], smart_tip_threshold: 5}}}"),
            "4:23: `smart_tip_threshold` needs both",
        ),
        (configuration("{tipping: {xyz: {percentages: [1, 2, 3]}}}"), "4:18: unknown key `xyz`"),
        (
            configuration("{reboot_window: {start_hour: 3, end_hour: 3}}"),
            "4:23: `start_hour` and `end_hour` must differ",
        ),
        (
            configuration("{reboot_window: {start_hour: 3, end_hour: 24}}"),
            "4:49: `end_hour` must be less than or equal to 23",
        ),
        (configuration("{offline: {enabled: 'yes'}}"), "4:27: `enabled` must be a valid boolean"),
        (
            configuration("{stripe_s700: {splashscreen: logo.bmp}}"),
            "4:36: `splashscreen` must be the path of a .png",
        ),
        (
            configuration("{reader_security: {admin_menu_passcode: '12345'}}"),
            "4:47: a secret in the clear: put it in a file",
        ),
        (
            configuration("{wifi: {type: personal_psk, personal_psk: {ssid: x, password: hunter2}}}"),
            "4:69: a secret in the clear: put it in a file",
        ),
        (
            configuration("{wifi: {type: personal_psk}}"),
            "4:14: `wifi` of type personal_psk has exactly one section",
        ),
        (
            configuration(
                "{wifi: {type: enterprise_eap_tls, enterprise_eap_tls: {ssid: x, "
                "client_certificate_file: a.pem, "
                "private_key_file: key.pem}}}"
            ),
            "4:121: a private key is a secret: write {file: PATH} or {credential: NAME}",
        ),
        (
            configuration(f"{{name: '{'x' * 101}'}}"),
            "4:14: `name`: string should have at most 100 characters",
        ),
    ],
)
def test_refused_with_its_place(text: str, expected: str) -> None:
    found = problems(text)
    assert found[0].startswith(expected), found
    assert all("hunter2" not in line and "12345" not in line for line in found)


def test_a_file_id_of_a_key_is_no_secret() -> None:
    state = read(
        configuration(
            "{wifi: {type: enterprise_eap_tls, enterprise_eap_tls: {ssid: x, "
            "client_certificate_file: file_1, "
            "private_key_file: file_2}}}"
        )
    )
    assert state.configurations["c"].sections["wifi", "enterprise_eap_tls", "private_key_file"] == "file_2"


def test_problems_of_all_documents_come_in_order() -> None:
    found = problems(reader("{location: nope, driver: zvt}") + "---\n" + LOCATION.replace("Berlin\n", "5\n"))
    assert [line.split(":")[0] for line in found] == ["4", "10"]
    assert "there is no Location" not in "".join(found)  # the broken one may be it


def test_no_documents_are_no_wishes() -> None:
    nothing: list[Any] = []
    assert declare(nothing) == DesiredState()


def test_two_configurations_of_one_declared_name_are_refused_once() -> None:
    assert len(problems(configuration("{}") + "---\n" + configuration("{}"))) == 1
