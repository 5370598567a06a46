"""A burst of messages is held back until the bus has read what went before; order is kept."""

import asyncio
from pathlib import Path

from dbus_fast import Message
from dbus_fast.aio import MessageBus

from drivers.simulators.bluez.outgoing import DBUS, DBUS_PATH, WINDOW, Outgoing
from tests.message_bus import MemoryBus


async def test_a_burst_arrives_whole_and_in_order(tmp_path: Path) -> None:
    async with MemoryBus(tmp_path) as memory:
        sender = await MessageBus(bus_address=memory.address).connect()
        hearer = await MessageBus(bus_address=memory.address).connect()
        heard: list[int] = []

        def hear(message: Message) -> None:
            if message.member == "Tick":
                heard.append(message.body[0])

        hearer.add_message_handler(hear)
        rule = "type='signal',member='Tick'"
        await hearer.call(Message(DBUS, DBUS_PATH, DBUS, "AddMatch", signature="s", body=[rule]))
        outgoing = Outgoing(sender)
        sender.add_message_handler(outgoing.heard)
        count = 40 * WINDOW + 5
        for number in range(count):
            outgoing.send(Message.new_signal("/x", "x.y", "Tick", "u", [number]))
        await outgoing.drained()
        await asyncio.sleep(0.1)
        assert heard == list(range(count))
        for bus in (sender, hearer):
            bus.disconnect()
