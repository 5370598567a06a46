"""The real thing: the daemon as a process that is killed, stopped and frozen, and the same tills and judge.

The simulators run in this process and are reached over real sockets and a pseudo-terminal.
"""

import asyncio
import json
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import aiohttp

from agent.chaos.crowd import Till, Word
from agent.chaos.door import Answer, NoAnswerError
from agent.chaos.eyes import Eyes
from agent.chaos.journal import read
from agent.chaos.judge import Judge, Told, Truth, Violation
from agent.chaos.plan import PATIENCE_S, STRIPE_READERS, Sale, plan_of
from agent.chaos.store import furnish
from agent.pos.tills import TillRegistry

TILLS = 4
CALM_S = 180.0
"""How long everything may take to end once nobody kills the daemon any more."""

PACE_S = (0.1, 0.8)
"""Between the daemon's return and the next signal."""

_DAEMON = "import sys; from agent.cli import main; sys.exit(main(sys.argv[1:]))"


@dataclass(slots=True)
class Soak:
    """What came of it."""

    signals: Counter[str] = field(default_factory=Counter)
    sales: int = 0
    states: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    elapsed_s: float = 0.0

    def as_data(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "elapsed_s": round(self.elapsed_s, 1),
            "signals": dict(self.signals),
            "sales": self.sales,
            "states": dict(self.states),
            "violations": [{"invariant": each.invariant, "what": each.what} for each in self.violations],
        }

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.states.most_common())
        signals = ", ".join(f"{count} {name}" for name, count in self.signals.most_common())
        lines = [f"{self.elapsed_s:.0f} s, {signals}", f"{self.sales} sales ({states})"]
        lines += [str(violation) for violation in self.violations] or ["no promise was broken"]
        return "\n".join(lines)


class _Daemon:
    """`tillgate run`, again and again."""

    def __init__(self, config: Path, port: int, soak: Soak, chance: random.Random) -> None:
        self._config = config
        self._url = f"http://127.0.0.1:{port}"
        self._soak = soak
        self._chance = chance
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Run it until its door is open."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", _DAEMON, "run", "--config", str(self._config), "--log-level", "error"),
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(60), aiohttp.ClientSession() as http:
            while True:
                with suppress(aiohttp.ClientError, OSError):
                    async with http.get(f"{self._url}/v1/health") as answer:
                        if answer.status:
                            return
                if self._process.returncode is not None:
                    self.blame(f"the daemon ended by itself with {self._process.returncode}")
                    return
                await asyncio.sleep(0.05)

    def blame(self, what: str) -> None:
        """Something that a daemon does not do."""
        self._soak.violations.append(Violation("lives on", self._soak.elapsed_s, what))

    async def torment(self, until_s: float) -> None:
        """Signals at random moments until the time is up; then it runs on."""
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            await asyncio.sleep(self._chance.uniform(*PACE_S))
            dice = self._chance.random()
            if dice < 0.8:
                await self._end(signal.SIGKILL)
            elif dice < 0.9:
                await self._freeze()
            else:
                await self._end(signal.SIGTERM)

    async def _freeze(self) -> None:
        assert self._process is not None
        self._soak.signals["SIGSTOP"] += 1
        self._process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self._chance.uniform(0.1, 3.0))
        self._process.send_signal(signal.SIGCONT)

    async def _end(self, number: signal.Signals) -> None:
        await self.stop(number)
        await asyncio.sleep(self._chance.uniform(0.0, 0.5))
        await self.start()

    async def stop(self, number: signal.Signals) -> None:
        """Send it a signal and wait for its end."""
        assert self._process is not None
        self._soak.signals[number.name] += 1
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        code = await self._process.wait()
        if code not in {0, -number}:
            self.blame(f"the daemon ended with {code} after {number.name}")

    async def close(self) -> None:
        """Leave no process behind."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class _Door:
    """HTTP to the daemon, over a real socket."""

    def __init__(self, http: aiohttp.ClientSession, port: int) -> None:
        self._http = http
        self._url = f"http://127.0.0.1:{port}"

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str, patience_s: float, **_faults: bool
    ) -> Answer:
        """As `agent.chaos.door.Door.ask`."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with (
                asyncio.timeout(patience_s),
                self._http.request(method, self._url + path, json=body, headers=headers) as answer,
            ):
                return Answer(answer.status, await answer.json())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise NoAnswerError(repr(error)) from error


class _World:
    """The simulators, as tills and the judge need them."""

    def __init__(self, simulated: Any, folder: Path) -> None:
        self._simulated = simulated
        self._folder = folder

    def expect(self, reader: str, hands: Mapping[str, Any]) -> None:
        """Who comes to a reader from now on."""
        with suppress(OSError, KeyError):
            if reader in STRIPE_READERS:
                bound = json.loads((self._folder / "bindings.json").read_text(encoding="utf-8"))
                path = f"readers/{bound['readers'][reader]['reader_id']}"
                _at_once(self._simulated.control(path, hands))
            else:
                _at_once(self._simulated.control(f"zvt/{reader}", {"customer": hands, "pull": None}))

    def truth(self) -> Truth:
        """What the owners of the truth say now."""
        intents = _at_once(self._simulated.ledger())
        refunds = [{"amount": row["refunded"], "status": "succeeded"} for row in intents]
        return Truth(intents, refunds, _at_once(self._simulated.turnover()))


def _at_once(asking: Coroutine[Any, Any, Any]) -> Any:
    """The answer of a simulator in this process, which waits for nothing."""
    try:
        asking.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a simulator's control waits for something")


async def soak(
    simulated: Any, minutes: float, seed: int, *, told: Callable[[str], None], calm_s: float = CALM_S
) -> Soak:
    """Let tills sell and the daemon die for so long; then everything must end, and the books agree.

    `simulated` is the world of the entry point, whose loop runs this.
    """
    found = Soak()
    with tempfile.TemporaryDirectory(prefix="tillgate-chaos-") as name:
        folder = Path(name)
        await simulated.open(folder)
        try:
            async with aiohttp.ClientSession() as http:
                await _Soaking(simulated, folder, http, seed, found, told).run(60 * minutes, calm_s)
        finally:
            await simulated.close()
    return found


class _Soaking:
    """One soak while it runs."""

    def __init__(
        self,
        simulated: Any,
        folder: Path,
        http: aiohttp.ClientSession,
        seed: int,
        found: Soak,
        told: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._seed = seed
        self._found = found
        self._told = told
        self._chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
        port = _free_port()
        config = furnish(
            folder, STRIPE_READERS, simulated.terminals, base_url=simulated.stripe_url, port=port
        )
        self._readers = (*STRIPE_READERS, *simulated.terminals)
        self._door = _Door(http, port)
        self._world = _World(simulated, folder)
        self._daemon = _Daemon(config, port, found, self._chance)
        self._amounts: dict[str, tuple[str, int]] = {}
        self._judge = Judge(self._amounts, self._world.truth, patience_s=PATIENCE_S)
        self._judge.disturbed |= set(self._readers)
        self._numbers = iter(range(1, 10**6))
        self._eyes = Eyes(asyncio.get_running_loop().time, trace=False)
        self._tills = [self._till(f"till-{number}") for number in range(TILLS)]

    def _till(self, name: str) -> Till:
        registry = TillRegistry(self._folder / "tills.json")
        token = registry.add(name).reveal()
        door: Any = self._door
        world: Any = self._world
        chance = random.Random(f"{self._seed}-{name}")  # noqa: S311  # as above
        return Till(name, token, door, world, self._eyes, self._hear, chance)

    def _hear(self, word: Word) -> None:
        self._judge.hear(Told(word.at_s, word.till, word.key, word.view))

    async def run(self, seconds: float, calm_s: float) -> None:
        """Sell and torment, calm down, judge."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        until_s = began_s + seconds
        try:
            await self._daemon.start()
            async with asyncio.TaskGroup() as group:
                for till in self._tills:
                    group.create_task(self._sell(till, until_s), name=till.name)
                group.create_task(self._report(began_s, until_s), name="progress")
                group.create_task(self._daemon.torment(until_s), name="torment")
            await self._calm(calm_s)
            await self._epilogue()
            await self._daemon.stop(signal.SIGTERM)
        finally:
            await self._daemon.close()
        self._found.elapsed_s = loop.time() - began_s
        self._conclude()

    async def _report(self, began_s: float, until_s: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            await asyncio.sleep(min(10.0, max(0.1, until_s - loop.time())))
            self._found.elapsed_s = loop.time() - began_s
            signals = ", ".join(f"{count} {name}" for name, count in self._found.signals.most_common())
            broken = len(self._judge.violations) + len(self._found.violations)
            self._told(
                f"{self._found.elapsed_s:.0f} s: {signals}; {len(self._amounts)} sales, {broken} violations"
            )

    async def _sell(self, till: Till, until_s: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            await till.serve(self._next_sale())

    def _next_sale(self) -> Sale:
        """A sale of some world's, at one of our readers and about an amount that is no other's."""
        number = next(self._numbers)
        like = self._chance.choice(plan_of(self._chance.randrange(10**6), kinds=()).sales)
        reader = self._chance.choice(self._readers)
        stripe = reader in STRIPE_READERS
        if stripe != (like.reader in STRIPE_READERS):
            like = Sale(0, 0, reader, 0, 0.0, 1.0)
        ending = 5 if like.customer == "declined" and not stripe else 0
        amount = (100 + number) * 100 + ending
        self._amounts[f"s{number}"] = (reader, amount)
        parts = tuple(0 if part == 0 else 10_000 + number for part in like.refunds)
        return replace(
            like,
            number=number,
            reader=reader,
            amount=amount,
            pause_s=like.pause_s / 10,
            comes_s=like.comes_s / 4,
            cancel_s=None if like.cancel_s is None else like.cancel_s / 4,
            refunds=tuple(min(part, amount) for part in parts),
        )

    async def _calm(self, calm_s: float) -> None:
        """Wait until nothing is under way."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + calm_s
        while loop.time() < until_s:
            kept = read(self._folder / "journal.db").values()
            if not any(each.holds or each.settling for each in kept):
                return
            await asyncio.sleep(1.0)

    async def _epilogue(self) -> None:
        """One plain sale at every reader."""
        for place, reader in enumerate(self._readers):
            amount = 90_000_00 + 100 * place
            self._amounts[f"e{place}"] = (reader, amount)
            sale = Sale(place, 0, reader, amount, 0.0, 0.5)
            order = {"reader": reader, "amount": amount, "currency": "eur", "pos_key": f"e{place}"}
            view = await self._tills[0].sell_plainly(sale, order)
            if view is None or view["state"] != "paid":
                state = "never taken" if view is None else f"{view['state']} ({view['verdict']})"
                self._judge.blame("serves again", self._found.elapsed_s, f"a plain sale at {reader}: {state}")

    def _conclude(self) -> None:
        found = self._found
        journal = read(self._folder / "journal.db")
        self._judge.conclude(found.elapsed_s, journal, {})
        for till in self._tills:
            for refusal in till.refusals:
                self._judge.blame("lives on", found.elapsed_s, f"{till.name}: {refusal}")
        found.violations += self._judge.violations
        found.sales = len(journal)
        found.states = Counter(kept.state for kept in journal.values())


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(minutes: float, seed: int) -> Soak:
    """The soak on a loop of its own; progress goes to stderr."""

    def told(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    (point,) = entry_points(group="tillgate.worlds", name="simulated")
    simulated = point.load()(speed=1.0, seed=seed, authorizing_s=0.5)
    with asyncio.Runner(loop_factory=simulated.new_loop) as runner:
        return runner.run(soak(simulated, minutes, seed, told=told))
