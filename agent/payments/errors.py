"""Everything that payments can refuse, each with a code for machines and a message for people."""

from drivers.contract import ReaderName, SessionId


class PaymentsError(Exception):
    """Root of the errors of this package. `code` is stable, the message says what to do."""

    code = "payments_error"


class OrderError(PaymentsError):
    """The till's order cannot be; `param` names the part that is wrong."""

    code = "invalid_order"

    def __init__(self, message: str, *, param: str, code: str = "invalid_order") -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class UnknownSessionError(PaymentsError):
    """No session of that id is visible to whoever asks."""

    code = "session_not_found"

    def __init__(self, session: str) -> None:
        super().__init__(f"there is no session {session!r} of yours")


class UnknownReaderError(PaymentsError):
    """No reader of that name belongs to this gateway."""

    code = "reader_not_found"

    def __init__(self, reader: str) -> None:
        super().__init__(f"there is no reader {reader!r} at this gateway")


class PosKeyReusedError(PaymentsError):
    """The till used a key again for something else."""

    code = "pos_key_reused"

    def __init__(self, pos_key: str, session: SessionId, differs: str) -> None:
        super().__init__(
            f"pos_key {pos_key!r} already belongs to session {session} with another {differs}; "
            "a new sale needs a new key"
        )


class UnknownSaleError(PaymentsError):
    """No session of the till that asks belongs to a sale of that id."""

    code = "sale_not_found"

    def __init__(self, sale: str) -> None:
        super().__init__(f"there is no sale {sale!r} of yours")


class SaleCoveredError(PaymentsError):
    """The sale is paid, or other sessions under way would pay it."""

    code = "sale_covered"


class ReaderBusyError(PaymentsError):
    """Another session holds the reader."""

    code = "reader_busy"

    def __init__(self, reader: ReaderName, why: str) -> None:
        super().__init__(f"reader {reader!r} is busy: {why}")


class ReaderUnavailableError(PaymentsError):
    """The reader is declared but cannot be used yet."""

    code = "reader_unavailable"

    def __init__(self, reader: ReaderName, why: str) -> None:
        super().__init__(f"reader {reader!r} cannot be used yet: {why}")


class WrongStateError(PaymentsError):
    """The session is not in a state in which this can be done."""

    code = "wrong_state"


class StoppingError(PaymentsError):
    """The gateway is shutting down and takes no new work."""

    code = "shutting_down"

    def __init__(self) -> None:
        super().__init__("the gateway is shutting down; nothing was stored, ask again in a few seconds")


class JournalError(PaymentsError):
    """The journal could not be written or read; what was asked is not on disk."""

    code = "journal_unavailable"


class JournalVersionError(JournalError):
    """The journal was written by a newer version of the gateway."""

    code = "journal_too_new"


class JournalDiskError(JournalError):
    """The journal's file system cannot keep what it is told to keep."""

    code = "journal_disk_unsafe"


class JournalLockedError(JournalError):
    """Another gateway uses this journal."""

    code = "journal_locked"
