//! `nonsite serve`: SQL for analysts, and what else listens, in one process.
//!
//! Every part is optional: an empty address in `[serve]` leaves it out. Where the API of the case
//! work is served, the deadlines of its queue are applied as well. A part that cannot start
//! stops the others and the process with its own error; a part that ends by itself does the same.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use nonsite_access::sql::catalogue::rules;
use nonsite_access::sql::{Engine, Setup, Users, flight, pg};
use nonsite_access::{Listening, Tls, http, rest};
use nonsite_analytics::review::Service as Queue;
use nonsite_ingest::import::{KafkaSink, MessageSink};
use nonsite_schemas::settings::KafkaSettings;
use nonsite_schemas::time::{Clock, SystemClock};
use prometheus::Registry;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{ingest, ratio, review};
use crate::exit::{Exit, Unreachable, Usage};
use crate::settings::Settings;

/// Arguments of `nonsite serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// A part that runs.
struct Running {
    /// Where it listens, if it does.
    listening: Option<Listening>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    fn listener(listening: Listening, task: JoinHandle<Result<(), nonsite_access::Error>>) -> Self {
        Self {
            listening: Some(listening),
            task: tokio::spawn(async move { task.await?.map_err(classed) }),
        }
    }
}

/// The parts that listen, and how they end.
pub(super) struct Serving(Vec<Running>);

pub(crate) async fn run(_args: &Args, settings: &Settings) -> anyhow::Result<Exit> {
    let (stop, stopped) = watch::channel(false);
    let mut serving = Serving::start(settings, Registry::new(), &stopped, true).await?;
    if serving.0.is_empty() {
        return Err(
            Usage("nothing to serve: every address in `[serve]` is empty".to_owned()).into(),
        );
    }
    serving.announce();
    let ended = tokio::select! {
        () = ingest::interrupted() => Ok(()),
        ended = serving.ended() => ended,
    };
    let _ = stop.send(true);
    ended.and(serving.finish().await).map(|()| Exit::Done)
}

impl Serving {
    /// Starts every part that has an address; `/metrics` tells what is in `registry`. `ticks` says
    /// whether the deadlines of cases are kept beside the REST API: not where the caller keeps them.
    pub(super) async fn start(
        settings: &Settings,
        registry: Registry,
        stopped: &watch::Receiver<bool>,
        ticks: bool,
    ) -> anyhow::Result<Self> {
        let serve = &settings.serve;
        serve.validate().map_err(classed)?;
        let tls = match (&serve.tls_cert, &serve.tls_key) {
            (Some(cert), Some(key)) => Some(Tls::read(cert, key).map_err(classed)?),
            _ => None,
        };
        let mut parts = Vec::new();
        let sql = !serve.postgres.is_empty() || !serve.flight.is_empty();
        let engine = if sql { Some(engine(settings)?) } else { None };
        if let Some(engine) = &engine
            && !serve.postgres.is_empty()
        {
            let engine = Arc::clone(engine);
            let (listening, task) =
                pg::serve(&serve.postgres, engine, tls.as_ref(), stopped.clone())
                    .await
                    .map_err(classed)?;
            parts.push(Running::listener(listening, task));
        }
        if let Some(engine) = &engine
            && !serve.flight.is_empty()
        {
            let engine = Arc::clone(engine);
            let (listening, task) =
                flight::serve(&serve.flight, engine, tls.as_ref(), stopped.clone())
                    .await
                    .map_err(classed)?;
            parts.push(Running::listener(listening, task));
        }
        if !serve.http.is_empty() {
            let (routes, queue) = routes(settings, registry, tls.is_some()).await?;
            let (listening, task) = http::serve(&serve.http, routes, tls.as_ref(), stopped.clone())
                .await
                .map_err(classed)?;
            parts.push(Running::listener(listening, task));
            if let Some(queue) = queue.filter(|_| ticks) {
                // Whoever lets people work on cases keeps their deadlines as well.
                let mut stopped = stopped.clone();
                let ended = async move {
                    // A dropped sender means the process is ending, too.
                    let _ = stopped.wait_for(|stop| *stop).await;
                };
                parts.push(Running {
                    listening: None,
                    task: tokio::spawn(review::tick(queue, ended)),
                });
            }
        }
        Ok(Self(parts))
    }

    /// Says where every part listens, on standard output, so that whoever started the process can
    /// read the ports.
    pub(super) fn announce(&self) {
        for part in &self.0 {
            let Some(Listening { name, address, tls }) = &part.listening else {
                continue;
            };
            println!("{name} {address}{}", if *tls { " tls" } else { "" });
        }
    }

    /// Waits until a part ends by itself, and how it did; forever where nothing listens.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let ends = self.0.iter_mut().map(|part| &mut part.task);
        let (ended, at, _) = futures::future::select_all(ends).await;
        self.0.swap_remove(at);
        ended?
    }

    /// Waits for the parts that were told to stop; the first fault among them.
    pub(super) async fn finish(self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        for part in self.0 {
            let ended = part.task.await.map_err(anyhow::Error::from);
            outcome = outcome.and(ended.and_then(|ended| ended));
        }
        outcome
    }
}

/// What the two wires of SQL share.
fn engine(settings: &Settings) -> anyhow::Result<Arc<Engine>> {
    let serve = &settings.serve;
    let users = Users::open(&serve.users).map_err(classed)?;
    if users.count() == 0 {
        tracing::warn!(
            file = %serve.users.display(),
            "nobody can log in: there are no users yet, add one with `nonsite user add NAME`"
        );
    }
    let catalogue = nonsite_analytics::detect::Catalogue::load(&settings.detect)
        .map_err(super::detect::classed)?;
    let setup = Setup {
        store: settings.store.path.clone(),
        session: settings.session.clone(),
        config: serve.sql.clone(),
        policies: ratio::policies(settings.ratio.policy.as_deref(), &settings.inspection)?,
        rules: rules(&catalogue)?,
        users,
        reads: Some(review::read_log(settings)),
        clock: Arc::new(SystemClock),
    };
    Engine::start(setup).map_err(classed)
}

/// What answers over HTTP: health and metrics, and every part that has a router; with the queue, when
/// one of them works on it.
async fn routes(
    settings: &Settings,
    registry: Registry,
    tls: bool,
) -> anyhow::Result<(axum::Router, Option<Queue>)> {
    let readiness = nonsite_ingest::http::Readiness::default();
    readiness.set(true);
    let mut routes = nonsite_ingest::http::routes(registry, readiness);
    let mut queue = None;
    if !settings.serve.rest.callers.is_empty() {
        let (api, own) = api(settings, tls).await?;
        routes = routes.merge(api);
        queue = Some(own);
    }
    Ok((routes, queue))
}

/// The REST API of the case work; old answers are forgotten as long as the process lives.
async fn api(settings: &Settings, tls: bool) -> anyhow::Result<(axum::Router, Queue)> {
    let (config, address) = (settings.serve.rest.clone(), &settings.serve.http);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let parts = rest::Parts {
        review: review::queue(settings, Arc::clone(&clock)).await?,
        clock,
        store: settings.store.path.clone(),
        session: settings.session.clone(),
        detect: settings.detect.clone(),
        policies: ratio::policies(settings.ratio.policy.as_deref(), &settings.inspection)?,
        inspection: settings.inspection.clone(),
        // What was handed over is kept and backed up with the evidence it was made of.
        packages: settings.review.evidence_dir.join("packages"),
        records: RecordsTopic::of(settings),
    };
    if let Some(warning) = parts.review.calendar_warning() {
        tracing::warn!("{warning}");
    }
    let routes = rest::router(&config, parts.clone(), address, tls)
        .map_err(|error| Usage(error.to_string()))?;
    let queue = parts.review.clone();
    tokio::spawn(async move { rest::forget_old_answers(&config, &parts).await });
    Ok((routes, queue))
}

/// The topic that takes records of acts.
#[derive(Debug)]
struct RecordsTopic {
    kafka: KafkaSettings,
    topic: String,
}

impl RecordsTopic {
    fn of(settings: &Settings) -> Option<Arc<dyn rest::Records>> {
        let topic = super::inspection::records_topic(settings)?;
        Some(Arc::new(Self {
            kafka: settings.kafka.clone(),
            topic,
        }))
    }
}

impl rest::Records for RecordsTopic {
    fn send<'a>(
        &'a self,
        act_id: &'a str,
        record: Vec<u8>,
    ) -> BoxFuture<'a, Result<String, String>> {
        let (kafka, topic, key) = (self.kafka.clone(), self.topic.clone(), act_id.to_owned());
        let sending = tokio::task::spawn_blocking(move || {
            let mut sink = KafkaSink::connect(&kafka, &topic)?;
            sink.send(&key, &record)?;
            sink.finish()
        });
        async move {
            let sent = sending.await.map_err(|error| error.to_string())?;
            sent.map_err(|error| error.to_string())?;
            Ok(self.topic.clone())
        }
        .boxed()
    }
}

/// Settings and files are for the operator to change; tables and addresses may be there later.
fn classed(error: nonsite_access::Error) -> anyhow::Error {
    use nonsite_access::Error;
    match error {
        Error::Config { .. } | Error::File { .. } | Error::Listen { .. } => {
            Usage(error.to_string()).into()
        }
        Error::Session(_) => Unreachable(error.to_string()).into(),
        Error::Part { .. } => error.into(),
    }
}
