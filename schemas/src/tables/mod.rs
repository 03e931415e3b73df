//! The Delta tables: name, Arrow schema, partitioning, order, and a comment on every column.
//!
//! One place says what a column is called, what it means and in which unit, so that the writer,
//! the rules, the analysts' catalogue and the documentation cannot drift apart: the tables are
//! created from these definitions and `docs/tables.md` is printed from them.
//!
//! Invariants (checked by this module's tests):
//! - every column carries a non-empty `comment` in its field metadata;
//! - instants are `Timestamp(Microsecond, "UTC")`, days are `Date32` and mean Beijing days;
//! - partition and sort columns exist; the partition column is the last one;
//! - rows that come from a Kafka record carry where they came from (`kafka_topic`,
//!   `kafka_partition`, `kafka_offset`, `received_at`).
//!
//! Tables are append-only: history is kept by adding rows, and views choose the current ones.

mod alerts;
mod alerts_held;
mod alerts_published;
mod anomalies;
mod anomaly_feedback;
mod bureau_audits;
mod columns;
mod control_windows;
mod detect_inputs;
mod detect_runs;
mod device_states;
mod equipment_filings;
mod execution_report_items;
mod execution_reports;
mod flood_decisions;
mod inspection_draws;
mod inspections;
mod maintenance_tickets;
mod manual_results;
mod markdown;
mod marks;
mod mn_bindings;
mod officers;
mod operator_actions;
mod permit_bindings;
mod permit_limits;
mod permit_mass_limits;
mod permit_outlets;
mod permit_periods;
mod permits;
mod process_points;
mod quarantine;
mod quarantine_redriven;
mod ratio_snapshots;
mod readings_raw;
mod review_cases;
mod review_events;
mod rows;
mod rule_lifts;
mod rule_outcomes;
mod rule_params;
mod rule_texts;
mod supervision_records;

use arrow::datatypes::SchemaRef;

pub use alerts::alerts;
pub use alerts_held::alerts_held;
pub use alerts_published::alerts_published;
pub use anomalies::anomalies;
pub use anomaly_feedback::anomaly_feedback;
pub use bureau_audits::bureau_audits;
pub use columns::{COMMENT, timestamp_type};
pub use control_windows::control_windows;
pub use detect_inputs::detect_inputs;
pub use detect_runs::detect_runs;
pub use device_states::device_states;
pub use equipment_filings::equipment_filings;
pub use execution_report_items::execution_report_items;
pub use execution_reports::execution_reports;
pub use flood_decisions::flood_decisions;
pub use inspection_draws::inspection_draws;
pub use inspections::inspections;
pub use maintenance_tickets::maintenance_tickets;
pub use manual_results::manual_results;
pub use markdown::markdown;
pub use marks::marks;
pub use mn_bindings::mn_bindings;
pub use officers::officers;
pub use operator_actions::operator_actions;
pub use permit_bindings::permit_bindings;
pub use permit_limits::permit_limits;
pub use permit_mass_limits::permit_mass_limits;
pub use permit_outlets::permit_outlets;
pub use permit_periods::permit_periods;
pub use permits::permits;
pub use process_points::process_points;
pub use quarantine::quarantine;
pub use quarantine_redriven::quarantine_redriven;
pub use ratio_snapshots::ratio_snapshots;
pub use readings_raw::readings_raw;
pub use review_cases::review_cases;
pub use review_events::review_events;
pub use rows::{Cell, Rows};
pub use rule_lifts::rule_lifts;
pub use rule_outcomes::rule_outcomes;
pub use rule_params::rule_params;
pub use rule_texts::rule_texts;
pub use supervision_records::supervision_records;

/// What one Delta table looks like.
#[derive(Debug, Clone)]
pub struct TableDef {
    /// Table and folder name, snake_case.
    pub name: &'static str,
    /// Columns; each field's metadata has the key [`COMMENT`].
    pub schema: SchemaRef,
    /// Hive-style partition columns, empty for small tables.
    pub partition_columns: &'static [&'static str],
    /// What one row is.
    pub comment: &'static str,
    /// Order of rows within a file, so that statistics and pages can be skipped.
    pub sort_columns: &'static [&'static str],
}

/// Every table, in the order in which the documentation lists them.
pub fn all() -> Vec<TableDef> {
    vec![
        readings_raw(),
        device_states(),
        quarantine(),
        quarantine_redriven(),
        operator_actions(),
        permits(),
        permit_outlets(),
        permit_limits(),
        permit_mass_limits(),
        permit_bindings(),
        permit_periods(),
        inspections(),
        marks(),
        equipment_filings(),
        maintenance_tickets(),
        control_windows(),
        execution_reports(),
        execution_report_items(),
        manual_results(),
        mn_bindings(),
        process_points(),
        anomalies(),
        alerts(),
        alerts_held(),
        alerts_published(),
        detect_runs(),
        detect_inputs(),
        rule_texts(),
        rule_outcomes(),
        anomaly_feedback(),
        rule_lifts(),
        flood_decisions(),
        rule_params(),
        review_cases(),
        review_events(),
        ratio_snapshots(),
        inspection_draws(),
        bureau_audits(),
        officers(),
        supervision_records(),
    ]
}

/// The definition of the table called `name`, if there is one.
pub fn by_name(name: &str) -> Option<TableDef> {
    all().into_iter().find(|table| table.name == name)
}

#[cfg(test)]
mod tests;
