"""Tests of faulty links, connectors, listeners and proxies, in memory, over sockets and over a pty."""

import asyncio
from pathlib import Path

import pytest

from drivers.contract import Link
from drivers.links.address import MemoryAddress
from drivers.links.base import Breakable, LinkLostError, LinkNotOpenedError
from drivers.links.memory import MemoryNetwork
from drivers.links.reconnect import Reconnector
from drivers.links.schemes import connect
from drivers.links.tcp import TcpListener
from drivers.simulators.fault_list import FAULTS, Fault, Harm, plan_for
from drivers.simulators.faulty import LINGER_S, FaultyConnector, FaultyListener, Proxy
from drivers.simulators.pty import PtyListener
from drivers.zvt.serial_frame import Frame, FrameReader, encode_frame
from tests.unit.drivers.links.descriptors import open_descriptors

APDUS = [bytes((0x06, kind, 2, 0x10, kind)) for kind in range(60)]


def now() -> float:
    return asyncio.get_running_loop().time()


class Store:
    """A network with one device in it."""

    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.listener = self.network.listen("device")

    async def call(self) -> Link:
        return self.network.call(MemoryAddress("device"))


@pytest.fixture
def store() -> Store:
    return Store()


async def test_a_connector_makes_links_that_do_what_the_plan_says(store: Store) -> None:
    async with FaultyConnector(store.call, plan_for("cut-up=3")) as dial:
        first = await dial()
        assert isinstance(first, Breakable)
        device = await store.listener.accept()
        await first.send(b"abcd")
        assert await device.receive() == b"abc"
        with pytest.raises(LinkLostError, match="cut"):
            await first.receive()
        with pytest.raises(LinkLostError, match="cut"):
            await device.receive()
        await first.close()
        second = await dial()
        device = await store.listener.accept()
        await second.send(b"efgh")
        await device.send(b"whole")
        assert (await device.receive(), await second.receive()) == (b"efgh", b"whole")
        await second.close()
        assert await device.receive() == b""


async def test_a_device_that_restarts_cannot_be_reached_for_a_while(store: Store) -> None:
    async with FaultyConnector(store.call, plan_for("reboot=5", "absent=3")) as dial:
        line = Reconnector("reader", dial, random=lambda: 0.0)
        with pytest.raises(LinkNotOpenedError, match=r"away for another 3.0 s") as absent:
            await line.open()
        assert absent.value.code == "link_absent"
        link = await line.wait()
        assert 3 <= now() <= 5
        device = await store.listener.accept()
        await device.send(bytes(60))
        assert len(await link.receive()) == 60
        with pytest.raises(LinkLostError) as lost:
            await link.receive()
        lost_at = now()
        await line.drop(link, lost.value)
        await line.wait()
        assert 5 <= now() - lost_at <= 7


async def test_closing_lets_late_bytes_arrive(store: Store) -> None:
    async with FaultyConnector(store.call, plan_for("delay=2")) as dial:
        link = await dial()
        device = await store.listener.accept()
        await link.send(b"the last ACK")
        await link.close()
        await link.close()
        assert now() == 2
        assert await device.receive() == b"the last ACK"
        assert await device.receive() == b""


async def test_closing_does_not_wait_for_ever(store: Store) -> None:
    async with FaultyConnector(store.call, plan_for("delay=3600")) as dial:
        link = await dial()
        await link.send(b"x")
        await link.close()
        assert now() == LINGER_S


async def test_silence_does_not_keep_a_link_open(store: Store) -> None:
    async with FaultyConnector(store.call, plan_for("silence=1")) as dial:
        link = await dial()
        device = await store.listener.accept()
        await device.send(b"x")
        await asyncio.sleep(60)
        await link.close()
        assert now() == 60


async def test_breaking_off(store: Store) -> None:
    async with FaultyConnector(store.call, plan_for()) as dial:
        link = await dial()
        assert isinstance(link, Breakable)
        device = await store.listener.accept()
        link.abort()
        with pytest.raises(LinkLostError):
            await device.receive()


async def test_leaving_ends_what_is_still_there_even_before_it_began(store: Store) -> None:
    async with FaultyConnector(store.call, plan_for("silence=1")) as dial:
        link = await dial()
    with pytest.raises(LinkLostError):
        await link.receive()
    await link.close()
    assert now() == 0


async def test_a_listener_spoils_the_links_of_its_callers(store: Store) -> None:
    async with FaultyListener(store.listener, plan_for("hang-up=2")) as faulty:
        till = await store.call()
        device = await faulty.accept()
        await till.send(b"up")
        assert await device.receive() == b"up"
        await device.send(b"abcd")
        assert await till.receive() == b"ab"
        assert await till.receive() == b""
        # it hung up without being away
        await (await store.call()).close()
    with pytest.raises(LinkNotOpenedError):
        await store.call()


async def test_a_listener_is_away_at_first_and_after_a_restart(store: Store) -> None:
    async with FaultyListener(store.listener, plan_for("absent=2", "reboot=5")) as faulty:
        line = Reconnector("reader", store.call, random=lambda: 0.0)
        with pytest.raises(LinkNotOpenedError, match="nobody listens"):
            await line.open()
        till = await line.wait()
        assert now() >= 2
        device = await faulty.accept()
        await device.send(bytes(61))
        assert len(await till.receive()) == 60
        with pytest.raises(LinkLostError) as lost:
            await till.receive()
        lost_at = now()
        await line.drop(till, lost.value)
        with pytest.raises(LinkNotOpenedError, match="nobody listens"):
            await line.open()
        await line.wait()
        assert now() - lost_at >= 5


async def test_a_proxy_stands_between(store: Store) -> None:
    front = store.network.listen("front")

    async def call_front() -> Link:
        return store.network.call(MemoryAddress("front"))

    async with Proxy(front, store.call, plan_for("byte-by-byte=1")):
        till = await call_front()
        device = await store.listener.accept()
        await till.send(b"ab")
        assert [await device.receive(), await device.receive()] == [b"a", b"b"]
        assert now() == 1
        await store.listener.shut()
        with pytest.raises(LinkLostError):
            await (await call_front()).receive()
    with pytest.raises(LinkNotOpenedError):
        await call_front()


async def send_all(link: Link) -> None:
    for apdu in APDUS:
        await link.send(encode_frame(apdu))
        await asyncio.sleep(0.1)


async def frames(link: Link) -> list[bytes]:
    """What comes whole before the end, or before a minute of silence."""
    reader = FrameReader()
    found: list[bytes] = []
    try:
        while True:
            async with asyncio.timeout(60):
                data = await link.receive()
            if not data:
                return found
            found += [piece.apdu for piece in reader.feed(data) if isinstance(piece, Frame)]
    except (LinkLostError, TimeoutError):
        return found


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
async def test_frames_over_each_faulty_link(fault: Fault, store: Store) -> None:
    async with FaultyConnector(store.call, plan_for(fault.name, seed=3)) as dial:
        line = Reconnector("reader", dial, random=lambda: 0.0)
        till = await line.wait()
        device = await store.listener.accept()

        async def talk() -> None:
            try:
                await send_all(device)
                await device.close()
            except LinkLostError:
                assert fault.harm is Harm.LINK

        async with asyncio.TaskGroup() as group:
            group.create_task(talk(), name="device")
            arrived = await frames(till)
        await line.drop(till)
    positions = [APDUS.index(apdu) for apdu in arrived]
    assert positions == sorted(positions)
    if fault.harm is Harm.TIMING or fault.name in {"stall", "absent", "idle-hang-up", "cut-up"}:
        assert arrived == APDUS
    elif fault.harm is Harm.LINK:
        assert len(arrived) < len(APDUS)
        assert arrived == APDUS[: len(arrived)]


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("fault", "seen"),
    [("cut-down=3", "abc, reset"), ("hang-up=3", "abc, end"), ("delay=0", "abcdef, end")],
)
async def test_a_proxy_between_sockets(fault: str, seen: str) -> None:
    before = open_descriptors()
    async with TcpListener("127.0.0.1", 0) as device_port:
        front = TcpListener("127.0.0.1", 0)
        async with Proxy(front, lambda: connect(device_port.address), plan_for(fault)):
            till = await connect(front.address)
            device = await device_port.accept()
            await till.send(b"hello")
            assert await device.receive() == b"hello"
            await device.send(b"abcdef")
            told = (await till.receive()).decode()
            await device.close()
            try:
                told += ", end" if await till.receive() == b"" else ", more"
            except LinkLostError as error:
                told += ", reset" if "reset" in str(error) else f", {error}"
            assert told == seen
            await till.close()
    for _ in range(3):
        await asyncio.sleep(0)
    assert open_descriptors() == before


@pytest.mark.real_time
@pytest.mark.parametrize("after", [0, 1, 5, 9])
async def test_a_serial_port_is_cut_at_the_byte_and_comes_back(tmp_path: Path, after: int) -> None:
    before = open_descriptors()
    port = PtyListener(tmp_path / "usb-1")
    async with FaultyListener(port, plan_for(f"cut-down={after}")) as faulty:
        till = await connect(port.address)
        device = await faulty.accept()
        await device.send(b"123456789")
        got = b""
        while len(got) < after:
            got += await till.receive()
        with pytest.raises(LinkLostError, match="gone"):
            await till.receive()
        assert got == b"123456789"[:after]
        again = await connect(port.address)
        device = await faulty.accept()
        await device.send(b"back")
        assert await again.receive() == b"back"
        await again.close()
    assert open_descriptors() == before
