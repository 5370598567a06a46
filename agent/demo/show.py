"""What the demo shows: a live table on a terminal, plain lines elsewhere, and the books at the end."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from agent.demo.books import Books
from agent.demo.script import Happening
from agent.demo.stage import Scene

WIDTH = 110
"""Columns of the tables where there is no terminal to ask."""


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def money(amount: int | None, currency: str) -> str:
    """1234 eur as `12.34 EUR`; the demo's currency has cents."""
    return "" if amount is None else f"{amount / 100:.2f} {currency.upper()}"


class Screen:
    """Progress while it happens, and every scene for the table at the end."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []
        self._console = _console()
        self._now: dict[str, str] = {}
        self._live = Live(console=self._console, transient=True) if self._console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, who: str, text: str) -> None:
        """What somebody does now; "" for nothing."""
        self._now[who] = text
        if self._live is not None:
            table = Table.grid(padding=(0, 2))
            for name in sorted(self._now):
                table.add_row(name, self._now[name])
            self._live.update(table)
        elif who == "gateway":
            self._console.print(f"{who}: {text}")

    def enter(self, scene: Scene) -> None:
        """One sale has ended."""
        self.scenes.append(scene)
        told = scene.told
        amount = money(_shown_amount(told), told["currency"])
        what = scene.extra or scene.customer.happening
        self._console.print(
            f"{scene.reader}  {told['state']:<10} {amount:>12}  {what}  {scene.surprise}".rstrip()
        )


def _shown_amount(told: Any) -> int:
    captured: int = told["amount_captured"]
    amount: int = told["amount"]
    return captured or amount


def summary(scenes: Sequence[Scene], books: Books, *, restarts: int) -> None:
    """The table of the morning and the verdict on the books."""
    console = _console()
    table = Table(
        "reader", "happened", "state", "amount", "card", "why", title="The morning", title_justify="left"
    )
    for scene in sorted(scenes, key=lambda each: (each.reader, each.told["created_at"])):
        told = scene.told
        card = told["card"] or {}
        table.add_row(
            scene.reader,
            scene.extra or scene.customer.happening,
            f"{told['state']}{' (refund)' if told['kind'] == 'refund' else ''}",
            money(_shown_amount(told), told["currency"]),
            f"{card.get('brand', '')} {card.get('last4', '')}".strip(),
            _why(scene),
        )
    console.print(table)
    states = [scene.told["state"] for scene in scenes]
    counts = ", ".join(
        f"{states.count(state)} {state}" for state in ("paid", "declined", "canceled", "failed")
    )
    console.print(
        f"{counts}; {books.intents} PaymentIntents; the gateway was killed {restarts} time(s) in mid-sale"
    )
    console.print(
        f"journal {money(books.journal, 'eur')} = Stripe {money(books.stripe, 'eur')} + "
        f"terminals {money(books.terminals, 'eur')} = tills {money(books.told, 'eur')}"
        if books.agree
        else "\n".join(books.quarrels)
    )
    console.print(
        "books agree" if books.agree else "BOOKS DO NOT AGREE",
        style="bold green" if books.agree else "bold red",
    )


def _why(scene: Scene) -> str:
    told = scene.told
    verdict = told["verdict"] or {}
    if scene.surprise:
        return f"{scene.surprise}: {verdict.get('code', '')}: {verdict.get('message', '')}"
    if told["state"] in {"declined", "canceled", "failed"}:
        return str(verdict.get("decline_code") or verdict.get("code") or "")
    if scene.customer.happening is Happening.TIPS and told["amount_tip"]:
        return f"tip {money(told['amount_tip'], told['currency'])}"
    return ""


def kept(url: str, stripe_url: str, folder: Path, token: str) -> None:
    """Where everything is, for somebody who wants to play on."""
    console = _console()
    console.print(f"The gateway serves on {url} (status page: {url}/), the simulated Stripe on {stripe_url}.")
    console.print(f"Token of the till `register`: {token}")
    console.print(f"Command line: tillgate --config {folder}/gateway.yaml readers", soft_wrap=True)
    console.print("Ctrl-C ends it.")
