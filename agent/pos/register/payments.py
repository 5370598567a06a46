"""Commands that need the customer's card: 06 01 and 06 22 (PA00P015 chapters 2.2, 2.8)."""

from agent.payments.model import State
from agent.pos.register.job import EndedError, Job
from agent.pos.register.memory import Deed, Entry
from agent.pos.register.outcomes import result_of
from agent.pos.register.repeats import is_known, learn, order_number
from agent.pos.register.sale import open_session, over, watch
from agent.pos.register.transaction import WRONG_HOLD, InHand, amount_of, begin, currency_of, fail, hand_over
from drivers.contract import Capability
from drivers.zvt import results
from drivers.zvt.results import result_text

_NOT_SUPPORTED = 0xC5


async def payment(job: Job) -> None:
    """06 01."""
    job.accept()
    amount, currency = amount_of(job.message), currency_of(job)
    async with job.turn():
        if await is_known(job):
            return
        await learn(job)
        order = await order_number(job, amount)
        entry = await begin(job, Deed.PAYMENT, amount, currency, order_number=order)
        with InHand(job, entry):
            await _with_card(job, entry, manual=job.till.can(Capability.MANUAL_CAPTURE))


async def hold(job: Job) -> None:
    """06 22: hold an amount until it is booked or released."""
    job.accept()
    amount, currency = amount_of(job.message), currency_of(job)
    if not job.till.can(Capability.MANUAL_CAPTURE):
        raise EndedError(_NOT_SUPPORTED, "this reader cannot hold money")
    if job.message.get(0x0B) is not None or job.message.find_bytes(0x1F2B) is not None:
        raise EndedError(WRONG_HOLD, "a reservation cannot be extended: release it and hold anew")
    async with job.turn():
        if await is_known(job):
            return
        await learn(job)
        entry = await begin(job, Deed.HOLD, amount, currency)
        with InHand(job, entry):
            await _with_card(job, entry, manual=True)


async def _with_card(job: Job, entry: Entry, *, manual: bool) -> None:
    try:
        session = await open_session(job, entry, manual=manual)
    except EndedError as error:
        await fail(job, entry, error.result, error.text)
        return
    session = await watch(job, session)
    if not over(session) or session.state not in {State.AUTHORIZED, State.PAID}:
        result = result_of(session) if over(session) else results.ABORTED
        await fail(job, entry, result, result_text(result))
        return
    await hand_over(job, entry, session)
