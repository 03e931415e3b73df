-- The queue. `document` is the whole case (JSON as text: its hash is in the audit chain); the columns
-- are what is searched and sorted by. Collation "C" sorts as SQLite does.
CREATE TABLE review_cases (
    case_id         TEXT COLLATE "C" PRIMARY KEY,
    anomaly_id      TEXT NOT NULL UNIQUE,
    version         BIGINT NOT NULL,
    state           TEXT COLLATE "C" NOT NULL,
    is_open         BOOLEAN NOT NULL,
    severity        TEXT COLLATE "C" NOT NULL,
    subject         TEXT NOT NULL,
    rule_group      TEXT NOT NULL,
    org_code        TEXT,
    assignee        TEXT,
    claimed_until   BIGINT,
    due_at          BIGINT,
    timer_at        BIGINT,
    opened_at       BIGINT NOT NULL,
    document        TEXT NOT NULL,
    look_back_until BIGINT
);

CREATE INDEX review_cases_queue ON review_cases (state, severity, due_at, opened_at, case_id);
CREATE INDEX review_cases_timer ON review_cases (timer_at, case_id) WHERE timer_at IS NOT NULL;
CREATE INDEX review_cases_subject ON review_cases (subject, rule_group) WHERE is_open;
CREATE INDEX review_cases_look_back ON review_cases (subject, rule_group, look_back_until)
    WHERE look_back_until IS NOT NULL;

-- The audit chain.
CREATE TABLE review_events (
    seq               BIGINT PRIMARY KEY,
    case_id           TEXT COLLATE "C" NOT NULL REFERENCES review_cases (case_id),
    from_state        TEXT,
    to_state          TEXT NOT NULL,
    case_version      BIGINT NOT NULL,
    action            TEXT NOT NULL,
    actor             TEXT NOT NULL,
    actor_certificate TEXT,
    role              TEXT NOT NULL,
    org_code          TEXT,
    at                BIGINT NOT NULL,
    effective_at      BIGINT NOT NULL,
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
);

CREATE FUNCTION review_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END
$$;

CREATE TRIGGER review_cases_stay BEFORE DELETE OR TRUNCATE ON review_cases
    FOR EACH STATEMENT EXECUTE FUNCTION review_refuse('a case is never deleted');

CREATE TRIGGER review_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON review_events
    FOR EACH STATEMENT EXECUTE FUNCTION review_refuse('the audit chain is append-only');
