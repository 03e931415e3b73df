//! `rule_outcomes`: subjects a rule could not evaluate, and why.

use super::TableDef;
use super::columns::Columns;

/// One row per subject and day that a rule did not evaluate.
pub fn rule_outcomes() -> TableDef {
    TableDef {
        name: "rule_outcomes",
        schema: Columns::new()
            .text("run_id", "id of the run that decided it")
            .text("rule_id", "id of the rule, e.g. E01")
            .int("rule_version", "version of the rule")
            .text("mn", "unique id of the data logger")
            .text_or_null(
                "factor",
                "factor code of HJ 524/525; null when the rule judges the logger as a whole",
            )
            .text(
                "outcome",
                "not_evaluated, or passed where a rule records it",
            )
            .text(
                "why",
                "stable reason code: no_permit, too_few_valid_hours, marked_maintenance ...",
            )
            .long("windows", "number of windows of that day with this outcome")
            .instant("as_of", "the time the run was told to be at")
            .day("date", "Beijing day judged; partition")
            .schema(),
        partition_columns: &["date"],
        comment: "Subjects a rule did not evaluate on a day, and why: not evaluated is never reported as passed.",
        sort_columns: &["rule_id", "mn", "factor"],
    }
}
