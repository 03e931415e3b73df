//! The loop: judge what is new, deliver alerts, wait.
//!
//! The operator's folders of rules and plant sheets are read again before every run, so a file that is
//! dropped there takes part in the next one. A file that cannot be used stops a process from starting;
//! in one that runs, the rules stay as they were and every report says why, until the file is mended.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nonsite_schemas::settings::KafkaSettings;
use nonsite_schemas::time::Clock;
use parking_lot::Mutex;

use super::catalogue::{Catalogue, Config};
use super::quiet::Memory;
use super::run::{Options, Report, run_again};
use crate::alert::publish;
use crate::session::{self, Error};

/// Detection as a long-running part.
#[derive(Debug, Clone)]
pub struct Service {
    store: PathBuf,
    config: Config,
    session: session::Config,
    catalogue: Arc<Mutex<Arc<Catalogue>>>,
    kafka: KafkaSettings,
    alerts: publish::Config,
    clock: Arc<dyn Clock>,
    memory: Arc<tokio::sync::Mutex<Memory>>,
}

impl Service {
    /// Checks the settings and reads the rules.
    pub fn new(
        store: PathBuf,
        config: Config,
        session: session::Config,
        kafka: KafkaSettings,
        alerts: publish::Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        session.validate()?;
        alerts.validate()?;
        let catalogue = Arc::new(Mutex::new(Arc::new(Catalogue::load(&config)?)));
        Ok(Self {
            store,
            config,
            session,
            catalogue,
            kafka,
            alerts,
            clock,
            memory: Arc::default(),
        })
    }

    /// The rules as the folders have them now, else as they were, with what is wrong.
    fn rules(&self) -> (Arc<Catalogue>, Option<String>) {
        let mut known = self.catalogue.lock();
        if self.config.rules_dir.is_none() && self.config.plants_dir.is_none() {
            return (Arc::clone(&known), None);
        }
        match Catalogue::load(&self.config) {
            Ok(catalogue) => {
                *known = Arc::new(catalogue);
                (Arc::clone(&known), None)
            }
            Err(error) => {
                let problem = format!("the rules stay as they were before: {error}");
                (Arc::clone(&known), Some(problem))
            }
        }
    }

    /// One run at `as_of` (microseconds UTC; now when absent), over everything when `full`.
    pub async fn once(&self, as_of: Option<i64>, full: bool) -> Result<Report, Error> {
        let as_of = as_of.unwrap_or_else(|| self.clock.now_micros());
        let options = Options { as_of, full };
        let mut memory = self.memory.lock().await;
        let (catalogue, problem) = self.rules();
        let mut report = run_again(
            &self.store,
            &self.config,
            &self.session,
            &catalogue,
            options,
            &mut memory,
        )
        .await?;
        if let Some(problem) = problem {
            tracing::warn!("{problem}");
            report.problems.push(problem);
        }
        Ok(report)
    }

    /// Delivers what waits in the outbox.
    pub async fn deliver(&self) -> Result<usize, Error> {
        publish::publish(&self.store, &self.kafka, &self.alerts, self.clock.as_ref()).await
    }

    /// Runs every `interval_s` until `shutdown` resolves; `seen` is told every run's report.
    ///
    /// A failed run is logged and tried again at the next interval: nothing of it was committed.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()>,
        mut seen: impl FnMut(&Report),
    ) -> Result<(), Error> {
        let interval = Duration::from_secs(self.config.interval_s);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            match self.once(None, false).await {
                Ok(report) => seen(&report),
                Err(error) => {
                    tracing::error!(%error, "detection run failed, next one in {interval:?}")
                }
            }
            if let Err(error) = self.deliver().await {
                tracing::warn!(%error, "alerts were not delivered");
            }
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                () = tokio::time::sleep(interval) => {}
            }
        }
    }
}
