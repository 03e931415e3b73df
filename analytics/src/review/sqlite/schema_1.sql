-- The queue. `document` is the whole case (JSON); the columns are what is searched and sorted by.
CREATE TABLE review_cases (
    case_id       TEXT PRIMARY KEY NOT NULL,
    anomaly_id    TEXT NOT NULL UNIQUE,
    version       INTEGER NOT NULL,
    state         TEXT NOT NULL,
    is_open       INTEGER NOT NULL,
    severity      TEXT NOT NULL,
    subject       TEXT NOT NULL,
    rule_group    TEXT NOT NULL,
    org_code      TEXT,
    assignee      TEXT,
    claimed_until INTEGER,
    due_at        INTEGER,
    timer_at      INTEGER,
    opened_at     INTEGER NOT NULL,
    document      TEXT NOT NULL
) STRICT;

CREATE INDEX review_cases_queue ON review_cases (state, severity, due_at, opened_at);
CREATE INDEX review_cases_timer ON review_cases (timer_at, case_id) WHERE timer_at IS NOT NULL;
CREATE INDEX review_cases_subject ON review_cases (subject, rule_group) WHERE is_open = 1;

CREATE TRIGGER review_cases_stay BEFORE DELETE ON review_cases
BEGIN
    SELECT RAISE(ABORT, 'a case is never deleted');
END;

-- The audit chain.
CREATE TABLE review_events (
    seq               INTEGER PRIMARY KEY NOT NULL,
    case_id           TEXT NOT NULL REFERENCES review_cases (case_id),
    from_state        TEXT,
    to_state          TEXT NOT NULL,
    case_version      INTEGER NOT NULL,
    action            TEXT NOT NULL,
    actor             TEXT NOT NULL,
    actor_certificate TEXT,
    role              TEXT NOT NULL,
    org_code          TEXT,
    at                INTEGER NOT NULL,
    effective_at      INTEGER NOT NULL,
    reason_code       TEXT,
    note              TEXT,
    fields            TEXT NOT NULL,
    attachments       TEXT NOT NULL,
    client            TEXT NOT NULL,
    rule_version      INTEGER NOT NULL,
    policy_version    TEXT NOT NULL,
    case_sha256       TEXT NOT NULL,
    prev_hash         TEXT NOT NULL UNIQUE,
    hash              TEXT NOT NULL UNIQUE,
    UNIQUE (case_id, case_version)
) STRICT;

CREATE TRIGGER review_events_unchanged BEFORE UPDATE ON review_events
BEGIN
    SELECT RAISE(ABORT, 'the audit chain is append-only');
END;

CREATE TRIGGER review_events_stay BEFORE DELETE ON review_events
BEGIN
    SELECT RAISE(ABORT, 'the audit chain is append-only');
END;
