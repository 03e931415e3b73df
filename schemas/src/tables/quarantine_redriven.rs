//! `quarantine_redriven`: what became of quarantined messages.

use super::TableDef;
use super::columns::Columns;

/// One row per attempt to process a quarantined message again.
pub fn quarantine_redriven() -> TableDef {
    TableDef {
        name: "quarantine_redriven",
        schema: Columns::new()
            .text("quarantine_id", "which row of `quarantine` was tried again")
            .text(
                "redrive_id",
                "id of the redrive run; a run is committed once",
            )
            .instant("redriven_at", "when the redrive ran")
            .text(
                "outcome",
                "rows: it became rows of its table; still_bad: it stays in quarantine",
            )
            .long("rows", "number of rows it became; 0 when still_bad")
            .text("by", "who ran the redrive")
            .text(
                "why",
                "reason given by that person, e.g. which station setting was fixed",
            )
            .schema(),
        partition_columns: &[],
        comment: "One row per attempt to process a quarantined message again; the rows it became carry their original Kafka origin.",
        sort_columns: &["quarantine_id"],
    }
}
