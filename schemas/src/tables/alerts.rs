//! `alerts`: the outbox.

use super::TableDef;
use super::columns::Columns;

/// One row per alert to be sent.
pub fn alerts() -> TableDef {
    TableDef {
        name: "alerts",
        schema: Columns::new()
            .text(
                "alert_id",
                "stable id of the alert; receivers drop a second copy by it",
            )
            .text(
                "anomaly_ids",
                "JSON list of the anomalies with this one cause",
            )
            .text("kind", "CloudEvents type, e.g. nonsite.anomaly.opened.v1")
            .text("payload", "the CloudEvents message as sent, JSON text")
            .instant("created_at", "as-of time of the run that made it")
            .schema(),
        partition_columns: &[],
        comment: "Outbox: one row per alert, written before it is sent. What was sent is in `alerts_published`.",
        sort_columns: &["created_at", "alert_id"],
    }
}
