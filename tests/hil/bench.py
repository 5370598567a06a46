"""A real terminal with a person before it: a bench whose books are what went over its own line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from drivers.conformance_bench import Act, Books, Customer
from drivers.contract import Driver, Link, Money, Outcome, SessionId
from drivers.links.base import Breakable, Cause, LinkNotOpenedError
from drivers.links.schemes import connect
from drivers.readers.zvt import ZvtReader
from drivers.readers.zvt_options import Setup
from drivers.zvt.apdu import Apdu, ApduReader, parse_apdu
from drivers.zvt.commands.codec import decode
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.serial_frame import Frame, FrameReader
from drivers.zvt.values import AMOUNT

SALES = frozenset({0x0601})
REFUNDS = frozenset({0x0630, 0x0631})

HINTS = {
    Customer.PAYS: "If the terminal asks for a card, present one.",
    Customer.STAYS_AWAY: "Present no card now, and press nothing.",
    Customer.CANCELS: "If the terminal asks for a card, press stop.",
}


@dataclass
class Transaction:
    """One command that moves money, as its line has seen it."""

    command: int
    amount: int
    running: bool = False
    offered: bool = False
    accepted: bool = False
    booked: bool = False


class Ears:
    """Reads one direction of a line."""

    def __init__(self, hear: Callable[[Apdu], None], *, serial: bool) -> None:
        self._hear = hear
        self._frames = FrameReader() if serial else None
        self._apdus = ApduReader()

    def feed(self, data: bytes) -> None:
        if self._frames is None:
            found = self._apdus.feed(data)
        else:
            found = [parse_apdu(piece.apdu) for piece in self._frames.feed(data) if isinstance(piece, Frame)]
        for apdu in found:
            self._hear(apdu)


class TappedLink:
    """A link that can be overheard and cut."""

    def __init__(self, link: Link, up: Ears, down: Ears) -> None:
        self._link = link
        self._up = up
        self._down = down
        self.deaf = False

    async def send(self, data: bytes) -> None:
        self._up.feed(data)
        await self._link.send(data)

    async def receive(self) -> bytes:
        while True:
            data = await self._link.receive()
            self._down.feed(data)
            if not data or not self.deaf:
                return data

    async def close(self) -> None:
        await self._link.close()

    def cut(self) -> None:
        if isinstance(self._link, Breakable):
            self._link.abort()


class TerminalBench:
    """A `drivers.conformance_bench.Bench`. `tell` says to the person what to do."""

    cannot: ClassVar[Mapping[Act, str]] = {
        Act.DECLINE: "needs a card that is declined",
        Act.RESTART: "nobody pulls the plug of a real terminal here",
        Act.RESUME: "a ZVT terminal takes back what its own register did not acknowledge (PA00P015 2.2.8)",
    }

    def __init__(self, setup: Setup, money: Money, tell: Callable[[str], None]) -> None:
        self.transactions: list[Transaction] = []
        self._setup = setup
        self._money = money
        self._tell = tell
        self._up = True
        self._loses = False
        self._links: list[TappedLink] = []

    @property
    def money(self) -> Money:
        return self._money

    def driver(self) -> Driver:
        return ZvtReader(self._setup, self._connect)

    async def customer(self, does: Customer) -> None:
        self._tell(HINTS[does])

    async def line(self, *, up: bool) -> None:
        self._up = up
        if not up:
            for link in self._links:
                link.cut()

    async def lose_answer(self) -> None:
        self._loses = True

    async def restart(self) -> None:
        raise NotImplementedError(self.cannot[Act.RESTART])

    async def books(self, session: SessionId) -> Books:
        commands = REFUNDS if session == "ses_2" else SALES
        ours = [each for each in self.transactions if each.command in commands]
        return Books(
            moved=sum(each.amount for each in ours if each.booked),
            prompts=len(ours),
            payable=any(each.running for each in ours),
        )

    def refund_references(self, paid: Outcome) -> Mapping[str, str]:
        return {f"refund_of_{name}": value for name, value in paid.references.items()}

    @property
    def kept(self) -> int:
        """Minor units that the terminal took and did not give back."""
        signs = [(1 if each.command in SALES else -1, each) for each in self.transactions]
        return sum(sign * each.amount for sign, each in signs if each.booked)

    async def _connect(self) -> Link:
        if not self._up:
            raise LinkNotOpenedError("the bench has cut the line", cause=Cause.ABSENT)
        serial = self._setup.framed
        link = TappedLink(
            await connect(self._setup.address),
            Ears(self._said, serial=serial),
            Ears(self._heard, serial=serial),
        )
        self._links.append(link)
        return link

    def _said(self, apdu: Apdu) -> None:
        message = decode(apdu)
        if apdu.command in SALES and self._loses:
            self._loses, self._links[-1].deaf = False, True
        if apdu.command in SALES | REFUNDS:
            amount = message.get(0x04)
            self.transactions.append(Transaction(apdu.command, AMOUNT.decode(amount) if amount else 0))
        elif self.transactions and self.transactions[-1].offered and apdu.command in {0x8000, 0x8400}:
            self.transactions[-1].accepted = True

    def _heard(self, apdu: Apdu) -> None:
        if not self.transactions:
            return
        last = self.transactions[-1]
        match apdu.command:
            case 0x8000 if not last.offered:
                last.running = True
            case 0x040F:
                last.offered = StatusInformation.from_message(decode(apdu)).approved
            case 0x060F:
                last.booked, last.running = last.booked or (last.running and last.accepted), False
            case 0x061E:
                last.running = False
            case _:
                pass
