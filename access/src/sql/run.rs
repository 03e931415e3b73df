//! Running a checked plan: in its own memory, on its own threads, for so long and no longer.
//!
//! Invariants:
//! - the limits hold for the rows as they are handed out, not only for planning: the clock runs
//!   from the query's arrival to its last row, waiting for a slot and a slow client included;
//! - a result that is cut off is an error. A short result that looks like a whole one would end up
//!   in a report;
//! - when the answer is dropped, the query ends: the client is gone or does not want the rest;
//! - nothing of a query runs on the threads that ingest, detect and answer on the network;
//! - a statement that ends queries waits for none of them, neither for a turn nor for a thread.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::memory_pool::TrackConsumersPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use futures::{Stream, StreamExt};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, timeout_at};

use super::engine::{Engine, allowed};
use super::log::{Asked, Counts, Ticket};
use super::memory::QueryMemory;
use super::scans::Scans;
use super::{Fault, FaultKind, constants, ends, held, sent, wide};

/// Batches that wait for the client; more would only fill memory.
const AHEAD: usize = 2;
/// Consumers of memory that an error about memory names.
const NAMED: usize = 3;

/// Tells the queries of a connection to stop: those begun with it or with a clone of it.
#[derive(Debug, Clone)]
pub struct Stop {
    told: watch::Sender<()>,
    /// Keeps its place: what was told before the statement began is not for it, what is told between
    /// the steps of its way, when nothing of it runs, is.
    since: watch::Receiver<()>,
}

impl Default for Stop {
    fn default() -> Self {
        let (told, since) = watch::channel(());
        Self { told, since }
    }
}

impl Stop {
    /// Stops what has begun; what comes later is not touched.
    pub fn now(&self) {
        self.told.send_replace(());
    }

    /// For a statement that begins now.
    pub fn begin(&self) -> Self {
        Self {
            told: self.told.clone(),
            since: self.told.subscribe(),
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<()> {
        self.since.clone()
    }
}

/// Rows of a query as they come.
#[derive(Debug)]
pub struct Answer {
    schema: SchemaRef,
    scans: Scans,
    batches: mpsc::Receiver<Result<RecordBatch, Fault>>,
    task: AbortHandle,
}

impl Answer {
    /// Columns of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// What it reads, to see how far it is.
    pub fn scans(&self) -> Scans {
        self.scans.clone()
    }

    /// All rows, for answers that are small.
    ///
    /// # Errors
    /// What stopped the query.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>, Fault> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }
}

impl Stream for Answer {
    type Item = Result<RecordBatch, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_recv(cx)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One run of a plan.
pub struct Run {
    /// Who asked what.
    pub asked: Asked,
    /// State the plan was made in.
    pub state: SessionState,
    /// A plan that passed the guard.
    pub plan: LogicalPlan,
    /// The client's own limit, if it set one; the server's holds in any case.
    pub timeout: Option<Duration>,
    /// What stops it.
    pub stop: Stop,
}

impl Engine {
    /// Starts a query; the answer is there when its columns are known.
    ///
    /// # Errors
    /// What stopped it before its first row.
    pub async fn run(self: &Arc<Self>, run: Run) -> Result<Answer, Fault> {
        let (columns, known) = oneshot::channel();
        let (send, batches) = mpsc::channel(AHEAD);
        let watched = Watched {
            allowed: allowed(self.config(), run.timeout),
            began: Instant::now(),
            stopped: run.stop.watch(),
            ticket: self.log().begin(run.asked.clone()),
            columns: Arc::new(Mutex::new(Some(columns))),
            send,
        };
        // On the caller's threads: those of queries may be in the middle of something long, and a client
        // that cancels is answered all the same.
        let task = tokio::spawn(watched.watch(Arc::clone(self), run));
        // From here on dropping the answer ends the query, this call's own end included.
        let mut answer = Answer {
            schema: Arc::new(arrow::datatypes::Schema::empty()),
            scans: Scans::default(),
            batches,
            task: task.abort_handle(),
        };
        match known.await {
            Ok(Ok((schema, scans))) => {
                (answer.schema, answer.scans) = (schema, scans);
                Ok(answer)
            }
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(Fault::new(
                FaultKind::Engine,
                "the query ended unexpectedly",
            )),
        }
    }
}

/// Where the columns of an answer go, once.
type Columns = Arc<Mutex<Option<oneshot::Sender<Result<(SchemaRef, Scans), Fault>>>>>;

/// What ends a query that does not end by itself.
struct Watched {
    allowed: Duration,
    began: Instant,
    stopped: watch::Receiver<()>,
    ticket: Ticket,
    columns: Columns,
    send: mpsc::Sender<Result<RecordBatch, Fault>>,
}

impl Watched {
    /// Runs the query on its threads and waits for its end, its time or its stop, whichever is first.
    /// When nobody wants the answer any more this is dropped, and the work with it.
    async fn watch(mut self, engine: Arc<Engine>, run: Run) {
        let (columns, send) = (Arc::clone(&self.columns), self.send.clone());
        let counts = self.ticket.counts();
        let ends = match ends::plan(&run.plan) {
            Ok(ends) => ends,
            Err(error) => return self.end(Err(error.into())).await,
        };
        let pool = engine.lane(ends).clone();
        let mut work = AbortOnDrop(
            pool.spawn(async move { work(&engine, run, ends, &counts, &columns, &send).await }),
        );
        let outcome = tokio::select! {
            outcome = timeout_at(self.began + self.allowed, &mut work.0) => match outcome {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(error)) => Err(Fault::new(FaultKind::Engine, error.to_string())),
                Err(_) => Err(Fault::too_long(self.allowed)),
            },
            // An error means that nobody is left who could stop it.
            Ok(()) = self.stopped.changed() => Err(Fault::stopped()),
        };
        drop(work);
        self.end(outcome).await;
    }

    /// Notes the end, and tells the client what ended it too early.
    async fn end(self, outcome: Result<(), Fault>) {
        self.ticket.done(outcome.as_ref().copied());
        if let Err(fault) = outcome {
            let columns = self.columns.lock().take();
            match columns {
                Some(columns) => {
                    let _ = columns.send(Err(fault));
                }
                None => {
                    let _ = self.send.send(Err(fault)).await;
                }
            }
        }
    }
}

/// A task that ends with whoever waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn work(
    engine: &Engine,
    run: Run,
    ends: bool,
    counts: &Counts,
    columns: &Columns,
    send: &mpsc::Sender<Result<RecordBatch, Fault>>,
) -> Result<(), Fault> {
    let limits = engine.config();
    // Its own turn among the user's queries first, so that one user's queue holds up nobody else.
    let user = run.asked.user;
    // What ends a query must not wait for it.
    let _of_user = match ends {
        true => None,
        false => Some(engine.turn_of(&user).await?),
    };
    let mut turn = match ends {
        true => None,
        false => Some(engine.turn(&user).await?),
    };
    let state = own_memory(engine, run.state)?;
    let planned = engine.physical(&user, state, run.plan, ends);
    let (state, plan) = planned.await?;
    let plan = wide::counted(held::counted(plan)?)?;
    constants::check(&plan)?;
    let (schema, scans) = (plan.schema(), Scans::of(&plan));
    let mut stream = execute_stream(plan, state.task_ctx())?;
    let told = columns.lock().take();
    if let Some(columns) = told {
        // Nobody waits for the columns any more when the client went away.
        columns
            .send(Ok((schema, scans)))
            .map_err(|_| Fault::new(FaultKind::Cancelled, "the client went away"))?;
    }
    let most_bytes = limits.max_result_mb.saturating_mul(1 << 20);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let (rows, bytes) = counts.so_far();
        let (more_rows, more_bytes) = (batch.num_rows() as u64, sent::bytes(&batch));
        let (rows, bytes) = (rows + more_rows, bytes.saturating_add(more_bytes));
        if rows > limits.max_rows {
            return Err(Fault::new(
                FaultKind::TooLarge,
                format!(
                    "the result has more than {} rows (`serve.sql.max_rows`) and was cut off: \
                     aggregate, restrict or LIMIT it",
                    limits.max_rows
                ),
            ));
        }
        if bytes > most_bytes {
            return Err(Fault::new(
                FaultKind::TooLarge,
                format!(
                    "the result is larger than {} MiB (`serve.sql.max_result_mb`) and was cut \
                     off: name the columns you need, aggregate, restrict or LIMIT it",
                    limits.max_result_mb
                ),
            ));
        }
        counts.add(more_rows, more_bytes);
        let gone = || Fault::new(FaultKind::Cancelled, "the client went away");
        match send.try_send(Ok(batch)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(gone()),
            Err(mpsc::error::TrySendError::Full(batch)) => {
                // A client that reads slowly, or an open cursor, leaves the processor to others.
                drop(turn.take());
                send.send(batch).await.map_err(|_| gone())?;
                turn = Some(engine.turn(&user).await?);
            }
        }
    }
    Ok(())
}

/// The state with a memory pool that this query has to itself.
fn own_memory(engine: &Engine, state: SessionState) -> Result<SessionState, Fault> {
    let most = engine.config().query_memory_mb.saturating_mul(1 << 20);
    let named = std::num::NonZeroUsize::new(NAMED).unwrap_or(std::num::NonZeroUsize::MIN);
    let runtime = RuntimeEnvBuilder::from_runtime_env(state.runtime_env())
        .with_memory_pool(Arc::new(TrackConsumersPool::new(
            QueryMemory::new(most),
            named,
        )))
        .build_arc()?;
    Ok(SessionStateBuilder::new_from_existing(state)
        .with_runtime_env(runtime)
        .build())
}
