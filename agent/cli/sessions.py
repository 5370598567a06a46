"""`tillgate sessions` and `tillgate session ...`: the journal of the running daemon, and what can be done."""

import asyncio
import secrets
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from agent.cli import daemon
from agent.cli.daemon import Daemon, Document
from agent.cli.errors import FAILED
from agent.cli.options import Format
from agent.cli.output import OutputOption, chosen, print_data
from agent.cli.pay import minor_units
from agent.cli.progress import Steps
from agent.cli.sale import DONE, ENDED, follow, verdict
from agent.cli.timeline import lines

COLUMNS = ("created_at", "id", "reader", "kind", "amount", "currency", "state", "reason", "pos_key")
PAGE = 100  # what the daemon gives at once

Id = Annotated[str, typer.Argument(metavar="ID", help="The session's id.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("sessions")(sessions)
    one = typer.Typer(
        no_args_is_help=True, help="Show, cancel, capture, refund, explain or resolve one session."
    )
    one.command("show")(show)
    one.command("cancel")(cancel)
    one.command("capture")(capture)
    one.command("refund")(refund)
    one.command("explain")(explain)
    one.command("resolve")(resolve)
    app.add_typer(one, name="session")


def ask(call: Callable[[Daemon], Coroutine[Any, Any, Document]]) -> Document:
    """One conversation with the daemon of the command that runs."""

    async def talk() -> Document:
        async with daemon.connect() as connected:
            return await call(connected)

    return asyncio.run(talk())


def sessions(
    state: Annotated[str, typer.Option(help="Only in this state.", show_default=False)] = "",
    reader: Annotated[str, typer.Option(help="Only on this reader.", show_default=False)] = "",
    pos_key: Annotated[str, typer.Option(help="Only of this key.", show_default=False)] = "",
    since: Annotated[
        str, typer.Option(help="Only opened since, as 2026-01-31T09:00:00Z.", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 20,
    output: OutputOption = None,
) -> None:
    """List sessions, newest first."""
    wanted = {"state": state, "reader": reader, "pos_key": pos_key, "since": since}

    async def pages(connected: Daemon) -> Document:
        found: list[Document] = []
        more = True
        while more and len(found) < limit:
            query = {**wanted, "limit": str(min(PAGE, limit - len(found)))}
            if found:
                query["starting_after"] = found[-1]["id"]
            page = await connected.get("/v1/sessions", query)
            found += page["data"]
            more = bool(page["has_more"] and page["data"])
        return {"data": found}

    found = ask(pages)["data"]
    if chosen(output) is Format.TABLE:
        found = [{**each, "reason": _reason(each)} for each in found]
    print_data(found, output, columns=COLUMNS, empty="no sessions")


def show(session_id: Id, output: OutputOption = None) -> None:
    """Show one session."""
    print_data(ask(lambda connected: connected.get(f"/v1/sessions/{session_id}")), output)


def cancel(
    session_id: Id,
    wait: Annotated[bool, typer.Option(help="Wait until it is known what became of the sale.")] = True,
    output: OutputOption = None,
) -> None:
    """Ask a sale to end. A customer who was faster has paid: look at what is printed."""

    async def end(connected: Daemon) -> Document:
        session = await connected.post(f"/v1/sessions/{session_id}/cancel", {})
        return await _watched(connected, session) if wait else session

    _print_end(ask(end), output)


def capture(
    session_id: Id,
    amount: Annotated[
        int | None,
        typer.Option(parser=minor_units, help="Less than was held, in minor units.", show_default=False),
    ] = None,
    output: OutputOption = None,
) -> None:
    """Move money that was only held."""
    body = {} if amount is None else {"amount": amount}
    session = ask(lambda connected: connected.post(f"/v1/sessions/{session_id}/capture", body))
    _print_end(session, output)
    if session["state"] != "paid":
        raise typer.Exit(FAILED)


def refund(
    session_id: Id,
    amount: Annotated[
        int | None,
        typer.Option(parser=minor_units, help="Less than all, in minor units.", show_default=False),
    ] = None,
    pos_key: Annotated[
        str, typer.Option(help="A key of your own: the same key never refunds twice.", show_default=False)
    ] = "",
    output: OutputOption = None,
) -> None:
    """Give money back. Ends with 0 only when it is on its way to the customer."""
    body: dict[str, Any] = {"pos_key": pos_key or f"cli-{secrets.token_hex(8)}"}
    if amount is not None:
        body["amount"] = amount

    async def give_back(connected: Daemon) -> Document:
        session = await connected.post(f"/v1/sessions/{session_id}/refund", body)
        return await _watched(connected, session)

    session = ask(give_back)
    _print_end(session, output)
    if session["state"] not in DONE:
        raise typer.Exit(FAILED)


def explain(session_id: Id, output: OutputOption = None) -> None:
    """Tell the whole story of a sale: what was asked, what left the box, what came back, what was decided."""

    async def story(connected: Daemon) -> Document:
        session = await connected.get(f"/v1/sessions/{session_id}")
        timeline = await connected.get(f"/v1/sessions/{session_id}/timeline")
        return {"session": session, "timeline": timeline["data"]}

    found = ask(story)
    if chosen(output) is not Format.TABLE:
        print_data(found, output)
        return
    for line in lines(found["session"], found["timeline"]):
        sys.stdout.write(f"{line}\n")


def resolve(
    session_id: Id,
    state: Annotated[
        str, typer.Option("--as", help="paid, authorized, declined, canceled, failed or released.")
    ],
    because: Annotated[str, typer.Option(help="What you saw, and where: it is kept for ever.")],
    amount: Annotated[
        int | None,
        typer.Option(parser=minor_units, help="If not what was ordered, in minor units.", show_default=False),
    ] = None,
    output: OutputOption = None,
) -> None:
    """End a doubt by your word, when neither the reader nor its provider can be asked any more."""
    body: dict[str, Any] = {"state": state, "because": because}
    if amount is not None:
        body["amount"] = amount
    _print_end(ask(lambda connected: connected.post(f"/v1/sessions/{session_id}/resolve", body)), output)


async def _watched(connected: Daemon, session: Document) -> Document:
    if session["state"] in ENDED:
        return session
    with Steps() as say:
        return await follow(connected, session, say)


def _print_end(session: Document, output: Format | None) -> None:
    if chosen(output) is not Format.TABLE:
        print_data(session, output)
        return
    what = "refund of " if session["kind"] == "refund" else ""
    sys.stdout.write(
        f"{session['id']}  {what}{session['amount']} {session['currency']}  {verdict(session)}\n"
    )


def _reason(session: Document) -> str:
    return verdict(session).partition(": ")[2]
