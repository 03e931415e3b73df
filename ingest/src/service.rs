//! Kafka to Delta, exactly once: the service and its state machine.
//!
//! ```text
//!                       group gives partitions
//!      ┌──────────┐  offsets read from the tables (N2),   ┌──────────────────────────────────┐
//!      │  IDLE    │  lowest of each topic's tables (N8),  │  READING AGAIN, epoch e          │
//!      │ no epoch ├──────────────────────────────────────▶│  mark ≤ offset < table's offset: │
//!      └──────────┘  put into the assignment itself       │  only times of split packets     │
//!           ▲                    │                        └───┬──────────────────────────────┘
//!           │                    │                            │ table's offset reached; at once
//!           │                    │                            ▼ where no split packet is open
//!           │                    │                        ┌──────────────────────────────────┐
//!           │                    │                        │  READING, epoch e                │
//!           │                    │                        │  poll ─▶ chunk ─▶ decode ─▶ rows │
//!           │                    │                        │  source waits at the budget (N7) │
//!           │                    │                        └───┬──────────────────────────────┘
//!           │                    │ offset gone on broker      │ age (also without traffic, N9)
//!           │                    ▼                            │ or size
//!           │            ┌───────────────┐                    ▼
//!           │            │ STOPPED (N6)  │         ┌────────────────────┐
//!           │            │ one partition │         │ SEALED             │ files uploaded, nothing
//!           │            │ till accepted │         │ offsets, marks     │ visible yet
//!           │            └───────────────┘         └─────────┬──────────┘
//!           │                                                ▼
//!           │  revoke: epoch ends before the       ┌────────────────────┐  permit e? (N5)
//!           │  callback returns, buffers dropped   │ COMMITTING         │  version checked = version
//!           └──────────────────────────────────────┤ one log entry per  │  built on (N3)
//!                     (from every state) (N5)      │ table, side by side│  unclear: the log decides
//!                                                  └──┬──────────────┬──┘  (N4)
//!                               all tables (N1, N2)   │              │ conflict, unknown, upload
//!                                                     ▼              ▼ failed
//!                                    next batch, same epoch    new epoch: offsets read again
//!                                    Kafka's offsets: courtesy from the tables, nothing else
//! ```
//!
//! N1 holds because a record's rows and its partition's offset become visible in one log entry
//! per table, and every record is rows or a quarantine row ([`crate::decode`]). A crash at any
//! point leaves orphan files at worst; the next start reads the tables' offsets.
//!
//! Split packets. A part that waits for its time ends the batch before it: it is read again after
//! a restart. A part whose packet lacks others leaves a mark, in the same log entry as the rows:
//! on assignment reading begins at the lowest table's mark, and records between there and the
//! table's offset (settled, N1) are decoded for their times alone: no row, no count, no offset.
//! The mark is bounded by the timeout and by a number of records, and losing it loses no record.
//!
//! A topic's tables are all given the offset of every batch, rows or not. The log entry of a
//! table without rows is small, and in return replaying after a crash is exact: each table skips
//! precisely what it has.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nonsite_schemas::hj212::{Stations, StationsError};
use nonsite_schemas::settings::KafkaSettings;
use nonsite_schemas::time::Clock;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::budget::Budget;
use crate::caught_up;
use crate::config::{Config, ConfigError};
use crate::consumer::{Context, PREFETCH_SHARE, client_config, longest_silence, refused_setting};
use crate::decode::Decoders;
use crate::http::Readiness;
use crate::intake::{Intake, State, Until};
use crate::metrics::Metrics;
use crate::permit::Permit;
use crate::pipeline::publish::{Logs, Publisher};
use crate::pipeline::worker::{Tools, Worker};
use crate::report::Report;
use crate::steering::{Assigned, Steering};
use crate::store::{Store, StoreError};
use crate::target::Target;

/// Chunks that may wait for one decoding thread.
const QUEUED_CHUNKS: usize = 4;

/// Why ingestion stopped or could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The stations file cannot be read.
    #[error("ingest.stations = `{path}`: {source}")]
    Stations {
        /// Path as configured.
        path: String,
        /// What is wrong with it.
        #[source]
        source: StationsError,
    },
    /// A file cannot be read.
    #[error("ingest.stations = `{path}`: {source}")]
    File {
        /// Path as configured.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The tables cannot be created or opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The Kafka client does not take a setting.
    #[error("{0}")]
    Properties(String),
    /// The Kafka client cannot go on.
    #[error("Kafka client: {0}; check kafka.brokers and kafka.properties")]
    Kafka(KafkaError),
    /// What is needed does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// A batch cannot be published, and reading it again would not help.
    #[error("a batch cannot be committed: {0}")]
    Publish(String),
    /// A thread ended unexpectedly: a fault of this program.
    #[error("{0} stopped unexpectedly; report this as a fault")]
    Stopped(&'static str),
}

impl ServiceError {
    /// Whether something outside could not be reached (broker, store).
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Store(_) | Self::Kafka(_))
    }

    /// Whether the configuration is at fault.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Config(_) | Self::Stations { .. } | Self::File { .. } | Self::Properties(_)
        )
    }

    /// Why a Kafka client could not be made.
    pub(crate) fn of_client(error: KafkaError) -> Self {
        match refused_setting(&error) {
            Some(what) => Self::Properties(what),
            None => Self::Kafka(error),
        }
    }
}

/// Ingestion, ready to run.
#[derive(Debug)]
pub struct Service {
    config: Config,
    kafka: KafkaSettings,
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    readiness: Readiness,
    stations: Arc<Stations>,
}

/// Reads the stations file; a file that does not exist means no settings.
///
/// # Errors
/// The file cannot be read or understood.
pub fn load_stations(path: &Path) -> Result<Arc<Stations>, ServiceError> {
    let shown = || path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => {
            return Err(ServiceError::File {
                path: shown(),
                source,
            });
        }
    };
    Stations::from_toml(&text)
        .map(Arc::new)
        .map_err(|source| ServiceError::Stations {
            path: shown(),
            source,
        })
}

/// N7: makes the C heap give memory back.
///
/// librdkafka lives on the C heap and hands buffers of a megabyte from thread to thread. With
/// glibc's defaults they end up in one arena per thread and stay there; with a fixed threshold
/// they are mapped one by one and are gone when freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn tame_c_heap() {
    const MAPPED_FROM_BYTES: i32 = 128 << 10;
    // SAFETY: `mallopt` may be called at any time from any thread; these two settings only
    // decide where later allocations are made.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
    }
}

/// Other C heaps are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn tame_c_heap() {}

impl Service {
    /// Checks the settings and reads the stations file.
    ///
    /// # Errors
    /// A setting or the stations file cannot be used.
    pub fn new(
        config: Config,
        kafka: KafkaSettings,
        store: Store,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Result<Self, ServiceError> {
        config.validate()?;
        let stations = load_stations(&config.stations)?;
        let readiness = Readiness::default();
        Ok(Self {
            config,
            kafka,
            store,
            clock,
            metrics,
            readiness,
            stations,
        })
    }

    /// Shares the readiness with whoever serves `/readyz`.
    #[must_use]
    pub fn with_readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// Runs until `shutdown` ends; what was read by then is committed.
    ///
    /// # Errors
    /// [`ServiceError`]; trouble that may pass (store or broker away, conflicts, rebalances) is
    /// waited out instead.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Report, ServiceError> {
        self.drive(Box::pin(shutdown), false).await
    }

    /// Runs until everything is committed that was in the topics when it started.
    ///
    /// # Errors
    /// As [`Service::run`], and when broker or store fail several times in a row.
    pub async fn run_until_caught_up(self) -> Result<Report, ServiceError> {
        self.drive(Box::pin(std::future::pending()), true).await
    }

    async fn drive(
        self,
        shutdown: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
        caught_up: bool,
    ) -> Result<Report, ServiceError> {
        self.ensure_tables().await?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let watcher = tokio::spawn(async move {
            shutdown.await;
            stopping.store(true, Ordering::Relaxed);
        });
        let runtime = Handle::current();
        let (done, outcome) = tokio::sync::oneshot::channel();
        // A thread of its own: it blocks in the client, and blocks on the runtime in callbacks.
        std::thread::Builder::new()
            .name("ingest-poll".to_owned())
            .spawn(move || {
                // The receiver is gone only when the whole service was dropped.
                let _ = done.send(self.poll_thread(runtime, stop, caught_up));
            })
            .map_err(|_| ServiceError::Stopped("the polling thread"))?;
        let outcome = outcome
            .await
            .map_err(|_| ServiceError::Stopped("the polling thread"));
        watcher.abort();
        outcome?
    }

    async fn ensure_tables(&self) -> Result<(), ServiceError> {
        let mut needed: Vec<Target> = self
            .config
            .topics
            .iter()
            .flat_map(|topic| Target::of(topic.content))
            .copied()
            .collect();
        needed.sort_unstable();
        needed.dedup();
        let defs: Vec<_> = needed.into_iter().map(Target::def).collect();
        Ok(self.store.ensure_tables(&defs).await?)
    }

    fn poll_thread(
        self,
        runtime: Handle,
        stop: Arc<AtomicBool>,
        caught_up: bool,
    ) -> Result<Report, ServiceError> {
        tame_c_heap();
        let started = Instant::now();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let permit = Arc::new(Permit::default());
        let logs = Logs::new(self.store.clone(), Arc::clone(&self.clock));
        let logs = Arc::new(tokio::sync::Mutex::new(logs));
        let steering = Arc::new(Steering {
            config: self.config.clone(),
            store: self.store.clone(),
            logs: Arc::clone(&logs),
            permit: Arc::clone(&permit),
            runtime: runtime.clone(),
            metrics: self.metrics.clone(),
            assigned: parking_lot::Mutex::new(Assigned::default()),
        });
        let context = Context::new(Arc::clone(&steering) as _);
        let consumer: BaseConsumer<Context> = client_config(&self.kafka, &self.config)
            .create_with_context(context)
            .map_err(ServiceError::of_client)?;
        let until = if caught_up {
            Until::CaughtUp(caught_up::ends(
                &consumer,
                &self.config,
                &self.kafka.brokers,
            )?)
        } else {
            Until::Stopped
        };
        let total = usize::try_from(self.config.memory_budget_mb).unwrap_or(usize::MAX) << 20;
        let prefetch = total / PREFETCH_SHARE as usize;
        let budget = Arc::new(Budget::new(total - prefetch, self.metrics.memory.clone()));
        let limit = i64::try_from(budget.limit()).unwrap_or(i64::MAX);
        self.metrics.memory_limit.set(limit);
        let tools = Tools {
            store: self.store.clone(),
            runtime: runtime.clone(),
            encoders: Arc::new(Semaphore::new(cores)),
            budget: Arc::clone(&budget),
            permit: Arc::clone(&permit),
            metrics: self.metrics.clone(),
            clock: Arc::clone(&self.clock),
        };
        let count = if self.config.decoders == 0 {
            (cores - 1).max(1)
        } else {
            self.config.decoders
        };
        let workers = (0..count)
            .map(|index| self.worker(index, tools.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let (jobs, mut waiting) = tokio::sync::mpsc::unbounded_channel();
        let (report, outcomes) = std::sync::mpsc::channel();
        let mut publisher =
            Publisher::new(logs, permit, self.metrics.clone(), Arc::clone(&self.clock));
        runtime.spawn(async move {
            while let Some(job) = waiting.recv().await {
                let job: crate::pipeline::publish::Job = job;
                let epoch = job.assignment.epoch;
                if report.send((epoch, publisher.publish(job).await)).is_err() {
                    return;
                }
            }
        });
        let topics: Vec<&str> = self
            .config
            .topics
            .iter()
            .map(|topic| topic.name.as_str())
            .collect();
        consumer.subscribe(&topics).map_err(ServiceError::Kafka)?;
        let mut intake = Intake {
            consumer,
            steering,
            budget,
            clock: self.clock,
            readiness: self.readiness,
            workers,
            jobs,
            outcomes,
            stop,
            longest_silence: longest_silence(&self.kafka),
            state: State::default(),
        };
        intake.run(&until)?;
        let losses = intake.steering.assigned.lock().losses.clone();
        Ok(intake
            .state
            .totals
            .report(started.elapsed().as_secs_f64(), losses))
    }

    fn worker(
        &self,
        index: usize,
        tools: Tools,
    ) -> Result<std::sync::mpsc::SyncSender<crate::pipeline::worker::ToWorker>, ServiceError> {
        let stopped = ServiceError::Stopped("a decoding thread");
        let decoders = Decoders::new(Arc::clone(&self.stations), self.config.split_timeout_s)
            .map_err(|error| ServiceError::Publish(error.to_string()))?;
        let worker = Worker::new(tools, decoders);
        let (orders, received) = std::sync::mpsc::sync_channel(QUEUED_CHUNKS);
        std::thread::Builder::new()
            .name(format!("ingest-decode-{index}"))
            .spawn(move || worker.run(&received))
            .map_err(|_| stopped)?;
        Ok(orders)
    }
}
