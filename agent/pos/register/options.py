"""One register as the door needs to know it."""

from dataclasses import dataclass, field

from agent.payments.model import TillName
from agent.pos.register.profiles import STANDARD, Profile
from agent.secret import Secret
from drivers.contract import ReaderName


@dataclass(frozen=True, slots=True)
class RegisterOptions:
    """Which till it is, on which reader it sells, and how it is spoken to.

    `password` None: any is good. `currencies` are ISO 4217 in lower case, the first is the terminal's own.
    `header` stands on top of every receipt. `closing_after_h`: payments are refused that long after the first
    of a day until the day is closed (06 50); None: never.
    """

    till: TillName
    reader: ReaderName
    profile: Profile = STANDARD
    password: Secret | None = None
    terminal_id: str = ""
    currencies: tuple[str, ...] = ("eur",)
    language: str = "de"
    header: tuple[str, ...] = field(default=())
    contract_number: str = ""
    closing_after_h: float | None = None
