//! Small files out, merged files in, in one commit per merge.
//!
//! The library's conflict check does not see two merges of the same files: it only counts removed
//! files that are marked as a change of data, and a merge's are not. Both commits would land, and
//! every row would be there twice. Hence two fences of our own:
//! - Every merge carries the `txn` [`FENCE`]; the check refuses a commit when another one with the
//!   same application id came in between, so of two maintainers one loses.
//! - In tables whose files other programs replace (those of the analytics), the removed files are
//!   marked as a change of data, so that a replacement that raced with a merge is refused too. In
//!   tables that are only ever appended to they are not, and readers of changes see nothing new.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use deltalake::DeltaTable;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, Remove, Transaction};
use deltalake::protocol::DeltaOperation;
use futures::TryStreamExt;
use nonsite_schemas::copies::{self, Holds};
use nonsite_schemas::tables::TableDef;
use object_store::path::Path;
use serde::Deserialize;

use super::merge::Merge;
use super::plan::{Candidate, Copies, Lane, Policy, bins};
use super::{Config, MaintainError, TableReport, step};
use crate::store::Store;

/// Application id of merges; its version is the table version that was merged.
pub(super) const FENCE: &str = "nonsite-maintain";

/// Tables that are only ever appended to.
const APPENDED_ONLY: &[&str] = &[
    "readings_raw",
    "device_states",
    "permits",
    "permit_outlets",
    "permit_limits",
    "permit_mass_limits",
    "permit_bindings",
    "permit_periods",
    "inspections",
    "marks",
    "equipment_filings",
    "maintenance_tickets",
    "control_windows",
    "execution_reports",
    "execution_report_items",
    "manual_results",
    "mn_bindings",
    "process_points",
    "quarantine",
    "quarantine_redriven",
    "operator_actions",
];

/// An active data file.
#[derive(Debug, Clone)]
pub(super) struct File {
    path: Path,
    partition: String,
    modified_ms: i64,
    stats: Option<String>,
    has_deletions: bool,
    remove: Remove,
}

impl File {
    /// Bytes.
    pub(super) fn size(&self) -> u64 {
        self.remove.size.unwrap_or_default().unsigned_abs()
    }

    /// What a file of readings holds, by its name and its statistics.
    fn copies(&self) -> Copies {
        #[derive(Deserialize)]
        struct Bounds {
            mn: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Stats {
            min_values: Bounds,
            max_values: Bounds,
        }
        let stats = self.stats.as_deref();
        let stats = stats.and_then(|text| serde_json::from_str::<Stats>(text).ok());
        Copies {
            holds: Holds::of(self.path.as_ref()),
            loggers: stats.and_then(|stats| Some((stats.min_values.mn?, stats.max_values.mn?))),
        }
    }

    #[cfg(test)]
    pub(super) fn path(&self) -> &str {
        self.path.as_ref()
    }

    #[cfg(test)]
    pub(super) fn stats(&self) -> Option<&str> {
        self.stats.as_deref()
    }
}

/// The active files of the table's version, newest first.
pub(super) async fn files(name: &str, table: &DeltaTable) -> Result<Vec<File>, MaintainError> {
    let log_store = table.log_store();
    let snapshot = table
        .snapshot()
        .map_err(step(name, "reading the table"))?
        .snapshot();
    snapshot
        .file_views(log_store.as_ref(), None)
        .map_ok(|view| File {
            path: view.object_store_path(),
            partition: view
                .path()
                .rsplit_once('/')
                .map_or_else(String::new, |(folder, _)| folder.to_owned()),
            modified_ms: view.modification_time(),
            stats: view.stats(),
            has_deletions: view.deletion_vector_descriptor().is_some(),
            remove: view.remove_action(false),
        })
        .try_collect()
        .await
        .map_err(step(name, "listing the files"))
}

/// Merges what is due; the report and the table's state follow every commit.
pub(super) async fn compact(
    store: &Store,
    name: &str,
    table: &mut DeltaTable,
    files: Vec<File>,
    config: &Config,
    now_ms: i64,
    report: &mut TableReport,
) -> Result<(), MaintainError> {
    let Some(def) = nonsite_schemas::tables::by_name(name) else {
        // How another program's table is sorted and encoded is not known here.
        return Ok(());
    };
    let candidates = files
        .iter()
        .enumerate()
        // Nothing here writes deletion vectors; a file with one belongs to another program.
        .filter(|(_, file)| !file.has_deletions)
        .map(|(index, file)| Candidate {
            index,
            partition: file.partition.clone(),
            size: file.size(),
            modified_ms: file.modified_ms,
            copies: (name == copies::TABLE).then(|| file.copies()),
        })
        .collect();
    let policy = Policy {
        target: config.target_bytes(),
        small_file_count: config.small_file_count,
        budget: config.rewrite_budget_mb.saturating_mul(1024 * 1024),
        settled_ms: config.settled_ms(),
    };
    for bin in bins(candidates, policy, now_ms) {
        let inputs: Vec<&File> = bin.iter().map(|index| &files[*index]).collect();
        let bytes: u64 = inputs.iter().map(|file| file.size()).sum();
        if !report.dry_run {
            let outputs = replace(store, &def, table, &inputs, policy.target, now_ms).await?;
            report.files_after = report.files_after - inputs.len() as u64 + outputs.len() as u64;
            report.bytes_after = report.bytes_after - bytes + outputs.iter().sum::<u64>();
        }
        report.files_merged += inputs.len() as u64;
        report.bytes_rewritten += bytes;
    }
    Ok(())
}

/// Merges `inputs` and commits the exchange; the sizes of the new files.
async fn replace(
    store: &Store,
    def: &TableDef,
    table: &mut DeltaTable,
    inputs: &[&File],
    target: u64,
    now_ms: i64,
) -> Result<Vec<u64>, MaintainError> {
    let Some(first) = inputs.first() else {
        return Ok(Vec::new());
    };
    let name = def.name;
    let paths: Vec<(Path, u64)> = inputs
        .iter()
        .map(|file| (file.path.clone(), file.size()))
        .collect();
    let merge = Merge {
        objects: store.table_objects(name),
        schema: file_schema(name, table)?,
        def,
        partition: &first.partition,
        lane: Lane::of((name == copies::TABLE).then(|| first.copies().holds)),
        target,
    };
    let (outputs, rows) = merge
        .run(&paths)
        .await
        .map_err(step(name, "merging files"))?;
    let sizes = outputs.iter().map(|output| output.size).collect();
    let mut actions: Vec<Action> = outputs
        .into_iter()
        .map(|output| {
            Action::Add(Add {
                path: output.path,
                partition_values: first.remove.partition_values.clone().unwrap_or_default(),
                size: i64::try_from(output.size).unwrap_or(i64::MAX),
                modification_time: now_ms,
                data_change: false,
                stats: Some(output.stats),
                ..Add::default()
            })
        })
        .collect();
    let data_change = !APPENDED_ONLY.contains(&name);
    actions.extend(inputs.iter().map(|file| {
        Action::Remove(Remove {
            deletion_timestamp: Some(now_ms),
            data_change,
            ..file.remove.clone()
        })
    }));
    let read_version = i64::try_from(super::version(table)).unwrap_or(i64::MAX);
    // Checkpoints and log cleanup have their own step and rules; no hook decides here.
    let properties = CommitProperties::default()
        .with_create_checkpoint(false)
        .with_cleanup_expired_logs(Some(false))
        .with_application_transaction(Transaction::new_with_last_update(
            FENCE,
            read_version,
            Some(now_ms),
        ))
        .with_metadata([("rows".to_owned(), rows.into())]);
    let operation = DeltaOperation::Optimize {
        predicate: None,
        target_size: i64::try_from(target).unwrap_or(i64::MAX),
    };
    let snapshot = table
        .snapshot()
        .map_err(step(name, "reading the table"))?
        .snapshot()
        .clone();
    CommitBuilder::from(properties)
        .with_actions(actions)
        .build(Some(&snapshot), table.log_store(), operation)
        .await
        .map_err(step(name, "committing a merge"))?;
    table
        .update_state()
        .await
        .map_err(step(name, "reading the table"))?;
    Ok(sizes)
}

/// The columns that are in the files: all but the partition columns.
pub(super) fn file_schema(name: &str, table: &DeltaTable) -> Result<SchemaRef, MaintainError> {
    let snapshot = table
        .snapshot()
        .map_err(step(name, "reading the table"))?
        .snapshot();
    let partitions = snapshot.metadata().partition_columns();
    let fields: Vec<_> = snapshot
        .arrow_schema()
        .fields()
        .iter()
        .filter(|field| !partitions.contains(field.name()))
        .cloned()
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}
