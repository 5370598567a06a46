"""Readers as objects: registration, labels, filters, whether they answer."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from drivers.simulators.stripe_api import terminal_parameters
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.errors import bad_parameter, missing_parameter
from drivers.simulators.stripe_api.shapes import NOTHING, ONLY_EXPAND
from drivers.simulators.stripe_api.store import Body, Page, Record, merge_metadata
from drivers.simulators.stripe_api.world import World

KIND: Final = "terminal.reader"


@dataclass(frozen=True, slots=True)
class Device:
    """What a registration code stands for."""

    device_type: str
    software: str


DEVICES: Final[Mapping[str, Device]] = {
    "simulated-wpe": Device("simulated_wisepos_e", "2.37.2.0"),
    "simulated-s700": Device("simulated_stripe_s700", "2.42.1.0"),
    "simulated-s710": Device("simulated_stripe_s710", "2.42.1.0"),
    "simulated-t600": Device("simulated_stripe_t600", "2.43.0.0"),
    "simulated-v660p": Device("simulated_verifone_v660p", "2.42.1.0"),
    "simulated-m425": Device("simulated_verifone_m425", "2.42.1.0"),
    "simulated-p630": Device("simulated_verifone_p630", "2.42.1.0"),
    "simulated-ux700": Device("simulated_verifone_ux700", "2.42.1.0"),
}
"""Simulated codes: the first three are documented, the others follow their pattern."""
PAIRED: Final = Device("stripe_s700", "2.42.1.0")
"""What a pairing code of three words stands for."""
WORDS: Final = re.compile(r"[a-z]{2,20}(-[a-z]{2,20}){2}")
API_ERRORS_SINCE: Final = (2, 42)
"""Readers from this software version on report API errors in their actions."""


def reports_api_errors(reader: Record) -> bool:
    """Whether the reader's software fills `action.api_error`."""
    major, minor, *_ = reader.body["device_sw_version"].split(".")
    return (int(major), int(minor)) >= API_ERRORS_SINCE


def refreshed(world: World, reader: Record) -> Record:
    """The reader as it is now: one that answers was seen just now."""
    if reader.hidden["state"] in ("online", "busy", "updating"):
        reader.body["last_seen_at"] = int(world.now() * 1000)
    return reader


def set_state(world: World, reader: Record, state: str) -> None:
    """Let a reader come back, go offline, vanish in mid-word, be busy for `busy:SECONDS`, or update itself.

    Errors: `ApiError` 400 for another word.
    """
    name, _, seconds = state.partition(":")
    hidden = reader.hidden
    if name not in ("online", "offline", "vanish", "busy", "updating") or (name == "busy") != bool(seconds):
        raise bad_parameter("state is online, offline, vanish, busy:SECONDS or updating", "state")
    if name == "busy":
        try:
            hidden["busy_until"] = world.now() + float(seconds)
        except ValueError:
            raise bad_parameter("busy:SECONDS needs a number", "state") from None
    refreshed(world, reader)
    hidden["state"] = name
    hidden["state_turn"] = hidden.get("state_turn", 0) + 1
    reader.body["status"] = "offline" if name == "offline" else "online"
    if name == "vanish":
        if hidden["phase"] not in ("", "busy"):
            hidden["phase"] = "stuck"
        world.plan("silence", reader, world.settings.offline_after_s, hidden["state_turn"])
    if name == "busy":
        world.plan("free_again", reader, hidden["busy_until"] - world.now(), hidden["state_turn"])
    world.touch(reader)


def silence(world: World, reader: Record, turn: int) -> None:
    """Nothing was heard from a vanished reader for so long that it counts as offline."""
    if reader.hidden["state"] == "vanish" and reader.hidden["state_turn"] == turn:
        reader.body["status"] = "offline"
        world.touch(reader)


def free_again(world: World, reader: Record, turn: int) -> None:
    """A busy time is over."""
    if reader.hidden["state"] == "busy" and reader.hidden["state_turn"] == turn:
        reader.hidden["state"] = "online"
        world.touch(reader)


def _serial(call: Call, code: str) -> str:
    if code in DEVICES:
        digits = call.world.new_id("", 11).lower()
        return f"{code}-{digits[:3]}-{digits[3:6]}-{digits[6:8]}-{digits[8:]}"
    digest = hashlib.blake2b(code.encode(), digest_size=6).digest()
    return f"STRS7{int.from_bytes(digest, 'big') % 10**11:011d}"


def create(call: Call) -> Record:
    """`POST /v1/terminal/readers`: registers a simulated reader, or pairs (again) the one a code names.

    A simulated code makes a new reader each time; three words always name the same device, so that
    registering it again moves it.
    """
    params = call.params
    code = params["registration_code"]
    device = DEVICES.get(code)
    if device is None:
        if code.startswith("simulated-") or not WORDS.fullmatch(code):
            raise bad_parameter(
                f"The registration code '{code}' is invalid or has expired. Please generate a new one.",
                "registration_code",
            )
        device = PAIRED
    if "location" not in params:
        raise missing_parameter("location")
    location = call.account.find("terminal.location", params["location"], "location", 400)
    serial = _serial(call, code)
    for known in call.account.all(KIND):
        if known.body["serial_number"] == serial:
            merge_metadata(known.body, params)
            known.body["location"] = location.id
            known.body["label"] = params.get("label", known.body["label"])
            set_state(call.world, known, "online")
            return known
    simulated = code in DEVICES
    body: Body = {
        "id": "",
        "object": KIND,
        "action": None,
        "device_sw_version": device.software,
        "device_type": device.device_type,
        "ip_address": "0.0.0.0" if simulated else f"192.168.2.{int(serial[-3:]) % 250 + 2}",  # noqa: S104  # what Stripe shows, bound to nothing
        "label": params.get("label") or (serial if simulated else code),
        "last_seen_at": None,
        "livemode": False,
        "location": location.id,
        "metadata": {},
        "serial_number": serial,
        "status": "online",
    }
    merge_metadata(body, params)
    body["id"] = call.world.new_id("tmr_", 14)
    hidden: dict[str, Any] = {"turn": 0, "phase": "", "state": "online"}
    return refreshed(call.world, call.world.add(call.account, KIND, body, hidden))


def retrieve(call: Call) -> Record:
    """`GET /v1/terminal/readers/{id}`: the reader or what is left of a deleted one."""
    record = call.account.get(KIND, call.target)
    if record is None:
        return call.account.find(KIND, call.target)
    return record if record.deleted else refreshed(call.world, record)


def update(call: Call) -> Record:
    """`POST /v1/terminal/readers/{id}`: label and metadata; a reader moves only by registering again."""
    record = call.account.find(KIND, call.target)
    merge_metadata(record.body, call.params)
    if "label" in call.params:
        record.body["label"] = call.params["label"] or record.body["serial_number"]
    call.world.touch(record)
    return refreshed(call.world, record)


def delete(call: Call) -> Body:
    """`DELETE /v1/terminal/readers/{id}`."""
    record = call.account.find(KIND, call.target)
    keep = {key: record.body[key] for key in ("device_type", "serial_number")}
    record.body = {"id": record.id, "object": KIND, "deleted": True} | keep
    record.hidden = {"turn": -1, "phase": "", "state": "offline", "state_turn": -1}
    call.world.touch(record)
    return record.body


def listing(call: Call) -> Page:
    """`GET /v1/terminal/readers`, filtered by device_type, serial_number, location and status."""
    wanted = [
        (name, call.params[name])
        for name in ("device_type", "serial_number", "location", "status")
        if name in call.params
    ]
    page = call.account.page(
        KIND,
        call.params,
        "/v1/terminal/readers",
        lambda record: all(record.body[name] == value for name, value in wanted),
    )
    for record in page.records:
        refreshed(call.world, record)
    return page


_PATH: Final = "/v1/terminal/readers"
ENDPOINTS: Final = (
    Endpoint("GET", _PATH, terminal_parameters.READER_LIST, listing),
    Endpoint("POST", _PATH, terminal_parameters.READER_CREATE, create),
    Endpoint("GET", _PATH + "/{id}", ONLY_EXPAND, retrieve),
    Endpoint("POST", _PATH + "/{id}", terminal_parameters.READER_UPDATE, update),
    Endpoint("DELETE", _PATH + "/{id}", NOTHING, delete),
)
