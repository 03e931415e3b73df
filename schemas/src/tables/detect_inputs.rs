//! `detect_inputs`: what each detection run read, so that a finding can be computed again.

use super::TableDef;
use super::columns::Columns;

/// One row per run that wrote something.
pub fn detect_inputs() -> TableDef {
    TableDef {
        name: "detect_inputs",
        schema: Columns::new()
            .text("run_id", "id of the run, as in detect_runs")
            .instant("as_of", "the time the run was told to be at; equals last_seen_at of the anomalies it wrote")
            .long("readings_version", "version of readings_raw judged by this run; equals readings_version of the anomalies it wrote")
            .text("table_versions", "JSON object: table name to the version the run read (-1: it did not exist); daily_masses as the run left it")
            .text("rules", "JSON object: rule id to the SHA-256 of its file in table rule_texts")
            .text("engine", "version of the program and SHA-256 over the views the rules read")
            .schema(),
        partition_columns: &[],
        comment: "One row per detection run: the versions of all tables it read, so that a finding can be computed again from them.",
        sort_columns: &["as_of", "run_id"],
    }
}
