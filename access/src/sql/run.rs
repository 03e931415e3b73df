//! Running a checked plan: in its own memory, on its own threads, for so long and no longer.
//!
//! Invariants:
//! - the limits hold for the rows as they are handed out, not only for planning: the clock runs
//!   from the query's arrival to its last row, waiting for a slot and a slow client included;
//! - a result that is cut off is an error. A short result that looks like a whole one would end up
//!   in a report;
//! - when the answer is dropped, the query ends: the client is gone or does not want the rest;
//! - nothing of a query runs on the threads that ingest, detect and answer on the network.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use futures::{Stream, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::engine::Engine;
use super::log::{Asked, Ticket};
use super::{Fault, FaultKind};

/// Batches that wait for the client; more would only fill memory.
const AHEAD: usize = 2;
/// Consumers of memory that an error about memory names.
const NAMED: usize = 3;

/// Tells the queries of a connection to stop.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<()>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

impl Stop {
    /// Stops what runs now; what comes later is not touched.
    pub fn now(&self) {
        self.0.send_replace(());
    }

    fn watch(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

/// Rows of a query as they come.
#[derive(Debug)]
pub struct Answer {
    schema: SchemaRef,
    batches: mpsc::Receiver<Result<RecordBatch, Fault>>,
    task: AbortHandle,
}

impl Answer {
    /// Columns of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
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
        let task = self
            .pool()
            .spawn(drive(Arc::clone(self), run, columns, send));
        // From here on dropping the answer ends the query, this call's own end included.
        let mut answer = Answer {
            schema: Arc::new(arrow::datatypes::Schema::empty()),
            batches,
            task: task.abort_handle(),
        };
        match known.await {
            Ok(Ok(schema)) => {
                answer.schema = schema;
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

/// The task of one query.
async fn drive(
    engine: Arc<Engine>,
    run: Run,
    columns: oneshot::Sender<Result<SchemaRef, Fault>>,
    send: mpsc::Sender<Result<RecordBatch, Fault>>,
) {
    let limits = engine.config();
    let allowed = Duration::from_secs(limits.timeout_s);
    let allowed = run.timeout.map_or(allowed, |own| own.min(allowed));
    let deadline = Instant::now() + allowed;
    let mut stopped = run.stop.watch();
    let mut ticket = engine.log().begin(run.asked.clone());
    let mut columns = Some(columns);
    let work = work(&engine, run, &mut ticket, &mut columns, &send);
    let outcome = tokio::select! {
        outcome = timeout_at(deadline, work) => outcome.unwrap_or_else(|_| {
            Err(Fault::new(
                FaultKind::Timeout,
                format!(
                    "canceling statement due to statement timeout: it took longer than {} s; restrict it (by `date`, `mn`, `factor`) or ask for less",
                    allowed.as_secs_f64()
                ),
            ))
        }),
        _ = stopped.changed() => Err(Fault::new(
            FaultKind::Cancelled,
            "canceling statement due to user request",
        )),
    };
    ticket.done(outcome.as_ref().map(|_| ()));
    if let Err(fault) = outcome {
        match columns {
            Some(columns) => {
                let _ = columns.send(Err(fault));
            }
            None => {
                let _ = send.send(Err(fault)).await;
            }
        }
    }
}

async fn work(
    engine: &Engine,
    run: Run,
    ticket: &mut Ticket,
    columns: &mut Option<oneshot::Sender<Result<SchemaRef, Fault>>>,
    send: &mpsc::Sender<Result<RecordBatch, Fault>>,
) -> Result<(), Fault> {
    let limits = engine.config();
    // Its own turn among the user's queries first, so that one user's queue holds up nobody else.
    let _of_user = engine.turn_of(&run.asked.user).await?;
    let mut of_all = Some(engine.turn().await?);
    let state = own_memory(engine, run.state)?;
    let plan = state.create_physical_plan(&run.plan).await?;
    let schema = plan.schema();
    let mut stream = execute_stream(plan, state.task_ctx())?;
    if let Some(columns) = columns.take() {
        // Nobody waits for the columns any more when the client went away.
        columns
            .send(Ok(schema))
            .map_err(|_| Fault::new(FaultKind::Cancelled, "the client went away"))?;
    }
    let most_bytes = limits.max_result_mb.saturating_mul(1 << 20);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let (rows, bytes) = ticket.so_far();
        let rows = rows + batch.num_rows() as u64;
        let bytes = bytes + batch.get_array_memory_size() as u64;
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
        ticket.add(
            batch.num_rows() as u64,
            batch.get_array_memory_size() as u64,
        );
        let gone = || Fault::new(FaultKind::Cancelled, "the client went away");
        match send.try_send(Ok(batch)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(gone()),
            Err(mpsc::error::TrySendError::Full(batch)) => {
                // A client that reads slowly, or an open cursor, leaves the processor to others.
                drop(of_all.take());
                send.send(batch).await.map_err(|_| gone())?;
                of_all = Some(engine.turn().await?);
            }
        }
    }
    Ok(())
}

/// The state with a memory pool that this query has to itself. Whoever asks first gets memory first: a
/// view like `daily` has hundreds of small sorts, and a pool that shares out fairly would leave each
/// of them a few hundred kilobytes.
fn own_memory(engine: &Engine, state: SessionState) -> Result<SessionState, Fault> {
    let most = engine.config().query_memory_mb.saturating_mul(1 << 20);
    let named = std::num::NonZeroUsize::new(NAMED).unwrap_or(std::num::NonZeroUsize::MIN);
    let runtime = RuntimeEnvBuilder::from_runtime_env(state.runtime_env())
        .with_memory_pool(Arc::new(TrackConsumersPool::new(
            GreedyMemoryPool::new(most),
            named,
        )))
        .build_arc()?;
    Ok(SessionStateBuilder::new_from_existing(state)
        .with_runtime_env(runtime)
        .build())
}
