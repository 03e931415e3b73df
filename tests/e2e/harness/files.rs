//! What ingestion has written into the folder of `readings_raw`, seen from outside.

use std::collections::BTreeSet;
use std::path::Path;

use super::sandbox::Sandbox;

/// Data files that ingestion uploaded into the table: those that the log names, and the others.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) committed: BTreeSet<String>,
    pub(crate) orphans: BTreeSet<String>,
}

/// Names of what is in a folder; none if it is not there.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

impl Files {
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        let table = sandbox.file("data/tables/readings_raw");
        let mut log = String::new();
        for name in names(&table.join("_delta_log")) {
            if name.ends_with(".json") {
                // An entry may be gone again: maintenance runs beside.
                let path = table.join("_delta_log").join(name);
                log += &std::fs::read_to_string(path).unwrap_or_default();
            }
        }
        let (committed, orphans) = names(&table)
            .iter()
            .filter(|day| day.starts_with("date="))
            .flat_map(|day| names(&table.join(day)))
            // Maintenance calls its files `merged-`.
            .filter(|name| name.starts_with("part-") && name.ends_with(".parquet"))
            .partition(|name| log.contains(name));
        Self { committed, orphans }
    }
}
