//! `permit_periods`: special periods with stricter limits.

use super::TableDef;
use super::columns::Columns;

/// One row per special period of a permit document.
pub fn permit_periods() -> TableDef {
    TableDef {
        name: "permit_periods",
        schema: Columns::new()
            .text("permit_no", "permit code, 22 characters (HJ 608)")
            .int("version", "version number of the permit document")
            .instant("issued_at", "when that version was issued")
            .truth(
                "doc_valid",
                "false when the document has faults; such rows may not be used for judging",
            )
            .text("period_id", "id of the period, unique within the permit")
            .text("kind", "heavy_pollution, staggered or other")
            .text_or_null(
                "level",
                "warning level of a heavy-pollution period: yellow, orange or red",
            )
            .instant("starts_at", "start of the period")
            .instant("ends_at", "end of the period (exclusive)")
            .text_or_null(
                "measures",
                "measures the unit has to take, as the document writes them",
            )
            .instant("received_at", "timestamp of the Kafka record")
            .origin()
            .schema(),
        partition_columns: &[],
        comment: "One row per special period (heavy-pollution warning, staggered production) of a permit document.",
        sort_columns: &["permit_no", "starts_at"],
    }
}
