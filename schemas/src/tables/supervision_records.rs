//! `supervision_records`: what the city does to supervise enforcement, besides audits of sub-bureaus.

use super::TableDef;
use super::columns::Columns;

/// One row per word about a piece of supervision; the one recorded last holds.
pub fn supervision_records() -> TableDef {
    TableDef {
        name: "supervision_records",
        schema: Columns::new()
            .text(
                "supervision_id",
                "id of the record; a further row with the same id corrects or completes it",
            )
            .text(
                "kind",
                "special_action (专项监督行动), case_files (案卷评查), self_evaluation (分局自评), \
                 city_evaluation (市级评估) or year_evaluation (年度总评)",
            )
            .text(
                "org_code",
                "code of the body it is about; the city's own for city and year",
            )
            .text("title", "what was done")
            .text_or_null(
                "draw_id",
                "sample of closed cases whose files were looked at, id in table inspection_draws",
            )
            .int_or_null("files", "case files that were looked at")
            .int_or_null("faulty", "of these with faults")
            .day_or_null(
                "completed_on",
                "day it ended; null while it is not finished",
            )
            .text_or_null("record", "number or name of its report")
            .text("by", "who recorded this row")
            .instant("recorded_at", "when this row was recorded")
            .schema(),
        partition_columns: &[],
        comment: "Special supervision, samplings of case files and evaluations, append-only; of several rows about one the one recorded last holds.",
        sort_columns: &["kind", "org_code", "recorded_at"],
    }
}
