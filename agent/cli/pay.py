"""`tillgate pay`: a sale through the running daemon."""

import asyncio
import contextlib
import secrets
import signal
import sys
from typing import Annotated, Any

import typer

from agent.cli import daemon
from agent.cli.daemon import Document
from agent.cli.errors import FAILED, INTERRUPTED
from agent.cli.options import Format
from agent.cli.output import OutputOption, chosen, print_data
from agent.cli.progress import Steps
from agent.cli.sale import DONE, sell, verdict


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("pay")(pay)


def minor_units(text: str) -> int:
    """An amount as it must be typed: digits only, so that nobody means 12.00 and takes 12 cents."""
    if not (text.isascii() and text.isdecimal()):
        raise typer.BadParameter(f"{text!r} is not a whole number of minor units: 1250 is 12.50 EUR")
    return int(text)


def pay(
    amount: Annotated[int, typer.Argument(parser=minor_units, help="Minor units: 1250 is 12.50 EUR.")],
    currency: Annotated[str, typer.Argument(help="Three letters, such as eur.")],
    reader: Annotated[str, typer.Option(help="The reader's name.")],
    pos_key: Annotated[
        str,
        typer.Option(help="A key of your own: the same key never makes a second sale.", show_default=False),
    ] = "",
    manual_capture: Annotated[
        bool, typer.Option("--manual-capture", help="Only hold the money; `session capture` moves it.")
    ] = False,
    tip: Annotated[
        bool | None,
        typer.Option("--tip/--no-tip", help="Whether the reader asks for a tip.", show_default=False),
    ] = None,
    description: Annotated[str, typer.Option(help="What is sold.", show_default=False)] = "",
    output: OutputOption = None,
) -> None:
    """Take a payment, showing each step. Ends with 0 only when paid or authorized; Ctrl-C cancels it."""
    order: dict[str, Any] = {
        "reader": reader,
        "amount": amount,
        "currency": currency.lower(),
        "pos_key": pos_key or f"cli-{secrets.token_hex(8)}",
    }
    if manual_capture:
        order["capture"] = "manual"
    if tip is not None:
        order["tip"] = {"skip": not tip}
    if description:
        order["description"] = description
    try:
        session = asyncio.run(_sell(order))
    except asyncio.CancelledError:
        sys.stderr.write(
            "tillgate: no longer watching; the sale goes on in the daemon: "
            f"`tillgate sessions --pos-key {order['pos_key']}` shows what became of it\n"
        )
        raise typer.Exit(INTERRUPTED) from None
    show(session, output)
    if session["state"] not in DONE:
        raise typer.Exit(FAILED)


def show(session: Document, output: Format | None) -> None:
    """The end of a sale: a line for people, the whole session for programs."""
    if chosen(output) is not Format.TABLE:
        print_data(session, output)
        return
    card = session.get("card") or {}
    paid = " ".join(str(card[name]) for name in ("brand", "last4") if card.get(name))
    parts = [session["id"], f"{session['amount']} {session['currency']}", paid, verdict(session)]
    sys.stdout.write("  ".join(part for part in parts if part) + "\n")


async def _sell(order: dict[str, Any]) -> Document:
    """The sale, with Ctrl-C as the cashier's cancel; a second one only stops watching."""
    loop, stop, task = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()
    assert task is not None

    def interrupted() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    with contextlib.suppress(ValueError):  # only the main thread hears signals
        loop.add_signal_handler(signal.SIGINT, interrupted)
    with Steps() as say:
        async with daemon.connect() as connected:
            return await sell(connected, order, stop, say)
