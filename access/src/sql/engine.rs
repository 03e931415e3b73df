//! What all connections share: the state of the tables, the threads and turns of queries, the log.
//!
//! The tables are opened once and shared; a new query looks whether any of them changed, at most
//! every `serve.sql.refresh_s`, by the newest entry of its log. A query keeps the state it began
//! with, a transaction that of its BEGIN.
//!
//! Turns are for running and for planning, and of neither can one user have all while there are two:
//! what takes minutes, or cannot be stopped because the planner computes, holds up its author only.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::record_batch::RecordBatch;
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::sqlparser::ast::Statement;
use nonsite_analytics::ratio::{RatioPolicies, register_view};
use nonsite_analytics::session::{self, Session, travel};
use nonsite_schemas::time::Clock;
use parking_lot::Mutex;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::catalogue::{Catalogue, Ground};
use super::config::Config;
use super::connections::Connections;
use super::log::QueryLog;
use super::reads::ReadLog;
use super::run::Stop;
use super::users::{User, Users};
use super::{Fault, FaultKind, ends, guard};
use crate::Error;

/// How much lower than the rest of the process the threads of queries stand (Linux niceness).
const NICE: i32 = 10;
/// Queries of one user that wait for a turn; more are turned away.
const WAITING: usize = 32;

/// Turns by user.
type Turns = Mutex<BTreeMap<String, Arc<Semaphore>>>;

/// What the engine is made from.
#[derive(Debug)]
pub struct Setup {
    /// Folder of the tables.
    pub store: PathBuf,
    /// `[session]`.
    pub session: session::Config,
    /// `[serve.sql]`.
    pub config: Config,
    /// Policies of the ratio.
    pub policies: RatioPolicies,
    /// The rules as rows, from [`super::catalogue::rules`].
    pub rules: RecordBatch,
    /// Who may ask.
    pub users: Users,
    /// Who read what over the REST API; without it the table is empty.
    pub reads: Option<Arc<dyn ReadLog>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// What all connections share.
#[derive(Debug)]
pub struct Engine {
    setup: Setup,
    log: QueryLog,
    pool: Option<Runtime>,
    handle: Handle,
    /// For statements that end queries ([`ends`]).
    aside: Option<Runtime>,
    beside: Handle,
    connections: Connections,
    /// Where queries spill to; one for all, because its limit is one for all.
    disk: Arc<DiskManager>,
    /// Statements planned at the same time.
    plannings: Arc<Semaphore>,
    plannings_of: Turns,
    turns: Arc<Semaphore>,
    turns_of: Turns,
    running_of: Turns,
    known: tokio::sync::Mutex<Option<Known>>,
    /// The catalogues found last, for those who cannot wait for the tables to be opened anew.
    last: Mutex<BTreeMap<User, Arc<Catalogue>>>,
}

/// The state of the tables, and the catalogues over it.
#[derive(Debug)]
struct Known {
    fingerprint: BTreeMap<&'static str, String>,
    looked: Instant,
    session: Session,
    catalogues: BTreeMap<User, Arc<Catalogue>>,
}

impl Engine {
    /// Starts the threads of queries.
    ///
    /// # Errors
    /// A setting outside its range, or threads that cannot be started.
    pub fn start(setup: Setup) -> Result<Arc<Self>, Error> {
        setup.config.validate()?;
        let pool = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(setup.config.worker_threads())
            // Planning takes one each; the rest is for reading files.
            .max_blocking_threads(2 * setup.config.worker_threads() + 4)
            .thread_name("nonsite-query")
            .on_thread_start(step_back)
            .enable_all()
            .build()
            .map_err(|error| Error::Part {
                part: "sql",
                what: format!("threads of queries: {error}"),
            })?;
        let aside = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .thread_name("nonsite-stop")
            .enable_all()
            .build()
            .map_err(|error| Error::Part {
                part: "sql",
                what: format!("thread of statements that end queries: {error}"),
            })?;
        let disk = spill(&setup.config).map_err(|error| Error::Part {
            part: "sql",
            what: format!("spill files: {error}"),
        })?;
        Ok(Arc::new(Self {
            connections: Connections::default(),
            disk: Arc::new(disk),
            plannings: Arc::new(Semaphore::new(setup.config.worker_threads())),
            log: QueryLog::new(setup.config.log_queries, Arc::clone(&setup.clock)),
            handle: pool.handle().clone(),
            pool: Some(pool),
            beside: aside.handle().clone(),
            aside: Some(aside),
            turns: Arc::new(Semaphore::new(setup.config.at_once())),
            plannings_of: Turns::default(),
            turns_of: Turns::default(),
            running_of: Turns::default(),
            known: tokio::sync::Mutex::default(),
            last: Mutex::default(),
            setup,
        }))
    }

    /// `[serve.sql]`.
    pub fn config(&self) -> &Config {
        &self.setup.config
    }

    /// The query log.
    pub fn log(&self) -> &QueryLog {
        &self.log
    }

    /// The open connections of the PostgreSQL wire.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Who may ask.
    pub fn users(&self) -> &Users {
        &self.setup.users
    }

    /// The threads queries run on; those that end queries have one to themselves.
    pub(super) fn lane(&self, ends: bool) -> &Handle {
        match ends {
            true => &self.beside,
            false => &self.handle,
        }
    }

    /// What a user finds when planning this statement: what there is now, or, to end queries, what was
    /// found last, because opening tables can take as long as a query.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub async fn catalogue_for(
        self: &Arc<Self>,
        user: &User,
        query: &Statement,
    ) -> Result<Arc<Catalogue>, Fault> {
        let last = match ends::statement(query) {
            true => self.last.lock().get(user).cloned(),
            false => None,
        };
        match last {
            Some(last) => Ok(last),
            None => self.catalogue(user).await,
        }
    }

    /// What a user finds now.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub async fn catalogue(self: &Arc<Self>, user: &User) -> Result<Arc<Catalogue>, Fault> {
        let (engine, user) = (Arc::clone(self), user.clone());
        let looking = self.handle.spawn(async move { engine.look(&user).await });
        looking
            .await
            .map_err(|error| Fault::new(FaultKind::Engine, error.to_string()))?
    }

    async fn look(&self, user: &User) -> Result<Arc<Catalogue>, Fault> {
        let mut known = self.known.lock().await;
        let every = Duration::from_secs(self.setup.config.refresh_s);
        let old = known
            .as_ref()
            .is_none_or(|known| known.looked.elapsed() >= every);
        if old {
            let fingerprint = travel::fingerprint(&self.setup.store);
            match known.as_mut() {
                Some(known) if known.fingerprint == fingerprint => known.looked = Instant::now(),
                _ => {
                    *known = Some(Known {
                        fingerprint,
                        looked: Instant::now(),
                        session: self.open().await?,
                        catalogues: BTreeMap::new(),
                    });
                }
            }
        }
        let Some(known) = known.as_mut() else {
            return Err(Fault::new(FaultKind::Engine, "the tables are not open"));
        };
        let key = user.clone();
        if let Some(catalogue) = known.catalogues.get(&key) {
            return Ok(Arc::clone(catalogue));
        }
        let ground = Ground {
            session: &known.session,
            session_config: &self.setup.session,
            config: &self.setup.config,
            policies: &self.setup.policies,
            rules: &self.setup.rules,
            log: &self.log,
            reads: self.setup.reads.as_ref(),
            connections: &self.connections,
            disk: &self.disk,
            clock: &self.setup.clock,
        };
        let catalogue = Arc::new(Catalogue::build(&ground, user).await?);
        {
            let mut last = self.last.lock();
            last.retain(|known, _| known.name != key.name);
            last.insert(key.clone(), Arc::clone(&catalogue));
        }
        known.catalogues.insert(key, Arc::clone(&catalogue));
        Ok(catalogue)
    }

    async fn open(&self) -> Result<Session, Fault> {
        let session = session::open_early(&self.setup.store, &self.setup.session)
            .await
            .map_err(|error| Fault::new(FaultKind::Engine, error.to_string()))?;
        let clock = Arc::clone(&self.setup.clock);
        register_view(session.ctx(), &self.setup.policies, clock).await?;
        Ok(session)
    }

    /// Plans a user's query on the threads of queries, within its time: a statement that is large enough
    /// takes longer to plan than most take to run, and would otherwise do so on the threads of the
    /// network.
    ///
    /// # Errors
    /// What is wrong with it; it was stopped, or took too long.
    pub async fn plan(
        &self,
        user: &str,
        state: SessionState,
        query: Statement,
        timeout: Option<Duration>,
        stop: &Stop,
    ) -> Result<LogicalPlan, Fault> {
        let allowed = allowed(&self.setup.config, timeout);
        let mut stopped = stop.watch();
        let ends = ends::statement(&query);
        let planning = self.planning(user, ends, move || async move {
            guard::plan(&state, &query).await
        });
        tokio::select! {
            planned = tokio::time::timeout(allowed, planning) => {
                planned.unwrap_or_else(|_| Err(Fault::too_long(allowed)))
            }
            _ = stopped.changed() => Err(Fault::stopped()),
        }
    }

    /// What a plan is run as; the state comes back.
    pub(super) async fn physical(
        &self,
        user: &str,
        state: SessionState,
        plan: LogicalPlan,
        ends: bool,
    ) -> Result<(SessionState, Arc<dyn ExecutionPlan>), Fault> {
        let planning = self.planning(user, ends, move || async move {
            let planned = state.create_physical_plan(&plan).await?;
            Ok::<_, Fault>((state, planned))
        });
        planning.await
    }

    /// Plans in a turn of its own. When nobody waits for it any more it ends as soon as it waits for
    /// something; while it computes it cannot be stopped, and keeps its turn.
    async fn planning<T, F>(
        &self,
        user: &str,
        ends: bool,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + 'static,
    {
        let config = &self.setup.config;
        let most = leaving_one(config.worker_threads());
        // A tool with many connections prepares on all of them at once.
        let waiting = config.connections.max(WAITING);
        let turns = match ends {
            true => None,
            false => Some((
                of_user(&self.plannings_of, user, most, waiting).await?,
                taken(Arc::clone(&self.plannings)).await?,
            )),
        };
        let handle = self.lane(ends).clone();
        let (_wanted, unwanted) = oneshot::channel::<()>();
        let planned = self.lane(ends).spawn_blocking(move || {
            let _turns = turns;
            handle.block_on(async move {
                tokio::select! {
                    biased;
                    _ = unwanted => Err(Fault::stopped()),
                    planned = work() => planned,
                }
            })
        });
        planned
            .await
            .map_err(|error| Fault::new(FaultKind::Engine, error.to_string()))?
    }

    /// A turn to run, which a query gives back while its client does not read: one of the user's, of
    /// which there is one fewer than of all, then one of all.
    pub(super) async fn turn(&self, user: &str) -> Result<Turn, Fault> {
        let config = &self.setup.config;
        let most = leaving_one(config.at_once());
        // No more than the user's queries can wait here.
        let of_user = of_user(&self.running_of, user, most, config.queries_per_user).await?;
        Ok(Turn {
            _of_user: of_user,
            _of_all: taken(Arc::clone(&self.turns)).await?,
        })
    }

    /// A place among the queries of one user, held to the end of the answer.
    pub(super) async fn turn_of(&self, user: &str) -> Result<OwnedSemaphorePermit, Fault> {
        let most = self.setup.config.queries_per_user;
        of_user(&self.turns_of, user, most, WAITING).await
    }
}

/// A turn to run; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Turn {
    _of_user: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// Turns of one user among so many: all but one, so that there is one for others.
fn leaving_one(all: usize) -> usize {
    all.saturating_sub(1).max(1)
}

/// A turn among so many of one user, behind at most so many that wait.
async fn of_user(
    all: &Turns,
    user: &str,
    at_once: usize,
    waiting: usize,
) -> Result<OwnedSemaphorePermit, Fault> {
    let turns = {
        let mut all = all.lock();
        let turns = all
            .entry(user.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(at_once)));
        Arc::clone(turns)
    };
    // Every waiting or running query of the user holds a clone.
    if Arc::strong_count(&turns) > at_once + waiting + 1 {
        return Err(Fault::new(
            FaultKind::Busy,
            format!(
                "user {user} has {at_once} queries running and {waiting} waiting; wait for them or cancel some"
            ),
        ));
    }
    taken(turns).await
}

/// How long a query may take: as long as the server allows, or less if its client wants that.
pub(super) fn allowed(config: &Config, own: Option<Duration>) -> Duration {
    let most = Duration::from_secs(config.timeout_s);
    own.map_or(most, |own| own.min(most))
}

/// The spill folder and space of the settings.
fn spill(config: &Config) -> datafusion::error::Result<DiskManager> {
    let mode = match &config.spill {
        Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    DiskManagerBuilder::default()
        .with_mode(mode)
        .with_max_temp_directory_size(config.spill_mb.saturating_mul(1 << 20))
        .build()
}

async fn taken(turns: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Fault> {
    turns
        .acquire_owned()
        .await
        .map_err(|_| Fault::new(FaultKind::Cancelled, "the server is stopping"))
}

impl Drop for Engine {
    fn drop(&mut self) {
        for pool in [self.pool.take(), self.aside.take()].into_iter().flatten() {
            // Waiting for queries inside an asynchronous task is not allowed, and not wanted.
            pool.shutdown_background();
        }
    }
}

/// Puts the calling thread behind those that ingest and detect when all want the processor.
fn step_back() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: no memory is touched; 0 is the calling thread on Linux.
        let done = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
        if done != 0 {
            tracing::debug!("the threads of queries keep the priority of the process");
        }
    }
}
