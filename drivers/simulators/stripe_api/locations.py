"""Locations: where readers stand."""

from typing import Any, Final

from drivers.simulators.stripe_api import terminal_parameters
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.configurations import assignable
from drivers.simulators.stripe_api.countries import JAPAN, required_fields
from drivers.simulators.stripe_api.errors import ApiError, bad_parameter, missing_parameter
from drivers.simulators.stripe_api.shapes import NOTHING, ONLY_EXPAND
from drivers.simulators.stripe_api.store import Body, Page, Record, merge_metadata

KIND: Final = "terminal.location"
_ADDRESS: Final = ("city", "country", "line1", "line2", "postal_code", "state")
_NAMES: Final = ("display_name", "display_name_kana", "display_name_kanji")
_JAPANESE: Final = ("address_kana", "address_kanji")


def _check_address(address: Body) -> None:
    country = address["country"].upper()
    address["country"] = country
    if country == JAPAN:
        raise bad_parameter(
            "Locations in Japan take `address_kana` and `address_kanji` instead of `address`.", "address"
        )
    required = required_fields(country)
    if required is None:
        raise bad_parameter(
            f"Terminal is not available in {country}.",
            "address[country]",
            "terminal_location_country_unsupported",
        )
    for name in required:
        if not address.get(name):
            raise missing_parameter(f"address[{name}]")


def _japanese(params: Body) -> bool:
    given = [params[name] for name in _JAPANESE if name in params]
    for name in _JAPANESE:
        if params.get(name, {}).get("country", JAPAN).upper() != JAPAN:
            raise bad_parameter(f"`{name}` is only for locations in Japan.", f"{name}[country]")
    return bool(given)


def create(call: Call) -> Record:
    """`POST /v1/terminal/locations`."""
    params = call.params
    japanese = _japanese(params) and "address" not in params
    if japanese:
        if not any(params.get(name) for name in _NAMES):
            raise missing_parameter("display_name")
        address: Body = {"country": JAPAN}
    else:
        if "display_name" not in params:
            raise missing_parameter("display_name")
        if "address" not in params:
            raise missing_parameter("address")
        address = params["address"]
        _check_address(address)
    body: Body = {
        "id": "",
        "object": KIND,
        "address": {name: address.get(name) or None for name in _ADDRESS},
        "display_name": params.get("display_name") or "",
        "livemode": False,
        "metadata": {},
    }
    if "configuration_overrides" in params:
        body["configuration_overrides"] = assignable(call, params["configuration_overrides"])
    _set_optional(body, params)
    merge_metadata(body, params)
    body["id"] = call.world.new_id("tml_", 14)
    return call.world.add(call.account, KIND, body)


def _set_optional(body: Body, params: Body) -> None:
    for name in ("display_name_kana", "display_name_kanji", "phone"):
        if name in params:
            if params[name]:
                body[name] = params[name]
            else:
                body.pop(name, None)
    for name in _JAPANESE:
        if name in params:
            fields: dict[str, Any] = {key: params[name].get(key) for key in (*_ADDRESS, "town")}
            body[name] = fields | {"country": JAPAN}


def retrieve(call: Call) -> Record | Body:
    """`GET /v1/terminal/locations/{id}`: the location or what is left of a deleted one."""
    record = call.account.get(KIND, call.target)
    return record if record is not None else call.account.find(KIND, call.target)


def update(call: Call) -> Record:
    """`POST /v1/terminal/locations/{id}`: everything but the country may change."""
    record, params = call.account.find(KIND, call.target), call.params
    body = dict(record.body)
    _japanese(params)
    if "address" in params:
        address = params["address"]
        if address.get("country", body["address"]["country"]).upper() != body["address"]["country"]:
            raise bad_parameter(
                "The country of a location cannot be changed. Create a new location instead.",
                "address[country]",
            )
        merged: Body = {key: value for key, value in body["address"].items() if value is not None} | address
        _check_address(merged)
        body["address"] = {name: merged.get(name) or None for name in _ADDRESS}
    if "display_name" in params:
        if not params["display_name"] and body["address"]["country"] != JAPAN:
            raise bad_parameter(
                "A location must have a display name.", "display_name", "parameter_invalid_empty"
            )
        body["display_name"] = params["display_name"]
    if "configuration_overrides" in params:
        if params["configuration_overrides"]:
            body["configuration_overrides"] = assignable(call, params["configuration_overrides"])
        else:
            body.pop("configuration_overrides", None)
    _set_optional(body, params)
    merge_metadata(body, params)
    record.body = body
    call.world.touch(record)
    return record


def delete(call: Call) -> Body:
    """`DELETE /v1/terminal/locations/{id}`: refused while readers are registered there."""
    record = call.account.find(KIND, call.target)
    if any(reader.body["location"] == record.id for reader in call.account.all("terminal.reader")):
        raise ApiError(
            "This location has readers registered to it. Delete them or register them to another location "
            "first.",
            param="location",
        )
    record.body = {"id": record.id, "object": KIND, "deleted": True}
    call.world.touch(record)
    return record.body


def listing(call: Call) -> Page:
    """`GET /v1/terminal/locations`."""
    return call.account.page(KIND, call.params, "/v1/terminal/locations")


_PATH: Final = "/v1/terminal/locations"
ENDPOINTS: Final = (
    Endpoint("GET", _PATH, terminal_parameters.LOCATION_LIST, listing),
    Endpoint("POST", _PATH, terminal_parameters.LOCATION_CREATE, create),
    Endpoint("GET", _PATH + "/{id}", ONLY_EXPAND, retrieve),
    Endpoint("POST", _PATH + "/{id}", terminal_parameters.LOCATION_UPDATE, update),
    Endpoint("DELETE", _PATH + "/{id}", NOTHING, delete),
)
