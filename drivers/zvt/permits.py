"""Which commands a terminal may send: config byte, TLV, tag 26 of the registration (PA00P015 chapter 9.4)."""

from dataclasses import dataclass

from drivers.zvt.commands import table
from drivers.zvt.commands.setup import Registration
from drivers.zvt.config import LOGGED_OFF, Config
from drivers.zvt.errors import LocalProtocolError
from drivers.zvt.message import Message

ALWAYS = frozenset({table.STATUS_INFORMATION, table.COMPLETION, table.ABORT})
"""Never need to be listed."""

LISTED_ONLY = frozenset({0x040D, 0x040E, 0x06D0, 0x06E4, table.PRINT_BLOCK})
"""Need to be listed in any case; without 06 D3 the terminal prints by 06 D1."""


@dataclass(frozen=True, slots=True)
class Permits:
    """What the register of this terminal allows. `listed` is None when the registration had no container."""

    config: Config = LOGGED_OFF
    container: bool = False
    listed: frozenset[int] | None = None
    max_apdu: int | None = None
    registered: bool = False

    @classmethod
    def of(cls, registration: Registration) -> "Permits":
        """What a registration allows; a container without tag 26 allows only what is always allowed."""
        container = registration.to_message().has_container
        listed = frozenset(registration.permitted) if container else None
        return cls(registration.config, container, listed, registration.max_apdu, registered=True)

    def allows(self, command: int) -> bool:
        """Whether the terminal may send this command."""
        if command in ALWAYS or table.is_answer(command):
            return True
        if command == table.INTERMEDIATE_STATUS:
            return Config.INTERMEDIATE_STATUS in self.config
        if self.listed is not None:
            return command in self.listed
        return command not in LISTED_ONLY

    @property
    def print_command(self) -> int:
        """The command by which receipts go to the register."""
        return table.PRINT_BLOCK if table.PRINT_BLOCK in (self.listed or ()) else table.PRINT_LINE

    def prints(self, *, payment: bool) -> bool:
        """Whether receipts of this kind go to the register as print commands (chapter 2.1)."""
        wanted = Config.PAYMENT_RECEIPTS if payment else Config.ADMIN_RECEIPTS
        return (
            Config.PRINT_COMMANDS in self.config and wanted in self.config and self.allows(self.print_command)
        )

    def require(self, message: Message, *, container_in_request: bool = False) -> None:
        """Raise LocalProtocolError for what the terminal must not send (chapters 9.2.2, 9.4)."""
        if not self.allows(message.command):
            raise LocalProtocolError(f"the register did not permit {message.command:04X}")
        if message.has_container and not (self.container or container_in_request):
            raise LocalProtocolError(f"{message.command:04X} has a TLV container, the register takes none")
