//! `review_cases`: mirror of the rectification queue.

use super::TableDef;
use super::columns::Columns;

/// One row per version of a case.
pub fn review_cases() -> TableDef {
    TableDef {
        name: "review_cases",
        schema: Columns::new()
            .text("case_id", "id of the case in the review queue")
            .long("version", "version of the case; grows by one with every transition")
            .text("state", "workflow state: detected, triage, dispatched, answered, rectify, submitted, approved ...")
            .text_or_null("parent_id", "case this one was merged into")
            .text("anomaly_id", "anomaly the case began with")
            .text("rule_id", "rule that found it, e.g. E01")
            .int("rule_version", "version of the rule")
            .text("severity", "S1 to S4, as of the anomaly")
            .text_or_null("permit_no", "permit code of the unit, 22 characters")
            .text_or_null("unit_name", "name of the unit")
            .text_or_null("org_code", "code of the enforcement body responsible")
            .text_or_null("outlet_uid", "national outlet id")
            .text_or_null("mn", "unique id of the data logger")
            .text_or_null("factor", "factor code of HJ 524/525")
            .instant("window_start", "start of what was judged")
            .instant("window_end", "end of what was judged (exclusive)")
            .text_or_null("assignee", "who holds the case now")
            .instant_or_null("due_at", "deadline of the present state")
            .truth("overdue", "the deadline passed and nothing happened")
            .int("return_count", "how often rectification was returned")
            .int("extension_count", "how often the deadline was extended")
            .text_or_null("rule_match", "feedback on the rule: match, partly or mismatch")
            .text_or_null("true_cause", "cause category established by verification")
            .instant_or_null("look_back_until", "end of the look-back after approval")
            .instant("opened_at", "when the case was opened")
            .instant("updated_at", "when it last changed state")
            .instant_or_null("closed_at", "when it was closed")
            .text_or_null("source_system", "where a clue that no rule found comes from: complaint, transfer, platform, inspection or other; null when a rule found it, and in rows of programs that did not have the column")
            .text_or_null("source_ref", "its number there")
            .schema(),
        partition_columns: &[],
        comment: "Mirror of the review queue for analysts: one row per version of a case; the highest version is its present state.",
        sort_columns: &["case_id", "version"],
    }
}
