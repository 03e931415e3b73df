//! `permit_outlets`: the outlets each permit document lists.

use super::TableDef;
use super::columns::Columns;

/// One row per outlet of a permit document.
pub fn permit_outlets() -> TableDef {
    TableDef {
        name: "permit_outlets",
        schema: Columns::new()
            .text("permit_no", "permit code, 22 characters (HJ 608)")
            .int("version", "version number of the permit document")
            .instant("issued_at", "when that version was issued")
            .truth(
                "doc_valid",
                "false when the document has faults; such rows may not be used for judging",
            )
            .text(
                "outlet_uid",
                "national outlet id: permit_no followed by the outlet code",
            )
            .text(
                "outlet_code",
                "DAnnn for waste gas, DWnnn for waste water (HJ 608)",
            )
            .text_or_null("kind", "main or general outlet")
            .text("medium", "air or water")
            .text_or_null("name", "name of the outlet")
            .number_or_null("longitude", "longitude in degrees, CGCS2000")
            .number_or_null("latitude", "latitude in degrees, CGCS2000")
            .number_or_null("height_m", "height of the stack in m (air)")
            .number_or_null("inner_diameter_m", "inner diameter at the mouth in m (air)")
            .text_or_null("discharge_mode", "continuous or intermittent")
            .text_or_null(
                "direction",
                "where it goes: receiving water or waste-water treatment plant",
            )
            .text_or_null(
                "required_auto",
                "factor codes that must be monitored automatically, comma list",
            )
            .text_or_null(
                "auto_exempt_reason",
                "why automatic monitoring is not required, if approved",
            )
            .text_or_null(
                "standard",
                "discharge standard the outlet follows, number and clause",
            )
            .instant(
                "valid_from",
                "start of the row's validity: issued_at or start of the permit, whichever is later",
            )
            .instant_or_null(
                "valid_to",
                "end of validity (exclusive): start of the day after the permit's last day",
            )
            .instant("received_at", "timestamp of the Kafka record")
            .origin()
            .schema(),
        partition_columns: &[],
        comment: "One row per outlet of a permit document.",
        sort_columns: &["outlet_uid", "issued_at"],
    }
}
