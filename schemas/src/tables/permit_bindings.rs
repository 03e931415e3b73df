//! `permit_bindings`: which data logger measures which outlet.

use super::TableDef;
use super::columns::Columns;

/// One row per binding of a data logger to an outlet, as a permit document states it.
pub fn permit_bindings() -> TableDef {
    TableDef {
        name: "permit_bindings",
        schema: Columns::new()
            .text("permit_no", "permit code, 22 characters (HJ 608)")
            .int("version", "version number of the permit document")
            .instant("issued_at", "when that version was issued")
            .truth("doc_valid", "false when the document has faults; such rows may not be used for judging")
            .text("mn", "unique id of the data logger (HJ 212 MN)")
            .text("outlet_uid", "national outlet id: permit_no followed by the outlet code")
            .text("outlet_code", "DAnnn for waste gas, DWnnn for waste water (HJ 608)")
            .text("medium", "air or water")
            .text("factors", "factor codes this binding covers, comma list; empty means all the logger reports")
            .int_or_null("cadence_s", "seconds between two values of the analyser, e.g. 7200 for a 2-hour COD analyser")
            .instant("valid_from", "start: of the binding if given, else the later of issued_at and the permit's first day")
            .instant_or_null("valid_to", "end (exclusive): of the binding if given, else the day after the permit's last day")
            .text_or_null("source", "who filed the binding, e.g. registry, enterprise, operator")
            .instant("received_at", "timestamp of the Kafka record")
            .origin()
            .schema(),
        partition_columns: &[],
        comment: "One row per binding of a data logger (MN) to an outlet; many to many over time, so join as of the data's time.",
        sort_columns: &["mn", "issued_at"],
    }
}
