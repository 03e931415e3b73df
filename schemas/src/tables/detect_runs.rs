//! `detect_runs`: what each run of each rule did.

use super::TableDef;
use super::columns::Columns;

/// One row per rule and run.
pub fn detect_runs() -> TableDef {
    TableDef {
        name: "detect_runs",
        schema: Columns::new()
            .text("run_id", "id of the run; all rules of one run share it")
            .text("rule_id", "id of the rule, e.g. E01")
            .int("rule_version", "version of the rule")
            .text(
                "params_hash",
                "SHA-256 of the parameters the rule ran with, hex",
            )
            .long_or_null(
                "from_version",
                "version of readings_raw already judged before this run; null on a full run",
            )
            .long(
                "readings_version",
                "version of readings_raw judged by this run",
            )
            .long("evaluated", "number of subjects and windows looked at")
            .long("flagged", "how many of them were flagged")
            .long("passed", "how many of them passed")
            .text(
                "not_evaluated",
                "JSON object: reason code to number of subjects and windows not evaluated",
            )
            .long("ms", "wall time of the rule in milliseconds")
            .instant("as_of", "the time the run was told to be at")
            .schema(),
        partition_columns: &[],
        comment: "One row per rule and run: flagged, passed and not evaluated add up to what was looked at.",
        sort_columns: &["rule_id", "as_of"],
    }
}
