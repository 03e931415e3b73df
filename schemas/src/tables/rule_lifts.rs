//! `rule_lifts`: an operator's decisions to dispatch a suspended rule's findings again.

use super::TableDef;
use super::columns::Columns;

/// One row per decision.
pub fn rule_lifts() -> TableDef {
    TableDef {
        name: "rule_lifts",
        schema: Columns::new()
            .text("rule_id", "rule whose suspension was lifted")
            .int("rule_version", "version of the rule at that time")
            .text("by", "who decided")
            .text("why", "reason given by that person")
            .instant(
                "at",
                "when it was decided; verdicts recorded before no longer count against the rule",
            )
            .schema(),
        partition_columns: &[],
        comment: "Decisions of an operator to dispatch the findings of a suspended rule again, append-only.",
        sort_columns: &["rule_id", "at"],
    }
}
