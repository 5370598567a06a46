-- Sessions, their events, and the invariants that must hold even if every line of Python were wrong.

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
    on_reader       INTEGER NOT NULL CHECK (on_reader IN (0, 1)),
    settling        INTEGER NOT NULL DEFAULT 0 CHECK (settling IN (0, 1)),
    leftover        INTEGER NOT NULL DEFAULT 0 CHECK (leftover IN (0, 1)),
    amount          INTEGER NOT NULL CHECK (amount > 0),
    amount_captured INTEGER NOT NULL DEFAULT 0 CHECK (amount_captured >= 0),
    currency        TEXT NOT NULL CHECK (length(currency) = 3),
    refund_of       TEXT REFERENCES session (id),
    retry_of        TEXT UNIQUE REFERENCES session (id),
    created_at      INTEGER NOT NULL,
    CHECK ((kind = 'refund') = (refund_of IS NOT NULL))
) STRICT;

-- A till's key never makes a second sale.
CREATE UNIQUE INDEX session_pos_key ON session (till, pos_key);

-- One session at a time holds a reader.
CREATE UNIQUE INDEX session_holds_reader ON session (reader)
    WHERE on_reader = 1 AND state IN ('opened', 'in_flight', 'in_doubt');

CREATE INDEX session_unsettled ON session (id)
    WHERE settling = 1 OR state IN ('opened', 'in_flight', 'in_doubt');
CREATE INDEX session_leftover ON session (id) WHERE leftover = 1;
CREATE INDEX session_reader ON session (reader, id);
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

-- References that name one thing in the whole world belong to one session at a time.
CREATE TABLE reference (
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    session TEXT NOT NULL REFERENCES session (id),
    PRIMARY KEY (name, value)
) STRICT, WITHOUT ROWID;

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

-- Money only ever stands where the state says so.
CREATE TRIGGER captured_means_paid BEFORE UPDATE OF state, amount_captured ON session
WHEN NEW.amount_captured > 0 AND NEW.state <> 'paid'
BEGIN SELECT RAISE(ABORT, 'money has moved: the session is paid'); END;
