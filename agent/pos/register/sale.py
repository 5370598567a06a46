"""Getting a session for a register's command and waiting for its end, with 04 FF all the while."""

import asyncio
import logging
import random

from agent.payments.errors import (
    OrderError,
    PaymentsError,
    ReaderBusyError,
    ReaderUnavailableError,
    StoppingError,
    UnknownReaderError,
    WrongStateError,
)
from agent.payments.model import Order, PosKey, Session, State
from agent.pos.register.job import KEEP_ALIVE_S, EndedError, Job, NoAnswerError
from agent.pos.register.memory import Entry
from agent.pos.register.settling import MARK
from drivers.contract import Capture, Money, Progress, TipPolicy
from drivers.links.backoff import Backoff
from drivers.zvt import results
from drivers.zvt.config import PaymentType

log = logging.getLogger(__name__)

DOUBT_S = 100.0
"""How long a register is kept waiting for a doubt to end before it is told that nothing counts."""

WITHDRAWAL_S = 25.0
"""How long a sale that nobody wants any more may take to say so before the register is told."""

_ASK_AGAIN = Backoff(0.5, 10.0)

_PROMPT_LINE_DOWN = 0xA3


async def open_session(job: Job, entry: Entry, *, manual: bool) -> Session:
    """The session of an entry. Errors: `EndedError`; then nothing was stored."""
    till = job.till
    kind = job.message.get(0x19)
    tippable = kind is not None and bool(kind[0] & PaymentType.TIPPABLE)
    order = Order(
        till=till.till,
        pos_key=PosKey(entry.key),
        reader=till.reader,
        money=Money(entry.amount, entry.currency),
        capture=Capture.MANUAL if manual else Capture.AUTOMATIC,
        tip=None if tippable else TipPolicy(skip=True),
        metadata={MARK: entry.deed.value},
    )
    try:
        return (await till.desk.open(order))[0]
    except OrderError as error:
        raise EndedError(results.OTHER_ERROR, str(error)) from error
    except ReaderBusyError as error:
        raise EndedError(results.BUSY, str(error)) from error
    except StoppingError as error:
        raise EndedError(results.PLEASE_WAIT, str(error)) from error
    except (UnknownReaderError, ReaderUnavailableError) as error:
        raise EndedError(_PROMPT_LINE_DOWN, str(error)) from error
    except PaymentsError as error:
        log.warning("till %s cannot sell: %s", till.till, error)
        raise EndedError(results.OTHER_ERROR, str(error)) from error


def over(session: Session) -> bool:
    """Whether the customer's part is over and nothing more happens by itself."""
    return session.settling is None and (session.state.ended or session.state is State.AUTHORIZED)


async def watch(job: Job, session: Session) -> Session:
    """The session when it is over, or as it is when nobody can wait any longer.

    The register hears of each step; a stop, a lost link or a register that is silent asks for the end.
    """
    async with asyncio.TaskGroup() as group:
        wish = group.create_task(_end_on_wish(job, session), name=f"end of {session.id}")
        try:
            return await _watch(job, session)
        finally:
            wish.cancel()


async def _watch(job: Job, session: Session) -> Session:
    clock = asyncio.get_running_loop().time
    began = clock()
    silent = False
    doubted_at: float | None = None
    unwanted_at: float | None = None
    while not over(session):
        now = clock()
        doubted_at = (
            None if session.state is not State.IN_DOUBT else now if doubted_at is None else doubted_at
        )
        if not silent:
            try:
                await job.show(session.progress or Progress.PREPARING)
            except NoAnswerError as error:
                log.info("till %s is silent (%s): its sale is ended", job.till.till, error)
                silent = True
                job.stop()
        if not job.shows_progress and now - began >= job.till.profile.silent_s - WITHDRAWAL_S:
            job.stop()
        if doubted_at is not None and now - doubted_at >= DOUBT_S:
            job.stop()
        if job.wants_end.is_set():
            unwanted_at = now if unwanted_at is None else unwanted_at
            if now - unwanted_at >= WITHDRAWAL_S:
                return session
        try:
            session = await job.till.desk.changed(
                session.id, session.seq, KEEP_ALIVE_S if unwanted_at is None else 1.0, job.till.till
            )
        except PaymentsError as error:
            log.debug("session %s cannot be read: %s", session.id, error)
            await asyncio.sleep(1.0)
    return session


async def _end_on_wish(job: Job, session: Session) -> None:
    """As soon as nobody wants the result, ask for the end until it is on disk."""
    await job.wants_end.wait()
    tries = 0
    while True:
        try:
            await job.till.desk.cancel(session.id, job.till.till)
        except WrongStateError:
            return
        except PaymentsError as error:
            log.debug("session %s cannot be canceled yet: %s", session.id, error)
            await asyncio.sleep(_ASK_AGAIN.delay_s(tries, random.random))
            tries += 1
        else:
            return
