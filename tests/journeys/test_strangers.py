"""What is no ZVT terminal is named: in the reader's state, and by doctor with a daemon and without one."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from agent.app import Gateway, World
from agent.cli import doctor, probe
from agent.cli.checks import Check, Result
from agent.settings import Settings, load
from agent.supervision import Notifier
from drivers import registry
from drivers.contract import DriverError, Link, ReaderConfig, ReaderName
from drivers.links.base import Listener
from drivers.links.memory import MemoryNetwork
from drivers.links.tcp import TcpListener
from drivers.simulators.pty import PtyListener

BANNER = b"\x00\x00\x00\x3eVER|APP 12.34.56|MODEL Yomani 2|SERIAL 00000000"
HTTP = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"

Peer = Callable[[Link], Awaitable[None]]


async def ecr17(link: Link) -> None:
    """Refuses what it hears, by its own rules."""
    while await link.receive():
        await link.send(b"\x15\x03\x69")


async def slow_ecr17(link: Link) -> None:
    """The same over a line that brings one byte at a time."""
    while await link.receive():
        for byte in b"\x15\x03\x69":
            await link.send(bytes((byte,)))
            await asyncio.sleep(0.01)


async def taking_ecr17(link: Link) -> None:
    """Takes what it hears for a message of its own: 06 could begin one of ours."""
    while await link.receive():
        await link.send(b"\x06\x03\x7a")


async def yomani(link: Link) -> None:
    """Says what it is, again and again."""
    await link.send(BANNER)
    while await link.receive():
        await link.send(BANNER)


async def http(link: Link) -> None:
    """Does not understand the request."""
    while await link.receive():
        await link.send(HTTP)


async def unknown(link: Link) -> None:
    """Speaks what nobody has heard of."""
    while await link.receive():
        await link.send(b"Guten Tag")


async def silence(link: Link) -> None:
    """Listens for ever."""
    while await link.receive():
        pass


async def hanging_up(link: Link) -> None:
    """Takes the call and ends it."""
    await link.close()


# stranger, what the state says, what doctor says is to be done
BARE: Mapping[str, tuple[Peer, str, str]] = {
    "ecr17": (ecr17, "no ZVT terminal answers there, but an ECR17 terminal", "switch it to ZVT in its menu"),
    "slow-ecr17": (slow_ecr17, "but an ECR17 terminal", "switch it to ZVT in its menu"),
    "taking-ecr17": (taking_ecr17, "but an ECR17 terminal", "switch it to ZVT in its menu"),
    "yomani": (yomani, "but a Yomani terminal with its own text protocol", "switch it to ZVT"),
    "http": (http, "but an HTTP server", "host and port of the terminal's ZVT interface"),
    "unknown": (
        unknown,
        "something that says 47 75 74 65 6E 20 54 61 67 'Guten Tag'",
        "is ZVT enabled on it?",
    ),
    "silence": (
        silence,
        "did not answer (sent), all is silent there",
        "is this its port, and is ZVT enabled?",
    ),
    "hanging-up": (
        hanging_up,
        "",
        "does another register use it, and is this the port of its ZVT interface?",
    ),
}
SERIAL: Mapping[str, tuple[Peer, str, str]] = {
    **{name: row for name, row in BARE.items() if name in {"ecr17", "slow-ecr17", "yomani", "http"}},
    "taking-ecr17": (taking_ecr17, "but an ECR17 terminal", "switch it to ZVT in its menu"),
    "unknown": (unknown, "what came is 47 75 74", "do baud rate, parity and stop bits fit"),
    "silence": (silence, "all is silent there", "is its cable in this port"),
}
SOON = {"t1_s": "0.05", "t2_s": "0.1", "t3_s": "0.5"}

STORE = """\
gateway: {name: store-1}
location: store
fleet: {paths: [fleet.yaml]}
journal: {path: journal.db}
doors: {http: {port: 0}}
control_socket: %s
"""

LOCATION = {
    "apiVersion": "tillgate/v1",
    "kind": "Location",
    "metadata": {"name": "store"},
    "spec": {
        "display_name": "Store",
        "address": {"line1": "Street 1", "city": "Berlin", "postal_code": "10117", "country": "DE"},
    },
}


def declare(folder: Path, links: Mapping[str, str]) -> Settings:
    readers = [
        {
            "apiVersion": "tillgate/v1",
            "kind": "Reader",
            "metadata": {"name": name},
            "spec": {"location": "store", "driver": "zvt", "link": link, "options": SOON},
        }
        for name, link in links.items()
    ]
    documents = [json.dumps(each) for each in [LOCATION, *readers]]
    (folder / "fleet.yaml").write_text("\n---\n".join(documents))
    path = folder / "gateway.yaml"
    path.write_text(STORE % (folder / "control.sock"))
    return load(path)


async def serve(listener: Listener, peer: Peer) -> None:
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(meet(await listener.accept(), peer), name="stranger")


async def meet(link: Link, peer: Peer) -> None:
    with suppress(DriverError):
        await peer(link)
        await link.close()


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[dict[str, str]]:
    """All strangers on TCP ports and behind serial ports, and a real web server; their links by name."""
    links: dict[str, str] = {}
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    links["tcp-web"] = f"tcp://127.0.0.1:{runner.addresses[0][1]}"
    listeners: list[Listener] = []
    async with asyncio.TaskGroup() as group:
        for name, (peer, _, _) in BARE.items():
            tcp = TcpListener("127.0.0.1", 0)
            await tcp.open()
            listeners.append(tcp)
            links[f"tcp-{name}"] = str(tcp.address)
            group.create_task(serve(tcp, peer), name=name)
        for name, (peer, _, _) in SERIAL.items():
            pty = PtyListener(folder / f"tty-{name}")
            await pty.open()
            listeners.append(pty)
            links[f"pty-{name}"] = str(pty.address)
            group.create_task(serve(pty, peer), name=name)
        try:
            yield links
        finally:
            for listener in listeners:
                await listener.close()
            await runner.cleanup()
            for task in asyncio.all_tasks():
                if task.get_name() in BARE:
                    task.cancel()


def expected(name: str) -> tuple[str, str]:
    world, _, stranger = name.partition("-")
    _, cause, fix = SERIAL[stranger] if world == "pty" else BARE["http" if stranger == "web" else stranger]
    return cause, fix


def judge(checks: list[Check], names: set[str]) -> None:
    found = {each.name.removeprefix("reader "): each for each in checks if each.name.startswith("reader ")}
    assert set(found) == names
    for name, check in found.items():
        cause, fix = expected(name)
        assert check.result is Result.PROBLEM
        assert cause in check.found, name
        assert fix in check.fix, name


@pytest.mark.real_time
async def test_strangers_are_named_in_the_readers_state_and_by_doctor(tmp_path: Path) -> None:
    async with town(tmp_path) as links:
        settings = declare(tmp_path, links)
        world = World(now=lambda: datetime.now(UTC), notifier=Notifier())
        gateway = Gateway(settings, world, None)
        stop = asyncio.Event()
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(gateway.run(stop), name="gateway")
            await gateway.ready.wait()
            lanes = gateway.desk.lanes.by_name
            # the state is for looking at, it wakes nobody
            while any(lane.status.state != "offline" for lane in lanes.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            for name, lane in lanes.items():
                cause, fix = expected(name)
                assert cause in lane.status.why, name
                assert fix in lane.status.why, name
            judge(await doctor.check_daemon(settings), set(links))
            stop.set()
        away, *found = await doctor.check_daemon(settings)
        assert away.result is Result.WARNING
        judge(found, set(links))


@pytest.mark.parametrize("stranger", [name for name in BARE if name != "hanging-up"])
async def test_strangers_in_memory(stranger: str) -> None:
    network = MemoryNetwork()
    listener = network.listen("pt")
    config = ReaderConfig(ReaderName("till-1"), "zvt", {"link": "memory://pt"})
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(listener, BARE[stranger][0]), name="stranger")
        check = await probe.call(config, lambda each: registry.make(each, {"memory": network}))
        serving.cancel()
    _, cause, fix = BARE[stranger]
    assert check.result is Result.PROBLEM
    assert cause in check.found
    assert fix in check.fix
