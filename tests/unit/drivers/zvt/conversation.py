"""Two dialogues of our own on one line, for the tests of both."""

from drivers.zvt.apdu import ApduReader
from drivers.zvt.ecr import Event as RegisterEvent
from drivers.zvt.ecr import RegisterDialogue
from drivers.zvt.terminal import Event as TerminalEvent
from drivers.zvt.terminal import TerminalDialogue


class Conversation:
    """A register and a terminal in memory; what one writes the other reads at once."""

    def __init__(self, terminal: TerminalDialogue | None = None) -> None:
        self.register = RegisterDialogue()
        self.terminal = terminal or TerminalDialogue()
        self.wire: list[str] = []

    def to_terminal(self, data: bytes) -> TerminalEvent:
        """The terminal's event for what the register wrote."""
        self.wire.append("> " + data.hex().upper())
        [apdu] = ApduReader().feed(data)
        [event] = self.terminal.receive(apdu)
        return event

    def to_register(self, data: bytes) -> RegisterEvent:
        """The register's event for what the terminal wrote."""
        self.wire.append("< " + data.hex().upper())
        [apdu] = ApduReader().feed(data)
        [event] = self.register.receive(apdu)
        return event
