"""Bluetooth as it is on a gateway, with the real kernel and bluetoothd: all of it breaks, over and over."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest

from tests.deep.bench import Bench
from tests.deep.table import quantile
from tests.deep.timing import left_s

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(5400)]

CAUSES = ("out of range", "bluetoothd killed", "adapter off and on", "dongle pulled", "peripheral rebooted")
CYCLES = int(os.environ.get("TILLGATE_DEEP_CYCLES", "50"))
LEAST = len(CAUSES)
CYCLE_S = 10.0
"""How often things are broken: so often, less where time is short, but each cause once."""

WARM_UP = len(CAUSES)
"""Cycles after which everything has been loaded and made that is kept."""

GROWTH_KIB = 4096
"""More resident memory than this, over all cycles after those, is a leak: one D-Bus connection costs less."""


@pytest.mark.takes(120)
async def test_whatever_breaks_under_bluetooth_every_sale_is_settled_and_nothing_is_left_behind(
    bench: Bench,
) -> None:
    wanted = int(max(LEAST, min(CYCLES, (left_s() - 60) / CYCLE_S)))
    cycles: list[dict[str, Any]] = []
    booted = await asyncio.to_thread(lambda: bench.booted)
    async with bench.guest("bluez", resumed_from=booted) as guest:
        await guest.tell("bluez.store", causes=list(CAUSES), cycles=wanted, seed=4)
        async for said in guest.lines():
            if "cycle" in said:
                cycles.append(said["cycle"])
                print(said["cycle"], flush=True)
            if "ours" in said:
                break
    assert len(cycles) == wanted
    table = bench.table(
        f"real BlueZ, {wanted} cycles (seconds in the guest, from its being mended to the terminal's answer)",
        "what broke",
        "times",
        "p50",
        "p99",
        "sales paid/failed",
        "asked again",
    )
    by_cause: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in cycles:
        by_cause[each["cause"]].append(each)
    for cause, some in by_cause.items():
        backs = [each["back_s"] for each in some]
        sales = "/".join(str(sum(each["sale"] == state for each in some)) for state in ("paid", "failed"))
        again = sum(each["again"] for each in some)
        table.add(cause, len(some), quantile(backs, 0.5), quantile(backs, 0.99), sales, again)
    for each in cycles:
        assert each["sale"] in {"paid", "failed"}, each
        assert each["books"][0] == each["books"][1], each
    delivered = exactly_once(said["ours"], said["theirs"])
    assert delivered > 0
    settled = cycles[min(WARM_UP, len(cycles)) - 1 :]
    descriptors = [each["descriptors"] for each in settled]
    memory = [each["resident_kib"] for each in settled]
    left = bench.table("real BlueZ: what is left behind", "what", "after the warm-up", "at the end")
    left.add("open files", descriptors[0], descriptors[-1])
    left.add("resident memory, KiB", memory[0], memory[-1])
    left.add("connections over the air / bytes delivered once", len(said["ours"]), delivered)
    assert descriptors[-1] <= descriptors[0], descriptors
    assert memory[-1] - memory[0] < GROWTH_KIB, memory


def exactly_once(ours: Sequence[Any], theirs: Sequence[Any]) -> int:
    """Hold what the protocol got against what was sent, link by link; how many bytes that were, both ways.

    A link that is cut delivers the beginning of what was sent: nothing twice, nothing in another order.
    """
    count = 0
    candidates = iter([(bytes.fromhex(sent), bytes.fromhex(got)) for sent, got in theirs])
    for sent_hex, confirmed, got_hex in ours:
        sent, got = bytes.fromhex(sent_hex), bytes.fromhex(got_hex)
        for their_sent, their_got in candidates:
            if their_sent.startswith(got) and sent.startswith(their_got) and len(their_got) >= confirmed:
                count += len(got) + len(their_got)
                break
        else:
            raise AssertionError(
                f"no terminal's link fits ours: {sent_hex} ({confirmed} confirmed), {got_hex}"
            )
    return count
