//! What every handler works with: the queue, the tables, the users.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use nonsite_analytics::detect::{self, Catalogue};
use nonsite_analytics::inspection;
use nonsite_analytics::ratio::RatioPolicies;
use nonsite_analytics::review::{Caller, Mirrored, Service};
use nonsite_analytics::session::{self, Session};
use nonsite_schemas::time::Clock;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

use super::config::Config;
use super::identity::{Principal, Users};
use super::problem::{BUSY, Problem};

/// Evaluations of rules and evidence at the same time; each may take much memory.
const HEAVY: usize = 2;

/// What the API is put together from.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The review queue, without bounds.
    pub review: Service,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Folder of the tables.
    pub store: PathBuf,
    /// What a query may use.
    pub session: session::Config,
    /// Rules and their parameters.
    pub detect: detect::Config,
    /// Counting policies.
    pub policies: RatioPolicies,
    /// Checklists, and what the targets are counted from.
    pub inspection: inspection::Config,
    /// Folder of the hand-over packages; they have to be backed up with the evidence.
    pub packages: PathBuf,
    /// Where records of acts go; without it they are looked at and not taken.
    pub records: Option<Arc<dyn Records>>,
}

/// Where records of acts go: the topic that ingestion reads, so that an act that was typed into a
/// page takes the same way into the table as one from the inspection system.
pub trait Records: std::fmt::Debug + Send + Sync {
    /// Sends a record and waits until it is safe; where it lies then.
    ///
    /// # Errors
    /// Why it may not have arrived. Sending it again does no harm: a version of an act counts once.
    fn send<'a>(
        &'a self,
        act_id: &'a str,
        record: Vec<u8>,
    ) -> BoxFuture<'a, Result<String, String>>;
}

/// The tables as of some moment, with the rules.
#[derive(Clone)]
pub(super) struct Tables {
    pub(super) session: Arc<Session>,
    pub(super) catalogue: Arc<Catalogue>,
    at: i64,
}

/// Shared by all requests.
#[derive(Clone)]
pub(super) struct App(Arc<Inner>);

struct Inner {
    parts: Parts,
    config: Config,
    users: Users,
    tables: Mutex<Option<Tables>>,
    heavy: Semaphore,
}

impl App {
    pub(super) fn new(config: &Config, parts: Parts) -> Self {
        Self(Arc::new(Inner {
            users: Users::new(&config.callers),
            config: config.clone(),
            parts,
            tables: Mutex::new(None),
            heavy: Semaphore::new(HEAVY),
        }))
    }

    pub(super) fn users(&self) -> &Users {
        &self.0.users
    }

    pub(super) fn now(&self) -> i64 {
        self.0.parts.clock.now_micros()
    }

    pub(super) fn store(&self) -> &Path {
        &self.0.parts.store
    }

    pub(super) fn session_config(&self) -> &session::Config {
        &self.0.parts.session
    }

    pub(super) fn detect_config(&self) -> &detect::Config {
        &self.0.parts.detect
    }

    pub(super) fn policies(&self) -> &RatioPolicies {
        &self.0.parts.policies
    }

    pub(super) fn inspection_config(&self) -> &inspection::Config {
        &self.0.parts.inspection
    }

    pub(super) fn packages(&self) -> &Path {
        &self.0.parts.packages
    }

    pub(super) fn records(&self) -> Option<&dyn Records> {
        self.0.parts.records.as_deref()
    }

    /// The queue without bounds, for what concerns nobody's cases.
    pub(super) fn queue(&self) -> &Service {
        &self.0.parts.review
    }

    /// The queue as somebody may see it.
    pub(super) fn queue_of(&self, who: &Principal) -> Service {
        self.0.parts.review.on_behalf(Caller {
            scope: who.scope(),
            ..Caller::default()
        })
    }

    /// The tables, opened anew when they are older than configured.
    pub(super) async fn tables(&self) -> Result<Tables, Problem> {
        let mut held = self.0.tables.lock().await;
        let now = self.now();
        let oldest = now - i64::from(self.0.config.refresh_s) * 1_000_000;
        if let Some(tables) = held.as_ref().filter(|tables| tables.at > oldest) {
            return Ok(tables.clone());
        }
        let session = session::open_early(&self.0.parts.store, &self.0.parts.session).await?;
        let catalogue = Catalogue::load(&self.0.parts.detect)?;
        let tables = Tables {
            session: Arc::new(session),
            catalogue: Arc::new(catalogue),
            at: now,
        };
        *held = Some(tables.clone());
        Ok(tables)
    }

    /// The tables with everything the queue has decided so far, for what is counted from its rows.
    pub(super) async fn tables_with_cases(&self) -> Result<Tables, Problem> {
        // Where nothing was ever ingested there is nothing to join the cases with.
        if self.store().is_dir() {
            let written = self.queue().mirror(self.store()).await?;
            if written != Mirrored::default() {
                self.forget_tables().await;
            }
        }
        self.tables().await
    }

    /// What was written by the caller has to show at once.
    pub(super) async fn forget_tables(&self) {
        *self.0.tables.lock().await = None;
    }

    /// One of the places for what takes much memory.
    pub(super) async fn heavy(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let closed = |_| Problem::new(&BUSY, "the server is ending");
        self.0.heavy.acquire().await.map_err(closed)
    }
}
