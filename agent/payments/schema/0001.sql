-- Sessions, their events, and the invariants that must hold even if every line of Python were wrong.

PRAGMA application_id = 0x54494C4C; -- "TILL": this file is a journal and nothing else

-- The row is a cache of the events: only what the invariants and the queries below need.
CREATE TABLE session (
    no              INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    till            TEXT NOT NULL,
    pos_key         TEXT NOT NULL,
    reader          TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('payment', 'refund')),
    state           TEXT NOT NULL CHECK (state IN ('opened', 'in_flight', 'in_doubt', 'authorized', 'paid',
                                                   'declined', 'canceled', 'failed', 'released')),
    holds           INTEGER NOT NULL CHECK (holds = (state IN ('opened', 'in_flight', 'in_doubt'))),
    on_reader       INTEGER NOT NULL CHECK (on_reader IN (0, 1)),
    settling        INTEGER NOT NULL DEFAULT 0 CHECK (settling IN (0, 1)),
    leftover        INTEGER NOT NULL DEFAULT 0 CHECK (leftover IN (0, 1)),
    amount          INTEGER NOT NULL CHECK (amount > 0),
    amount_captured INTEGER NOT NULL DEFAULT 0 CHECK (amount_captured >= 0 AND (amount_captured = 0 OR state = 'paid')),
    currency        TEXT NOT NULL CHECK (length(currency) = 3),
    refund_of       TEXT REFERENCES session (id),
    retry_of        TEXT REFERENCES session (id),
    created_at      INTEGER NOT NULL,
    CHECK ((kind = 'refund') = (refund_of IS NOT NULL))
) STRICT;

-- A till's key never makes a second sale.
CREATE UNIQUE INDEX session_pos_key ON session (till, pos_key);

-- A declined sale is tried again once.
CREATE UNIQUE INDEX session_retry ON session (retry_of) WHERE retry_of IS NOT NULL;

-- One session at a time holds a reader. (`holds`, not `state`, so that a change of state inside it costs no index.)
CREATE UNIQUE INDEX session_holds_reader ON session (reader) WHERE holds = 1 AND on_reader = 1;

-- With the index above: all that a lane must look after. An ordinary sale is never in this one.
CREATE INDEX session_unsettled ON session (no) WHERE settling = 1 OR (holds = 1 AND on_reader = 0);
CREATE INDEX session_leftover ON session (no) WHERE leftover = 1;
CREATE INDEX session_reader ON session (reader, no);
CREATE INDEX session_refunds ON session (refund_of) WHERE refund_of IS NOT NULL;

-- Appended in the order of their commits, so that a group of sessions touches few pages; times are microseconds
-- since 1970 (UTC), facts are JSON.
CREATE TABLE event (
    session INTEGER NOT NULL REFERENCES session (no),
    seq     INTEGER NOT NULL CHECK (seq > 0),
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    facts   TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX event_number ON event (session, seq);

CREATE TRIGGER event_follows_the_last BEFORE INSERT ON event
BEGIN
    SELECT RAISE(ABORT, 'an event is missing')
    WHERE NEW.seq <> 1 + coalesce((SELECT max(seq) FROM event WHERE session = NEW.session), 0);
END;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER session_is_never_removed BEFORE DELETE ON session
BEGIN SELECT RAISE(ABORT, 'sessions are kept'); END;

-- What was ordered stays as it was ordered; what has ended stays as it ended.
CREATE TRIGGER order_is_never_changed
BEFORE UPDATE OF no, id, till, pos_key, reader, kind, on_reader, amount, currency, refund_of, retry_of, created_at
ON session
BEGIN SELECT RAISE(ABORT, 'orders are never changed'); END;
CREATE TRIGGER end_is_the_end BEFORE UPDATE OF state, amount_captured ON session
WHEN OLD.state IN ('paid', 'declined', 'canceled', 'failed', 'released')
    AND (NEW.state <> OLD.state OR NEW.amount_captured <> OLD.amount_captured)
BEGIN SELECT RAISE(ABORT, 'the session has ended'); END;

-- References that name one thing in the whole world belong to one session at a time; only the sale that tries
-- a declined one again takes them over.
CREATE TABLE reference (
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    session INTEGER NOT NULL REFERENCES session (no),
    PRIMARY KEY (name, value)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER reference_is_never_removed BEFORE DELETE ON reference
BEGIN SELECT RAISE(ABORT, 'references are kept'); END;
CREATE TRIGGER reference_goes_to_a_retry_only BEFORE UPDATE ON reference
WHEN NEW.name <> OLD.name OR NEW.value <> OLD.value OR (
    NEW.session <> OLD.session
    AND NOT EXISTS (
        SELECT 1 FROM session WHERE no = NEW.session
        AND retry_of = (SELECT id FROM session WHERE no = OLD.session)
    )
)
BEGIN SELECT RAISE(ABORT, 'the reference belongs to another session'); END;

-- Refunds, done and under way, never exceed what was paid.
CREATE TRIGGER refund_never_exceeds_payment BEFORE INSERT ON session WHEN NEW.kind = 'refund'
BEGIN
    SELECT RAISE(ABORT, 'refund exceeds payment')
    WHERE NEW.amount + (
        SELECT coalesce(sum(amount), 0) FROM session
        WHERE refund_of = NEW.refund_of AND state NOT IN ('declined', 'canceled', 'failed', 'released')
    ) > (
        SELECT coalesce(sum(amount_captured), 0) FROM session
        WHERE id = NEW.refund_of AND kind = 'payment' AND state = 'paid' AND currency = NEW.currency
    );
END;
