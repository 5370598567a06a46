"""What kinds of ZVT terminals do differently, as data: one profile each, chosen by the option `profile`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from drivers.zvt.charset import Charset
from drivers.zvt.commands.setup import FACTORY_PASSWORD
from drivers.zvt.config import Config


class Reversals(StrEnum):
    """Which payments a terminal takes back by 06 30."""

    ANY = "any"  # the one whose receipt number is named
    LAST = "last"  # the last one, whatever number is named
    NONE = "none"


class Habit(StrEnum):
    """How long a connection lives."""

    LASTING = "lasting"
    TRANSACTION = "transaction"  # made for each command and let go after it


LOCKED = Config.NO_AMOUNT_ENTRY | Config.NO_ADMINISTRATION
"""The terminal starts nothing by itself; some need it even to repeat a receipt."""

BLOCK_PRINT = (
    Config.PRINT_COMMANDS | LOCKED | Config.INTERMEDIATE_STATUS | Config.ADMIN_RECEIPTS
    | Config.PAYMENT_RECEIPTS
)  # fmt: skip
"""BE: every receipt comes to us, as the terminal's maker words it."""

BUILT_HERE = LOCKED | Config.INTERMEDIATE_STATUS | Config.ADMIN_RECEIPTS | Config.PAYMENT_RECEIPTS
"""3E: receipts are built from 04 0F."""

TERMINAL_PRINTS = LOCKED | Config.INTERMEDIATE_STATUS
"""38: the terminal has a printer and uses it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of terminal. The defaults are the standard's."""

    name: str
    summary: str
    config: Config = BLOCK_PRINT
    password: str = FACTORY_PASSWORD
    charset: Charset | None = None
    """Of texts and receipts; None: what the terminal says, else what the text looks like."""
    ask_charset: Charset | None = None
    """The set it is asked for when it is registered (tag 27); who does not agree keeps its own."""
    port: int = 20007
    stopbits: float = 2.0
    baudrate: int = 9600
    habit: Habit = Habit.LASTING
    tlv: bool = True
    """Whether the registration carries a TLV container; without one the terminal sends none either."""
    permitted: tuple[int, ...] = (0x0401, 0x06D1, 0x06D3)
    """Commands that the terminal may send us beyond the reports it may always send (tag 26)."""
    max_apdu: int | None = None
    sequence_ids: bool = True
    """Whether 1F73 is offered; a terminal that does not echo it goes without."""
    unique_ids: bool = False
    """Whether 1F1F is mirrored. Dangerous where another register uses the same terminal (chapter 4.2)."""
    status_tlv: bool = True
    """Whether 05 01 asks for device and clock by its service byte."""
    repeat_receipt: bool = True
    """Whether 06 20 tells what the last transaction was."""
    totals: bool = False
    """Whether 06 10 is asked before each payment, to settle doubt without 06 20."""
    reversals: Reversals = Reversals.ANY
    refunds: bool = True
    pre_authorisation: bool = False
    tips: bool = False
    payment_type: int | None = None
    """BMP 19 of 06 01 (`drivers.zvt.config.PaymentType`), where the terminal wants one."""
    goods_timeout_s: int | None = None
    """BMP 01: how long the terminal waits for our answer to 04 0F; 30 s without it."""


_LIST = (
    Profile("standard", "follows PA00P015 13.x"),
    Profile("no-tlv", "knows no TLV container", tlv=False, sequence_ids=False, status_tlv=False),
    Profile("own-printer", "prints every receipt itself", config=TERMINAL_PRINTS, permitted=(0x0401,)),
    Profile("status-only", "sends no receipts: they are built from 04 0F", config=BUILT_HERE),
    Profile(
        "no-repeat",
        "cannot repeat the last result: doubt is settled by 06 10 or by the operator",
        repeat_receipt=False,
        totals=True,
    ),
    Profile(
        "card-complete",
        "card complete (AT): password 123456, ISO 8859-1",
        password="123456",  # noqa: S106 - printed in its manual
        charset=Charset.LATIN_1,
        permitted=(0x06D3,),
        goods_timeout_s=30,
    ),
    Profile(
        "valina",
        "Worldline Valina and yomani: ISO 8859-1, repeats 04 0F at once unless BMP 01 is given",
        password="123456",  # noqa: S106 - printed in its manual
        charset=Charset.LATIN_1,
        goods_timeout_s=30,
    ),
    Profile(
        "feig-cvend",
        "FEIG cVEND: port 22000 (22001 with TLS), reservations",
        port=22000,
        payment_type=0x40,
        pre_authorisation=True,
    ),
    Profile(
        "pax-a80",
        "PAX A80: takes back the last payment only, whatever receipt is named; no sequence ids",
        sequence_ids=False,
        reversals=Reversals.LAST,
        refunds=False,
    ),
    Profile("vx820", "Verifone VX820: hangs up when idle", habit=Habit.TRANSACTION, max_apdu=1024),
    Profile("hobex", "hobex: CP437, prints blocks only", charset=Charset.CP437, permitted=(0x0401, 0x06D3)),
    Profile("ingenico", "Ingenico Desk, Link, Lane and Move", tips=True, status_tlv=False),
    Profile("serial-8n1", "a serial terminal with one stop bit", stopbits=1.0),
    Profile("13.07", "PA00P015 13.07 and later, with unique transaction ids", unique_ids=True),
)

PROFILES: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in _LIST})
"""Every profile, by name."""

STANDARD = PROFILES["standard"]
