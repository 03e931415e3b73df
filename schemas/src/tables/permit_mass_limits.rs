//! `permit_mass_limits`: permitted masses by year, month and special period.

use super::TableDef;
use super::columns::Columns;

/// One row per permitted mass: level, pollutant and period.
pub fn permit_mass_limits() -> TableDef {
    TableDef {
        name: "permit_mass_limits",
        schema: Columns::new()
            .text("permit_no", "permit code, 22 characters (HJ 608)")
            .int("version", "version number of the permit document")
            .instant("issued_at", "when that version was issued")
            .truth("doc_valid", "false when the document has faults; such rows may not be used for judging")
            .text("level", "what the mass covers: outlet, main_total, general_total, organised_total, fugitive or plant_total")
            .text_or_null("outlet_uid", "national outlet id when level is outlet")
            .text_or_null("outlet_code", "DAnnn or DWnnn when level is outlet")
            .text("factor", "factor code of HJ 524/525")
            .text_or_null("pollutant", "name of the pollutant as the permit writes it")
            .text("period", "year, month, special_day (mass per day of a special period) or special_total")
            .int_or_null("year_no", "permit year 1 to 5, when period is year")
            .int_or_null("month", "month 1 to 12, when period is month; holds in every year")
            .text_or_null("period_id", "special period of table permit_periods, when it is one")
            .day_or_null("starts_on", "first Beijing day the mass is counted on; null for months")
            .day_or_null("ends_on", "last Beijing day the mass is counted on; null for months")
            .number("mass_t", "permitted mass in t for that period (t per day when special_day)")
            .instant("received_at", "timestamp of the Kafka record")
            .origin()
            .schema(),
        partition_columns: &[],
        comment: "One row per permitted mass: annual (year 1 to 5), monthly, or for a special period.",
        sort_columns: &["permit_no", "factor", "issued_at"],
    }
}
