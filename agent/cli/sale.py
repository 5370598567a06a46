"""One sale watched from the command line, from the order to the last word."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from agent.cli.daemon import AwayError, Daemon, Document, NoAnswerError
from agent.cli.errors import CommandError

WAIT_S = 20.0  # one long poll: below what idle connections are cut at
AGAIN_S = 1.0  # how soon a daemon that is away is looked for again
AWAY_S = 60.0  # a restart takes a second, a slow box's update a minute

DONE = frozenset({"paid", "authorized"})
ENDED = DONE | {"declined", "canceled", "failed", "released"}

Say = Callable[[str], None]

_STATES: Mapping[str, str] = {
    "opened": "waiting for the reader",
    "in_flight": "under way",
    "in_doubt": "in doubt: contact was lost while money may have moved; finding out",
}


async def sell(daemon: Daemon, order: Mapping[str, Any], stop: asyncio.Event, say: Say) -> Document:
    """Open the sale and follow it to its end; when `stop` is set, ask it to end and go on following."""
    say("opening the sale")
    try:
        session = await daemon.post("/v1/sessions", order)
    except NoAnswerError as error:
        raise CommandError(
            str(error.args[0]),
            fix=f"ask again with `--pos-key {order['pos_key']}`: the same key never makes a second sale",
        ) from error
    async with asyncio.TaskGroup() as group:
        canceler = group.create_task(_cancel_on(stop, daemon, session["id"], say), name="cancel on Ctrl-C")
        session = await follow(daemon, session, say)
        canceler.cancel()
    return session


async def follow(daemon: Daemon, session: Document, say: Say) -> Document:
    """Wait for the end of a sale that is under way, also over a restart of the daemon."""
    clock = asyncio.get_running_loop().time
    seen_at = clock()
    while session["state"] not in ENDED:
        say(describe(session))
        try:
            session = await daemon.get(
                f"/v1/sessions/{session['id']}", {"seq": str(session["seq"])}, wait_s=WAIT_S
            )
            seen_at = clock()
        except AwayError as error:
            if clock() - seen_at > AWAY_S:
                raise CommandError(
                    f"lost sight of session {session['id']}: {error.args[0]}",
                    fix="its state is in the journal and is settled when the daemon is back: "
                    f"`tillgate session show {session['id']}`",
                ) from error
            say("the daemon is away; waiting for it")
            await asyncio.sleep(AGAIN_S)
    return session


async def _cancel_on(stop: asyncio.Event, daemon: Daemon, session: str, say: Say) -> None:
    await stop.wait()
    say("asking the sale to end")
    try:
        await daemon.post(f"/v1/sessions/{session}/cancel", {})
    except CommandError as error:
        # It may have ended in this very moment: whoever follows it will see.
        say(f"cannot cancel: {error.args[0]}")


def describe(session: Mapping[str, Any]) -> str:
    """What goes on, in one line."""
    state, progress = str(session["state"]), session.get("progress")
    told = str(progress).replace("_", " ") if progress and state != "in_doubt" else _STATES.get(state, state)
    return f"{session['reader']}: {told}"


def verdict(session: Mapping[str, Any]) -> str:
    """What became of it and why, in one line."""
    state = str(session["state"]).replace("_", " ")
    found = session.get("verdict") or session.get("doubt") or {}
    told = [str(found[name]) for name in ("message", "decline_code") if found.get(name)]
    reason = told or [str(found[name]) for name in ("code",) if found.get(name) not in {None, "", state}]
    return f"{state}: {' / '.join(reason)}" if reason else state
