-- Inspection acts that the workflow wrote, and what became of those that go by a topic.
CREATE TABLE review_acts (
    seq         INTEGER NOT NULL REFERENCES review_events (seq),
    act_id      TEXT NOT NULL,
    act_version INTEGER NOT NULL,
    case_id     TEXT NOT NULL,
    document    TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (seq, act_id),
    UNIQUE (act_id, act_version)
) STRICT;

CREATE INDEX review_acts_case ON review_acts (case_id, seq);

CREATE TABLE review_acts_intents (
    id         INTEGER PRIMARY KEY,
    topic      TEXT NOT NULL,
    last_seq   INTEGER NOT NULL,
    marks      TEXT NOT NULL,
    held_until INTEGER NOT NULL,
    at         INTEGER NOT NULL
) STRICT;

CREATE TABLE review_acts_sent (
    seq       INTEGER NOT NULL,
    act_id    TEXT NOT NULL,
    topic     TEXT NOT NULL,
    partition INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (seq, act_id)
) STRICT;

CREATE TRIGGER review_acts_unchanged BEFORE UPDATE ON review_acts
BEGIN
    SELECT RAISE(ABORT, 'acts are append-only: a correction is a further version');
END;

CREATE TRIGGER review_acts_stay BEFORE DELETE ON review_acts
BEGIN
    SELECT RAISE(ABORT, 'acts are append-only: a correction is a further version');
END;
