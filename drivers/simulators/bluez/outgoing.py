"""Messages on their way to the bus, a few at a time."""

import asyncio
from collections import deque

from dbus_fast import Message
from dbus_fast.aio import MessageBus

DBUS, DBUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"

WINDOW = 32
"""Messages that the bus may not have read yet: dbus-fast gives a connection up whose socket is full."""


class Outgoing:
    """Sends in order. The bus reads in order too: once it answers a question, it has read all before it."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._waiting: deque[Message] = deque()
        self._sent = 0
        self._question = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def send(self, message: Message) -> None:
        """Send it now, or as soon as the bus has read what went before."""
        self._waiting.append(message)
        self._go_on()

    def heard(self, message: Message) -> bool:
        """Whether a message that came is the bus' answer to us, and no one else's business."""
        if not self._question or message.reply_serial != self._question:
            return False
        self._question = self._sent = 0
        self._go_on()
        return True

    async def drained(self) -> None:
        """Wait until the bus has read everything."""
        await self._empty.wait()
        await self._bus.call(_question())

    def _go_on(self) -> None:
        while self._waiting and not self._question:
            self._bus.send(self._waiting.popleft())
            self._sent += 1
            if self._sent == WINDOW:
                question = _question()
                question.serial = self._question = self._bus.next_serial()
                self._bus.send(question)
        if self._waiting:
            self._empty.clear()
        else:
            self._empty.set()


def _question() -> Message:
    return Message(DBUS, DBUS_PATH, DBUS, "GetId")
