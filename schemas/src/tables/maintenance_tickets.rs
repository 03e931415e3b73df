//! `maintenance_tickets`: every version of every maintenance ticket received.

use super::TableDef;
use super::columns::Columns;

/// One row per received version of a maintenance ticket.
pub fn maintenance_tickets() -> TableDef {
    TableDef {
        name: "maintenance_tickets",
        schema: Columns::new()
            .text("ticket_id", "id of the ticket; all its versions carry it")
            .int("version", "version of the ticket, from 1; a change is a further version")
            .instant("recorded_at", "when this version was recorded, else when it arrived")
            .text("mn", "unique id of the data logger (HJ 212 MN)")
            .text_or_null("permit_no", "permit code of the unit, 22 characters (HJ 608)")
            .text_or_null("outlet_uid", "permit code and outlet code (HJ 608)")
            .text_or_null("factors", "factors whose analysers are concerned, comma list; null means all of the logger")
            .text_or_null("kind", "maintenance, calibration, standard_check, comparison, repair, replacement, parameter_change or other")
            .text_or_null("status", "open, closed or cancelled")
            .instant_or_null("starts_at", "start of the work")
            .instant_or_null("ends_at", "end of the work (exclusive); null while it goes on")
            .instant_or_null("noticed_at", "when the fault was noticed, for a repair")
            .instant_or_null("reported_at", "when the fault was reported to the authority, for a repair")
            .text_or_null("company", "operation and maintenance company")
            .text_or_null("technician", "who did the work")
            .text_or_null("cause", "why the work was needed")
            .text_or_null("actions", "what was done")
            .text_or_null("attachments", "proofs, JSON list of {name, sha256}")
            .document()
            .schema(),
        partition_columns: &[],
        comment: "One row per received version of a maintenance ticket. The view tickets_history places the versions in time.",
        sort_columns: &["mn", "ticket_id", "version"],
    }
}
