//! Rules side by side: while one rule's rows are sorted, the next rules are planned and computed.
//!
//! A rule over the few logger-days of a run keeps one core busy and no more: its query is planned by
//! one thread and most of its operators have little to do. Rules of one stage do not depend on each
//! other, so as many of them as there are partitions are under way at once ([`depth`]).
//!
//! Invariants: rows are sorted in the order of the rules, so nothing depends on which rule was
//! faster; a query is at most [`BATCHES`] batches ahead of who sorts them.
//!
//! Failure mode: rules side by side share the memory of the session. One that does not get enough
//! fails with [`Failed::memory`] set; whoever asked runs it once more with nothing beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::catalogue::Configured;
use super::judge::{fault, query};
use crate::session::{Error, Session};

/// Batches that are computed before anyone asks for them.
const BATCHES: usize = 4;
/// Rules under way at once, however many cores there are: each holds its rows in memory.
const MOST: usize = 4;

/// How many rules are under way at once.
pub(super) fn depth(run: &Session) -> usize {
    run.partitions().clamp(1, MOST)
}

/// Why a rule's rows ended early.
#[derive(Debug)]
pub(super) struct Failed {
    /// What is told.
    pub(super) error: Error,
    /// Whether it is the memory that did not suffice.
    pub(super) memory: bool,
}

/// A rule's rows on their way; dropping it ends the query.
pub(super) struct Ahead {
    rows: mpsc::Receiver<Result<RecordBatch, Failed>>,
    busy: Arc<AtomicU64>,
    failed_for_memory: bool,
    _task: SpawnedTask<()>,
}

impl Ahead {
    /// Starts a rule's query.
    pub(super) fn of(run: &Session, configured: &Configured, as_of: i64) -> Self {
        let (sender, rows) = mpsc::channel(BATCHES);
        let busy = Arc::new(AtomicU64::new(0));
        let task = pump(
            run.clone(),
            configured.clone(),
            as_of,
            sender,
            Arc::clone(&busy),
        );
        Self {
            rows,
            busy,
            failed_for_memory: false,
            _task: SpawnedTask::spawn(task),
        }
    }

    /// How long the query was planned and computed so far.
    pub(super) fn busy(&self) -> Duration {
        Duration::from_micros(self.busy.load(Ordering::Relaxed))
    }

    /// Whether the last error was for want of memory.
    pub(super) fn failed_for_memory(&self) -> bool {
        self.failed_for_memory
    }
}

impl Stream for Ahead {
    type Item = Result<RecordBatch, Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.rows.poll_recv(context).map(|row| {
            row.map(|row| {
                row.map_err(|failed| {
                    self.failed_for_memory = failed.memory;
                    failed.error
                })
            })
        })
    }
}

async fn pump(
    run: Session,
    configured: Configured,
    as_of: i64,
    sender: mpsc::Sender<Result<RecordBatch, Failed>>,
    busy: Arc<AtomicU64>,
) {
    let worked = |since: Instant| {
        let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        busy.fetch_add(micros, Ordering::Relaxed);
    };
    let began = Instant::now();
    let planned = query(&run, &configured, as_of).await;
    worked(began);
    let (mut rows, _held) = match planned {
        Ok(rows) => rows,
        Err(error) => {
            let memory = false;
            // Nobody listening any more means that nobody wants to know.
            let _ = sender.send(Err(Failed { error, memory })).await;
            return;
        }
    };
    loop {
        let began = Instant::now();
        let next = rows.next().await;
        worked(began);
        let Some(batch) = next else { return };
        let batch = batch.map_err(|error| Failed {
            memory: matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)),
            error: fault(&configured.rule.id, &error),
        });
        let last = batch.is_err();
        if sender.send(batch).await.is_err() || last {
            return;
        }
    }
}
