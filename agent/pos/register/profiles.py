"""Habits of registers, as data: what a kind of register needs that the standard does not promise."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from drivers.zvt.charset import Charset
from drivers.zvt.config import Config


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of register. Times in seconds."""

    text: str
    """What it is for, in a few words."""

    t3_s: float = 5.0
    """How long it may take to acknowledge a message (PA00P016 5.2)."""

    goods_s: float = 30.0
    """How long it may take over 04 0F unless BMP 01 says otherwise (PA00P015 2.2.6)."""

    completion_s: float = 5.0
    """How long its acknowledgement of 06 0F and 06 1E is waited for."""

    silent_s: float = 150.0
    """How long a sale may take where no 04 FF restarts the register's T4 (180 s)."""

    unregistered: Config | None = None
    """The config byte of a register that never sends 06 00; None: 86, as the standard has it."""

    charset: Charset = Charset.CP437
    """Of texts, unless the register chooses another by tag 27."""

    big_endian: bool = False
    """It reads the two extended length bytes high byte first."""

    always_currency: bool = False
    """BMP 49 in every 04 0F, asked for or not."""

    tlv: bool = True
    """False: it never gets a container, whatever it registered."""

    flat_tags: bool = False
    """1F10 and 1F12 beside tag 2F, too: some registers look for them there."""

    texts: bool = True
    """Texts in 04 FF, where TLV is allowed."""

    status_on_failure: bool = True
    """A failed payment is told by 04 0F before 06 1E."""

    unique_ids: bool = True
    """1F1F in 04 0F, and what the register mirrors of it counts (chapter 4.2)."""

    sequences: bool = True
    """Message numbers (1F73), where the register offers them."""

    repeated_orders: str = "same-amount"
    """What an order number (1F0D) that was paid before means: `asked` counts only with bit 04 of 1F15,
    `same-amount` also without it if the amount is the same and it was paid within the hour, `never` is never
    looked at."""

    open_holds_block_closing: bool = False
    """06 50 is refused with B8 while pre-authorisations are open."""

    restarts_receipts: bool = False
    """Receipt numbers begin at 1 after every end of day."""

    password_digits: int = 6
    """How many digits of the password count."""


STANDARD = Profile("registers that follow PA00P015 13.x; try this one first")

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "standard": STANDARD,
        "korona": replace(
            STANDARD,
            text="KORONA's raw style: bare messages, no registration, receipts built from 04 0F",
            unregistered=Config.PAYMENT_RECEIPTS
            | Config.ADMIN_RECEIPTS
            | Config.NO_AMOUNT_ENTRY
            | Config.NO_ADMINISTRATION
            | Config.INTERMEDIATE_STATUS,
        ),
        "old": replace(
            STANDARD,
            text="old ones: no TLV, fields in the documented order, no ids",
            tlv=False,
            texts=False,
            unique_ids=False,
            sequences=False,
        ),
        "no-final-ack": replace(
            STANDARD, text="hangs up without acknowledging the completion", completion_s=0.5
        ),
        "abort-only": replace(STANDARD, text="takes any 04 0F for a success", status_on_failure=False),
        "currency-always": replace(
            STANDARD, text="sends no currency, wants it in the result", always_currency=True
        ),
        "latin-1": replace(
            STANDARD, text="shows and prints ISO 8859-1 without asking", charset=Charset.LATIN_1
        ),
        "big-endian": replace(
            STANDARD, text="reads the two long length bytes the wrong way round", big_endian=True
        ),
        "card-complete": replace(
            STANDARD,
            text="made for card complete (AT): five digits of password, order numbers, ISO 8859-1",
            charset=Charset.LATIN_1,
            flat_tags=True,
            password_digits=5,
            repeated_orders="asked",
        ),
        "feig": replace(
            STANDARD,
            text="vending and parking as with FEIG: open reservations block the end of day",
            open_holds_block_closing=True,
        ),
        "patient": replace(
            STANDARD, text="slow ones: long pauses before every acknowledgement", t3_s=20.0, completion_s=20.0
        ),
    }
)
"""What `profile` in gateway.yaml may say."""
