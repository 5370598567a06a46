"""`tillgate run`: the daemon. Loads nothing of the rest of the command line."""

import asyncio
import logging

from agent import logs
from agent.cli.errors import FAILED, INTERRUPTED, CommandError, report, single
from agent.cli.options import current
from agent.documents import ProblemsError
from agent.settings import SecretError, load

# What the admin can set right; the message alone says how.
_ADMINS = (CommandError, ProblemsError, SecretError, OSError)

log = logging.getLogger(__name__)


def run() -> int:
    """Serve until told to stop; 0 after a clean stop, 1 when it could not start or a bug ended it."""
    options = current()
    try:
        settings = load(options.config)
        logs.setup(settings.logging.format, options.log_level or settings.logging.level)
        from agent.app import serve
        from agent.payments.disk import refuse_unsafe

        if not settings.journal.accept_unsafe_disk:
            refuse_unsafe(settings.journal.path)
        asyncio.run(serve(settings))
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # the end of the daemon, whatever brought it about
        if _for_the_admin(single(error)):
            return report(error)
        # The log is where a daemon's traceback is looked for; the service manager starts us again.
        log.critical("a mistake in tillgate ended the daemon", exc_info=error)
        return FAILED
    return 0


def _for_the_admin(error: Exception) -> bool:
    # Named only here, when something has failed: before, they would have to be loaded for nothing.
    from agent.payments.errors import JournalError
    from agent.pos.listening import ListenError
    from agent.pos.tills import TillRegistryError

    return isinstance(error, (*_ADMINS, JournalError, ListenError, TillRegistryError))
