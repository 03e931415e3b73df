//! `alerts_held`: alerts of the outbox that are not sent, and why.

use super::TableDef;
use super::columns::Columns;

/// One row per alert that is not sent at once.
pub fn alerts_held() -> TableDef {
    TableDef {
        name: "alerts_held",
        schema: Columns::new()
            .text("alert_id", "alert of the outbox")
            .text(
                "kind",
                "flood (suspected platform fault: sent when released) or collapsed (the outlet was told of the same rule that day: never sent)",
            )
            .text_or_null("scope", "rule and city of a flood, RULE/CITY")
            .instant("begins", "start of the alert's first finding")
            .text("why", "in words: which flood, or which alert told it before")
            .instant("at", "as-of time of the run that held it")
            .schema(),
        partition_columns: &[],
        comment: "Alerts of the outbox that are kept back, append-only. A row of kind flood no longer keeps its alert once the flood is withdrawn or released (`flood_decisions`).",
        sort_columns: &["at", "alert_id"],
    }
}
