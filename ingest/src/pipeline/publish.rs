//! One committer per table.
//!
//! Takes sealed batches in order, waits for their files, and commits them to every table they
//! feed. The tables are committed side by side: N8 makes any mixture of successes safe, since
//! each table has its own offsets.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use deltalake::kernel::Add;
use futures::future::join_all;
use nonsite_schemas::time::Clock;
use tokio::sync::Mutex;

use super::assignment::Assignment;
use super::worker::Sealed;
use crate::log::{Advance, Append, CommitError, Committed, LogError, TableLog};
use crate::metrics::Metrics;
use crate::permit::Permit;
use crate::store::Store;
use crate::target::{PerTable, Target};

/// Suffix of the application id under which a partition's first offset is kept: it tells a table
/// that has not had its first commit where its records began, and `verify` where to start.
pub(crate) const START_SUFFIX: &str = "#start";

/// Suffix of the application id under which the offset is kept that a partition has to be read
/// again from after a restart, for the times of split packets that lack parts. Present from the
/// first such packet on; not before the partition's own offset means there is none open. A
/// courtesy: without it such parts end in quarantine, and no record is lost or doubled.
pub(crate) const REREAD_SUFFIX: &str = "#reread";
/// Most records a restart reads again for the sake of split packets.
const MAX_REREAD: i64 = 1_000_000;

/// The logs of all tables, shared between the committer and the assignment callback.
#[derive(Debug)]
pub(crate) struct Logs {
    store: Store,
    clock: Arc<dyn Clock>,
    logs: HashMap<Target, TableLog>,
}

impl Logs {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            logs: HashMap::new(),
        }
    }

    /// Reads afresh where `table` stands for these application ids and their starts.
    pub(crate) async fn watch(
        &mut self,
        table: Target,
        app_ids: &[String],
    ) -> Result<&TableLog, LogError> {
        let ids: Vec<String> = app_ids
            .iter()
            .flat_map(|app_id| {
                [
                    app_id.clone(),
                    format!("{app_id}{START_SUFFIX}"),
                    format!("{app_id}{REREAD_SUFFIX}"),
                ]
            })
            .collect();
        // Opened anew each time: a log that was left alone for hours is not worth catching up.
        let log = TableLog::open(&self.store, table.name(), ids, Arc::clone(&self.clock)).await?;
        Ok(self.logs.entry(table).insert_entry(log).into_mut())
    }
}

/// A batch to publish.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) assignment: Arc<Assignment>,
    /// When the first record of the batch was read, microseconds UTC.
    pub(crate) since: i64,
    /// What each worker has for it.
    pub(crate) sealed: Vec<tokio::sync::oneshot::Receiver<Sealed>>,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) struct Published {
    /// Epoch of the batch.
    pub(crate) epoch: u64,
    /// Next offset per slot after it; only slots that moved.
    pub(crate) positions: BTreeMap<u32, i64>,
    /// Timestamp of the last committed record per slot, microseconds UTC.
    pub(crate) last_received: BTreeMap<u32, i64>,
    /// Rows per table.
    pub(crate) rows: PerTable<u64>,
}

/// Why a batch was not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// The epoch ended; nobody is interested any more.
    #[error("the partitions were revoked")]
    Withdrawn,
    /// A file could not be made or uploaded.
    #[error(transparent)]
    Write(#[from] crate::write::WriteError),
    /// A table refused.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A worker or encoder stopped without an answer.
    #[error("a worker stopped: {0}")]
    Stopped(String),
}

impl PublishError {
    /// Whether reading again from the tables' offsets can succeed.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Withdrawn => true,
            Self::Write(error) => matches!(error, crate::write::WriteError::Upload { .. }),
            Self::Commit(error) => error.is_retryable(),
            Self::Stopped(_) => false,
        }
    }
}

/// Commits sealed batches.
pub(crate) struct Publisher {
    pub(crate) logs: Arc<Mutex<Logs>>,
    pub(crate) permit: Arc<Permit>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
    /// Epoch of `at`.
    epoch: Option<u64>,
    /// Where this process believes each table to be, per slot (N3 compares it with the table).
    at: Vec<PerTable<Option<i64>>>,
    /// The same for where a partition has to be read again from.
    marks: Vec<PerTable<Option<i64>>>,
}

/// One table's share of a batch.
struct Share {
    table: Target,
    append: Append,
    rows: u64,
    bytes: u64,
}

/// The new mark of a table that goes to `end`, if it changes: from where its partition has to be
/// read again. `open` is the first record of a split packet that lacks parts.
fn moved_mark(known: Option<i64>, end: i64, open: Option<i64>) -> Option<i64> {
    let mark = open
        .filter(|open| *open < end)
        .map_or(end, |open| open.max(end.saturating_sub(MAX_REREAD)));
    // Partitions without split packets never get one; marks only grow, as offsets do.
    match known {
        None => (mark < end).then_some(mark),
        Some(known) => (mark > known).then_some(mark),
    }
}

impl Publisher {
    pub(crate) fn new(
        logs: Arc<Mutex<Logs>>,
        permit: Arc<Permit>,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            logs,
            permit,
            metrics,
            clock,
            epoch: None,
            at: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Publishes one batch.
    pub(crate) async fn publish(&mut self, job: Job) -> Result<Published, PublishError> {
        let Job {
            assignment,
            since,
            sealed,
        } = job;
        let epoch = assignment.epoch;
        if self.epoch != Some(epoch) {
            self.epoch = Some(epoch);
            self.at = assignment.slots.iter().map(|slot| slot.at).collect();
            self.marks = assignment.slots.iter().map(|slot| slot.marks).collect();
        }
        let mut adds: PerTable<Vec<Add>> = PerTable(std::array::from_fn(|_| Vec::new()));
        let mut published = Published {
            epoch,
            positions: BTreeMap::new(),
            last_received: BTreeMap::new(),
            rows: PerTable::all(0),
        };
        let mut records = 0;
        let mut marks = BTreeMap::new();
        for part in sealed {
            let part = part.await.map_err(|_| PublishError::Withdrawn)?;
            published.positions.extend(&part.ends);
            marks.extend(&part.marks);
            published.last_received.extend(&part.last_received);
            records += part.records;
            for file in part.files {
                let file = file
                    .await
                    .map_err(|error| PublishError::Stopped(error.to_string()))??;
                published.rows[file.table] += file.rows;
                adds[file.table].extend(file.adds);
            }
        }
        if published.positions.is_empty() {
            return Ok(published);
        }
        let shares = self.shares(&assignment, &published, &marks, &mut adds, records);
        let _publishing = self.permit.begin(epoch).ok_or(PublishError::Withdrawn)?;
        self.commit(epoch, shares).await?;
        for (slot, end) in &published.positions {
            for target in assignment.slots[*slot as usize].targets() {
                let at = &mut self.at[*slot as usize][*target];
                if *at >= Some(*end) {
                    continue;
                }
                *at = Some(*end);
                let known = &mut self.marks[*slot as usize][*target];
                if let Some(mark) = moved_mark(*known, *end, marks.get(slot).copied()) {
                    *known = Some(mark);
                }
            }
        }
        let age = self.clock.now_micros().saturating_sub(since);
        self.metrics.batch_age.observe(age as f64 / 1e6);
        Ok(published)
    }

    /// What each table gets: files, and an advance for every partition that feeds it and of which
    /// it does not have this range already (N8).
    fn shares(
        &self,
        assignment: &Assignment,
        published: &Published,
        marks: &BTreeMap<u32, i64>,
        adds: &mut PerTable<Vec<Add>>,
        records: u64,
    ) -> Vec<Share> {
        let mut shares = Vec::new();
        for table in Target::ALL {
            let mut advances = Vec::new();
            for (number, end) in &published.positions {
                let index = *number as usize;
                let slot = &assignment.slots[index];
                let from = self.at[index][table];
                if !slot.targets().contains(&table) || from.is_some_and(|from| *end <= from) {
                    continue;
                }
                if from.is_none() {
                    let app_id = format!("{}{START_SUFFIX}", slot.app_id);
                    advances.push(Advance {
                        app_id,
                        from: None,
                        to: slot.first,
                    });
                }
                advances.push(Advance {
                    app_id: slot.app_id.clone(),
                    from,
                    to: *end,
                });
                let known = self.marks[index][table];
                let mark = moved_mark(known, *end, marks.get(number).copied());
                advances.extend(mark.map(|to| Advance {
                    app_id: format!("{}{REREAD_SUFFIX}", slot.app_id),
                    from: known,
                    to,
                }));
            }
            let adds = std::mem::take(&mut adds[table]);
            if advances.is_empty() && adds.is_empty() {
                continue;
            }
            let bytes = adds.iter().map(|add| add.size.max(0).cast_unsigned()).sum();
            let info = serde_json::Map::from_iter([
                ("nonsiteRecords".to_owned(), records.into()),
                ("nonsiteRows".to_owned(), published.rows[table].into()),
            ]);
            let append = Append {
                adds,
                advances,
                operation: "STREAMING UPDATE",
                info,
            };
            shares.push(Share {
                table,
                append,
                rows: published.rows[table],
                bytes,
            });
        }
        shares
    }

    /// Commits every share; all are tried, the first error is returned.
    async fn commit(&self, epoch: u64, shares: Vec<Share>) -> Result<(), PublishError> {
        let mut logs = self.logs.lock().await;
        let permitted = || self.permit.allows(epoch);
        let mut by_table: HashMap<Target, Share> = shares
            .into_iter()
            .map(|share| (share.table, share))
            .collect();
        let commits = logs.logs.iter_mut().filter_map(|(table, log)| {
            let share = by_table.remove(table)?;
            Some(self.commit_share(log, share, &permitted))
        });
        let outcomes = join_all(commits.collect::<Vec<_>>()).await;
        if let Some(table) = by_table.keys().next() {
            return Err(PublishError::Stopped(format!(
                "the log of {} is not open",
                table.name()
            )));
        }
        outcomes
            .into_iter()
            .collect::<Result<Vec<Committed>, CommitError>>()?;
        Ok(())
    }

    async fn commit_share(
        &self,
        log: &mut TableLog,
        share: Share,
        permitted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Committed, CommitError> {
        let table = [share.table.name()];
        let timer = self
            .metrics
            .commit_seconds
            .with_label_values(&table)
            .start_timer();
        let outcome = log.commit(share.append, permitted).await;
        match &outcome {
            Ok(committed) => {
                timer.observe_duration();
                self.metrics.commits.with_label_values(&table).inc();
                self.metrics
                    .rows
                    .with_label_values(&table)
                    .inc_by(share.rows);
                self.metrics
                    .file_bytes
                    .with_label_values(&table)
                    .inc_by(share.bytes);
                if committed.recognised {
                    self.metrics.recognised.with_label_values(&table).inc();
                }
                tracing::debug!(
                    table = table[0],
                    version = committed.version,
                    rows = share.rows,
                    "committed"
                );
            }
            Err(error) => {
                timer.stop_and_discard();
                if matches!(error, CommitError::Conflict { .. }) {
                    self.metrics.conflicts.with_label_values(&table).inc();
                }
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_begin_with_an_open_packet_and_only_grow() {
        assert_eq!(moved_mark(None, 10, None), None);
        assert_eq!(moved_mark(None, 10, Some(10)), None, "it is read anyway");
        assert_eq!(moved_mark(None, 10, Some(4)), Some(4));
        assert_eq!(moved_mark(Some(4), 20, Some(4)), None);
        assert_eq!(moved_mark(Some(4), 20, Some(15)), Some(15));
        assert_eq!(moved_mark(Some(15), 30, None), Some(30), "none is open");
        assert_eq!(moved_mark(Some(30), 40, Some(2)), None);
        let far = 5 * MAX_REREAD;
        assert_eq!(moved_mark(None, far, Some(7)), Some(far - MAX_REREAD));
    }
}
