"""What is measured, part by part. Each part runs both sides and gives figures with their targets."""

import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import ble, call, clockwork, journal, live, zvt, zvt_door
from bench.customers import AT_ONCE, OTHERS, USUAL, Customers
from bench.figures import Figure, quantile, spread
from bench.processes import Process, python
from bench.store import Store


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    starts: int = 7
    idle_s: float = 65.0  # a minute holds one of everything that happens by itself
    customers: int = 1000  # on virtual time, in each crowd
    readers: int = 40
    paced: int = 3  # sales on each reader, in real time
    rush_readers: int = 32
    rush: int = 30
    rounds: int = 5
    slices: int = 100  # of 200 messages each
    payments: int = 60  # over a pty
    echoes: int = 200  # of each size in each round
    ble_readers: int = 21
    serial_readers: int = 8


QUICK = Effort(
    starts=3,
    idle_s=10.0,
    customers=150,
    readers=12,
    paced=1,
    rush=10,
    rounds=2,
    slices=20,
    payments=10,
    echoes=50,
)

INTERVAL_S = 2.0
"""Between two looks of the script, as practised."""

LIBRARIES = "import asyncio, sqlite3, aiohttp.web, pydantic.main, yaml; print('loaded', flush=True)"
"""What no gateway of this kind can do without, plainly imported: tells a slow machine from a slow start."""

STARTED_S = 0.5
MEMORY_MB = 50.0
IDLE_SHARE = 0.05
OWN_MS = 5.0
SALES_PER_S = 200.0
BLE_RATIO = 1.15


def start(folder: Path, effort: Effort) -> Sequence[Figure]:
    """From exec to READY=1: a store with smart readers found before, and one with a ZVT terminal."""
    took: dict[str, list[float]] = {"smart readers": [], "ZVT terminal": []}
    floor: list[float] = []
    with python("bench.witness", log=folder / "stripe.log") as stripe:
        url = stripe.line()
        smart = Store(folder / "smart", stripe_url=url, readers=3)
        stores = {"smart readers": smart, "ZVT terminal": Store(folder / "zvt")}
        with smart.started():
            smart.wait_for_readers()
        for number in range(effort.starts + 1):
            for name, store in stores.items():
                with store.started() as (_, seconds):
                    if number:  # the first start of each only fills the caches
                        took[name].append(seconds)
            began = time.perf_counter()
            with Process([sys.executable, "-c", LIBRARIES]) as libraries:
                libraries.line()
                floor.append(time.perf_counter() - began)
    return [
        Figure(
            f"exec to READY, {name}",
            median(each),
            "s",
            beside=median(floor),
            most=STARTED_S,
            note=f"{len(each)} starts, noise {spread(each):.0%}; beside: only the libraries",
        )
        for name, each in took.items()
    ]


def idle(folder: Path, effort: Effort) -> Sequence[Figure]:
    """A daemon that nobody asks anything."""
    figures = []
    with ExitStack() as stack:
        stripe = stack.enter_context(python("bench.witness", log=folder / "stripe.log"))
        smart = Store(folder / "smart", stripe_url=stripe.line(), readers=3)
        zvt = Store(folder / "zvt")
        running = {
            "smart readers": stack.enter_context(smart.started())[0],
            "ZVT terminal": stack.enter_context(zvt.started())[0],
        }
        smart.wait_for_readers()
        time.sleep(2.0)  # the first reconciliation ends
        before = {name: process.cpu_s() for name, process in running.items()}
        time.sleep(effort.idle_s)
        for name, process in running.items():
            share = (process.cpu_s() - before[name]) / effort.idle_s * 100.0
            memory = process.memory_mb()
            note = f"anonymous {memory['anonymous']:.1f}, files {memory['files']:.1f}"
            figures += [
                Figure(f"idle RSS, {name}", memory["rss"], "MiB", most=MEMORY_MB, note=note),
                Figure(f"idle CPU, {name}", share, "%", most=IDLE_SHARE, note=f"{effort.idle_s:.0f} s"),
            ]
    return figures


def append(folder: Path, effort: Effort) -> Sequence[Figure]:
    """The journal beside a bare, fsync'd SQLite commit (`bench.journal`)."""
    found = journal.measure(folder, rounds=effort.rounds)
    return [
        Figure("journal append p50", found.append_p50_us, "us", beside=found.bare_p50_us),
        Figure("append p50 / bare commit", found.p50_ratio, "x", most=2.5),
        Figure("appends/s, 32 sessions at once", found.appends_per_s, "1/s", beside=found.bare_per_s),
        Figure("throughput / bare commits", found.throughput_ratio, "x", least=10.0),
        Figure("CPU per append", found.cpu_per_append_us, "us"),
    ]


def look(folder: Path, effort: Effort) -> Sequence[Figure]:
    """One call of the API: a look at a reader."""
    with python("bench.witness", log=folder / "stripe.log") as stripe:
        url = stripe.line()
        (reader,) = live.register(url, 1)
        ours, theirs = call.measure(url, live.SCRIPT_KEY, reader, rounds=effort.rounds)
    return [
        Figure("CPU per API call", ours, "us", beside=theirs),
        Figure("CPU per API call / SDK's", ours / theirs, "x"),
    ]


def wait(_folder: Path, effort: Effort) -> Sequence[Figure]:
    """From card presented to till knows, on virtual time, for the usual customers and for others."""
    figures: list[Figure] = []
    for name, customers in {"usual": USUAL, **OTHERS}.items():
        figures += _waits(
            f"{name} customers ({customers})", customers, effort.customers, usual=name == "usual"
        )
    return figures


def _waits(label: str, customers: Customers, sales: int, *, usual: bool) -> Sequence[Figure]:
    ours = clockwork.gateway(customers, sales, seed=1)
    theirs = clockwork.script(customers, sales, seed=1, interval_s=INTERVAL_S)
    faster = clockwork.script(customers, sales, seed=1, interval_s=INTERVAL_S / 2)
    figures: list[Figure] = []
    for share, word, factor in ((0.5, "p50", 0.75), (0.99, "p99", 1.0)):
        beside = quantile(theirs.waits_s, share)
        figures.append(
            Figure(
                f"{label}, till knows, {word}",
                quantile(ours.waits_s, share),
                "s",
                beside=beside,
                most=factor * beside if usual else None,
                note=f"a 1 s loop: {quantile(faster.waits_s, share):.2f} s",
            )
        )
    note = f"a 1 s loop: {faster.calls:.1f}"
    most = theirs.calls if usual else None
    calls = Figure(f"{label}, calls per sale", ours.calls, "", beside=theirs.calls, most=most, note=note)
    return [*figures, calls]


def paced(folder: Path, effort: Effort) -> Sequence[Figure]:
    """The usual customers in real time, over sockets, both sellers side by side."""
    with live.staged(folder, effort.readers, interval_s=INTERVAL_S) as stage:
        crowd = stage.crowd(USUAL, effort.paced, sellers=("gateway", "script"), follow="decision")
        heard = stage.crowd(USUAL, 1, sellers=("gateway",), follow="events")["gateway"]
    ours, theirs = crowd["gateway"], crowd["script"]
    note = f"{ours.count} sales"
    waits = [
        Figure(
            f"till knows, {word}",
            quantile(ours.waits_s, share),
            "s",
            beside=quantile(theirs.waits_s, share),
            note=note,
        )
        for share, word in ((0.5, "p50"), (0.99, "p99"))
    ]
    own = [
        Figure(f"own part, {word}", quantile(ours.own_s, share) * 1e3, "ms", most=most, note=note)
        for share, word, most in ((0.5, "p50", None), (0.99, "p99", OWN_MS))
    ]
    return [
        *waits,
        Figure("calls per sale", ours.calls, "", beside=theirs.calls),
        *own,
        Figure("CPU per sale", ours.cpu_ms, "ms", beside=theirs.cpu_ms, note="tills ask for the decision"),
        Figure("CPU per sale / script's", ours.cpu_ms / theirs.cpu_ms, "x", most=0.5),
        Figure("CPU per sale, tills that listen", heard.cpu_ms, "ms", note=f"{heard.count} sales, alone"),
    ]


def rush(folder: Path, effort: Effort) -> Sequence[Figure]:
    """Customers who hold the card there already, on 32 readers: rounds of both sellers in turn."""
    ours, theirs = [], []
    with live.staged(folder, effort.rush_readers) as stage:
        for _ in range(effort.rounds):
            ours.append(stage.crowd(AT_ONCE, effort.rush, sellers=("gateway",))["gateway"])
            theirs.append(stage.crowd(AT_ONCE, effort.rush, sellers=("script",))["script"])
    rates = [each.per_s for each in ours]
    costs = [each.cpu_ms for each in ours]
    beside = median(each.cpu_ms for each in theirs)
    return [
        Figure(
            "sales/s, 32 readers",
            median(rates),
            "1/s",
            beside=median(each.per_s for each in theirs),
            least=SALES_PER_S,
            note=f"{effort.rounds} rounds, noise {spread(rates):.0%}, best {max(rates):.0f}",
        ),
        Figure("CPU per sale", median(costs), "ms", beside=beside, note=f"noise {spread(costs):.0%}"),
        Figure("calls per sale", ours[0].calls, "", beside=theirs[0].calls),
    ]


def terminals(folder: Path, effort: Effort) -> Sequence[Figure]:
    """ZVT: messages and check sums a second, and a payment over a serial port."""
    figures: list[Figure] = []
    for each in zvt.rates(effort.slices):
        read, write = (rate * zvt.TIMES_ECRTERM for rate in zvt.ECRTERM[each.name])
        figures += [
            Figure(f"decode {each.name}, {each.size} B", each.decode, "k/s", least=read),
            Figure(f"encode {each.name}, {each.size} B", each.encode, "k/s", least=write),
        ]
        if each.name.startswith("06"):
            note = f"reading it: {each.unframe:.0f}"
            figures.append(Figure(f"frame {each.name}", each.frame, "k/s", note=note))
    figures += [
        Figure(f"CRC of {size} B", zvt.crc_rate(size, effort.slices), "k/s") for size in (17, 209, 1000)
    ]
    paid = zvt.dialogue(effort.payments, folder)
    cable_s = paid.size * zvt.BITS_PER_BYTE / zvt.BAUD
    return [
        *figures,
        Figure(
            "payment over a pty",
            paid.payment_ms,
            "ms",
            beside=paid.bytes_ms,
            note=f"beside: its {paid.size} B in {paid.turns} writes; at {zvt.BAUD} baud: {cable_s:.1f} s",
        ),
        Figure("payment / its bytes", paid.payment_ms / paid.bytes_ms, "x"),
    ]


def bluetooth(_folder: Path, effort: Effort) -> Sequence[Figure]:
    """Our link beside bare bleak, and a store full of readers at once; needs dbus-daemon."""
    figures = []
    for each in ble.compare(effort.rounds, effort.echoes):
        name = "stream there and back" if each.size == ble.STREAM else f"echo of {each.size} B"
        ours, bare = each.ours_ms, each.bare_ms
        p99 = f"p99 {quantile(ours, 0.99):.2f} and {quantile(bare, 0.99):.2f}"
        noise = f"{len(each.ratios)} turns, noise {spread(each.ratios):.0%}"
        figures += [
            Figure(name, median(ours), "ms", beside=median(bare), note=p99),
            Figure(f"{name} / bleak's", median(each.ratios), "x", most=BLE_RATIO, note=noise),
        ]
    kept = ble.store(effort.ble_readers, effort.serial_readers, effort.paced)
    readers = f"{kept.readers} readers"
    share = f"{len(kept.quiet_ms)} sales, {effort.serial_readers} of the readers on serial ports"
    slow = quantile(kept.quiet_ms, 0.99), quantile(kept.beside_trouble_ms, 0.99)
    return [
        *figures,
        Figure(f"RSS, {readers}", kept.rss_mb, "MiB", note="drivers alone, no gateway"),
        Figure(f"idle CPU, {readers}", kept.idle_percent, "%"),
        Figure(f"sale, {readers} at once", median(kept.quiet_ms), "ms", note=share),
        Figure(
            "the same while one of each kind is not there",
            median(kept.beside_trouble_ms),
            "ms",
            note=f"p99 {slow[1]:.0f}, without trouble {slow[0]:.0f}",
        ),
        Figure("CPU per sale", kept.sale_cpu_ms, "ms", note="the gateway's side alone"),
    ]


Part = Callable[[Path, Effort], Sequence[Figure]]


def door(folder: Path, effort: Effort) -> Sequence[Figure]:
    """ZVT registers beside HTTP tills, all readers at once, every card at the same moment."""
    del folder
    registers, tills = zvt_door.measure(effort.rush_readers, effort.rounds)
    note = f"{len(registers)} sales each on {effort.rush_readers} readers; beside: a till by HTTP"
    return [
        Figure(
            f"ZVT register, card's result to 04 0F, p{share * 100:.0f}",
            quantile(registers, share) * 1000,
            "ms",
            beside=quantile(tills, share) * 1000,
            note=note,
        )
        for share in (0.5, 0.99)
    ]


PARTS: Mapping[str, Part] = {
    "start": start,
    "idle": idle,
    "journal": append,
    "call": look,
    "zvt": terminals,
    "ble": bluetooth,
    "wait": wait,
    "paced": paced,
    "rush": rush,
    "door": door,
}


def run(name: str, effort: Effort, place: Path | None = None) -> Sequence[Figure]:
    """One part in a folder of its own below `place`."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=place) as folder:
        return PARTS[name](Path(folder), effort)
