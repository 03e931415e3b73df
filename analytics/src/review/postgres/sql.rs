//! The statements only PostgreSQL understands in this form.

/// Schema versions in order; table `review_schema` says how many a database has.
pub(super) const SCHEMA: [&str; 7] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_requests.sql"),
    include_str!("schema_acts.sql"),
    include_str!("schema_versions.sql"),
    include_str!("schema_kinds.sql"),
    include_str!("schema_reads.sql"),
];

/// One writer of a queue at a time, from here to the end of the transaction. The lock is that of
/// the schema the tables live in.
pub(super) const LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtext('nonsite.review'), hashtext(current_schema()))";

pub(super) const SCHEMA_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS review_schema (version BIGINT NOT NULL)";

pub(super) const SCHEMA_VERSION: &str = "SELECT coalesce(max(version), 0) FROM review_schema";

pub(super) const SCHEMA_NOTE: &str = "INSERT INTO review_schema (version) VALUES ($1)";

/// Which cases a list shows. Lists are JSON arrays; an empty one means all, a missing one too.
macro_rules! listed {
    () => {
        "SELECT case_id, document FROM review_cases \
         WHERE ($1::text = '[]' OR state = ANY(ARRAY(SELECT jsonb_array_elements_text($1::text::jsonb)))) \
           AND ($2::text IS NULL OR org_code = $2) \
           AND ($3::text IS NULL OR assignee = $3) \
           AND (NOT $4 OR is_open) \
           AND ($7::text IS NULL OR starts_with(org_code, $7::text)) \
           AND ($8::text IS NULL OR (document::jsonb ->> 'permit_no') \
                = ANY(ARRAY(SELECT jsonb_array_elements_text($8::text::jsonb)))) \
           AND ($9::text = '[]' OR severity = ANY(ARRAY(SELECT jsonb_array_elements_text($9::text::jsonb)))) \
           AND ($10::text IS NULL OR (document::jsonb ->> 'permit_no') = $10) \
           AND ($11::text IS NULL OR subject = $11) \
           AND ($12::text IS NULL OR (document::jsonb ->> 'rule_id') = $12) \
           AND ($13::bigint IS NULL OR due_at < $13) "
    };
}

/// The worst and most urgent first.
pub(super) const CASES: &str = concat!(
    listed!(),
    "AND ($14::bigint IS NULL OR (CASE WHEN is_open THEN 0 ELSE 1 END, severity, \
           CASE WHEN due_at IS NULL THEN 1 ELSE 0 END, coalesce(due_at, 0), opened_at, case_id) \
         > ($14::bigint, $15::text, $16::bigint, $17::bigint, $18::bigint, $19::text)) \
     ORDER BY is_open DESC, severity, due_at ASC NULLS LAST, opened_at, case_id \
     LIMIT $5 OFFSET $6"
);

/// The oldest first.
pub(super) const CASES_OPENED: &str = concat!(
    listed!(),
    "AND ($18::bigint IS NULL OR (opened_at, case_id) > ($18::bigint, $19::text)) \
     ORDER BY opened_at, case_id LIMIT $5 OFFSET $6"
);

/// Cases per state within a scope.
pub(super) const COUNTS: &str = "SELECT state, count(*) FROM review_cases \
     WHERE ($1::text IS NULL OR starts_with(org_code, $1::text)) \
       AND ($2::text IS NULL OR (document::jsonb ->> 'permit_no') \
            = ANY(ARRAY(SELECT jsonb_array_elements_text($2::text::jsonb)))) \
     GROUP BY state ORDER BY state";

/// The states are a JSON array. Rows somebody holds in a session of their own are passed over.
pub(super) const UNCLAIMED: &str = "SELECT case_id, document FROM review_cases \
     WHERE state = ANY(ARRAY(SELECT jsonb_array_elements_text($1::text::jsonb))) \
       AND ($2::text IS NULL OR org_code = $2) \
       AND (assignee IS NULL OR claimed_until IS NULL OR claimed_until <= $3) \
     ORDER BY severity, due_at ASC NULLS LAST, opened_at, case_id \
     LIMIT $4 OFFSET $5 FOR UPDATE SKIP LOCKED";

/// The permit stands in the document.
pub(super) const OF_UNIT: &str = "SELECT case_id, document FROM review_cases \
     WHERE (document::jsonb ->> 'permit_no') = $1 AND opened_at >= $2 \
     ORDER BY opened_at DESC, case_id";
