"""`tillgate simulate till`: a register that sells through a ZVT terminal, or a door that acts like one."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from drivers.contract import DriverError, ReaderConfig, ReaderName
from drivers.links.address import AddressError
from drivers.links.schemes import connect
from drivers.readers.zvt_conversation import End, Ended
from drivers.readers.zvt_options import Setup, ZvtOptionsError, setup_of
from drivers.readers.zvt_profiles import PROFILES
from drivers.readers.zvt_terminal import Terminal
from drivers.zvt import results
from drivers.zvt.commands import answers
from drivers.zvt.commands.payments import Authorisation, Reversal
from drivers.zvt.commands.reports import IntermediateStatus, StatusInformation
from drivers.zvt.commands.setup import EndOfDay, RepeatReceipt
from drivers.zvt.config import RepeatService
from drivers.zvt.ecr import Told
from drivers.zvt.masking import mask
from drivers.zvt.message import Message
from drivers.zvt.receipts import read_print
from drivers.zvt.statuses import intermediate_text
from drivers.zvt.summary import summarise
from drivers.zvt.turns import Topic

DONE, NOT_APPROVED, USAGE = 0, 1, 2

Say = Callable[[dict[str, Any]], None]
"""Takes one event."""


class Till:
    """One register at one terminal. Every event goes to `say`; card numbers in it are masked.

    `takes_goods` False: the till says no to an approved 04 0F (84 66), and the terminal takes the money back.
    """

    def __init__(self, setup: Setup, say: Say, *, takes_goods: bool = True) -> None:
        self._setup = setup
        self._say = say
        self._takes_goods = takes_goods
        self._result: StatusInformation | None = None
        self._stopped = False
        self._terminal = Terminal(setup, lambda: connect(setup.address))

    async def open(self) -> None:
        """Connect and register. Errors: `DriverError`."""
        await self._terminal.ready()
        self._say({"event": "registered", "terminal_id": self._terminal.identity.terminal_id})

    async def close(self) -> None:
        """Hang up."""
        await self._terminal.close()

    def stop(self) -> None:
        """The cashier gives up: 06 B0, and no further command."""
        self._stopped = True
        self._terminal.interrupt()

    async def sell(self, amount: int) -> bool:
        """06 01 over so many minor units; whether it was approved. Errors: `DriverError`."""
        command = Authorisation(amount, self._setup.currency, self._setup.profile.payment_type)
        return await self._run("sale", command.to_message())

    async def reverse(self, receipt: int) -> bool:
        """06 30 for the payment with this receipt; whether it was taken back. Errors: `DriverError`."""
        return await self._run("reversal", Reversal(self._setup.password, receipt).to_message())

    async def repeat_receipt(self) -> bool:
        """06 20 with its status; whether there is a last payment. Errors: `DriverError`."""
        service = int(RepeatService.SEND_STATUS)
        return await self._run("repeat_receipt", RepeatReceipt(self._setup.password, service).to_message())

    async def end_of_day(self) -> bool:
        """06 50; whether the terminal closed its books. Errors: `DriverError`."""
        return await self._run("end_of_day", EndOfDay(self._setup.password).to_message(), needs_result=False)

    async def _run(self, what: str, message: Message, *, needs_result: bool = True) -> bool:
        if self._stopped:
            return False
        self._result = None
        conversation = await self._terminal.ready()
        ended = await self._terminal.run(conversation, message, self._hear, lambda: self._stopped)
        approved = ended.end is End.DONE and (self._has_result() or not needs_result)
        self._say({"event": what, "approved": approved, **self._facts(ended)})
        await self._terminal.let_go()
        return approved

    def _has_result(self) -> bool:
        return self._result is not None and self._result.approved and self._takes_goods

    def _facts(self, ended: Ended) -> dict[str, Any]:
        told = self._result
        code = ended.code or (0 if told is None or told.approved else told.result or 0)
        facts = {"end": ended.end.value, "code": f"{code:02X}", "text": results.result_text(code)}
        if told is None:
            return facts
        numbers = {"amount": told.amount, "receipt": told.receipt, "trace": told.trace_number}
        card = (told.card_name or "").strip("\0 ")
        return facts | {name: value for name, value in numbers.items() if value is not None} | {"card": card}

    async def _hear(self, told: Told) -> Message | None:
        """Say what was heard and answer it: yes, but for what the till was told to refuse."""
        message = mask(told.message)
        event: dict[str, Any] = {"event": told.topic.value, "cmd": f"{message.command:04X}"}
        if told.topic is Topic.PROGRESS:
            event["text"] = intermediate_text(IntermediateStatus.from_message(message).status)
        elif told.topic is Topic.PRINT:
            printed = read_print(message, self._setup.profile.charset)
            event["lines"] = [line.text for line in printed.lines]
        else:
            event["text"] = summarise(message)
        self._say(event)
        if told.topic is Topic.QUESTION:
            return answers.unknown_command()
        if told.topic is not Topic.RESULT:
            return None
        result = StatusInformation.from_message(message)
        if not told.unsolicited:
            self._result = result
        # what an earlier register did not hear of must not become money because we said yes to it
        refused = told.unsolicited or not self._takes_goods
        return answers.goods_failed() if result.approved and refused else None


def _amount(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount: minor units, such as 1250 for 12.50")
    return int(text)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tillgate simulate till",
        description="A register at a ZVT terminal, real or simulated. It prints a JSON object for each thing "
        "it hears. The exit code is 0 only if everything was approved.",
        epilog="It does in this order what it is asked for: sales, receipt, reversal, end of day. Ctrl-C "
        "cancels the sale (06 B0). A sale at a real terminal moves real money.",
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--tcp", metavar="HOST:PORT", help="where the terminal listens (port 20007 if left out)"
    )
    where.add_argument("--serial", metavar="PATH", help="the terminal's port, as /dev/serial/by-id/...")
    parser.add_argument("--amount", type=_amount, metavar="N", help="sell for N minor units")
    parser.add_argument("--count", type=_amount, default=1, metavar="N", help="so many times (default: 1)")
    parser.add_argument("--refuse", action="store_true", help="say no to what was approved (84 66)")
    parser.add_argument(
        "--repeat-receipt", action="store_true", help="ask for the last payment again (06 20)"
    )
    parser.add_argument(
        "--reversal", type=int, metavar="RECEIPT", help="take back the payment with this number"
    )
    parser.add_argument("--end-of-day", action="store_true", help="close the terminal's books (06 50)")
    parser.add_argument(
        "--profile", default="standard", choices=sorted(PROFILES), help="which kind of terminal"
    )
    parser.add_argument("--password", metavar="DIGITS", help="the register's password, if not the profile's")
    parser.add_argument("--currency", default="eur", help="of the terminal (default: %(default)s)")
    return parser


def setup_for(given: argparse.Namespace) -> Setup:
    """The terminal that the arguments mean. Errors: `AddressError`, `ZvtOptionsError`."""
    link = f"tcp://{given.tcp}" if given.tcp else f"serial://{given.serial}"
    options = {"link": link, "profile": given.profile, "currency": given.currency}
    if given.password is not None:
        options["password"] = given.password
    return setup_of(ReaderConfig(ReaderName("the terminal"), "zvt", options))


async def work(given: argparse.Namespace, till: Till) -> int:
    """Do what is asked for; the exit code. Errors: `DriverError`."""
    await till.open()
    approved = True
    if given.amount is not None:
        for _ in range(given.count):
            approved &= await till.sell(given.amount)
    if given.repeat_receipt:
        approved &= await till.repeat_receipt()
    if given.reversal is not None:
        approved &= await till.reverse(given.reversal)
    if given.end_of_day:
        approved &= await till.end_of_day()
    return DONE if approved else NOT_APPROVED


async def _run(given: argparse.Namespace, till: Till) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, till.stop)
    try:
        return await work(given, till)
    except DriverError as error:
        _print({"event": "error", "code": error.code, "text": str(error)})
        return NOT_APPROVED
    finally:
        await till.close()


def _print(event: dict[str, Any]) -> None:
    print(json.dumps(event, ensure_ascii=False), flush=True)  # noqa: T201  # what callers read


def main(argv: Sequence[str] | None = None) -> int:
    """Sell, and say how it went; the exit code: 0 all approved, 1 not all, 2 wrong usage."""
    try:
        given = _arguments().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        setup = setup_for(given)
    except (AddressError, ZvtOptionsError) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a program's error
        return USAGE
    return asyncio.run(_run(given, Till(setup, _print, takes_goods=not given.refuse)))


if __name__ == "__main__":
    sys.exit(main())
