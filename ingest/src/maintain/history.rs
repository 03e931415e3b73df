//! Checkpoints, files nobody needs any more, and old log entries.

use std::sync::Arc;

use deltalake::DeltaTable;
use deltalake::operations::vacuum::{Clock as VacuumClock, VacuumMode};
use deltalake::protocol::checkpoints::{cleanup_expired_logs_for, create_checkpoint};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::Deserialize;

use super::{MaintainError, step, version};
use crate::store::Store;

const HOUR_MS: i64 = 3_600_000;

#[derive(Deserialize)]
struct LastCheckpoint {
    version: u64,
}

/// Writes a checkpoint of the table's version when `every` versions have passed since the last.
pub(super) async fn checkpoint(
    store: &Store,
    name: &str,
    table: &DeltaTable,
    every: u64,
) -> Result<Option<u64>, MaintainError> {
    let current = version(table);
    let last = last_checkpoint(store, name).await?.unwrap_or(0);
    if current < last.saturating_add(every) {
        return Ok(None);
    }
    create_checkpoint(table, None)
        .await
        .map_err(step(name, "writing a checkpoint"))?;
    Ok(Some(current))
}

/// The version of the last checkpoint by the hint file; a broken hint counts as none.
async fn last_checkpoint(store: &Store, name: &str) -> Result<Option<u64>, MaintainError> {
    let hint = Path::from("_delta_log/_last_checkpoint");
    let bytes = match store.table_objects(name).get(&hint).await {
        Ok(found) => found.bytes().await,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => Err(error),
    };
    let bytes = bytes.map_err(step(name, "reading the last checkpoint"))?;
    Ok(serde_json::from_slice::<LastCheckpoint>(&bytes)
        .ok()
        .map(|hint| hint.version))
}

/// The maintainer's clock as the library wants it.
#[derive(Debug)]
struct Now(i64);

impl VacuumClock for Now {
    fn current_timestamp_millis(&self) -> i64 {
        self.0
    }
}

/// Deletes files that no version within the retention needs, orphans of dead writers included;
/// how many.
pub(super) async fn vacuum(
    name: &str,
    table: &DeltaTable,
    retention_hours: u64,
    now_ms: i64,
    dry_run: bool,
) -> Result<u64, MaintainError> {
    let hours = i64::try_from(retention_hours).unwrap_or(i64::MAX / HOUR_MS);
    let (_, metrics) = table
        .clone()
        .vacuum()
        .with_mode(VacuumMode::Full)
        .with_retention_period(chrono::Duration::milliseconds(
            hours.saturating_mul(HOUR_MS),
        ))
        // The retention is this program's own setting, validated when it was read.
        .with_enforce_retention_duration(false)
        .with_clock(Arc::new(Now(now_ms)))
        .with_dry_run(dry_run)
        .await
        .map_err(step(name, "deleting files nobody needs"))?;
    Ok(metrics.files_deleted.len() as u64)
}

/// Deletes log entries and checkpoints that are older than the retention and lie below a
/// checkpoint; how many.
pub(super) async fn clean_log(
    name: &str,
    table: &DeltaTable,
    retention_hours: u64,
    now_ms: i64,
) -> Result<u64, MaintainError> {
    let hours = i64::try_from(retention_hours).unwrap_or(i64::MAX / HOUR_MS);
    let cutoff = now_ms.saturating_sub(hours.saturating_mul(HOUR_MS));
    let log_store = table.log_store();
    cleanup_expired_logs_for(version(table), log_store.as_ref(), cutoff, None)
        .await
        .map(|deleted| deleted as u64)
        .map_err(step(name, "deleting old log entries"))
}
