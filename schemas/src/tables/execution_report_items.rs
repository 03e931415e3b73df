//! `execution_report_items`: figures of permit execution reports.

use super::TableDef;
use super::columns::Columns;

/// One row per figure set of a received version of an execution report.
pub fn execution_report_items() -> TableDef {
    TableDef {
        name: "execution_report_items",
        schema: Columns::new()
            .text("report_id", "id of the report")
            .int(
                "version",
                "version of the report, from 1; a change is a further version",
            )
            .instant(
                "recorded_at",
                "when this version was recorded, else when it arrived",
            )
            .text_or_null(
                "permit_no",
                "permit code of the unit, 22 characters (HJ 608)",
            )
            .text_or_null("period", "month, quarter or year")
            .day_or_null("period_start", "first Beijing day of the period")
            .text_or_null(
                "level",
                "outlet, main_total, general_total, organised_total, fugitive or plant_total",
            )
            .text_or_null(
                "outlet_uid",
                "permit code and outlet code, with level outlet",
            )
            .text("factor", "factor code (HJ 524/525)")
            .number_or_null("mass_t", "discharged mass in t")
            .number_or_null("min_value", "lowest hourly (water: daily) value in unit")
            .number_or_null("max_value", "highest hourly (water: daily) value in unit")
            .number_or_null("mean_value", "mean of the period in unit")
            .text_or_null("unit", "unit of the three values")
            .int_or_null(
                "exceedances",
                "number of values over the limit, as reported",
            )
            .document()
            .schema(),
        partition_columns: &[],
        comment: "One row per outlet or level and pollutant of a received version of an execution report.",
        sort_columns: &["permit_no", "period_start", "factor"],
    }
}
