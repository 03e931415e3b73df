//! `anomaly_feedback`: what verification said about a finding.

use super::TableDef;
use super::columns::Columns;

/// One row per verdict; the latest one of an anomaly counts.
pub fn anomaly_feedback() -> TableDef {
    TableDef {
        name: "anomaly_feedback",
        schema: Columns::new()
            .text("feedback_id", "hash of anomaly, verdict, cause, person and time; the same verdict told twice is one")
            .text("anomaly_id", "the anomaly that was verified")
            .text("rule_id", "rule that made it")
            .int("rule_version", "version of that rule")
            .text_or_null("org_code", "code of the enforcement body in whose area the site lies")
            .text("verdict", "match (符合), partly (部分符合) or mismatch (不符合)")
            .text_or_null("cause", "true cause: real_exceedance, process_fault, monitor_fault, false_alarm ...")
            .text_or_null("note", "free text of the person who verified")
            .text("by", "who verified")
            .text("source", "cli, or review when a closed case of the review queue said so")
            .text_or_null("case_id", "case of the review queue, when it came from there")
            .instant("recorded_at", "when it was recorded")
            .schema(),
        partition_columns: &[],
        comment: "Verdicts on anomalies after verification, append-only; of several about one anomaly the latest counts.",
        sort_columns: &["rule_id", "recorded_at"],
    }
}
