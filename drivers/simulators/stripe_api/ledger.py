"""The simulated bank's books: what was held, taken and given back, and how often it was shown."""

from collections.abc import Iterable
from typing import Any

from drivers.simulators.stripe_api import actions
from drivers.simulators.stripe_api.authorizations import INTENT
from drivers.simulators.stripe_api.store import Account, Body
from drivers.simulators.stripe_api.world import World

_SUMS = ("authorized", "captured", "refunded", "released")


def _on_readers(account: Account) -> dict[str, str]:
    shown: dict[str, str] = {}
    for reader in account.all("terminal.reader"):
        if reader.hidden["phase"] in (actions.WAIT, actions.BUSY):
            intent = actions.intent_of(account, reader)
            if intent is not None:
                shown[intent.id] = reader.id
    return shown


def ledger(world: World, accounts: Iterable[Account]) -> Body:
    """The books of some accounts; amounts in minor units, totals by currency.

    `presented_at` is when a card was last held to a reader for it, in seconds since 1970.
    """
    del world
    rows: list[Body] = []
    totals: dict[str, dict[str, int]] = {}
    for account in accounts:
        shown = _on_readers(account)
        for intent in account.all(INTENT):
            body, hidden = intent.body, intent.hidden
            row: dict[str, Any] = {
                "id": intent.id,
                "account": account.id,
                "amount": body["amount"],
                "currency": body["currency"],
                "status": body["status"],
            }
            row |= {name: hidden[name] for name in _SUMS}
            row |= {
                "prompts_shown": hidden["prompts_shown"],
                "prompts_replaced": hidden["prompts_replaced"],
                "payable_now": intent.id in shown and body["status"] == "requires_payment_method",
                "reader": hidden["reader"],
                "presented_at": hidden.get("presented_at"),
                "charges": hidden["charges"],
                "metadata": body["metadata"],
            }
            rows.append(row)
            sums = totals.setdefault(body["currency"], dict.fromkeys(_SUMS, 0))
            for name in _SUMS:
                sums[name] += hidden[name]
    return {"object": "ledger", "payment_intents": rows, "totals": totals}
