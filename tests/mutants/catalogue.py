"""The deliberate bugs: what somebody could have written, and which tests must see it."""

from tests.mutants.trial import Mutant

_PAYMENTS = "tests/unit/agent/payments/"
_READERS = "tests/unit/drivers/readers/"
_JOURNEYS = "tests/journeys/"
_REGISTER = "tests/unit/agent/pos/register/"

MUTANTS = (
    # -- what is written down, and when ----------------------------------------------------------------
    Mutant(
        "send first, number the attempt afterwards",
        "drivers/readers/stripe_keys.py",
        "number = self._open[operation] = await self._report.attempt(operation)",
        "number = self._open[operation] = len(self._open) + 1",
        (_READERS + "test_stripe_keys.py", _READERS + "test_stripe_dispatch.py"),
    ),
    Mutant(
        "tell the reader before the PaymentIntent's id is durable",
        "drivers/readers/stripe_sale.py",
        'await self._report.reference("payment_intent", intent.id)',
        "pass",
        (_READERS + "test_stripe_sale.py",),
    ),
    Mutant(
        "let the disk confirm before the data is on it (NORMAL instead of FULL)",
        "agent/payments/journal_file.py",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
        (_PAYMENTS + "test_journal_file.py",),
    ),
    Mutant(
        "tell those who wait before the commit",
        "agent/payments/writer.py",
        "self._done([pending], self._commit([pending.write]))",
        "self._done([pending], [None]); self._commit([pending.write])",
        (_PAYMENTS + "test_writer.py", _PAYMENTS + "test_journal.py"),
    ),
    Mutant(
        "let a capture leave before it is promised on disk",
        "agent/payments/desk.py",
        "promised = await self._record(session, EventKind.SETTLING, facts)",
        "promised = session",
        (_PAYMENTS + "test_desk.py",),
    ),
    Mutant(
        "forget that two gateways may start on one journal",
        "agent/payments/journal_file.py",
        "fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)",
        (_PAYMENTS + "test_journal_file.py",),
    ),
    Mutant(
        "begin on a disk that lives in memory",
        "agent/payments/disk.py",
        "if kind in FORGETFUL:",
        "if kind == 'forgetful':",
        (_PAYMENTS + "test_disk.py",),
    ),
    # -- what the database itself refuses ----------------------------------------------------------------
    Mutant(
        "skip the unique index on a till's keys",
        "agent/payments/schema/0001.sql",
        "CREATE UNIQUE INDEX session_pos_key",
        "CREATE INDEX session_pos_key",
        (_PAYMENTS + "test_store.py", _PAYMENTS + "test_desk.py"),
    ),
    Mutant(
        "skip the unique index on a reader in use",
        "agent/payments/schema/0001.sql",
        "CREATE UNIQUE INDEX session_holds_reader",
        "CREATE INDEX session_holds_reader",
        (_PAYMENTS + "test_store.py",),
    ),
    Mutant(
        "give back more than was paid when two ask at once",
        "agent/payments/schema/0001.sql",
        "WHERE refund_of = NEW.refund_of AND state NOT IN ('declined', 'canceled', 'failed', 'released')",
        "WHERE refund_of = NEW.refund_of AND state = 'paid'",
        (_PAYMENTS + "test_store.py", _PAYMENTS + "test_desk.py"),
    ),
    Mutant(
        "let what has ended end again",
        "agent/payments/schema/0001.sql",
        "WHEN OLD.state IN ('paid', 'declined', 'canceled', 'failed', 'released')",
        "WHEN OLD.state IN ('paid')",
        (_PAYMENTS + "test_store.py",),
    ),
    Mutant(
        "count only what is paid of a sale in parts",
        "agent/payments/schema/0002.sql",
        "ELSE part.amount END), 0)",
        "ELSE 0 END), 0)",
        (_PAYMENTS + "test_tender.py",),
    ),
    # -- doubt -------------------------------------------------------------------------------------------
    Mutant(
        "call a lost line a failed sale",
        "agent/payments/course.py",
        "                await self._doubt(session, result.code, str(result))",
        "                await self._conclude(session, Outcome(Verdict.FAILED, code=result.code))",
        (_PAYMENTS + "test_course.py",),
    ),
    Mutant(
        "serve the next customer before the last life's sale is settled",
        "agent/payments/lane.py",
        "for session in [*await self._left_behind(), *self._early]:",
        "for session in self._early:",
        (_PAYMENTS + "test_lane.py",),
    ),
    Mutant(
        "keep a hold that is found after a doubt although its end was asked for",
        "agent/payments/course.py",
        "case Verdict.AUTHORIZED if canceled:",
        "case Verdict.AUTHORIZED if canceled and False:",
        (_PAYMENTS + "test_course.py",),
    ),
    Mutant(
        "wait for a customer who walked away for ever",
        "agent/payments/course.py",
        "return min(self._policy.payment_timeout_s, (deadline - self._now()).total_seconds())",
        "return max(self._policy.payment_timeout_s, (deadline - self._now()).total_seconds())",
        (_PAYMENTS + "test_course.py", _PAYMENTS + "test_taking.py"),
    ),
    Mutant(
        "believe the last try: it was not sent, so nothing was",
        "agent/stripe/client.py",
        "    if doubt is None or last.error is doubt:",
        "    if True:",
        ("tests/unit/agent/stripe/test_client.py",),
    ),
    # -- Stripe's readers ----------------------------------------------------------------------------------
    Mutant(
        "take a new key when there was no answer",
        "drivers/readers/stripe_dispatch.py",
        "await self._pause(doubt)",
        "self._keys.answered(OPERATION); await self._pause(doubt)",
        (_READERS + "test_stripe_dispatch.py",),
    ),
    Mutant(
        "repeat a refused command under its old key",
        "drivers/readers/stripe_dispatch.py",
        "            self._sent = False\n            self._keys.answered(OPERATION)\n",
        "            self._sent = False\n",
        (_READERS + "test_stripe_dispatch.py",),
    ),
    Mutant(
        "make a second PaymentIntent when the first one's answer is lost",
        "drivers/readers/stripe_intent.py",
        'key=f"pi:{request.session}"',
        "key=__import__('secrets').token_hex()",
        (_READERS + "test_stripe_intent.py",),
    ),
    Mutant(
        "trust the answer of the command: a time-out has not reached the reader",
        "drivers/readers/stripe_dispatch.py",
        "self.exposed = True  # the reader may have got the command although it did not say so",
        "self.exposed = False",
        (_READERS + "test_stripe_dispatch.py", _READERS + "test_stripe_faults.py"),
    ),
    Mutant(
        "trust the reader's action: the last one that ended is ours",
        "drivers/readers/stripe_settlement.py",
        "only = request.attempts.get(OPERATION, 0) == 1",
        "only = True",
        (_READERS + "test_stripe_settlement.py", _READERS + "test_stripe_faults.py"),
    ),
    Mutant(
        "replace another till's prompt",
        "drivers/readers/stripe_dispatch.py",
        "elif action is not None and _waits(action):",
        "elif action is not None and _waits(action) and False:",
        (_READERS + "test_stripe_dispatch.py",),
    ),
    Mutant(
        "cancel whatever the reader shows, without comparing",
        "drivers/readers/stripe_withdrawal.py",
        "return action if about is not None and about.id == intent else None",
        "return action",
        (_READERS + "test_stripe_withdrawal.py",),
    ),
    Mutant(
        "lose the fence: sell on a reader that another gateway has claimed",
        "drivers/readers/stripe_claim.py",
        "if gateway and owner and owner != gateway:",
        "if gateway and owner and owner != gateway and False:",
        (_READERS + "test_stripe_claim.py",),
    ),
    Mutant(
        "take the decline of the first try for the answer to the second",
        "drivers/readers/stripe_outcome.py",
        "return bool(old_charge) and action.failure_code",
        "return False and action.failure_code",
        (_READERS + "test_stripe_sale.py", _READERS + "test_stripe_settlement.py"),
    ),
    Mutant(
        "pay out whatever amount the PaymentIntent has",
        "drivers/readers/stripe_outcome.py",
        "if short or intent.amount != expected or intent.currency != request.money.currency:",
        "if False:",
        (_READERS + "test_stripe_outcome.py",),
    ),
    Mutant(
        "take another session's refund for ours",
        "drivers/readers/stripe_refund.py",
        "if found.metadata.get(SESSION_KEY) == request.session",
        "if found.metadata",
        (_READERS + "test_stripe_refund.py",),
    ),
    Mutant(
        "forget the sweeper's judgement: every hold is fine",
        "agent/payments/sweeper.py",
        "return Finding.EXPIRING if entry.verdict is Verdict.AUTHORIZED and soon else Finding.FINE",
        "return Finding.FINE",
        (_JOURNEYS + "test_sweep.py",),
    ),
    Mutant(
        "forget to sweep at all",
        "agent/payments/sweeper.py",
        "                await self.sweep()\n",
        "                pass\n",
        (_JOURNEYS + "test_sweep.py",),
    ),
    # -- ZVT terminals ---------------------------------------------------------------------------------------
    Mutant(
        "say yes to 04 0F before it is on disk",
        "drivers/readers/zvt_payment.py",
        '        await self._write_down(f"{_APPROVED} {Mark.of(status).to_text()}".rstrip())\n',
        "",
        (_READERS + "test_zvt_payment.py",),
    ),
    Mutant(
        "send 06 01 before anything is written down",
        "drivers/readers/zvt_payment.py",
        "        await self._promise(mark)\n        if self.canceled:",
        "        if self.canceled:",
        (_READERS + "test_zvt_payment.py",),
    ),
    Mutant(
        "call a link that was lost during 06 01 a sale that never began",
        "drivers/readers/zvt_payment.py",
        'raise DriverError(f"the terminal ended {what} without saying',
        'raise NotStartedError(f"the terminal ended {what} without saying',
        (_READERS + "test_zvt_payment.py",),
    ),
    Mutant(
        "accept an amount that nobody asked for",
        "drivers/readers/zvt_payment.py",
        "if told.unsolicited or misfit:",
        "if told.unsolicited:",
        (_READERS + "test_zvt_payment.py",),
    ),
    # -- ZVT registers ---------------------------------------------------------------------------------------
    Mutant(
        "capture before the register's yes is on disk",
        "agent/pos/register/handover.py",
        "await job.till.desk.note(self.session.id, known, job.till.till)",
        "del known",
        (_REGISTER + "test_handover.py", _REGISTER + "test_settling.py"),
    ),
    Mutant(
        "take a register's silence for its yes",
        "agent/pos/register/handover.py",
        "                raise NotTakenError(str(error)) from error\n            match",
        "                return None\n            match",
        (_JOURNEYS + "test_register_cut.py",),
    ),
)
"""Every one of them must die: `python -m tests.mutants`."""
