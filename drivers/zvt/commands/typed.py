"""Which typed face belongs to which command."""

from drivers.zvt.commands.face import Face
from drivers.zvt.commands.payments import (
    Authorisation,
    BookTotal,
    PartialReversal,
    PreAuthorisation,
    Refund,
    ReleasePreAuthorisation,
    Reversal,
)
from drivers.zvt.commands.reports import (
    Abort,
    Completion,
    IntermediateStatus,
    SetRegisterClock,
    StatusInformation,
)
from drivers.zvt.commands.screens import AskKey, DisplayText, InputRequest, PrintLine
from drivers.zvt.commands.setup import (
    Diagnosis,
    EndOfDay,
    Initialisation,
    LogOff,
    PrintConfiguration,
    Registration,
    RepeatReceipt,
    ReprintReceipts,
    Reset,
    SelectLanguage,
    SetTerminalClock,
    StatusEnquiry,
    StopRunning,
    TurnoverTotals,
)
from drivers.zvt.message import Message

_FACES: tuple[type[Face], ...] = (
    Abort,
    AskKey,
    Authorisation,
    BookTotal,
    Completion,
    Diagnosis,
    DisplayText,
    EndOfDay,
    Initialisation,
    InputRequest,
    IntermediateStatus,
    LogOff,
    PartialReversal,
    PreAuthorisation,
    PrintConfiguration,
    PrintLine,
    Refund,
    Registration,
    ReleasePreAuthorisation,
    RepeatReceipt,
    ReprintReceipts,
    Reset,
    Reversal,
    SelectLanguage,
    SetRegisterClock,
    SetTerminalClock,
    StatusEnquiry,
    StatusInformation,
    StopRunning,
    TurnoverTotals,
)

FACES: dict[int, type[Face]] = {face.COMMAND: face for face in _FACES}


def typed(message: Message) -> Face | None:
    """The message as its typed face, None for commands without one; RemoteProtocolError: lacks a field."""
    face = FACES.get(message.command)
    return face.from_message(message) if face is not None else None
