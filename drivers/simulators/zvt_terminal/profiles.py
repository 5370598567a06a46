"""How models of terminals differ, as data; and how long the things take that they do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType

from drivers.zvt.charset import Charset
from drivers.zvt.currency import EURO


class ProfileError(ValueError):
    """No profile has this name."""


class Reversal(StrEnum):
    """What becomes of a payment whose 04 0F the register did not acknowledge."""

    AT_ONCE = "at once"
    """Reversed automatically (PA00P015 chapter 2.2.8)."""
    DEFERRED = "deferred"
    """Stands, until a next command's 1F1F says that the register never learnt of it (chapter 4.2)."""
    DECLINED = "declined"
    """Marked as declined."""


class Repeat(StrEnum):
    """What 06 20 is good for."""

    FULL = "full"
    LOCKED_ONLY = "locked only"
    """Says anything only to a register that set the config bits 10 and 20."""
    NEVER = "never"


class Loss(StrEnum):
    """What a payment does whose register hangs up before the result is known."""

    FINISH = "finish"
    """Goes on at the terminal, and finds nobody to tell the result to."""
    STOP = "stop"


class Framing(StrEnum):
    """Oddities of the bytes a terminal sends."""

    PLAIN = "plain"
    COALESCED = "coalesced"
    """80 00 00 and what follows at once share a segment."""
    CUT = "cut"
    """Long messages come in pieces of 1024 bytes."""
    BIG_ENDIAN = "big endian"
    """Extended lengths have their high byte first."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that things take at the terminal and its host; the customer has times of their own."""

    card_wait_s: float = 60.0
    """How long it asks for a card before it gives up."""
    read_s: float = 0.7
    host_s: float = 1.5
    reversal_s: float = 1.0
    work_s: float = 0.5
    """Whatever else: initialisation, a closing, a diagnosis."""
    boot_s: float = 15.0
    update_s: float = 60.0


INSTANT = Times(
    card_wait_s=60.0, read_s=0.0, host_s=0.0, reversal_s=0.0, work_s=0.0, boot_s=0.2, update_s=0.2
)
"""For tests on a real clock."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of terminal. The defaults are a terminal that does all that the standard asks for."""

    name: str
    summary: str
    terminal_id: str = "52523535"
    merchant: str = "100764992"
    sw_version: str = "TILLGATE-SIM 1.0"
    device_name: str = "simulated terminal"
    serial_number: str = "00004711"
    currencies: tuple[int, ...] = (EURO,)
    password: str | None = "000000"  # noqa: S105  # the factory password, printed in every manual
    password_digits: int = 6
    charset: Charset = Charset.CP437
    charsets: tuple[Charset, ...] = (Charset.CP437, Charset.LATIN_1, Charset.UTF_8)
    """Those it agrees to when asked by tag 27; `charset` is used when nothing was agreed on."""
    flags: int | None = 0
    """BMP 19 of the registration's completion."""
    max_apdu: int = 0x1000
    sequences: bool = True
    unique_ids: bool = True
    order_numbers: bool = False
    partial_issue: bool = True
    postpone_s: float = 2.0
    hasty_postpone_s: float | None = None
    """Pause between repeated 04 0F when the request had no BMP 01; None: the usual one."""
    reversal: Reversal = Reversal.AT_ONCE
    repeat: Repeat = Repeat.FULL
    repeat_by_number: bool = True
    loss: Loss = Loss.FINISH
    framing: Framing = Framing.PLAIN
    idle_close_s: float | None = None
    switched_off: bool = False
    unsupported: frozenset[int] = frozenset()
    printer: bool = True
    prints_first: bool = False
    kind_behind_text: bool = False
    """06 D1 has the receipt's kind as a container behind its text."""
    flat_tags: bool = False
    """1F10 and 1F12 stand in 04 0F itself and not in 2F."""
    texts: bool = True
    """04 FF carries a text for the display where TLV is allowed."""
    reverses_last: bool = False
    """06 30 undoes the last payment, whatever receipt it names."""
    long_trace: bool = False
    """BMP 0B is 000000 and the trace number stands in 1F2B, where TLV is allowed."""
    tells_failures: bool = True
    """A failed payment has a 04 0F before its 06 1E."""
    refuses_directly: bool = False
    """A locked terminal answers 84 xx, and not 80 00 and 06 1E."""
    open_holds_block_closing: bool = True
    restarts_receipts: bool = False
    """The receipt numbers begin again after an end of day."""
    update_after_closing: bool = False
    stop_bits: int = 2
    second_caller_refused: bool = False
    times: Times = field(default_factory=Times)


_LIST = (
    Profile("standard", "all that the standard asks for, reversing at once"),
    Profile(
        "deferred",
        "keeps what was not acknowledged until the next transaction's 1F1F (chapter 4.2)",
        reversal=Reversal.DEFERRED,
    ),
    Profile(
        "basic",
        "an old one: no 1F73, no 1F1F, no texts, no charsets, no printer, 84 xx when locked, no 04 0F for "
        "failures",
        sequences=False,
        unique_ids=False,
        charsets=(),
        texts=False,
        printer=False,
        tells_failures=False,
        refuses_directly=True,
    ),
    Profile(
        "vx820",
        "closes an idle connection after 1.5 s and cuts long messages at 1024 bytes",
        idle_close_s=1.5,
        framing=Framing.CUT,
        sequences=False,
    ),
    Profile(
        "pax-a80",
        "06 20 says something only with config bits 10 and 20, 06 30 undoes the last payment",
        repeat=Repeat.LOCKED_ONLY,
        repeat_by_number=False,
        reverses_last=True,
        sequences=False,
        unique_ids=False,
    ),
    Profile(
        "card-complete",
        "password 123456 (five digits count), ISO 8859-1 unasked, order numbers, declines what was not "
        "acknowledged, no partial issue",
        terminal_id="29001006",
        password="123456",  # noqa: S106  # printed in its manual
        password_digits=5,
        charset=Charset.LATIN_1,
        charsets=(),
        reversal=Reversal.DECLINED,
        order_numbers=True,
        partial_issue=False,
        repeat_by_number=False,
        kind_behind_text=True,
        sequences=False,
        unique_ids=False,
    ),
    Profile(
        "valina",
        "ISO 8859-1 unasked, 1F10 and 1F12 at top level, repeats 04 0F hastily without BMP 01",
        terminal_id="29001006",
        password="123456",  # noqa: S106  # printed in its manual
        password_digits=5,
        charset=Charset.LATIN_1,
        charsets=(),
        flat_tags=True,
        hasty_postpone_s=0.01,
        sequences=False,
        unique_ids=False,
    ),
    Profile("ingenico", "80 00 00 and the completion in one segment", framing=Framing.COALESCED),
    Profile(
        "feig",
        "vending: the receipt comes before 04 0F, open pre-authorisations block the closing",
        flags=0x10,
        password=None,
        prints_first=True,
        device_name="cVEND plug",
        sw_version="GER-APP-v2.0.9",
    ),
    Profile("long-trace", "trace numbers of eight digits in 1F2B", long_trace=True),
    Profile("switched-off", "ZVT was switched off: 84 83 to everything", switched_off=True),
    Profile("eight-n-one", "one stop bit", stop_bits=1),
    Profile("no-repeat", "does not know 06 20", repeat=Repeat.NEVER),
    Profile(
        "big-endian",
        "sends extended lengths with the high byte first",
        framing=Framing.BIG_ENDIAN,
        sequences=False,
    ),
    Profile("hangs-up", "gives up a payment whose register has hung up", loss=Loss.STOP),
    Profile("one-caller", "refuses a second connection", second_caller_refused=True),
    Profile("multi-currency", "takes euros, francs, pounds and yen", currencies=(EURO, 756, 826, 392)),
    Profile(
        "restarting",
        "receipt numbers begin again after an end of day, then an update makes it silent",
        restarts_receipts=True,
        update_after_closing=True,
    ),
)

PROFILES: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in _LIST})
"""The list, by name."""


def profile_named(name: str) -> Profile:
    """The profile of this name. Errors: `ProfileError`."""
    profile = PROFILES.get(name)
    if profile is None:
        close = get_close_matches(name, PROFILES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(PROFILES)}"
        raise ProfileError(f"unknown profile {name!r}; {hint}")
    return profile
