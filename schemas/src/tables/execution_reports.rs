//! `execution_reports`: permit execution reports.

use super::TableDef;
use super::columns::Columns;

/// One row per received version of an execution report.
pub fn execution_reports() -> TableDef {
    TableDef {
        name: "execution_reports",
        schema: Columns::new()
            .text("report_id", "id of the report; all its versions carry it")
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
            .instant_or_null("submitted_at", "when it was handed in")
            .text_or_null("status", "submitted, returned or accepted")
            .number_or_null("run_hours", "hours of production in the period, h")
            .int("items", "number of rows in execution_report_items")
            .document()
            .schema(),
        partition_columns: &[],
        comment: "One row per received version of a permit execution report. The view reports_history places the versions in time.",
        sort_columns: &["permit_no", "period_start", "version"],
    }
}
