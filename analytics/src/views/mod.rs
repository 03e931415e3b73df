//! The views: one SQL file each, registered in dependency order.
//!
//! Analysts query them; rules see the same views, with the large ones computed once per run and
//! kept as tables under the same name. Each file opens with what one row means.
//!
//! `off_site_ratio` and `off_site_ratio_acts` are not among them: they are no queries over the tables
//! alone, but counted under the policies of `[ratio]` by the clock, and a session has neither. The
//! engine of `nonsite sql` and of the servers has both and registers them
//! ([`crate::ratio::register_view`]); everything else counts through [`crate::ratio::compute()`].
//!
//! `readings` over a table of files is an operator of its own ([`Readings`]); its SQL is for tables that
//! are not files, such as those of a run's scope.
//!
//! Cost: `hourly` and `daily` walk every reading of the dates asked for, so restrict them by
//! `date`; the restriction reaches the scan.

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use nonsite_schemas::copies;

use crate::session::{Error, Readings};

/// Name and query of every view, each after the ones it reads.
pub const VIEWS: [(&str, &str); 31] = [
    ("readings", include_str!("readings.sql")),
    ("series_hours", include_str!("series_hours.sql")),
    ("hour_companions", include_str!("hour_companions.sql")),
    ("permit_documents", include_str!("permit_documents.sql")),
    ("limits_in_force", include_str!("limits_in_force.sql")),
    ("bindings_in_force", include_str!("bindings_in_force.sql")),
    ("mn_outlets", include_str!("mn_outlets.sql")),
    ("mn_limits", include_str!("mn_limits.sql")),
    ("reference_oxygen", include_str!("reference_oxygen.sql")),
    ("hourly", include_str!("hourly.sql")),
    ("daily", include_str!("daily.sql")),
    ("ledger_records", include_str!("ledger_records.sql")),
    ("ledger", include_str!("ledger.sql")),
    ("ledger_findings", include_str!("ledger_findings.sql")),
    ("anomalies_current", include_str!("anomalies_current.sql")),
    (
        "inspections_history",
        include_str!("inspections_history.sql"),
    ),
    ("marks_history", include_str!("marks_history.sql")),
    ("marks_in_force", include_str!("marks_in_force.sql")),
    (
        "equipment_parameters",
        include_str!("equipment_parameters.sql"),
    ),
    ("filings_history", include_str!("filings_history.sql")),
    ("filed_parameters", include_str!("filed_parameters.sql")),
    ("equipment_events", include_str!("equipment_events.sql")),
    ("tickets_history", include_str!("tickets_history.sql")),
    ("windows_history", include_str!("windows_history.sql")),
    ("unit_windows", include_str!("unit_windows.sql")),
    ("reports_history", include_str!("reports_history.sql")),
    ("report_figures", include_str!("report_figures.sql")),
    ("manual_history", include_str!("manual_history.sql")),
    (
        "process_points_in_force",
        include_str!("process_points_in_force.sql"),
    ),
    ("facility_values", include_str!("facility_values.sql")),
    ("orders", include_str!("orders.sql")),
];

/// Views over documents and equipment states, in dependency order. They are small next to the
/// readings, so every run has them as they are, not cut down to its logger-days.
pub const DOCUMENTS: &[&str] = &[
    "marks_history",
    "marks_in_force",
    "equipment_parameters",
    "filings_history",
    "filed_parameters",
    "equipment_events",
    "tickets_history",
    "windows_history",
    "unit_windows",
    "reports_history",
    "report_figures",
    "manual_history",
    "bindings_in_force",
    "process_points_in_force",
];

/// The query behind a view.
pub fn query(name: &str) -> Option<&'static str> {
    VIEWS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, sql)| *sql)
}

/// Registers the views named, all when none is.
pub async fn register(ctx: &SessionContext, names: &[&str]) -> Result<(), Error> {
    for (name, sql) in VIEWS {
        if !names.is_empty() && !names.contains(&name) {
            continue;
        }
        let what = format!("view `{name}`");
        if name == "readings" {
            let raw = ctx
                .table_provider(copies::TABLE)
                .await
                .map_err(Error::query(&what))?;
            if let Some(view) = Readings::over(raw.as_ref()) {
                ctx.register_table(name, Arc::new(view))
                    .map_err(Error::query(&what))?;
                continue;
            }
        }
        let frame = ctx.sql(sql).await.map_err(Error::query(&what))?;
        ctx.register_table(name, frame.into_view())
            .map_err(Error::query(&what))?;
    }
    Ok(())
}

#[cfg(test)]
mod document_kinds_tests;
#[cfg(test)]
mod document_tests;
#[cfg(test)]
mod ledger_tests;
#[cfg(test)]
mod tests;
