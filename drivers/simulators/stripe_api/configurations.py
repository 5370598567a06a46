"""Configurations: what readers show and how they behave, inherited setting by setting."""

from typing import Any, Final

from drivers.simulators.stripe_api import terminal_parameters
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.errors import ApiError, bad_parameter, missing_parameter
from drivers.simulators.stripe_api.shapes import NOTHING, ONLY_EXPAND
from drivers.simulators.stripe_api.store import Account, Body, Page, Record
from drivers.simulators.stripe_api.world import World

KIND: Final = "terminal.configuration"
_WIFI_FILES: Final = {
    "ca_certificate_file": "terminal_wifi_certificate",
    "client_certificate_file": "terminal_wifi_certificate",
    "private_key_file": "terminal_wifi_private_key",
}


def account_default(world: World, account: Account) -> Record:
    """The account's own configuration, made by Stripe at the first look."""
    for record in account.all(KIND):
        if record.body["is_account_default"]:
            return record
    body: Body = {
        "id": world.new_id("tmc_", 14),
        "object": KIND,
        "is_account_default": True,
        "livemode": False,
        "name": None,
    }
    return world.add(account, KIND, body)


def assignable(call: Call, identifier: str) -> str:
    """The id of a configuration a location may take: any but the account's default."""
    record = call.account.find(KIND, identifier, "configuration_overrides", 400)
    if record.body["is_account_default"]:
        raise ApiError(
            "The account default configuration applies to every location already and cannot be assigned "
            "to one.",
            param="configuration_overrides",
        )
    return identifier


def effective(world: World, account: Account, location: Record | None, section: str) -> Any:
    """A section as readers at a location see it: the location's own, else the account's, else None."""
    if location is not None:
        override = account.get(KIND, location.body.get("configuration_overrides") or "")
        if override is not None and section in override.body:
            return override.body[section]
    return account_default(world, account).body.get(section)


def _check_file(call: Call, identifier: str, purpose: str, param: str) -> None:
    record = call.account.find("file", identifier, param, 400)
    if record.body["purpose"] != purpose:
        raise bad_parameter(f"The file must have been uploaded with the purpose {purpose}.", param)


def _check_wifi(call: Call, wifi: Body) -> None:
    kind = wifi["type"]
    if kind not in wifi:
        raise missing_parameter(f"wifi[{kind}]")
    for other in set(wifi) - {"type", kind}:
        raise bad_parameter(f"`wifi[{other}]` does not go with the type {kind}.", f"wifi[{other}]")
    for name, purpose in _WIFI_FILES.items():
        if name in wifi[kind]:
            _check_file(call, wifi[kind][name], purpose, f"wifi[{kind}][{name}]")


def _check_tipping(tipping: Body) -> None:
    keys = {currency: frozenset(tips) for currency, tips in tipping.items()}
    first = next(iter(keys.values()), frozenset())
    for currency, names in keys.items():
        if names != first:
            raise bad_parameter("All currencies must use the same tipping settings.", f"tipping[{currency}]")
        if "smart_tip_threshold" in names and not {"fixed_amounts", "percentages"} <= names:
            raise bad_parameter(
                "A smart tip threshold needs both fixed amounts and percentages.",
                f"tipping[{currency}][smart_tip_threshold]",
            )
        for name in ("fixed_amounts", "percentages"):
            if name in names and len(tipping[currency][name]) != 3:
                raise bad_parameter("Exactly three suggestions are expected.", f"tipping[{currency}][{name}]")


def _tips(tips: Body) -> Body:
    return {"fixed_amounts": tips.get("fixed_amounts"), "percentages": tips.get("percentages")} | {
        key: tips[key] for key in ("smart_tip_threshold",) if key in tips
    }


def _apply(call: Call, body: Body) -> None:
    params = call.params
    if "name" in params:
        body["name"] = params["name"]
    for section in terminal_parameters.DEVICE_SECTIONS:
        if section in params:
            splash = params[section] and params[section].get("splashscreen")
            if splash:
                _check_file(call, splash, "terminal_reader_splashscreen", f"{section}[splashscreen]")
                body[section] = {"splashscreen": splash}
            else:
                body.pop(section, None)
    for section in ("tipping", "offline", "cellular", "reboot_window", "wifi", "reader_security"):
        if section not in params:
            continue
        value = params[section]
        if not value or (section == "reader_security" and not value.get("admin_menu_passcode")):
            body.pop(section, None)
            continue
        if section == "tipping":
            _check_tipping(value)
            value = {currency: _tips(tips) for currency, tips in value.items()}
        elif section == "wifi":
            _check_wifi(call, value)
        elif section == "reboot_window" and value["start_hour"] == value["end_hour"]:
            raise bad_parameter(
                "The reboot window must not start and end in the same hour.", "reboot_window[end_hour]"
            )
        body[section] = value


def create(call: Call) -> Record:
    """`POST /v1/terminal/configurations`."""
    body: Body = {
        "id": "",
        "object": KIND,
        "is_account_default": False,
        "livemode": False,
        "name": None,
    }
    _apply(call, body)
    account_default(call.world, call.account)
    body["id"] = call.world.new_id("tmc_", 14)
    return call.world.add(call.account, KIND, body)


def retrieve(call: Call) -> Record:
    """`GET /v1/terminal/configurations/{id}`: the configuration or what is left of a deleted one."""
    record = call.account.get(KIND, call.target)
    return record if record is not None else call.account.find(KIND, call.target)


def update(call: Call) -> Record:
    """`POST /v1/terminal/configurations/{id}`: an empty section is inherited again."""
    record = call.account.find(KIND, call.target)
    body = dict(record.body)
    _apply(call, body)
    record.body = body
    call.world.touch(record)
    return record


def delete(call: Call) -> Body:
    """`DELETE /v1/terminal/configurations/{id}`: locations fall back to the account's default."""
    record = call.account.find(KIND, call.target)
    if record.body["is_account_default"]:
        raise ApiError("The account default configuration cannot be deleted.", param="configuration")
    for location in call.account.all("terminal.location"):
        if location.body.get("configuration_overrides") == record.id:
            del location.body["configuration_overrides"]
            call.world.touch(location)
    record.body = {"id": record.id, "object": KIND, "deleted": True}
    call.world.touch(record)
    return record.body


def listing(call: Call) -> Page:
    """`GET /v1/terminal/configurations`."""
    account_default(call.world, call.account)
    wanted = call.params.get("is_account_default")
    return call.account.page(
        KIND,
        call.params,
        "/v1/terminal/configurations",
        lambda record: wanted is None or record.body["is_account_default"] is wanted,
    )


_PATH: Final = "/v1/terminal/configurations"
ENDPOINTS: Final = (
    Endpoint("GET", _PATH, terminal_parameters.CONFIGURATION_LIST, listing),
    Endpoint("POST", _PATH, terminal_parameters.CONFIGURATION_CREATE, create),
    Endpoint("GET", _PATH + "/{id}", ONLY_EXPAND, retrieve),
    Endpoint("POST", _PATH + "/{id}", terminal_parameters.CONFIGURATION_UPDATE, update),
    Endpoint("DELETE", _PATH + "/{id}", NOTHING, delete),
)
