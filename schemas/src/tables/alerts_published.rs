//! `alerts_published`: deliveries of alerts.

use super::TableDef;
use super::columns::Columns;

/// One row per alert and target that acknowledged it.
pub fn alerts_published() -> TableDef {
    TableDef {
        name: "alerts_published",
        schema: Columns::new()
            .text("alert_id", "which row of `alerts` was delivered")
            .text("target", "where to: kafka:{topic} or webhook:{name}")
            .instant("published_at", "when the target acknowledged it")
            .text_or_null(
                "position",
                "where it is at the target, e.g. {partition}/{offset}",
            )
            .schema(),
        partition_columns: &[],
        comment: "One row per alert and target that acknowledged it. Delivery is at least once: an alert without a row here is sent again.",
        sort_columns: &["alert_id"],
    }
}
