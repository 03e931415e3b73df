//! `marks`: every version of every mark received.

use super::TableDef;
use super::columns::Columns;

/// One row per received version of a mark.
pub fn marks() -> TableDef {
    TableDef {
        name: "marks",
        schema: Columns::new()
            .text("mark_id", "id of the mark; all its versions carry it")
            .int("version", "version of the mark, from 1; a change or withdrawal is a further version")
            .instant("recorded_at", "when this version was recorded, else when it arrived")
            .text("mn", "unique id of the data logger (HJ 212 MN)")
            .text_or_null("permit_no", "permit code of the unit, 22 characters (HJ 608)")
            .text_or_null("outlet_uid", "permit code and outlet code (HJ 608)")
            .text_or_null("factors", "factors the mark is for, comma list; null means all of the logger")
            .text_or_null("scope", "device (the data are not valid) or condition (special production condition)")
            .text_or_null("code", "what the mark says: calibration, maintenance, fault, start_up, stopped ... (closed list, see docs/schemas/mark.json)")
            .instant_or_null("starts_at", "first instant marked")
            .instant_or_null("ends_at", "end of the marked stretch (exclusive); null while it lasts")
            .text_or_null("source", "auto (set by the device) or manual (set by a person)")
            .text_or_null("author", "who set the mark")
            .instant("marked_at", "when the mark was set; in time until 12:00 of the day after the data")
            .text_or_null("reason", "why the data are marked")
            .text_or_null("ticket_id", "maintenance ticket the mark goes with")
            .text_or_null("attachments", "proofs, JSON list of {name, sha256}")
            .instant_or_null("revoked_at", "when the mark was withdrawn, if it was")
            .text_or_null("revoke_reason", "why the mark was withdrawn")
            .document()
            .schema(),
        partition_columns: &[],
        comment: "One row per received version of a mark of the marking rules (MEE announcement 21 of 2022). The view marks_history places the versions in time.",
        sort_columns: &["mn", "mark_id", "version"],
    }
}
