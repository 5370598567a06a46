"""Errors of payments: a stable code for machines, a message that says what to do."""

import pytest

from agent.payments import errors
from drivers.contract import ReaderName, SessionId

EVERY = [
    (errors.OrderError("no", param="amount"), "invalid_order", "no"),
    (errors.OrderError("no", param="amount", code="amount_too_large"), "amount_too_large", "no"),
    (errors.UnknownSessionError("ses_1"), "session_not_found", "no session 'ses_1' of yours"),
    (errors.UnknownReaderError("r1"), "reader_not_found", "no reader 'r1' at this gateway"),
    (errors.PosKeyReusedError("k1", SessionId("ses_1"), "amount"), "pos_key_reused", "needs a new key"),
    (errors.ReaderBusyError(ReaderName("r1"), "a sale"), "reader_busy", "reader 'r1' is busy: a sale"),
    (errors.ReaderUnavailableError(ReaderName("r1"), "no key"), "reader_unavailable", "yet: no key"),
    (errors.WrongStateError("ended"), "wrong_state", "ended"),
    (errors.StoppingError(), "shutting_down", "ask again in a few seconds"),
    (errors.SaleCoveredError("paid already"), "sale_covered", "paid already"),
    (errors.UnknownSaleError("s1"), "sale_not_found", "no sale 's1' of yours"),
    (errors.JournalError("full"), "journal_unavailable", "full"),
    (errors.JournalVersionError("new"), "journal_too_new", "new"),
    (errors.JournalLockedError("two"), "journal_locked", "two"),
    (errors.JournalDiskError("tmpfs"), "journal_disk_unsafe", "tmpfs"),
]


@pytest.mark.parametrize(("error", "code", "words"), EVERY)
def test_each_has_its_code_and_its_words(error: errors.PaymentsError, code: str, words: str) -> None:
    assert error.code == code
    assert words in str(error)


def test_none_is_forgotten_and_codes_differ() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and _ours(kind)}
    tested = {type(error) for error, _, _ in EVERY} | {errors.PaymentsError}
    assert kinds == tested
    assert len({getattr(kind, "code", "") for kind in kinds}) == len(kinds)


def _ours(kind: type) -> bool:
    return issubclass(kind, errors.PaymentsError)


def test_an_order_error_names_what_is_wrong() -> None:
    assert errors.OrderError("no", param="amount").param == "amount"
    assert isinstance(errors.JournalLockedError("two"), errors.JournalError)
