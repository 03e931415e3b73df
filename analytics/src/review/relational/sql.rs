//! The statements both dialects understand. What they do not share (the lists of states, how work is
//! locked, the schema) is in the `sql.rs` of each.

pub(in crate::review) const CASE: &str =
    "SELECT case_id, document FROM review_cases WHERE case_id = $1";

pub(in crate::review) const IDS_LIKE: &str = "SELECT case_id FROM review_cases WHERE substr(case_id, 1, length($1)) = $1 \
     ORDER BY case_id LIMIT $2";

pub(in crate::review) const OPEN_ON: &str = "SELECT case_id, document FROM review_cases \
     WHERE subject = $1 AND case_id <> $2 AND is_open AND state NOT IN ('detected', 'reminded') \
     ORDER BY opened_at, case_id";

pub(in crate::review) const LOOKED_BACK_ON: &str = "SELECT case_id, document FROM review_cases \
     WHERE subject = $1 AND rule_group = $2 AND look_back_until > $3 AND state = 'closed' \
     ORDER BY look_back_until DESC, case_id LIMIT 1";

pub(in crate::review) const NEXT_TIMER: &str = "SELECT case_id, document FROM review_cases \
     WHERE timer_at <= $1 ORDER BY timer_at, case_id LIMIT 1 OFFSET $2";

pub(in crate::review) const INSERT: &str = "INSERT INTO review_cases \
     (case_id, anomaly_id, version, state, is_open, severity, subject, rule_group, org_code, \
      assignee, claimed_until, due_at, timer_at, opened_at, document, look_back_until) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

pub(in crate::review) const UPDATE: &str = "UPDATE review_cases \
     SET version = $3, state = $4, is_open = $5, severity = $6, subject = $7, rule_group = $8, \
         org_code = $9, assignee = $10, claimed_until = $11, due_at = $12, timer_at = $13, \
         opened_at = $14, document = $15, look_back_until = $16 \
     WHERE case_id = $1 AND anomaly_id = $2 AND version = $17 AND state = $18";

/// Written into the index again, whatever stands there.
pub(in crate::review) const REINDEX: &str = "INSERT INTO review_cases \
     (case_id, anomaly_id, version, state, is_open, severity, subject, rule_group, org_code, \
      assignee, claimed_until, due_at, timer_at, opened_at, document, look_back_until) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
     ON CONFLICT (case_id) DO UPDATE \
     SET anomaly_id = excluded.anomaly_id, version = excluded.version, state = excluded.state, \
         is_open = excluded.is_open, severity = excluded.severity, subject = excluded.subject, \
         rule_group = excluded.rule_group, org_code = excluded.org_code, \
         assignee = excluded.assignee, claimed_until = excluded.claimed_until, \
         due_at = excluded.due_at, timer_at = excluded.timer_at, \
         opened_at = excluded.opened_at, document = excluded.document, \
         look_back_until = excluded.look_back_until";

/// What stands in the index and is no case: no version and no audit row knows it.
pub(in crate::review) const FORGET_STRAYS: &str = "DELETE FROM review_cases \
     WHERE NOT EXISTS (SELECT 1 FROM review_case_versions v WHERE v.case_id = review_cases.case_id) \
       AND NOT EXISTS (SELECT 1 FROM review_events e WHERE e.case_id = review_cases.case_id)";

/// Two cases whose anomalies were exchanged would be in each other's way.
pub(in crate::review) const FREE_ANOMALIES: &str = "UPDATE review_cases SET anomaly_id = case_id \
     WHERE EXISTS (SELECT 1 FROM review_case_versions v WHERE v.case_id = review_cases.case_id)";

/// A version that is not newer than all that are kept is not written.
pub(in crate::review) const KEEP_VERSION: &str = "INSERT INTO review_case_versions \
     (case_id, version, seq, document, sha256) \
     SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS TEXT), \
            CAST($5 AS TEXT) \
     WHERE NOT EXISTS (SELECT 1 FROM review_case_versions WHERE case_id = $1 AND version >= $2)";

pub(in crate::review) const VERSION: &str =
    "SELECT * FROM review_case_versions WHERE case_id = $1 AND version = $2";

pub(in crate::review) const VERSIONS_BETWEEN: &str =
    "SELECT * FROM review_case_versions WHERE seq > $1 AND seq <= $2 ORDER BY seq";

pub(in crate::review) const NEWEST_AFTER: &str = "SELECT v.* FROM review_case_versions v \
     WHERE v.case_id > $1 \
       AND NOT EXISTS (SELECT 1 FROM review_case_versions n \
                       WHERE n.case_id = v.case_id AND n.version > v.version) \
     ORDER BY v.case_id LIMIT $2";

pub(in crate::review) const HEAD: &str =
    "SELECT seq, hash FROM review_events ORDER BY seq DESC LIMIT 1";

pub(in crate::review) const APPEND: &str = "INSERT INTO review_events \
     (seq, case_id, from_state, to_state, case_version, action, actor, actor_certificate, role, \
      org_code, at, effective_at, reason_code, note, fields, attachments, client, rule_version, \
      policy_version, case_sha256, prev_hash, hash) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
             $19, $20, $21, $22)";

pub(in crate::review) const EVENTS_OF: &str =
    "SELECT * FROM review_events WHERE case_id = $1 ORDER BY seq";

pub(in crate::review) const EVENTS: &str =
    "SELECT * FROM review_events WHERE seq > $1 ORDER BY seq LIMIT $2";

pub(in crate::review) const MARKS_WAITING: &str =
    "SELECT * FROM review_events WHERE seq > $1 AND action = 'mark' ORDER BY seq";

pub(in crate::review) const FINGERPRINTS: &str = "SELECT * FROM review_cases ORDER BY case_id";

pub(in crate::review) const ACTS_BETWEEN: &str =
    "SELECT * FROM review_acts WHERE seq > $1 AND seq <= $2 ORDER BY seq, act_id";

pub(in crate::review) const FILES_BETWEEN: &str =
    "SELECT * FROM review_files WHERE seq > $1 AND seq <= $2 ORDER BY seq, position";

pub(in crate::review) const ANSWER_OF: &str = "SELECT owner, key, fingerprint, document, at \
     FROM review_requests WHERE owner = $1 AND key = $2";

pub(in crate::review) const PUT_ANSWER: &str = "INSERT INTO review_requests \
     (owner, key, fingerprint, document, at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (owner, key) DO UPDATE SET document = excluded.document";

pub(in crate::review) const FORGET_ANSWERS: &str = "DELETE FROM review_requests WHERE at < $1";

pub(in crate::review) const PUT_FILE: &str = "INSERT INTO review_files \
     (seq, position, case_id, name, sha256, picture, kind, at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

pub(in crate::review) const FILES_BEFORE: &str = "SELECT * FROM review_files \
     WHERE (seq < $1 OR (seq = $1 AND position < $2)) \
       AND (sha256 = $3 OR ($4 AND picture IS NOT NULL)) \
     ORDER BY seq, position";

pub(in crate::review) const PUT_ACT: &str = "INSERT INTO review_acts \
     (seq, act_id, act_version, case_id, document, sha256, at) VALUES ($1, $2, $3, $4, $5, $6, $7)";

pub(in crate::review) const ACTS_OF: &str =
    "SELECT * FROM review_acts WHERE case_id = $1 ORDER BY seq, act_id";

pub(in crate::review) const ACTS_WAITING: &str = "SELECT a.* FROM review_acts a \
     WHERE a.seq > $1 AND NOT EXISTS (SELECT 1 FROM review_acts_sent s \
       WHERE s.seq = a.seq AND s.act_id = a.act_id) \
     ORDER BY a.seq, a.act_id";

pub(in crate::review) const LAST_INTENT: &str =
    "SELECT * FROM review_acts_intents WHERE topic = $1 ORDER BY id DESC LIMIT 1";

pub(in crate::review) const PUT_INTENT: &str = "INSERT INTO review_acts_intents \
     (topic, last_seq, marks, held_until, at) VALUES ($1, $2, $3, $4, $5)";

pub(in crate::review) const PUT_SENT: &str = "INSERT INTO review_acts_sent \
     (seq, act_id, topic, partition, position, at) VALUES ($1, $2, $3, $4, $5, $6)";

pub(in crate::review) const NOTE_READ: &str = "INSERT INTO review_reads \
     (at, actor, role, org_code, client, operation, kind, subject, part, query, status) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// The latest first.
pub(in crate::review) const READS: &str = "SELECT * FROM review_reads \
     WHERE (CAST($1 AS TEXT) IS NULL OR actor = CAST($1 AS TEXT)) \
       AND (CAST($2 AS TEXT) IS NULL OR kind = CAST($2 AS TEXT)) \
       AND (CAST($3 AS TEXT) IS NULL OR subject = CAST($3 AS TEXT)) \
       AND (CAST($4 AS BIGINT) IS NULL OR at >= CAST($4 AS BIGINT)) \
       AND (CAST($5 AS BIGINT) IS NULL OR at < CAST($5 AS BIGINT)) \
       AND (CAST($6 AS TEXT) IS NULL \
            OR substr(org_code, 1, length(CAST($6 AS TEXT))) = CAST($6 AS TEXT)) \
       AND (CAST($7 AS BIGINT) IS NULL OR seq < CAST($7 AS BIGINT)) \
     ORDER BY seq DESC LIMIT $8";
