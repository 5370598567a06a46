"""Our access server, word by word and as other people's clients see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import serial
import serialx

from drivers.links.address import Rfc2217Address
from drivers.links.memory import MemoryNetwork
from drivers.links.rfc2217 import negotiate
from drivers.links.tcp import TcpListener
from drivers.links.telnet import (
    ANSWER,
    BREAK,
    IAC,
    Com,
    Control,
    LineState,
    ModemState,
    Negotiated,
    Option,
    Subnegotiated,
    TelnetReader,
    Verb,
    com,
)
from drivers.simulators.fault_list import plan_for
from drivers.simulators.faulty import FaultyListener
from drivers.simulators.rfc2217 import SIGNATURE, PortDialogue, Rfc2217Listener
from drivers.simulators.uart import FakeUart, LineSettings


def port() -> PortDialogue:
    return PortDialogue(FakeUart())


def ask(dialogue: PortDialogue, command: int, data: bytes = b"") -> list[bytes]:
    """What the server answers, as the contents of its COM port words."""
    heard, reply = dialogue.feed(com(command, data))
    assert heard == b""
    return [each.data for each in TelnetReader().feed(reply) if isinstance(each, Subnegotiated)]


def test_options_are_agreed_on_once() -> None:
    dialogue = port()
    will = Negotiated(Verb.WILL, Option.COM_PORT).encode()
    lines = com(Com.MODEM_STATE + ANSWER, b"\xb0")
    assert dialogue.feed(will) == (b"", Negotiated(Verb.DO, Option.COM_PORT).encode() + lines)
    assert dialogue.feed(will) == (b"", b"")
    assert dialogue.feed(Negotiated(Verb.DO, 1).encode()) == (b"", Negotiated(Verb.WONT, 1).encode())
    assert dialogue.feed(Negotiated(Verb.DONT, 0).encode()) == (b"", Negotiated(Verb.WONT, 0).encode())


@pytest.mark.parametrize(
    ("command", "data", "answer"),
    [
        (Com.SIGNATURE, b"", SIGNATURE),
        (Com.BAUDRATE, b"\x00\x00\x4b\x00", b"\x00\x00\x4b\x00"),
        (Com.BAUDRATE, bytes(4), (9600).to_bytes(4, "big")),
        (Com.DATASIZE, b"\x07", b"\x07"),
        (Com.DATASIZE, b"\x00", b"\x08"),
        (Com.DATASIZE, b"\x09", b"\x08"),
        (Com.PARITY, b"\x03", b"\x03"),
        (Com.PARITY, b"\x00", b"\x01"),
        (Com.STOPSIZE, b"\x03", b"\x03"),
        (Com.STOPSIZE, b"\x00", b"\x02"),
        (Com.CONTROL, b"\x00", b"\x01"),
        (Com.CONTROL, b"\x03", b"\x03"),
        (Com.CONTROL, b"\x0d", b"\x0e"),
        (Com.CONTROL, b"\x10", b"\x10"),
        (Com.CONTROL, b"\x04", b"\x06"),
        (Com.CONTROL, b"\x05", b"\x05"),
        (Com.CONTROL, b"\x07", b"\x09"),
        (Com.CONTROL, b"\x08", b"\x08"),
        (Com.CONTROL, b"\x0a", b"\x0c"),
        (Com.CONTROL, b"\x0b", b"\x0b"),
        (Com.CONTROL, b"\x63", b"\x01"),
        (Com.LINE_STATE_MASK, b"\xff", b"\xff"),
        (Com.PURGE, b"\x02", b"\x02"),
    ],
)
def test_what_is_asked_is_done_and_confirmed(command: Com, data: bytes, answer: bytes) -> None:
    assert ask(port(), command, data) == [bytes((command + ANSWER,)) + answer]


@pytest.mark.parametrize(
    ("command", "data"),
    [(Com.BAUDRATE, b"\x01"), (Com.PURGE, b"\x04"), (Com.PURGE, b""), (Com.SIGNATURE, b"me"), (99, b"")],
)
def test_what_makes_no_sense_is_not_answered(command: int, data: bytes) -> None:
    assert ask(port(), command, data) == []


def test_masks_are_confirmed_with_ff_doubled() -> None:
    _, reply = port().feed(com(Com.MODEM_STATE_MASK, b"\xff"))
    assert reply.startswith(bytes.fromhex("FFFA2C6F FFFF FFF0"))
    assert ask(port(), Com.MODEM_STATE_MASK, b"\x30") == [b"\x6f\x30", b"\x6b\x30"], (
        "and the lines as they are"
    )


def test_modem_lines_are_told_where_they_are_wanted() -> None:
    dialogue = port()
    ask(dialogue, Com.MODEM_STATE_MASK, bytes((ModemState.CTS | ModemState.DELTA_CTS,)))
    told = TelnetReader().feed(dialogue.show(ModemState.DSR | ModemState.CD))
    assert told == [Subnegotiated(Option.COM_PORT, bytes((107, ModemState.DELTA_CTS)))]
    assert dialogue.show(ModemState.CD) == b"", "nobody wants to know about DSR"
    assert dialogue.show(ModemState.CD) == b""


def test_complaints_about_the_line_are_told_where_they_are_wanted() -> None:
    dialogue = PortDialogue(FakeUart(device=LineSettings(parity="E")))
    assert dialogue.say(b"\x03") == b"\x03"
    ask(dialogue, Com.LINE_STATE_MASK, bytes((LineState.FRAMING,)))
    assert TelnetReader().feed(dialogue.say(b"\x03")) == [Subnegotiated(44, b"\x6a\x08"), b"\x03"]


def test_breaks_are_counted_and_hold_the_line() -> None:
    dialogue = port()
    dialogue.feed(bytes((IAC, BREAK)))
    ask(dialogue, Com.CONTROL, bytes((Control.BREAK_ON,)))
    assert dialogue.feed(b"x") == (b"", b"")
    ask(dialogue, Com.CONTROL, bytes((Control.BREAK_OFF,)))
    assert dialogue.feed(b"x") == (b"x", b"")
    assert dialogue.uart.breaks == 2


async def test_the_device_is_silent_while_the_client_wants_it() -> None:
    calls = MemoryNetwork().listen("server")
    server = Rfc2217Listener(calls)
    client = calls.call()
    device = await server.accept()
    async with asyncio.TaskGroup() as group:
        hearing = group.create_task(device.receive(), name="hear")
        await client.send(com(Com.SUSPEND))
        await asyncio.sleep(0.1)
        saying = group.create_task(device.send(b"x"), name="say")
        await asyncio.sleep(1)
        assert not saying.done()
        await client.send(com(Com.RESUME))
        assert await client.receive() == b"x"
        await device.show(ModemState(0))
        assert await client.receive() == com(
            107, bytes((ModemState.DELTA_CTS | ModemState.DELTA_DSR | ModemState.DELTA_CD,))
        )
        await device.show(ModemState(0))
        device.abort()
        hearing.cancel()
    await server.shut()
    await server.open()
    await server.close()


@pytest.mark.parametrize("fault", ["byte-by-byte", "coalesce", "delay"])
async def test_the_fault_list_applies_to_it(fault: str) -> None:
    """Bad timing between client and server changes nothing, negotiation and escapes included."""
    calls = MemoryNetwork().listen("server")
    async with FaultyListener(calls, plan_for(fault)) as faulty, asyncio.TaskGroup() as group:

        async def serve() -> None:
            from drivers.simulators.rfc2217 import PortLink

            device = PortLink(await faulty.accept(), PortDialogue(FakeUart()))
            while data := await device.receive():
                await device.send(data)

        serving = group.create_task(serve(), name="echo")
        link = await negotiate(calls.call(), Rfc2217Address("server", 1))
        every = bytes(range(256))
        await link.send(every)
        heard = b""
        while len(heard) < 256:
            heard += await link.receive()
        assert heard == every
        await link.close()
        await serving


# -- other people's clients ---------------------------------------------------------------------------


@asynccontextmanager
async def echo(device: LineSettings) -> AsyncIterator[Rfc2217Listener]:
    server = Rfc2217Listener(TcpListener("127.0.0.1", 0), device)
    await server.open()

    async def serve() -> None:
        while True:
            line = await server.accept()
            try:
                while data := await line.receive():
                    await line.send(data)
            finally:
                line.abort()

    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(), name="echo")
        try:
            yield server
        finally:
            serving.cancel()
            await server.close()


@pytest.mark.real_time
async def test_serialx_gets_along_with_it() -> None:
    async with echo(LineSettings(19_200, 8, "E", 1)) as server:
        reader, writer = await serialx.open_serial_connection(
            f"rfc2217://127.0.0.1:{server.address.port}",
            19_200,
            parity=serialx.Parity.EVEN,
            stopbits=serialx.StopBits.ONE,
        )
        assert server.uart.settings == LineSettings(19_200, 8, "E", 1)
        writer.write(bytes(range(256)))
        assert await reader.readexactly(256) == bytes(range(256))
        writer.close()
        await writer.wait_closed()


@pytest.mark.real_time
@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # pyserial's own
async def test_pyserial_gets_along_with_it() -> None:
    async with echo(LineSettings(4800, 7, "O", 2)) as server:

        def use(url: str) -> tuple[bytes, bool, bool]:
            with serial.serial_for_url(url, 4800, 7, "O", 2, timeout=5) as port:
                port.write(bytes(range(128)))
                heard = port.read(128)
                port.dtr = False
                port.reset_input_buffer()
                return heard, port.cts, port.dsr

        url = f"rfc2217://127.0.0.1:{server.address.port}"
        heard = await asyncio.get_running_loop().run_in_executor(None, use, url)
        assert heard == (bytes(range(128)), True, True)
        assert (server.uart.dtr, server.uart.settings) == (False, LineSettings(4800, 7, "O", 2))
        assert str(server.address).endswith("?baudrate=4800&bytesize=7&parity=O")
