"""What happens by itself, and to what: every name the agenda knows."""

from collections.abc import Callable, Mapping
from typing import Final

from drivers.simulators.stripe_api import actions, authorizations, presentments, readers, refunds
from drivers.simulators.stripe_api.store import Account, Record
from drivers.simulators.stripe_api.world import World

KINDS: Final[Mapping[str, str]] = {
    "hold_over": "payment_intent",
    "refund_failed": "refund",
    "redeliver": "event",
}
"""What happens to something else than a reader."""

_Act = Callable[[World, Account, Record, int], None]
HAPPENINGS: Final[Mapping[str, _Act]] = {
    "auto_cancel": actions.auto_cancel,
    "auto_present": presentments.auto_present,
    "authorized": presentments.authorized,
    "collect_over": actions.collect_over,
    "free_again": lambda world, _account, record, turn: readers.free_again(world, record, turn),
    "hold_over": authorizations.hold_over,
    "inputs_over": actions.inputs_over,
    "refund_failed": lambda world, account, record, _turn: refunds.refund_failed(world, account, record),
    "silence": lambda world, _account, record, turn: readers.silence(world, record, turn),
    "wait_over": actions.wait_over,
}
