//! `officers`: the roster of enforcement officers with their certificates.

use super::TableDef;
use super::columns::Columns;

/// One row per word about an officer; the one recorded last holds.
pub fn officers() -> TableDef {
    TableDef {
        name: "officers",
        schema: Columns::new()
            .text(
                "officer_id",
                "id of the officer; a further row with the same id corrects or completes it",
            )
            .text_or_null("name", "name of the officer")
            .text("org_code", "code of the body the officer works for")
            .text_or_null(
                "certificate_no",
                "number of the enforcement certificate; null without one",
            )
            .day_or_null(
                "valid_from",
                "first day of the certificate; null when it is not known",
            )
            .day_or_null(
                "valid_to",
                "last day of the certificate; null when it does not end",
            )
            .day_or_null(
                "left_on",
                "day from which the officer is on the roster no more",
            )
            .text("by", "who recorded this row")
            .instant("recorded_at", "when this row was recorded")
            .schema(),
        partition_columns: &[],
        comment: "Roster of enforcement officers, append-only; of several rows about one officer the one recorded last holds.",
        sort_columns: &["org_code", "officer_id", "recorded_at"],
    }
}
