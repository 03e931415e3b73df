//! Rules side by side: while one rule's rows are sorted, the next rules are planned and computed.
//!
//! A rule over the few logger-days of a run keeps one core busy and no more: its query is planned by
//! one thread and most of its operators have little to do. Rules of one stage do not depend on each
//! other, so as many of them as there are partitions are under way at once ([`depth`]).
//!
//! Invariants: rows are sorted in the order of the rules, so nothing depends on which rule was
//! faster; a query is at most [`BATCHES`] batches ahead of who sorts them.
//!
//! Failure modes: rules side by side share the memory of the session. One that does not get enough
//! fails for [`Cause::Memory`]; whoever asked runs it once more with nothing beside it. A query that
//! panics takes its task with it: its rows end with an error, never as if they were all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arrow::error::ArrowError;
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

/// Whose fault it is that a rule's rows ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The memory of the session did not suffice.
    Memory,
    /// The rule's own, over these data: it cannot be planned, divides by zero, reads a text as a
    /// number, panics.
    Rule,
    /// Another one, such as a file that cannot be read.
    Other,
}

impl Cause {
    /// What an error of the engine stands for.
    pub(super) fn of(error: &DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Memory,
            DataFusionError::ArrowError(error, _) => match error.as_ref() {
                ArrowError::DivideByZero
                | ArrowError::ArithmeticOverflow(_)
                | ArrowError::CastError(_)
                | ArrowError::ComputeError(_)
                | ArrowError::InvalidArgumentError(_)
                | ArrowError::ParseError(_) => Self::Rule,
                _ => Self::Other,
            },
            DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Execution(_) => Self::Rule,
            DataFusionError::ExecutionJoin(error) if error.is_panic() => Self::Rule,
            _ => Self::Other,
        }
    }
}

/// Why a rule's rows ended early.
#[derive(Debug)]
pub(super) struct Failed {
    /// What is told.
    pub(super) error: Error,
    /// Whose fault it is.
    pub(super) cause: Cause,
}

/// A rule's rows on their way; dropping it ends the query.
pub(super) struct Ahead {
    rows: mpsc::Receiver<Result<RecordBatch, Failed>>,
    busy: Arc<AtomicU64>,
    /// Set when the query has come to its end.
    ended: Arc<AtomicBool>,
    cause: Option<Cause>,
    rule: String,
    _task: SpawnedTask<()>,
}

impl Ahead {
    /// Starts a rule's query.
    pub(super) fn of(run: &Session, configured: &Configured, as_of: i64) -> Self {
        let (sender, rows) = mpsc::channel(BATCHES);
        let busy = Arc::new(AtomicU64::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let task = pump(
            run.clone(),
            configured.clone(),
            as_of,
            sender,
            (Arc::clone(&busy), Arc::clone(&ended)),
        );
        Self {
            rows,
            busy,
            ended,
            cause: None,
            rule: configured.rule.id.clone(),
            _task: SpawnedTask::spawn(task),
        }
    }

    /// How long the query was planned and computed so far.
    pub(super) fn busy(&self) -> Duration {
        Duration::from_micros(self.busy.load(Ordering::Relaxed))
    }

    /// Whose fault it is that the rows ended with an error; nothing when they did not.
    pub(super) fn cause(&self) -> Option<Cause> {
        self.cause
    }
}

impl Stream for Ahead {
    type Item = Result<RecordBatch, Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        match self.rows.poll_recv(context) {
            Poll::Ready(Some(Ok(batch))) => Poll::Ready(Some(Ok(batch))),
            Poll::Ready(Some(Err(failed))) => {
                self.cause = Some(failed.cause);
                Poll::Ready(Some(Err(failed.error)))
            }
            // Nothing more comes, but nobody said that this was all.
            Poll::Ready(None) if self.cause.is_none() && !self.ended.load(Ordering::Acquire) => {
                self.cause = Some(Cause::Rule);
                Poll::Ready(Some(Err(Error::Rule {
                    rule: self.rule.clone(),
                    what: "its query ended in a panic; see the log".to_owned(),
                })))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

async fn pump(
    run: Session,
    configured: Configured,
    as_of: i64,
    sender: mpsc::Sender<Result<RecordBatch, Failed>>,
    (busy, ended): (Arc<AtomicU64>, Arc<AtomicBool>),
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
        Err(failed) => {
            // Nobody listening any more means that nobody wants to know.
            let _ = sender.send(Err(failed)).await;
            return;
        }
    };
    loop {
        let began = Instant::now();
        let next = rows.next().await;
        worked(began);
        let Some(batch) = next else {
            ended.store(true, Ordering::Release);
            return;
        };
        let batch = batch.map_err(|error| Failed {
            cause: Cause::of(&error),
            error: fault(&configured.rule.id, &error),
        });
        let last = batch.is_err();
        if sender.send(batch).await.is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rows_that_stop_without_an_end_are_an_error_and_not_all_there_is() {
        let (sender, rows) = mpsc::channel(1);
        let mut ahead = Ahead {
            rows,
            busy: Arc::default(),
            ended: Arc::default(),
            cause: None,
            rule: "Z1".to_owned(),
            _task: SpawnedTask::spawn(async move { drop(sender) }),
        };
        let told = ahead.next().await.expect("the end is told");
        let told = told.expect_err("as an error").to_string();
        assert!(told.contains("Z1") && told.contains("panic"), "{told}");
        assert_eq!(ahead.cause(), Some(Cause::Rule));
        assert!(ahead.next().await.is_none());
    }

    #[test]
    fn a_fault_of_the_rule_is_told_from_memory_and_from_files() {
        let of = |error: ArrowError| Cause::of(&DataFusionError::from(error));
        assert_eq!(of(ArrowError::DivideByZero), Cause::Rule);
        let wrapped = DataFusionError::from(ArrowError::DivideByZero).context("in a rule");
        assert_eq!(Cause::of(&wrapped), Cause::Rule);
        let memory = DataFusionError::ResourcesExhausted("all of it".to_owned());
        assert_eq!(Cause::of(&memory), Cause::Memory);
        let file = DataFusionError::IoError(std::io::Error::other("gone"));
        assert_eq!(Cause::of(&file), Cause::Other);
    }
}
