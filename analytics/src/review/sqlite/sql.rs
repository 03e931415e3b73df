//! The statements only SQLite understands in this form.

/// Schema versions in order; `PRAGMA user_version` says how many a database has.
pub(super) const SCHEMA: [&str; 5] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_acts.sql"),
];

/// The states are a JSON array; an empty one means all of them.
pub(super) const CASES: &str = "SELECT case_id, document FROM review_cases \
     WHERE ($1 = '[]' OR state IN (SELECT value FROM json_each($1))) \
       AND ($2 IS NULL OR org_code = $2) \
       AND ($3 IS NULL OR assignee = $3) \
       AND ($4 = 0 OR is_open = 1) \
     ORDER BY is_open DESC, severity, due_at IS NULL, due_at, opened_at, case_id \
     LIMIT $5 OFFSET $6";

/// The states are a JSON array. The writing transaction holds the whole file.
pub(super) const UNCLAIMED: &str = "SELECT case_id, document FROM review_cases \
     WHERE state IN (SELECT value FROM json_each($1)) \
       AND ($2 IS NULL OR org_code = $2) \
       AND (assignee IS NULL OR claimed_until IS NULL OR claimed_until <= $3) \
     ORDER BY severity, due_at IS NULL, due_at, opened_at, case_id \
     LIMIT $4 OFFSET $5";

/// The permit stands in the document.
pub(super) const OF_UNIT: &str = "SELECT case_id, document FROM review_cases \
     WHERE json_extract(document, '$.permit_no') = $1 AND opened_at >= $2 \
     ORDER BY opened_at DESC, case_id";
