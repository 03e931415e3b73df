//! `control_windows`: emergency and staggered-production orders.

use super::TableDef;
use super::columns::Columns;

/// One row per unit (or area) of a received version of an order.
pub fn control_windows() -> TableDef {
    TableDef {
        name: "control_windows",
        schema: Columns::new()
            .text("window_id", "id of the order; all its versions carry it")
            .int("version", "version of the order, from 1; a change is a further version")
            .instant("recorded_at", "when this version was recorded, else when it arrived")
            .text_or_null("kind", "heavy_pollution, staggered or other")
            .text_or_null("level", "warning level of a heavy-pollution emergency: yellow, orange or red")
            .text("issued_by", "who ordered it")
            .instant("issued_at", "when it was announced")
            .instant_or_null("starts_at", "start of the window")
            .instant_or_null("ends_at", "end of the window (exclusive)")
            .instant_or_null("cancelled_at", "when the order was cancelled, if it was")
            .text_or_null("permit_no", "unit the row is for; null in the row of the area")
            .text_or_null("admin_codes", "administrative divisions of the area, comma list (GB/T 2260); a shorter code covers all below it")
            .text_or_null("industry_codes", "industries the area's row is for, comma list (GB/T 4754); null means all")
            .truth("exempt", "true when the unit need not do anything")
            .text_or_null("stop", "facilities that have to stand still, comma list of codes (HJ 608)")
            .number_or_null("energy_cut_percent", "percentage by which the energy used has to fall")
            .number_or_null("mass_cut_percent", "percentage by which the discharged mass has to fall")
            .text_or_null("measures", "measures in words")
            .document()
            .schema(),
        partition_columns: &[],
        comment: "One row per unit of a received version of an emergency or staggered-production order, and one for its area. The view unit_windows resolves areas to units.",
        sort_columns: &["window_id", "version"],
    }
}
