"""What the door makes of each command of the standard, and the test that proves it: one row each."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from drivers.zvt.commands.table import ROWS, Direction

TESTS = "tests/unit/agent/pos/register"


class Support(StrEnum):
    """How far a command is carried out."""

    DONE = "done"
    """As the standard describes it."""
    PARTLY = "partly"
    """With the exception that the row names."""
    ANSWERED = "answered"
    """Accepted and ended in order; there is nothing to be done."""
    REFUSED = "refused"
    """84 83, or the code that the row names."""
    SENT = "sent"
    """The terminal says it, where the register permits."""
    NEVER_SENT = "never sent"
    """The terminal has no use for it."""


class Proof(NamedTuple):
    """How one command is supported, what is to be said about it, and which test shows it."""

    support: Support
    note: str
    test: str


_REFUSED = Proof(Support.REFUSED, "84 83", "test_administration.py::test_everything_else_is_refused")
_NEVER = Proof(Support.NEVER_SENT, "", "test_job.py::test_what_is_never_said_is_not_in_the_code")
_IDLE = "test_administration.py::test_what_the_gateway_needs_not_do_is_done"

PROOFS: Mapping[int, Proof] = MappingProxyType(
    {
        0x0401: Proof(
            Support.SENT,
            "in a diagnosis",
            "test_administration.py::test_a_diagnosis_offers_the_time_where_that_is_permitted",
        ),
        0x040F: Proof(
            Support.SENT,
            "in the documented order",
            "test_status.py::test_fields_stand_in_the_documented_order",
        ),
        0x04FF: Proof(
            Support.SENT,
            "every eight seconds, with texts",
            "test_administration.py::test_cashiers_read_what_the_customer_does_in_their_language",
        ),
        0x0501: Proof(
            Support.DONE,
            "",
            "test_administration.py::test_the_state_of_the_reader_is_the_state_of_the_terminal",
        ),
        0x0600: Proof(
            Support.DONE,
            "every config bit",
            "test_administration.py::test_every_bit_of_the_config_byte_is_kept_to",
        ),
        0x0601: Proof(
            Support.DONE,
            "money moves on the register's word",
            "test_payments.py::test_the_registers_word_decides",
        ),
        0x0602: Proof(Support.DONE, "", "test_administration.py::test_log_off_puts_everything_back"),
        0x060F: Proof(Support.SENT, "", "test_payments.py::test_a_payment_by_a_register_that_prints"),
        0x0610: Proof(
            Support.DONE, "", "test_books.py::test_totals_are_counted_by_card_and_closing_begins_anew"
        ),
        0x0612: Proof(
            Support.PARTLY,
            "receipts of the day",
            "test_books.py::test_receipts_are_printed_again_by_their_numbers",
        ),
        0x0618: Proof(Support.ANSWERED, "", _IDLE),
        0x061A: Proof(Support.DONE, "", _IDLE),
        0x061B: Proof(
            Support.DONE,
            "unless gateway.yaml fixes it",
            "test_administration.py::test_a_terminal_id_can_be_set_unless_it_is_configured",
        ),
        0x061E: Proof(
            Support.SENT, "", "test_payments.py::test_a_declined_card_is_told_twice_and_moves_nothing"
        ),
        0x0620: Proof(
            Support.DONE,
            "byte for byte",
            "test_books.py::test_the_last_result_is_repeated_byte_for_byte_after_a_restart",
        ),
        0x0622: Proof(
            Support.PARTLY, "no extension", "test_bookings.py::test_a_reservation_is_booked_in_part"
        ),
        0x0623: Proof(Support.DONE, "", "test_bookings.py::test_a_reservation_is_released_in_part_or_whole"),
        0x0624: Proof(Support.DONE, "", "test_bookings.py::test_a_reservation_is_booked_in_part"),
        0x0625: Proof(Support.DONE, "", "test_bookings.py::test_a_reservation_is_released_in_part_or_whole"),
        0x0630: Proof(
            Support.DONE,
            "B4, B5",
            "test_bookings.py::test_a_payment_is_reversed_once_by_its_receipt_number",
        ),
        0x0631: Proof(
            Support.PARTLY,
            "of a payment that BMP 87 names",
            "test_bookings.py::test_refunds_name_the_payment_they_come_from",
        ),
        0x0650: Proof(
            Support.DONE, "", "test_books.py::test_totals_are_counted_by_card_and_closing_begins_anew"
        ),
        0x0651: Proof(Support.ANSWERED, "", _IDLE),
        0x0670: Proof(
            Support.DONE,
            "offers the time",
            "test_administration.py::test_a_diagnosis_offers_the_time_where_that_is_permitted",
        ),
        0x0679: Proof(Support.ANSWERED, "", _IDLE),
        0x0691: Proof(
            Support.ANSWERED,
            "keeps its own clock",
            "test_administration.py::test_the_gateway_keeps_its_own_clock_and_tells_it",
        ),
        0x0693: Proof(Support.ANSWERED, "", _IDLE),
        0x06B0: Proof(Support.DONE, "at any moment", "test_payments.py::test_a_register_that_stops_the_sale"),
        0x06C5: Proof(Support.REFUSED, "84 1E", "test_administration.py::test_what_is_answered_at_once"),
        0x06D1: Proof(
            Support.SENT, "", "test_printing.py::test_receipts_come_by_the_command_that_was_listed"
        ),
        0x06D3: Proof(
            Support.SENT,
            "as small as 1A wants",
            "test_administration.py::test_blocks_are_as_small_as_the_register_wants_them",
        ),
        0x06E0: Proof(
            Support.ANSWERED, "shown to nobody", "test_administration.py::test_what_is_answered_at_once"
        ),
        0x0830: Proof(Support.DONE, "stays", "test_administration.py::test_the_language_stays"),
    }
)
"""Commands that are more than refused, or never sent."""


class Line(NamedTuple):
    """One command of the standard at the door."""

    command: int
    name: str
    from_register: bool
    proof: Proof


def report() -> list[Line]:
    """Every command of the standard, in its order."""
    lines = []
    for command, row in sorted(ROWS.items()):
        from_register = row.direction is not Direction.TO_REGISTER
        proof = PROOFS.get(command, _REFUSED if from_register else _NEVER)
        lines.append(Line(command, row.name, from_register, proof))
    return lines


def table() -> str:
    """The report as the table of docs/zvt.md; commands that are refused or never sent share a line each."""
    lines = ["| command | what it is | the door | |", "|---|---|---|---|"]
    rest: dict[Support, list[str]] = {Support.REFUSED: [], Support.NEVER_SENT: []}
    for line in report():
        code = f"{line.command >> 8:02X} {line.command & 0xFF:02X}"
        if line.command in PROOFS:
            lines.append(f"| {code} | {line.name} | {line.proof.support} | {line.proof.note} |")
        else:
            rest[line.proof.support].append(code)
    lines.append("")
    lines += _wrapped("Refused with 84 83: ", rest[Support.REFUSED])
    lines.append("")
    lines += _wrapped("Never sent: ", rest[Support.NEVER_SENT])
    return "\n".join([*lines, ""])


_WIDTH = 130


def _wrapped(head: str, codes: list[str]) -> list[str]:
    lines = [head]
    for number, code in enumerate(codes):
        word = code + ("." if number == len(codes) - 1 else ", ")
        if len(lines[-1]) + len(word) > _WIDTH:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += word
    return lines
