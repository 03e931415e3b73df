//! `equipment_filings`: filed instruments and their parameters.

use super::TableDef;
use super::columns::Columns;

/// One row per filed parameter of a received version of a filing.
pub fn equipment_filings() -> TableDef {
    TableDef {
        name: "equipment_filings",
        schema: Columns::new()
            .text("filing_id", "id of the filing; all its versions carry it")
            .int("version", "version of the filing, from 1")
            .instant("recorded_at", "when this version was recorded, else when it arrived")
            .text("mn", "unique id of the data logger (HJ 212 MN)")
            .text_or_null("permit_no", "permit code of the unit, 22 characters (HJ 608)")
            .text_or_null("outlet_uid", "permit code and outlet code (HJ 608)")
            .text_or_null("factor", "factor the instrument measures; null for the logger or the sampling system")
            .text_or_null("model", "maker and model of the instrument")
            .text_or_null("serial_no", "serial number of the instrument (HJ 212 SN)")
            .instant_or_null("valid_from", "from when the filed state holds")
            .instant_or_null("valid_to", "until when it holds (exclusive); null while it does")
            .instant("filed_at", "when it was filed")
            .text_or_null("filed_by", "who filed it")
            .text_or_null("reason", "why the state changed")
            .text_or_null("ticket_id", "maintenance ticket the change goes with")
            .text_or_null("parameter", "code of HJ 212 (i13001 range, i13007 intercept, i13008 slope ...) or a name of its own; null in a filing without parameters")
            .number_or_null("value", "filed value in its unit")
            .text_or_null("value_text", "filed value where it is not a number")
            .text_or_null("unit", "unit of the value")
            .number_or_null("tolerance", "largest difference that still counts as the filed value, in its unit")
            .text_or_null("attachments", "proofs, JSON list of {name, sha256}")
            .document()
            .schema(),
        partition_columns: &[],
        comment: "One row per parameter of a received version of an equipment filing, at least one row per message. The view filings_history places the versions in time.",
        sort_columns: &["mn", "filing_id", "version"],
    }
}
