"""`tillgate doctor`: what is wrong with this gateway, why, and what to do. Changes nothing."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import typer

from agent.cli import checks, daemon, probe
from agent.cli.checks import Check, Result, ok, problem, warning
from agent.cli.daemon import AwayError, NoAnswerError, StoppingError
from agent.cli.errors import FAILED, CommandError
from agent.cli.options import Format, current
from agent.cli.output import OutputOption, cell, chosen, print_data
from agent.cli.progress import Steps
from agent.settings import SecretError, Settings, resolve

if TYPE_CHECKING:
    from agent.stripe.exchange import Exchange, HttpRequest, HttpResponse

WORST_SKEW_S = 60.0  # receipts and TLS bear it; more is a clock that nobody keeps
ASK_S = 10.0


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor")(doctor)


def doctor(output: OutputOption = None) -> None:
    """Look at everything a sale needs, and say what is wrong and what to do. Ends with 1 if something is."""
    with Steps() as say:
        found = asyncio.run(_examine(say))
    if chosen(output) is Format.TABLE:
        sys.stdout.write("".join(f"{line}\n" for each in found for line in _lines(each)))
    else:
        print_data(found, output)
    if any(each.result is Result.PROBLEM for each in found):
        raise typer.Exit(FAILED)


def _lines(check: Check) -> Iterator[str]:
    yield f"{check.result:<8} {check.name}: {cell(check.found)}"
    if check.fix:
        yield f"         -> {check.fix}"


async def _examine(say: Steps) -> list[Check]:
    say("reading the configuration")
    settings, found = checks.check_config(current().config)
    if settings is None:
        return found
    from agent.payments.store import schema_steps

    directory = settings.journal.path.parent
    found += [
        checks.check_user(directory),
        *checks.check_fleet_files(settings),
        checks.check_clock(datetime.now(UTC)),
        *checks.check_disk(directory),
        checks.check_journal(settings.journal.path, len(schema_steps())),
        checks.check_tills(settings),
        checks.check_doors(settings),
    ]
    if settings.stripe is not None:
        key = checks.check_key(settings.stripe)
        found.append(key)
        if key.result is not Result.PROBLEM:
            say(f"asking {settings.stripe.base_url}")
            found += await check_stripe(settings)
    say("asking the daemon, or the readers if none runs")
    return found + await check_daemon(settings)


async def check_stripe(settings: Settings, exchange: "Exchange | None" = None) -> list[Check]:
    """One harmless question to Stripe: whether it is reached, takes the key, and has our time."""
    from agent.stripe.client import StripeClient
    from agent.stripe.errors import StripeError
    from agent.stripe.exchange import PooledExchange
    from agent.stripe.retry import ONCE

    stripe = settings.stripe
    assert stripe is not None
    found: list[Check] = []
    async with PooledExchange() as network:
        dated = _DatedExchange(exchange or network)
        try:
            client = StripeClient(
                dated,
                resolve(stripe.key),
                base_url=stripe.base_url,
                files_url=stripe.files_url,
                account=stripe.account,
            )
            await client.call("GET", "/v1/terminal/locations", {"limit": 1}, retry=ONCE, timeout_s=ASK_S)
        except (StripeError, SecretError) as error:
            code = getattr(error, "status", 0)
            fix = _FIXES.get(code, "see https://status.stripe.com and this box's way to the internet")
            found.append(problem("stripe", str(error), fix))
        else:
            found.append(ok("stripe", f"{stripe.base_url} answers and takes the key"))
    if dated.date:
        found.append(_skew(dated.date, datetime.now(UTC)))
    return found


_FIXES: Mapping[int, str] = {
    0: "look at cable, DNS, proxy and firewall: HTTPS to Stripe must get through",
    401: "put a valid key where gateway.yaml points (`stripe.key`)",
    403: "give the restricted key the permission that is missing",
    429: "other stores of this account ask too much; lower `stripe.requests_per_second` everywhere",
}


class _DatedExchange:
    """Remembers what time it is at the other end."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self.date = ""

    async def send(self, request: "HttpRequest") -> "HttpResponse":
        response = await self._exchange.send(request)
        self.date = response.headers.get("date", "")
        return response


def _skew(date: str, now: datetime) -> Check:
    """Our clock against the answer's Date header (RFC 9110, 6.6.1)."""
    try:
        there = parsedate_to_datetime(date)
        skew_s = (now - there).total_seconds()
    except (ValueError, TypeError):  # TypeError: a date without its zone
        return warning("clock against stripe", f"the answer is dated {date!r}", "a proxy may be answering")
    if abs(skew_s) > WORST_SKEW_S:
        return problem(
            "clock against stripe", f"ours is {skew_s:+.0f} s off", "set it: `timedatectl set-ntp true`"
        )
    return ok("clock against stripe", f"{skew_s:+.0f} s")


async def check_daemon(settings: Settings) -> list[Check]:
    """The running daemon's health, and how each reader is; without it the readers are called from here."""
    try:
        async with daemon.connect(settings) as connected:
            health = await connected.get("/v1/health")
            readers = (await connected.get("/v1/readers"))["data"]
    except (NoAnswerError, StoppingError) as error:
        return [warning("daemon", str(error.args[0]), error.fix or "`systemctl status tillgate`")]
    except AwayError as error:
        away = warning("daemon", str(error.args[0]), error.fix or "`systemctl status tillgate`")
        return [away, *await probe.check_readers(settings)]
    except CommandError as error:
        return [problem("daemon", str(error.args[0]), error.fix or "`journalctl -u tillgate`")]
    status = str(health.get("status"))
    # how each reader is follows line by line
    problems = [str(each) for each in health.get("problems", []) if not str(each).startswith("readers: ")]
    told = f"{status}, version {health.get('version')}, up {health.get('uptime_s')} s"
    if status == "ok":
        found = [ok("daemon", told)]
    else:
        found = [problem("daemon", "; ".join([told, *problems]), "`journalctl -u tillgate` tells since when")]
    return [*found, *_check_readers(readers)]


_READER_FIXES: Mapping[str, str] = {
    "connecting": "give it a moment; then look at its power and network",
    "in_doubt": "a sale is being settled; `tillgate sessions --state in_doubt`",
}


def _check_readers(readers: list[dict[str, Any]]) -> Iterator[Check]:
    from agent.fleet.fitting import UNFIT
    from agent.fleet.roster import NOT_REGISTERED

    for each in readers:
        state, why = str(each["state"]), str(each.get("why") or "")
        name, told = f"reader {each['name']}", f"{state}: {why}" if why else state
        if why.startswith(UNFIT):
            fix = "correct its `spec` in the fleet files, or install its driver and restart the daemon"
            yield problem(name, why, fix)
        elif why == NOT_REGISTERED:
            fix = f"`tillgate apply`, or `tillgate reader register {each['name']} --code CODE`"
            yield warning(name, told, fix)
        elif state in {"ready", "busy"}:
            yield ok(name, told)
        elif state == "offline":
            cause, fix = probe.cause_and_fix(told)
            yield problem(name, cause, f"{fix}; `tillgate reader show {each['name']}` tells since when")
        else:
            yield warning(name, told, _READER_FIXES.get(state, "`tillgate reader show NAME`"))
    if not readers:
        yield warning("readers", "the daemon has none", "declare them in the fleet files")
