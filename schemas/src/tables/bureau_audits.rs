//! `bureau_audits`: audits (稽查) of sub-bureaus.

use super::TableDef;
use super::columns::Columns;

/// One row per word about an audit; the one recorded last holds.
pub fn bureau_audits() -> TableDef {
    TableDef {
        name: "bureau_audits",
        schema: Columns::new()
            .text(
                "audit_id",
                "id of the audit; a further row with the same id corrects or completes it",
            )
            .text("org_code", "code of the audited sub-bureau")
            .text("team", "who audited")
            .truth(
                "cross_region",
                "true when the team came from other districts (跨区)",
            )
            .text_or_null(
                "draw_id",
                "sample of closed cases the audit looked into, id in table inspection_draws",
            )
            .day_or_null(
                "completed_on",
                "day the audit ended; null while it is not finished",
            )
            .text_or_null("record", "number or name of the audit's report")
            .text("by", "who recorded this row")
            .instant("recorded_at", "when this row was recorded")
            .schema(),
        partition_columns: &[],
        comment: "Audits of sub-bureaus, append-only; of several rows about one audit the one recorded last holds.",
        sort_columns: &["org_code", "recorded_at"],
    }
}
