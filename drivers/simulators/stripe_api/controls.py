"""The controls beyond Stripe's API, under `/_sim`: faults, readers, clock, keys, books."""

import json
import math
from collections.abc import Callable
from typing import Any, Final

from drivers.simulators.stripe_api import actions
from drivers.simulators.stripe_api.errors import ApiError, bad_parameter, missing_resource
from drivers.simulators.stripe_api.faults import Faults, read_fault
from drivers.simulators.stripe_api.ledger import ledger
from drivers.simulators.stripe_api.presentments import CONNECTION_ERRORS, find_card
from drivers.simulators.stripe_api.readers import set_state
from drivers.simulators.stripe_api.store import Account, Body, Record
from drivers.simulators.stripe_api.terminal_parameters import DEVICE_TYPES
from drivers.simulators.stripe_api.wire import SimRequest
from drivers.simulators.stripe_api.world import World

HELP: Final = {
    "POST /_sim/faults": "order a fault; GET lists them, DELETE (or DELETE /_sim/faults/ID) ends them",
    "POST /_sim/readers/ID": (
        "state, auto_present, auto_cancel, next_payment, device_type, serial_number; "
        "GET shows what the API hides"
    ),
    "GET /_sim/ledger": "the books of all accounts, or with ?account=acct_... of one",
    "POST /_sim/clock": "advance: seconds; GET tells the time",
    "POST /_sim/keys": "key, state: active, revoked or expired",
}
_IDENTITY: Final = ("device_type", "serial_number")
_KEY_STATES: Final = ("active", "revoked", "expired")


class Controls:
    """Answers `/_sim` requests."""

    def __init__(self, world: World, faults: Faults, settle: Callable[[], None]) -> None:
        self._world = world
        self._faults = faults
        self._settle = settle

    def answer(self, request: SimRequest, segments: tuple[str, ...], query: Body) -> Body:
        """Carry out one control; `ApiError` says what is wrong with it."""
        given = self._json(request)
        match (request.method, *segments[1:]):
            case ("GET",):
                return {"object": "controls", "controls": HELP}
            case ("POST", "faults"):
                fault = read_fault(self._world.new_id("flt_", 8), given)
                self._faults.add(fault)
                return fault.describe()
            case ("GET", "faults"):
                return {"object": "list", "data": self._faults.describe()}
            case ("DELETE", "faults", *which):
                self._faults.clear(which[0] if which else None)
                return {"object": "list", "data": self._faults.describe()}
            case ("POST", "readers", identifier):
                return self._reader(identifier, given)
            case ("GET", "readers", identifier):
                return self._shown(self._find(identifier)[1])
            case ("GET", "ledger"):
                return ledger(self._world, self._accounts(query.get("account")))
            case ("POST", "clock"):
                return self._clock(given)
            case ("GET", "clock"):
                return {"object": "clock", "now": self._world.now()}
            case ("POST", "keys"):
                return self._key(given)
            case _:
                pass
        raise ApiError(
            f"There is no control {request.method} /{'/'.join(segments)}. GET /_sim lists them.", status=404
        )

    def _json(self, request: SimRequest) -> Any:
        if request.method != "POST":
            return {}
        try:
            given = json.loads(request.body or b"{}")
        except ValueError as error:
            raise bad_parameter(f"Controls take JSON: {error}", "body") from None
        if not isinstance(given, dict):
            raise bad_parameter("Controls take a JSON object.", "body")
        return given

    def _find(self, identifier: str) -> tuple[Account, Record]:
        found = self._world.everywhere("terminal.reader", identifier)
        if found is None:
            raise missing_resource("terminal.reader", identifier, "reader")
        return found

    def _accounts(self, identifier: str | None) -> list[Account]:
        accounts = list(self._world.accounts.values())
        return [account for account in accounts if identifier in (None, account.id)]

    @staticmethod
    def _shown(record: Record) -> Body:
        return {"object": "simulated_reader", "id": record.id} | record.hidden

    def _reader(self, identifier: str, given: Body) -> Body:
        account, record = self._find(identifier)
        unknown = set(given) - {"state", "auto_present", "auto_cancel", "next_payment", *_IDENTITY}
        if unknown:
            raise bad_parameter(f"A simulated reader has no {', '.join(sorted(unknown))}.", min(unknown))
        wishes: dict[str, Any] = {
            name: self._wish(name, given[name]) for name in ("auto_present", "auto_cancel") if name in given
        }
        if given.get("next_payment", None) not in (None, *CONNECTION_ERRORS):
            raise bad_parameter(
                f"next_payment is null or one of {', '.join(CONNECTION_ERRORS)}.", "next_payment"
            )
        self._be(record, {name: given[name] for name in _IDENTITY if name in given})
        if "state" in given:
            set_state(self._world, record, str(given["state"]))
        record.hidden.update(wishes)
        if "next_payment" in given:
            record.hidden["next_payment"] = given["next_payment"]
        if record.hidden["phase"] == actions.WAIT and record.hidden["state"] == "online":
            actions.expect_customer(self._world, record)
        del account
        self._world.touch(record)
        return self._shown(record)

    @staticmethod
    def _be(record: Record, identity: Body) -> None:
        """Another device: how readers come into an account that only Stripe's SDKs register."""
        if identity.get("device_type", DEVICE_TYPES[0]) not in DEVICE_TYPES:
            raise bad_parameter(f"device_type is one of {', '.join(DEVICE_TYPES)}.", "device_type")
        if not isinstance(identity.get("serial_number", ""), str):
            raise bad_parameter("serial_number is a text.", "serial_number")
        record.body.update(identity)

    @staticmethod
    def _wish(name: str, wish: Any) -> Body | None:
        if wish is None:
            return None
        allowed = {"after"} if name == "auto_cancel" else {"after", "number", "amount_tip", "times"}
        if not isinstance(wish, dict) or set(wish) - allowed:
            raise bad_parameter(f"{name} is null or has {', '.join(sorted(allowed))}.", name)
        after = wish.get("after", 0)
        if (
            isinstance(after, bool)
            or not isinstance(after, int | float)
            or after < 0
            or not math.isfinite(after)
        ):
            raise bad_parameter("after is a number of seconds.", f"{name}[after]")
        for field in ("amount_tip", "times"):
            value = wish.get(field)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
                raise bad_parameter(f"{field} is a whole number.", f"{name}[{field}]")
        result = {key: value for key, value in wish.items() if value is not None} | {"after": after}
        if "number" in result:
            result["number"] = str(result["number"])
            find_card(result["number"], "card_present", f"{name}[number]")
        return result

    def _clock(self, given: Body) -> Body:
        seconds = given.get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e10:
            raise bad_parameter("advance is a number of seconds, not negative.", "advance")
        self._world.offset += seconds
        self._settle()
        return {"object": "clock", "now": self._world.now()}

    def _key(self, given: Body) -> Body:
        key, state = given.get("key"), given.get("state")
        if not isinstance(key, str) or state not in _KEY_STATES:
            raise bad_parameter(f"key is an API key, state one of {', '.join(_KEY_STATES)}.", "state")
        if state == "active":
            self._world.keys.pop(key, None)
        else:
            self._world.keys[key] = state
        return {"object": "key", "state": state}
