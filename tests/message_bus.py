"""A message bus inside the test's own event loop, so that whoever speaks D-Bus lives in virtual time."""

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any

from dbus_fast import Message, MessageType
from dbus_fast._private.unmarshaller import Unmarshaller

DBUS = "org.freedesktop.DBus"
HEADER = 16


class Rule:
    """One match rule, as far as BlueZ' clients use them."""

    def __init__(self, text: str) -> None:
        self.text = text
        parts = (part.partition("=") for part in text.split(",") if part)
        self.wants = {key.strip(): value.strip("'") for key, _, value in parts}

    def fits(self, bus: "MemoryBus", message: Message) -> bool:
        return all(self._part_fits(bus, message, key, value) for key, value in self.wants.items())

    def _part_fits(self, bus: "MemoryBus", message: Message, key: str, value: str) -> bool:
        first = message.body[0] if message.body and isinstance(message.body[0], str) else None
        match key:
            case "type":
                return value == "signal"
            case "sender":
                return message.sender in (value, bus.names.get(value))
            case "interface" | "member" | "path":
                return bool(getattr(message, key) == value)
            case "path_namespace":
                return message.path == value or (message.path or "").startswith(f"{value}/")
            case "arg0":
                return first == value
            case "arg0path":
                return first is not None and (first == value or first.startswith(value))
            case _:
                raise AssertionError(f"nobody has used {key} in a match rule so far")


class Peer(asyncio.Protocol):
    """One connection to the bus."""

    def __init__(self, bus: "MemoryBus") -> None:
        self.bus = bus
        self.name = ""
        self.rules: list[Rule] = []
        self._buffer = bytearray()
        self._talking = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.bus.left(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._talking and b"\r\n" in self._buffer:
            line, _, rest = bytes(self._buffer).partition(b"\r\n")
            self._buffer = bytearray(rest)
            self._say(line.lstrip(b"\0"))
        while self._talking and len(self._buffer) >= HEADER:
            order = "little" if self._buffer[0:1] == b"l" else "big"
            body, fields = (int.from_bytes(self._buffer[at : at + 4], order) for at in (4, 12))  # type: ignore[arg-type]  # one of two words
            total = HEADER + (fields + 7) // 8 * 8 + body
            if len(self._buffer) < total:
                return
            raw = bytes(self._buffer[:total])
            del self._buffer[:total]
            message = Unmarshaller(BytesIO(raw)).unmarshall()  # type: ignore[arg-type]  # any file does
            assert message is not None
            self.bus.route(self, message)

    def _say(self, line: bytes) -> None:
        if line.startswith(b"AUTH"):
            self.transport.write(b"OK 0123456789abcdef0123456789abcdef\r\n")
        elif line == b"NEGOTIATE_UNIX_FD":
            self.transport.write(b"AGREE_UNIX_FD\r\n")
        elif line == b"BEGIN":
            self._talking = True

    def deliver(self, message: Message) -> None:
        if not self.transport.is_closing():
            self.transport.write(_signed(bytes(message._marshall(False)), message.sender or ""))


def _signed(raw: bytes, sender: str) -> bytes:
    """The message with its sender, a header field that only a bus may set."""
    length = int.from_bytes(raw[12:16], "little")
    fields = raw[HEADER : HEADER + length] + bytes(-length % 8)
    fields += b"\x07\x01s\0" + len(sender).to_bytes(4, "little") + sender.encode() + b"\0"
    body = raw[HEADER + length + -length % 8 :]
    return raw[:12] + len(fields).to_bytes(4, "little") + fields + bytes(-len(fields) % 8) + body


class MemoryBus:
    """What dbus-daemon does, for a handful of connections. To be entered with `async with`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bus"
        self.peers: dict[str, Peer] = {}
        self.names: dict[str, str] = {}
        self.peers_ever = 0
        self._serial = 0

    @property
    def address(self) -> str:
        return f"unix:path={self.path}"

    async def __aenter__(self) -> "MemoryBus":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: Peer(self), str(self.path))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.path.unlink()
        for peer in tuple(self.peers.values()):
            peer.transport.abort()
        await asyncio.sleep(0.1)

    def route(self, peer: Peer, message: Message) -> None:
        message.sender = peer.name
        if message.message_type is MessageType.SIGNAL and not message.destination:
            self.broadcast(message)
        elif message.destination == DBUS:
            self._serve(peer, message)
        else:
            target = self.peers.get(self.names.get(message.destination or "", message.destination or ""))
            if target is not None:
                target.deliver(message)
            elif message.message_type is MessageType.METHOD_CALL:
                self._answer(peer, self._error(message, "ServiceUnknown", "nobody has that name"))

    def broadcast(self, message: Message) -> None:
        for peer in tuple(self.peers.values()):
            if any(rule.fits(self, message) for rule in peer.rules):
                peer.deliver(message)

    def left(self, peer: Peer) -> None:
        if self.peers.pop(peer.name, None) is not None:
            for name in [name for name, owner in self.names.items() if owner == peer.name]:
                del self.names[name]
                self._owner_changed(name, peer.name, "")
            self._owner_changed(peer.name, peer.name, "")

    def _serve(self, peer: Peer, call: Message) -> None:
        match call.member:
            case "Hello":
                self.peers_ever += 1
                peer.name = call.sender = f":1.{self.peers_ever}"
                self.peers[peer.name] = peer
                self._reply(peer, call, "s", peer.name)
                self._owner_changed(peer.name, "", peer.name)
            case "AddMatch":
                peer.rules.append(Rule(call.body[0]))
                self._reply(peer, call)
            case "RemoveMatch":
                peer.rules.remove(next(rule for rule in peer.rules if rule.text == call.body[0]))
                self._reply(peer, call)
            case "RequestName":
                before = self.names.get(call.body[0], "")
                self.names[call.body[0]] = peer.name
                self._reply(peer, call, "u", 1)
                self._owner_changed(call.body[0], before, peer.name)
            case "GetId":
                self._reply(peer, call, "s", "0123456789abcdef0123456789abcdef")
            case "GetNameOwner" if call.body[0] in self.names:
                self._reply(peer, call, "s", self.names[call.body[0]])
            case "GetNameOwner":
                self._answer(peer, self._error(call, "NameHasNoOwner", "nobody has that name"))
            case _:
                self._answer(peer, self._error(call, "UnknownMethod", f"no method {call.member}"))

    def _reply(self, peer: Peer, call: Message, signature: str = "", *body: Any) -> None:
        self._answer(peer, Message.new_method_return(call, signature, list(body)))

    def _error(self, call: Message, name: str, text: str) -> Message:
        return Message.new_error(call, f"{DBUS}.Error.{name}", text)

    def _answer(self, peer: Peer, message: Message) -> None:
        message.sender = DBUS
        message.destination = peer.name
        self._serial += 1
        message.serial = self._serial
        peer.deliver(message)

    def _owner_changed(self, name: str, before: str, now: str) -> None:
        signal = Message.new_signal(
            f"/{DBUS.replace('.', '/')}", DBUS, "NameOwnerChanged", "sss", [name, before, now]
        )
        signal.sender = DBUS
        self._serial += 1
        signal.serial = self._serial
        self.broadcast(signal)
