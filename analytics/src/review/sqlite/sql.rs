//! The statements only SQLite understands in this form.

/// Schema versions in order; `PRAGMA user_version` says how many a database has.
pub(super) const SCHEMA: [&str; 9] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_requests.sql"),
    include_str!("schema_acts.sql"),
    include_str!("schema_versions.sql"),
    include_str!("schema_kinds.sql"),
    include_str!("schema_reads.sql"),
];

/// Which cases a list shows. Lists are JSON arrays; an empty one means all, a missing one too.
macro_rules! listed {
    () => {
        "SELECT case_id, document FROM review_cases \
         WHERE ($1 = '[]' OR state IN (SELECT value FROM json_each($1))) \
           AND ($2 IS NULL OR org_code = $2) \
           AND ($3 IS NULL OR assignee = $3) \
           AND ($4 = 0 OR is_open = 1) \
           AND ($7 IS NULL OR substr(org_code, 1, length($7)) = $7) \
           AND ($8 IS NULL OR json_extract(document, '$.permit_no') IN (SELECT value FROM json_each($8))) \
           AND ($9 = '[]' OR severity IN (SELECT value FROM json_each($9))) \
           AND ($10 IS NULL OR json_extract(document, '$.permit_no') = $10) \
           AND ($11 IS NULL OR subject = $11) \
           AND ($12 IS NULL OR json_extract(document, '$.rule_id') = $12) \
           AND ($13 IS NULL OR due_at < $13) "
    };
}

/// The worst and most urgent first.
pub(super) const CASES: &str = concat!(
    listed!(),
    "AND ($14 IS NULL OR (1 - is_open, severity, due_at IS NULL, ifnull(due_at, 0), opened_at, case_id) \
                         > ($14, $15, $16, $17, $18, $19)) \
     ORDER BY is_open DESC, severity, due_at IS NULL, due_at, opened_at, case_id \
     LIMIT $5 OFFSET $6"
);

/// The oldest first.
pub(super) const CASES_OPENED: &str = concat!(
    listed!(),
    "AND ($18 IS NULL OR (opened_at, case_id) > ($18, $19)) \
     ORDER BY opened_at, case_id LIMIT $5 OFFSET $6"
);

/// Cases per state within a scope.
pub(super) const COUNTS: &str = "SELECT state, count(*) FROM review_cases \
     WHERE ($1 IS NULL OR substr(org_code, 1, length($1)) = $1) \
       AND ($2 IS NULL OR json_extract(document, '$.permit_no') IN (SELECT value FROM json_each($2))) \
     GROUP BY state ORDER BY state";

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
