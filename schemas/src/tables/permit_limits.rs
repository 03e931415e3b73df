//! `permit_limits`: concentration and rate limits.

use super::TableDef;
use super::columns::Columns;

/// One row per limit of a permit document: outlet, factor, averaging, ordinary or special period.
pub fn permit_limits() -> TableDef {
    TableDef {
        name: "permit_limits",
        schema: Columns::new()
            .text("permit_no", "permit code, 22 characters (HJ 608)")
            .int("version", "version number of the permit document")
            .instant("issued_at", "when that version was issued; a later document closes the earlier one's limits")
            .truth("doc_valid", "false when the document has faults; such rows may not be used for judging")
            .text("outlet_uid", "national outlet id: permit_no followed by the outlet code")
            .text("outlet_code", "DAnnn for waste gas, DWnnn for waste water (HJ 608)")
            .text("medium", "air or water")
            .text("factor", "factor code of HJ 524/525, e.g. a21026 SO2, w01018 COD")
            .text_or_null("pollutant", "name of the pollutant as the permit writes it")
            .number_or_null("limit_value", "upper concentration limit in `unit`; null when only a rate is limited")
            .number_or_null("limit_low", "lower limit in `unit` (pH)")
            .text_or_null("unit", "unit of the limit: mg/m3 (dry, 273.15 K, 101.325 kPa), mg/L, ug/L, or 1 for pH")
            .text("basis", "raw: compare with the value as measured; converted: with the value at reference oxygen")
            .number_or_null("ref_o2", "reference oxygen in percent by volume, when basis is converted")
            .text("averaging", "the mean the limit is for: hour, day or month")
            .text_or_null("standard", "standard number and clause the limit comes from")
            .number_or_null("rate_limit_kg_h", "emission-rate limit in kg/h")
            .truth("special", "true when the limit holds only in the special period `period_id`")
            .text_or_null("period_id", "special period of table permit_periods, when special")
            .instant("valid_from", "start: of the row if given, of the special period, else the later of issued_at and the permit's first day")
            .instant_or_null("valid_to", "end (exclusive): of the row if given, of the special period, else the day after the permit's last day")
            .instant("received_at", "timestamp of the Kafka record")
            .origin()
            .schema(),
        partition_columns: &[],
        comment: "One row per limit of a permit document. The view `limits_in_force` closes a row at the next document's start.",
        sort_columns: &["outlet_uid", "factor", "issued_at"],
    }
}
