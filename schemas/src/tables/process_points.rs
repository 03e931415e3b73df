//! `process_points`: what power and process values are measured at.

use super::TableDef;
use super::columns::Columns;

/// One row per received version of a process point.
pub fn process_points() -> TableDef {
    TableDef {
        name: "process_points",
        schema: Columns::new()
            .text("point_id", "id of the point; all its versions carry it")
            .int("version", "version of the point, from 1; a change is a further version")
            .instant("recorded_at", "when this version was recorded, else when it arrived")
            .text("mn", "unique id of the data logger that reports it (HJ 212 MN)")
            .text("factor", "code under which it is reported")
            .text_or_null("permit_no", "permit code of the unit, 22 characters (HJ 608)")
            .text_or_null("facility", "code of the facility: MFnnnn produces, TAnnn or TWnnn treats (HJ 608)")
            .text_or_null("name", "name of the facility")
            .text_or_null("role", "production, treatment, total or other")
            .text_or_null("quantity", "power, current, energy, temperature, pressure, pressure_drop, oxygen, flow, load, dosing, ph, state or other")
            .text_or_null("unit", "unit of the values")
            .text_or_null("outlets", "outlets the facility discharges through or treats for, comma list")
            .text_or_null("linked", "facilities at the other end (treatment of a production line, and the reverse), comma list")
            .number_or_null("on_above", "the facility runs while the value is above this, in unit")
            .number_or_null("rated", "rated value in unit")
            .number_or_null("low", "lowest value of ordinary operation in unit")
            .number_or_null("high", "highest value of ordinary operation in unit")
            .instant_or_null("valid_from", "from when this holds")
            .instant_or_null("valid_to", "until when it holds (exclusive); null while it does")
            .document()
            .schema(),
        partition_columns: &[],
        comment: "One row per received version of a power or process point. The view process_points_in_force says what holds when.",
        sort_columns: &["mn", "factor", "version"],
    }
}
