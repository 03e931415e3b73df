//! What every handler works with: the queue, the tables, the users.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nonsite_analytics::detect::{self, Catalogue};
use nonsite_analytics::ratio::RatioPolicies;
use nonsite_analytics::review::{Caller, Service};
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
