"""Bluetooth LE: a byte stream over one characteristic that is written and one that notifies (bleak, BlueZ).

What BlueZ does decides the shape: a client is used for one connection, `disconnect` is always called (else
notifications arrive twice afterwards), every call has a time-out, and a bluetoothd that dies is noticed by
its name on D-Bus, since nothing else tells. A byte stream cannot know whether a byte that comes twice was
meant twice: so a characteristic that somebody else listens to already is not used at all.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic

from drivers.contract import LinkError
from drivers.links.address import BleAddress
from drivers.links.base import Cause, LinkLostError, LinkNotOpenedError
from drivers.links.ble_bus import CHARACTERISTIC, within
from drivers.links.ble_profiles import PROFILES
from drivers.links.ble_radio import Radio, radio
from drivers.links.ble_trouble import TROUBLE, lost, not_opened
from drivers.links.inbox import INBOX_MAX, Inbox

CONNECT_S = 15.0
PAIR_S = 25.0
"""Connecting, with services; and with pairing before, which may ask at the device."""

TRIES = 3
AGAIN_S = 0.2
"""Connecting fails now and then for no reason but other radios; mostly the next try succeeds."""

NOTIFY_S = 5.0
WRITE_S = 10.0
"""A write is confirmed within some connection intervals (4 s at most), or the link is as good as lost."""

DISCONNECT_S = 3.0
GONE_S = 0.3
"""Saying good-bye, and to a bluetoothd that is gone: what counts is that our end is closed after it."""

SHARED_PAUSE_S = 0.25
"""BlueZ may need a moment to notice that an earlier listener has gone."""

_log = logging.getLogger(__name__)


class BleLink:
    """One connection, used once. Made by `open_ble`.

    A `send` that is cancelled in the middle breaks the link: no message follows half of another.
    """

    def __init__(self, address: BleAddress, air: Radio) -> None:
        self.name = str(address)
        self._address = address
        self._radio = air
        self._inbox = Inbox(pause=self._overfull)
        self._sending = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._writing: asyncio.Timeout | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._begun_at = 0.0
        self._client: BleakClient | None = None
        self._write: BleakGATTCharacteristic | None = None
        self._forget: Callable[[], None] | None = None
        self._confirmed = True
        self._up = False
        self._gone = False

    @property
    def client(self) -> BleakClient | None:
        """Bleak's client, for looks from outside; None before and after."""
        return self._client

    @property
    def chunk(self) -> int:
        """The longest write now, in bytes: what was negotiated, and never more than the address allows."""
        assert self._write is not None
        return min(self._address.chunk, self._write.max_write_without_response_size)

    @property
    def ended(self) -> bool:
        """Whether it is known to be over."""
        return self._inbox.ended

    async def send(self, data: bytes) -> None:
        """Write all of it, in chunks; returns when the device has confirmed them, where it can.

        Errors: `LinkLostError`.
        """
        async with self._sending:
            self._inbox.check(self.name)
            try:
                # one time-out for all chunks, which only `_end` sets off: a timer for each would cost as much
                # as the way to BlueZ
                async with asyncio.timeout(None) as self._writing:
                    await self._write_all(data)
            except TROUBLE as error:
                # whichever: a part of the stream is missing, and there is no way to say so to the device
                self._end(lost(self.name, error))
            except BaseException:
                self._end(LinkLostError(f"{self.name} was left in the middle of a message"))
                raise
            self._inbox.check(self.name)

    async def receive(self) -> bytes:
        """Bytes as they come; `LinkLostError` when the link is lost: the air has no orderly end."""
        return await self._inbox.take()

    async def close(self) -> None:
        """Disconnect, for at most DISCONNECT_S seconds, and let go of D-Bus in any case."""
        self._end(LinkLostError(f"{self.name} was closed by us", cause=Cause.CLOSED))
        client, self._client = self._client, None
        if client is None:
            return
        if self._forget is not None:
            self._forget()
        try:
            await _disconnect(client, gone=self._gone, name=self.name)
        finally:
            self._radio.bus.release()

    def on_end(self, told: Callable[[], None]) -> None:
        """Call `told` once when the link is over (`base.Watchable`)."""
        self._inbox.on_end = told

    def abort(self) -> None:
        """Be lost at once; the device learns of it by `close`."""
        self._end(LinkLostError(f"{self.name} was closed by us", cause=Cause.CLOSED))

    async def connect(self) -> None:
        """Find, connect, listen; for `open_ble`. Errors: what bleak raises, and `LinkNotOpenedError`."""
        await self._radio.bus.acquire()
        try:
            device = await self._radio.locate(self._address)
            limit_s = PAIR_S if self._address.pair else CONNECT_S
            client = BleakClient(device, self._disconnected, timeout=limit_s, pair=self._address.pair)
            forget = self._radio.bus.on_gone(self._orphaned)
        except BaseException:
            self._radio.bus.release()
            raise
        self._client, self._forget = client, forget
        try:
            async with within(limit_s):
                await client.connect()
            self._up = True
            await self._subscribe(client)
            # whatever was lost meanwhile is lost now
            self._inbox.check(self.name)
        except BaseException:
            await self.close()
            raise

    async def _subscribe(self, client: BleakClient) -> None:
        profile, address = PROFILES[self._address.profile], self._address
        characteristics = _in_service(client, address.service or profile.service)
        write = _chosen(characteristics, address.write or profile.write, {"write", "write-without-response"})
        notify = _chosen(characteristics, address.notify or profile.notify, {"notify", "indicate"})
        self._write = write
        able = "write" in write.properties
        self._confirmed = able if address.response == "auto" else address.response == "yes"
        await self._alone_on(notify)
        async with within(NOTIFY_S):
            await client.start_notify(notify, self._heard)

    async def _alone_on(self, notify: BleakGATTCharacteristic) -> None:
        """BlueZ gives every listener what any of them asked for, once for each: we would hear it twice."""
        path = notify.obj[0]
        if await self._radio.bus.property(path, CHARACTERISTIC, "Notifying"):
            await asyncio.sleep(SHARED_PAUSE_S)
            if await self._radio.bus.property(path, CHARACTERISTIC, "Notifying"):
                raise LinkNotOpenedError(
                    "another program listens to it, so every byte would arrive twice (bluetoothctl? a second "
                    "gateway?)",
                    cause=Cause.BUSY,
                )

    async def _write_all(self, data: bytes) -> None:
        client, characteristic, size = self._client, self._write, self.chunk
        assert client is not None
        assert characteristic is not None
        if self._watch is None:
            self._watch = self._loop.call_later(WRITE_S, self._look)
        try:
            for at in range(0, len(data), size):
                self._begun_at = self._loop.time()
                await client.write_gatt_char(characteristic, data[at : at + size], response=self._confirmed)
        finally:
            self._writing = None

    def _look(self) -> None:
        """End the link when its write takes too long; otherwise look again when that can be."""
        self._watch = None
        if self._writing is None:
            return
        left_s = self._begun_at + WRITE_S - self._loop.time()
        if left_s > 0:
            self._watch = self._loop.call_later(left_s, self._look)
        else:
            self._lost_by(f"a write got no answer in time ({WRITE_S:g} s)")

    def _heard(self, _: BleakGATTCharacteristic, data: bytearray) -> None:
        self._inbox.put(bytes(data))

    def _disconnected(self, _: BleakClient) -> None:
        # also called for tries that bleak repeats by itself
        if self._up:
            self._lost_by("it disconnected")

    def _orphaned(self) -> None:
        # the next bluetoothd knows nothing of this connection, whatever it answers
        self._gone = True
        self._lost_by("bluetoothd ended")

    def _lost_by(self, why: str) -> None:
        self._end(LinkLostError(f"{self.name} is lost: {why}"))

    def _overfull(self) -> None:
        # the air cannot be asked to wait
        self._end(LinkLostError(f"{self.name} was given up: {INBOX_MAX} bytes came that nobody took"))

    def _end(self, loss: LinkLostError) -> None:
        self._inbox.end(loss)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        writing, self._writing = self._writing, None
        if writing is not None:
            # BlueZ answers a write under way in its own time, or never
            writing.reschedule(self._loop.time())


async def open_ble(address: BleAddress) -> BleLink:
    """Find the device, connect (and pair), and listen to it. Cancelling leaves nothing connected.

    Interference is tried against at once, up to TRIES times in all. Errors: `LinkNotOpenedError`.
    """
    tries = 0
    while True:
        tries += 1
        link = BleLink(address, radio())
        try:
            await link.connect()
        except (*TROUBLE, LinkError) as error:
            failure = not_opened(address, error)
            if tries == TRIES or failure.cause is not Cause.UNREACHABLE:
                raise failure from error
            _log.debug("%s (tried again)", failure)
            await asyncio.sleep(AGAIN_S)
        else:
            return link


async def _disconnect(client: BleakClient, *, gone: bool, name: str) -> None:
    try:
        async with within(GONE_S if gone else DISCONNECT_S):
            await client.disconnect()
    except TROUBLE as error:
        # bleak has closed its connection to D-Bus all the same, and BlueZ forgets whom that belonged to
        _log.debug("%s: no good-bye: %s", name, error)


def _in_service(client: BleakClient, uuid: str) -> list[BleakGATTCharacteristic]:
    found = [each for service in client.services if service.uuid == uuid for each in service.characteristics]
    if not found:
        there = ", ".join(sorted(service.uuid for service in client.services))
        raise LinkNotOpenedError(
            f"it has no service {uuid}: another profile? (it has: {there or 'none'})", cause=Cause.UNSUITED
        )
    return found


def _chosen(
    characteristics: Iterable[BleakGATTCharacteristic], uuid: str, able: set[str]
) -> BleakGATTCharacteristic:
    for each in characteristics:
        if each.uuid == uuid and able & set(each.properties):
            return each
    there = ", ".join(f"{each.uuid} ({' '.join(sorted(each.properties))})" for each in characteristics)
    raise LinkNotOpenedError(
        f"it has no characteristic {uuid} that can {' or '.join(sorted(able))} (it has: {there})",
        cause=Cause.UNSUITED,
    )
