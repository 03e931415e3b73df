//! Keeping tables small to open and cheap to read: compaction, checkpoints, vacuum, log cleanup.
//!
//! It runs beside the writers, in another task or process, and they know nothing of it: a writer
//! ([`crate::log::TableLog`]) holds its last version only, reads whatever entries it finds after
//! it, and looks at `txn`, `protocol` and `metaData` alone. None of these is written here, so a
//! maintenance commit between two of a writer's commits costs the writer one small read.
//!
//! Invariants
//! - Rows are neither added nor lost: a merge whose outputs have not as many rows as its inputs is
//!   given up; inputs and outputs change places in one commit, marked as no change of data.
//! - Rewriting is bounded: see `plan`.
//! - `txn` survives: checkpoints carry every application id, entries are deleted only below a
//!   checkpoint, and `delta.setTransactionRetentionDuration` is never set.
//! - Nothing that a version within the retention needs is deleted; files without an entry (a
//!   writer that died between upload and commit) go after the same time.
//!
//! Failure modes. Two maintainers, or a maintainer and a program that replaces files: one of the two
//! commits is refused (see `compact`); its file is an orphan that vacuum removes. A crash
//! between upload and commit: the same. A crash while a checkpoint is
//! written: it has no name before the disk has all its bytes, and entries are deleted only much
//! later. A table that fails does not stop the others; its report says why.

mod compact;
mod config;
mod history;
mod merge;
mod plan;
#[cfg(test)]
mod readings_tests;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deltalake::DeltaTable;
use nonsite_schemas::time::Clock;
use serde::Serialize;

pub use self::config::Config;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};

/// Why a table could not be maintained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintainError {
    /// The table could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The library refused a step.
    #[error(
        "table `{table}`: {step} failed: {source}; the table is unharmed, the next pass tries again"
    )]
    Step {
        /// Table name.
        table: String,
        /// What was being done.
        step: &'static str,
        /// What was reported.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What a pass did to one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Table name.
    pub table: String,
    /// Whether nothing was changed, only looked at.
    pub dry_run: bool,
    /// Version before the pass.
    pub version_before: u64,
    /// Version after it.
    pub version_after: u64,
    /// Data files before.
    pub files_before: u64,
    /// Data files after.
    pub files_after: u64,
    /// Bytes of data files before.
    pub bytes_before: u64,
    /// Bytes of data files after.
    pub bytes_after: u64,
    /// Files that were merged (dry run: would be).
    pub files_merged: u64,
    /// Bytes that were read for it.
    pub bytes_rewritten: u64,
    /// Version of the checkpoint that was written.
    pub checkpoint: Option<u64>,
    /// Files deleted because no version needs them (dry run: would be).
    pub files_deleted: u64,
    /// Log entries and old checkpoints deleted.
    pub log_files_deleted: u64,
    /// Why the pass over this table stopped early.
    pub error: Option<String>,
}

/// Maintains the tables of a store.
#[derive(Debug, Clone)]
pub struct Maintainer {
    store: Store,
    config: Config,
    clock: Arc<dyn Clock>,
    metrics: Option<Metrics>,
}

impl Maintainer {
    /// Maintains tables of `store`; `config` was validated.
    pub fn new(store: Store, config: Config, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            config,
            clock,
            metrics: None,
        }
    }

    /// Counts what is rewritten.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// One pass over `tables`; a table that does not exist yet is left out.
    pub async fn run_once(&self, tables: &[&str], dry_run: bool) -> Vec<TableReport> {
        let mut reports = Vec::new();
        for table in tables {
            match self.store.exists(table).await {
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => {
                    let error = Some(error.to_string());
                    reports.push(TableReport {
                        table: (*table).to_owned(),
                        dry_run,
                        error,
                        ..TableReport::default()
                    });
                    continue;
                }
            }
            let mut report = TableReport {
                table: (*table).to_owned(),
                dry_run,
                ..TableReport::default()
            };
            if let Err(error) = self.table(table, &mut report).await {
                tracing::warn!(table, %error, "maintenance stopped early");
                report.error = Some(error.to_string());
            }
            reports.push(report);
        }
        reports
    }

    /// Passes over all tables of the schema every `interval_s` until `shutdown` resolves.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let tables: Vec<&str> = nonsite_schemas::tables::all()
            .into_iter()
            .map(|table| table.name)
            .collect();
        let pause = Duration::from_secs(self.config.interval_s);
        tokio::pin!(shutdown);
        loop {
            // A pass is not cut off: dropping it midway would leave an orphan for nothing.
            for report in self.run_once(&tables, false).await {
                tracing::info!(
                    table = report.table,
                    version = report.version_after,
                    files = report.files_after,
                    merged = report.files_merged,
                    bytes_rewritten = report.bytes_rewritten,
                    deleted = report.files_deleted,
                    "maintained"
                );
            }
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn table(&self, name: &str, report: &mut TableReport) -> Result<(), MaintainError> {
        let mut table = self.store.load(name).await?;
        let files = compact::files(name, &table).await?;
        report.version_before = version(&table);
        report.version_after = report.version_before;
        report.files_before = files.len() as u64;
        report.bytes_before = files.iter().map(compact::File::size).sum();
        report.files_after = report.files_before;
        report.bytes_after = report.bytes_before;
        let now_ms = self.clock.now_micros().div_euclid(1_000);

        let compacted = compact::compact(
            &self.store,
            name,
            &mut table,
            files,
            &self.config,
            now_ms,
            report,
        )
        .await;
        if let Some(metrics) = &self.metrics
            && !report.dry_run
        {
            let rewritten = metrics.rewritten_bytes.with_label_values(&[name]);
            rewritten.inc_by(report.bytes_rewritten);
        }
        compacted?;
        if !report.dry_run {
            report.checkpoint =
                history::checkpoint(&self.store, name, &table, self.config.checkpoint_every)
                    .await?;
        }
        report.files_deleted = history::vacuum(
            name,
            &table,
            self.config.retention_hours,
            now_ms,
            report.dry_run,
        )
        .await?;
        if !report.dry_run {
            report.log_files_deleted =
                history::clean_log(name, &table, self.config.log_retention_hours, now_ms).await?;
            let table = self.store.load(name).await?;
            report.version_after = version(&table);
        }
        Ok(())
    }
}

fn version(table: &DeltaTable) -> u64 {
    table.version().unwrap_or_default()
}

/// Wraps what a step reported.
fn step<E>(table: &str, step: &'static str) -> impl FnOnce(E) -> MaintainError
where
    E: std::error::Error + Send + Sync + 'static,
{
    let table = table.to_owned();
    move |source| MaintainError::Step {
        table,
        step,
        source: Box::new(source),
    }
}
