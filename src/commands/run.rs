//! `nonsite run`: ingestion, detection, the review queue's clock, the servers and maintenance in one
//! process.
//!
//! For one machine. The parts are the same that run as processes of their own (`nonsite ingest`,
//! `detect`, `serve`, `maintain`); they meet only in the tables and the queue. One part that cannot
//! go on ends the others in good order and the process with that part's error, so that whoever
//! supervises it sees a fault instead of half a pipeline.

use std::sync::Arc;
use std::time::Duration;

use nonsite_analytics::detect::dispatch;
use nonsite_analytics::review::{self, load_findings};
use nonsite_ingest::maintain::Maintainer;
use nonsite_ingest::{Metrics, Service, Store, http};
use nonsite_schemas::time::{Clock, SystemClock};
use prometheus::Registry;
use tokio::sync::watch;

use super::serve::Serving;
use super::{detect, ingest};
use crate::exit::{Exit, Unreachable, Usage};
use crate::settings::Settings;

/// Arguments of `nonsite run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave maintenance to another process.
    #[arg(long)]
    no_maintain: bool,
}

pub(crate) async fn run(args: &Args, settings: &Settings) -> anyhow::Result<Exit> {
    settings.maintain.validate().map_err(Usage)?;
    let store =
        Store::open(&settings.store.path).map_err(|error| Unreachable(error.to_string()))?;
    let registry = Registry::new();
    let readiness = http::Readiness::default();
    let metrics = Metrics::new(&registry)?;
    let service = Service::new(
        settings.ingest.clone(),
        settings.kafka.clone(),
        store.clone(),
        Arc::new(SystemClock),
        metrics.clone(),
    )
    .map_err(ingest::explain)?
    .with_readiness(readiness.clone());
    let (stop, stopped) = watch::channel(false);
    // Before anything is read: an address that is taken must not end a pipeline at work.
    let mut serving = Serving::start(settings, registry.clone(), &stopped, false).await?;
    if !settings.ingest.listen.is_empty() {
        let address = http::serve(&settings.ingest.listen, registry, readiness)
            .await
            .map_err(Usage)?;
        tracing::info!(%address, "metrics");
    }
    serving.announce();

    let queue = super::review::queue(settings, Arc::new(SystemClock)).await?;
    let ingesting = service.run(ended(stopped.clone()));
    let ingesting = tokio::spawn(async move { ingesting.await.map_err(ingest::explain).map(drop) });
    let judging = tokio::spawn(judge(settings.clone(), queue.clone(), stopped.clone()));
    // Deadlines pass whether or not anything can be judged.
    let ticking = tokio::spawn(super::review::tick(queue, ended(stopped.clone())));
    let mut parts = vec![ingesting, judging, ticking];
    let maintaining = (!args.no_maintain).then(|| {
        let maintainer = Maintainer::new(store, settings.maintain.clone(), Arc::new(SystemClock))
            .with_metrics(metrics);
        tokio::spawn(async move { maintainer.run(ended(stopped)).await })
    });
    // Whichever part ends first ends the others; its own end is not waited for twice.
    let (mut first, mut outcome) = (None, Ok(()));
    tokio::select! {
        () = ingest::interrupted() => {}
        (ended, at, _) = futures::future::select_all(parts.iter_mut()) => first = Some((ended, at)),
        ended = serving.ended() => outcome = ended,
    }
    let _ = stop.send(true);
    if let Some((ended, at)) = first {
        drop(parts.swap_remove(at));
        outcome = ended?;
    }
    for part in parts {
        // The part that ended first says why.
        outcome = outcome.and(part.await?);
    }
    outcome = outcome.and(serving.finish().await);
    if let Some(maintaining) = maintaining {
        maintaining.await?;
    }
    outcome.map(|()| Exit::Done)
}

/// Ends when the process is to end.
async fn ended(mut stopped: watch::Receiver<bool>) {
    // A dropped sender means the process is ending, too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Rules over what is new, alerts out, findings into the queue, deadlines applied; again and again.
/// (Deadlines are applied beside it as well, by a clock of their own.)
///
/// What cannot be reached now may be there in the next round, so a round that fails is logged and
/// repeated; a wrong setting ends the loop.
async fn judge(
    settings: Settings,
    queue: review::Service,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let interval = Duration::from_secs(settings.detect.interval_s);
    let detection = detect::service(&settings)?;
    if let Some(warning) = queue.calendar_warning() {
        tracing::warn!("{warning}");
    }
    let mut stop = std::pin::pin!(ended(stopped));
    loop {
        if let Err(error) = round(&settings, &detection, &queue).await {
            if error.downcast_ref::<Usage>().is_some() {
                return Err(error);
            }
            tracing::warn!(error = %format!("{error:#}"), "this round of detection failed; the next one repeats it");
        }
        tokio::select! {
            () = &mut stop => return Ok(()),
            () = tokio::time::sleep(interval) => {}
        }
    }
}

async fn round(
    settings: &Settings,
    detection: &nonsite_analytics::detect::Service,
    queue: &review::Service,
) -> anyhow::Result<()> {
    let report = detection.once(None, false).await.map_err(detect::classed)?;
    let session = nonsite_analytics::session::open(&settings.store.path, &settings.session).await?;
    let suspended = report.suspended.iter().cloned().collect();
    let told = dispatch(&session, SystemClock.now_micros()).await?;
    let taken = queue
        .take_with(&load_findings(session.ctx()).await?, &suspended, &told)
        .await?;
    // Findings before deadlines: a relapse goes before the end of the look-back it lies in.
    let fired = queue.tick().await?;
    let verdicts = super::anomaly::feedback::from_review(settings, queue).await?;
    queue.mirror(&settings.store.path).await?;
    let acts = super::review::deliver(settings, queue).await?;
    // The next detection sees them.
    let marks = super::review::deliver_marks(settings, queue).await?;
    let delivered = detection.deliver().await.map_err(detect::classed)?;
    tracing::info!(
        logger_days = report.logger_days,
        opened = report.opened,
        withdrawn = report.withdrawn,
        clues = taken.triage,
        held = taken.held,
        raised = taken.raised,
        floods = report.floods.len(),
        verdicts,
        acts,
        marks,
        deadlines = fired.len(),
        alerts = delivered,
        ms = report.ms,
        "detection"
    );
    Ok(())
}
