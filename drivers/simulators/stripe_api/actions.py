"""The one action slot of a reader: what it is doing, what may take its place, how it ends.

The API shows `in_progress` both while the reader waits for a card (WAIT) and while the issuer is asked
(BUSY). A waiting action is replaced by the next one, a busy one refuses everything.
"""

from typing import Any, Final

from drivers.simulators.stripe_api.authorizations import INTENT, uncollect
from drivers.simulators.stripe_api.calls import Call, Reception
from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.readers import refreshed, reports_api_errors
from drivers.simulators.stripe_api.store import Account, Body, Record
from drivers.simulators.stripe_api.world import World

IDLE: Final = ""
WAIT: Final = "wait"
BUSY: Final = "busy"
SHOWING: Final = "showing"
ASKING: Final = "asking"
COLLECTED: Final = "collected"
STUCK: Final = "stuck"

_ANNOUNCED: Final = frozenset(
    {
        "process_payment_intent",
        "confirm_payment_intent",
        "process_setup_intent",
        "refund_payment",
        "collect_inputs",
    }
)


def terminal_error(world: World, code: str, message: str) -> ApiError:
    """One of Stripe's `terminal_*` errors."""
    return ApiError(message, status=world.settings.terminal_error_status, code=code)


def _timeout(world: World) -> ApiError:
    return terminal_error(
        world,
        "terminal_reader_timeout",
        "The reader did not acknowledge the command in time. It may have received it nevertheless: look "
        "at the reader's action before you try again.",
    )


def _busy(world: World) -> ApiError:
    return terminal_error(
        world, "terminal_reader_busy", "Reader is currently busy processing another request. Try again later."
    )


def demand(call: Call, reader: Record) -> None:
    """Raise the error of a reader that will not take a command now."""
    state = reader.hidden["state"]
    if reader.body["status"] == "offline":
        raise terminal_error(
            call.world,
            "terminal_reader_offline",
            "Reader is currently offline, please ensure the reader is powered on and connected to the "
            "internet before retrying your request.",
        )
    if state == "vanish":
        raise _timeout(call.world)
    if state in ("busy", "updating") or reader.hidden["phase"] == BUSY:
        raise _busy(call.world)
    if call.reception is Reception.LOST:
        raise _timeout(call.world)


def intent_of(account: Account, reader: Record) -> Record | None:
    """The PaymentIntent of the reader's action."""
    action = reader.body["action"]
    if action is None:
        return None
    identifier = action.get(action["type"], {}).get("payment_intent")
    return account.get(INTENT, identifier) if identifier else None


def _leave(
    world: World, account: Account, reader: Record, *, replaced: bool, confirming: bool = False
) -> None:
    """Take what is on the reader off it."""
    intent = intent_of(account, reader)
    phase = reader.hidden["phase"]
    if intent is not None and phase in (WAIT, STUCK) and replaced:
        intent.hidden["prompts_replaced"] += 1
        world.touch(intent)
    if intent is not None and phase in (COLLECTED, STUCK) and not confirming:
        uncollect(world, intent)
    reader.hidden["phase"] = IDLE
    reader.hidden["turn"] += 1
    for name in ("offer", "pin", "collected"):
        reader.hidden.pop(name, None)


def start(call: Call, reader: Record, kind: str, details: Body, phase: str) -> None:
    """Put an action on a reader that will take it, in place of what is there.

    Errors: the `terminal_*` errors; after a lost acknowledgement the reader shows the action all the same.
    """
    demand(call, reader)
    put(call.world, call.account, reader, kind, details, phase)
    acknowledge(call)


def acknowledge(call: Call) -> None:
    """Let the reader's acknowledgement get lost where that was asked for."""
    if call.reception is Reception.UNACKNOWLEDGED:
        raise _timeout(call.world)


def put(world: World, account: Account, reader: Record, kind: str, details: Body, phase: str) -> None:
    """Put an action on a reader."""
    _leave(world, account, reader, replaced=True, confirming=kind == "confirm_payment_intent")
    reader.body["action"] = {
        "api_error": None,
        "failure_code": None,
        "failure_message": None,
        kind: details,
        "status": "in_progress",
        "type": kind,
    }
    reader.hidden["phase"] = phase
    intent = intent_of(account, reader)
    if intent is not None:  # what is on the reader stays as it was when it was sent there
        reader.hidden["amount"] = intent.body["amount"]
    if intent is not None and phase == WAIT:
        intent.hidden["prompts_shown"] += 1
        intent.hidden["reader"] = reader.id
        world.touch(intent)
    if phase == WAIT:
        expect_customer(world, reader)
    if phase == ASKING:
        world.plan("inputs_over", reader, world.settings.inputs_within_s, reader.hidden["turn"])
    world.touch(refreshed(world, reader))


def expect_customer(world: World, reader: Record) -> None:
    """Plan what a waiting reader waits for: its own patience and the simulated customer."""
    hidden = reader.hidden
    hidden["turn"] += 1
    world.plan("wait_over", reader, world.settings.wait_s, hidden["turn"])
    for name in ("auto_present", "auto_cancel"):
        if hidden.get(name):
            world.plan(name, reader, float(hidden[name]["after"]), hidden["turn"])
    world.touch(reader)


def finish(
    world: World,
    account: Account,
    reader: Record,
    failure: tuple[str, str] | None = None,
    api_error: Body | None = None,
) -> None:
    """End the action: succeeded, or failed with a code and a message."""
    action = reader.body["action"]
    action["status"] = "succeeded" if failure is None else "failed"
    if failure is not None:
        action["failure_code"], action["failure_message"] = failure
        if api_error is not None and reports_api_errors(reader):
            action["api_error"] = api_error
    reader.hidden["phase"] = IDLE
    reader.hidden["turn"] += 1
    for name in ("offer", "pin", "collected"):
        reader.hidden.pop(name, None)
    world.touch(refreshed(world, reader))
    if action["type"] in _ANNOUNCED:
        outcome = "succeeded" if failure is None else "failed"
        world.event(account, f"terminal.reader.action_{outcome}", reader)


def cancel(call: Call) -> Record:
    """`POST .../cancel_action`: clears the slot; only a reader that asks the issuer refuses.

    A reader that cannot be heard keeps its last action in Stripe's books, and that can be cleared.
    """
    reader = call.account.find("terminal.reader", call.target)
    world, hidden = call.world, reader.hidden
    if reader.body["action"] is None and world.settings.idle_cancel_fails:
        raise ApiError("There is no action to cancel on this reader.", status=404, code="resource_missing")
    if hidden["state"] in ("busy", "updating") or (hidden["phase"] == BUSY and hidden["state"] == "online"):
        raise _busy(world)
    if call.reception is Reception.LOST:
        raise _timeout(world)
    clear(world, call.account, reader)
    acknowledge(call)
    return refreshed(world, reader)


def clear(world: World, account: Account, reader: Record) -> None:
    """Empty the slot."""
    _leave(world, account, reader, replaced=False)
    reader.body["action"] = None
    world.touch(reader)


def configured(reader: Record) -> dict[str, Any]:
    """The per-action settings of the caller (`process_config` and its like)."""
    action = reader.body["action"]
    details = action[action["type"]]
    for name in ("process_config", "collect_config", "refund_payment_config"):
        if name in details:
            config: dict[str, Any] = details[name]
            return config
    return {}


def wait_over(world: World, account: Account, reader: Record, turn: int) -> None:
    """Nobody presented a card in time."""
    if reader.hidden["turn"] == turn and reader.hidden["phase"] == WAIT:
        finish(world, account, reader, ("reader_timeout", "The reader waited too long for a card."))


def inputs_over(world: World, account: Account, reader: Record, turn: int) -> None:
    """Nobody touched the form in time."""
    if reader.hidden["turn"] == turn and reader.hidden["phase"] == ASKING:
        finish(world, account, reader, ("reader_timeout", "The customer did not answer in time."))


def collect_over(world: World, account: Account, reader: Record, turn: int) -> None:
    """A collected card was not confirmed in time."""
    if reader.hidden["turn"] == turn and reader.hidden["phase"] == COLLECTED:
        intent = intent_of(account, reader)
        if intent is not None:
            uncollect(world, intent)
        finish(world, account, reader, ("reader_timeout", "The collected card was not confirmed in time."))


def auto_cancel(world: World, account: Account, reader: Record, turn: int) -> None:
    """The simulated customer presses cancel, where there is such a button."""
    hidden = reader.hidden
    waiting = hidden["turn"] == turn and hidden["phase"] == WAIT and hidden["state"] == "online"
    if waiting and hidden.get("auto_cancel") and configured(reader).get("enable_customer_cancellation"):
        finish(world, account, reader, ("customer_canceled", "The customer canceled the transaction."))
