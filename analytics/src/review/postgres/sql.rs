//! The statements of the PostgreSQL dialect; nothing else in the queue contains SQL.

/// Schema versions in order; table `review_schema` says how many a database has.
pub(super) const SCHEMA: [&str; 1] = [include_str!("schema_1.sql")];

/// One writer of a queue at a time, from here to the end of the transaction. The lock is that of
/// the schema the tables live in.
pub(super) const LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtext('nonsite.review'), hashtext(current_schema()))";

pub(super) const SCHEMA_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS review_schema (version BIGINT NOT NULL)";

pub(super) const SCHEMA_VERSION: &str = "SELECT coalesce(max(version), 0) FROM review_schema";

pub(super) const SCHEMA_NOTE: &str = "INSERT INTO review_schema (version) VALUES ($1)";

pub(super) const CASE: &str = "SELECT case_id, document FROM review_cases WHERE case_id = $1";

pub(super) const IDS_LIKE: &str = "SELECT case_id FROM review_cases WHERE substr(case_id, 1, length($1)) = $1 \
     ORDER BY case_id LIMIT $2";

/// An empty list of states means all of them; a limit of null means no bound.
pub(super) const CASES: &str = "SELECT case_id, document FROM review_cases \
     WHERE (cardinality($1::text[]) = 0 OR state = ANY($1)) \
       AND ($2::text IS NULL OR org_code = $2) \
       AND ($3::text IS NULL OR assignee = $3) \
       AND (NOT $4 OR is_open) \
     ORDER BY is_open DESC, severity, due_at ASC NULLS LAST, opened_at, case_id \
     LIMIT $5 OFFSET $6";

pub(super) const COUNTS: &str =
    "SELECT state, count(*) FROM review_cases GROUP BY state ORDER BY state";

pub(super) const OPEN_ON: &str = "SELECT case_id, document FROM review_cases \
     WHERE subject = $1 AND rule_group = $2 AND case_id <> $3 AND is_open \
       AND state NOT IN ('detected', 'reminded') \
     ORDER BY opened_at, case_id LIMIT 1";

pub(super) const LOOKED_BACK_ON: &str = "SELECT case_id, document FROM review_cases \
     WHERE subject = $1 AND rule_group = $2 AND look_back_until > $3 AND state = 'closed' \
     ORDER BY look_back_until DESC, case_id LIMIT 1";

pub(super) const UNCLAIMED: &str = "SELECT case_id, document FROM review_cases \
     WHERE state = ANY($1) \
       AND ($2::text IS NULL OR org_code = $2) \
       AND (assignee IS NULL OR claimed_until IS NULL OR claimed_until <= $3) \
     ORDER BY severity, due_at ASC NULLS LAST, opened_at, case_id \
     LIMIT $4 OFFSET $5 FOR UPDATE SKIP LOCKED";

pub(super) const NEXT_TIMER: &str = "SELECT case_id, document FROM review_cases \
     WHERE timer_at <= $1 ORDER BY timer_at, case_id LIMIT 1";

pub(super) const INSERT: &str = "INSERT INTO review_cases \
     (case_id, anomaly_id, version, state, is_open, severity, subject, rule_group, org_code, \
      assignee, claimed_until, due_at, timer_at, opened_at, document, look_back_until) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

pub(super) const UPDATE: &str = "UPDATE review_cases \
     SET version = $3, state = $4, is_open = $5, severity = $6, subject = $7, rule_group = $8, \
         org_code = $9, assignee = $10, claimed_until = $11, due_at = $12, timer_at = $13, \
         opened_at = $14, document = $15, look_back_until = $16 \
     WHERE case_id = $1 AND anomaly_id = $2 AND version = $17 AND state = $18";

pub(super) const HEAD: &str = "SELECT seq, hash FROM review_events ORDER BY seq DESC LIMIT 1";

pub(super) const APPEND: &str = "INSERT INTO review_events \
     (seq, case_id, from_state, to_state, case_version, action, actor, actor_certificate, role, \
      org_code, at, effective_at, reason_code, note, fields, attachments, client, rule_version, \
      policy_version, case_sha256, prev_hash, hash) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
             $19, $20, $21, $22)";

pub(super) const EVENTS_OF: &str = "SELECT * FROM review_events WHERE case_id = $1 ORDER BY seq";

pub(super) const EVENTS: &str = "SELECT * FROM review_events WHERE seq > $1 ORDER BY seq LIMIT $2";

pub(super) const FINGERPRINTS: &str =
    "SELECT case_id, version, document FROM review_cases ORDER BY case_id";
