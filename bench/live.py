"""Real processes, sockets and seconds: the gateway with its tills beside the script, on one Stripe."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.customers import AT_ONCE, Customers
from bench.processes import Process, python
from bench.store import ADDRESS, CODE, KEY, Store, reader_name

SCRIPT_KEY = "sk_test_script"


@dataclass(frozen=True, slots=True)
class Sales:
    """A number of sales by one seller. CPU is that of the seller's own process."""

    count: int
    took_s: float
    cpu_s: float
    calls: float
    waits_s: tuple[float, ...]
    own_s: tuple[float, ...] = ()  # from Stripe's answer to the till's: the gateway's own part

    @property
    def per_s(self) -> float:
        """Sales a second."""
        return self.count / self.took_s

    @property
    def cpu_ms(self) -> float:
        """Processor milliseconds a sale."""
        return self.cpu_s / self.count * 1000.0


class Stage:
    """The running processes. Each crowd comes to the gateway's tills, to the script, or to both at once."""

    def __init__(
        self, stripe_url: str, gateway: Process, tills: Process, script: Process, readers: int
    ) -> None:
        self._stripe_url = stripe_url
        self._gateway = gateway
        self._tills = tills
        self._script = script
        self._readers = readers

    def crowd(
        self, customers: Customers, sales: int, *, sellers: Sequence[str], follow: str = "decision"
    ) -> Mapping[str, Sales]:
        """Let so many customers come to each reader of the sellers (`gateway`, `script`) at the same time."""
        who = {"least_s": customers.least_s, "most_s": customers.most_s}
        _ask(f"{self._stripe_url}/_bench/customers", json.dumps(who).encode())
        cpu_s = self._gateway.cpu_s()
        come_s = [customers.comes_s(reader_name(number), seed=1) for number in range(self._readers)]
        wanted = json.dumps({"sales": sales, "follow": follow, "come_s": come_s})
        if "gateway" in sellers:
            self._tills.say(wanted)
        if "script" in sellers:
            self._script.say(wanted)
        done: dict[str, dict[str, Any]] = {}
        if "gateway" in sellers:
            done["gateway"] = self._tills.answer()
            done["gateway"]["cpu_s"] = self._gateway.cpu_s() - cpu_s
        if "script" in sellers:
            done["script"] = self._script.answer()
        notes = _ask(f"{self._stripe_url}/_bench/notes")
        rows = _ask(f"{self._stripe_url}/_sim/ledger")["payment_intents"]
        presented_at = {row["id"]: row["presented_at"] for row in rows}
        keys = {"gateway": KEY, "script": SCRIPT_KEY}
        return {
            seller: _sales(told, notes["calls"].get(keys[seller], 0), presented_at, notes["shown_at"])
            for seller, told in done.items()
        }


def _sales(
    told: Mapping[str, Any], calls: int, presented_at: Mapping[str, float], shown_at: Mapping[str, float]
) -> Sales:
    sold = told["sold"]
    bad = [state for _, state, _ in sold if state not in {"paid", "succeeded"}]
    if bad:
        raise RuntimeError(f"{len(bad)} of {len(sold)} sales were not paid: {bad[:3]}")
    waits = tuple(at - presented_at[intent] for intent, _, at in sold)
    own = tuple(at - shown_at[intent] for intent, _, at in sold if intent in shown_at)
    return Sales(len(sold), told["took_s"], told["cpu_s"], calls / len(sold), waits, own)


@contextmanager
def staged(folder: Path, readers: int, *, interval_s: float = 2.0) -> Iterator[Stage]:
    """Everything running and warm: every reader has sold once."""
    with python("bench.witness", log=folder / "stripe.log") as stripe:
        url = stripe.line()
        # A till may make 50 requests a second, so each reader has its own. What the daemon does by itself
        # every minute is measured where nobody asks anything.
        store = Store(folder / "store", stripe_url=url, readers=readers, tills=readers, interval_s=86_400)
        with store.started() as (gateway, _):
            store.wait_for_readers()
            tills_task = {"url": store.url, "tokens": store.tokens, "readers": store.readers}
            script_task = {
                "key": SCRIPT_KEY,
                "url": url,
                "readers": register(url, readers),
                "interval_s": interval_s,
            }
            with (
                python("bench.tills", json.dumps(tills_task), log=folder / "tills.log") as tills,
                python("bench.script", json.dumps(script_task), log=folder / "script.log") as script,
            ):
                stage = Stage(url, gateway, tills, script, readers)
                stage.crowd(AT_ONCE, 1, sellers=("gateway", "script"))
                yield stage


def register(url: str, readers: int) -> list[str]:
    """Readers in the script's own account; their ids."""
    address = {f"address[{name}]": value for name, value in ADDRESS.items()}
    location = _post(url, "/v1/terminal/locations", {"display_name": "Script", **address})
    made = []
    for number in range(readers):
        wanted = {"registration_code": CODE, "location": location["id"], "label": reader_name(number)}
        made.append(_post(url, "/v1/terminal/readers", wanted)["id"])
    return made


def _post(url: str, path: str, params: Mapping[str, str]) -> Any:
    body = urllib.parse.urlencode(params).encode()
    return _ask(url + path, body, Authorization=f"Bearer {SCRIPT_KEY}")


def _ask(url: str, body: bytes | None = None, **headers: str) -> Any:
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  # our own loopback address
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)
