//! `nonsite ingest`: Kafka to Delta, exactly once.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use nonsite_ingest::{Metrics, Report, Service, ServiceError, Store, http, resume};
use nonsite_schemas::time::{Clock, SystemClock};
use prometheus::Registry;

use crate::exit::{Exit, Unreachable, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

/// Arguments of `nonsite ingest`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// End when everything is committed that was in the topics at the start.
    #[arg(long)]
    until_caught_up: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Go on with a partition whose next records are gone on the broker; the decision is recorded
    /// in the table operator_actions.
    #[arg(
        long,
        value_name = "TOPIC/PARTITION",
        requires = "why",
        requires = "by"
    )]
    resume_after_loss: Option<String>,
    /// Why the loss is accepted.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Who accepts it.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

pub(crate) async fn run(args: &Args, settings: &Settings) -> anyhow::Result<Exit> {
    let store =
        Store::open(&settings.store.path).map_err(|error| Unreachable(error.to_string()))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if let Some(place) = &args.resume_after_loss {
        resume(args, settings, &store, &clock, place).await?;
    }
    let registry = Registry::new();
    let metrics = Metrics::new(&registry)?;
    let service = Service::new(
        settings.ingest.clone(),
        settings.kafka.clone(),
        store,
        clock,
        metrics.clone(),
    )
    .map_err(explain)?;
    let readiness = http::Readiness::default();
    let service = service.with_readiness(readiness.clone());
    let listen = settings.ingest.listen.as_str();
    if !listen.is_empty() {
        let served = http::serve(listen, registry, readiness).await;
        match served {
            Ok(address) => tracing::info!(%address, "metrics"),
            // A run that ends by itself is worth more than its metrics.
            Err(error) if args.until_caught_up => tracing::warn!("{error}"),
            Err(error) => return Err(Usage(error).into()),
        }
    }
    let progress = show_progress(metrics);
    let outcome = if args.until_caught_up {
        service.run_until_caught_up().await
    } else {
        service.run(interrupted()).await
    };
    progress.abort();
    let report = outcome.map_err(explain)?;
    print(&report, args.json)?;
    Ok(if report.stopped.is_empty() {
        Exit::Done
    } else {
        Exit::Finding
    })
}

/// Puts a service's error under the exit code it stands for.
pub(crate) fn explain(error: ServiceError) -> anyhow::Error {
    if error.is_usage() {
        Usage(error.to_string()).into()
    } else if error.is_unreachable() {
        Unreachable(error.to_string()).into()
    } else {
        error.into()
    }
}

async fn resume(
    args: &Args,
    settings: &Settings,
    store: &Store,
    clock: &Arc<dyn Clock>,
    place: &str,
) -> anyhow::Result<()> {
    let parsed = place
        .rsplit_once('/')
        .and_then(|(topic, partition)| Some((topic, partition.parse::<i32>().ok()?)));
    let Some((topic, partition)) = parsed else {
        let fault = format!("--resume-after-loss `{place}`: give TOPIC/PARTITION, e.g. hj212/3");
        return Err(Usage(fault).into());
    };
    let decision = (
        args.by.as_deref().unwrap_or_default(),
        args.why.as_deref().unwrap_or_default(),
    );
    let (config, kafka) = (&settings.ingest, &settings.kafka);
    let accepted = resume::after_loss(config, kafka, store, clock, topic, partition, decision)
        .await
        .map_err(explain)?;
    match accepted {
        Some(loss) => eprintln!(
            "{place}: loss of {} records (offsets {} to {}) recorded as accepted by {}",
            loss.to - loss.from,
            loss.from,
            loss.to - 1,
            loss.by,
        ),
        None => eprintln!("{place}: nothing is gone; nothing was recorded"),
    }
    Ok(())
}

/// Ends with the first SIGINT or SIGTERM.
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// A line with what was committed so far, on a terminal only.
fn show_progress(metrics: Metrics) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style);
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let rows = metrics.rows.with_label_values(&["readings_raw"]).get();
            let memory = metrics.memory.get() >> 20;
            bar.set_message(format!("{rows} readings committed, {memory} MiB in flight"));
            bar.tick();
        }
    })
}

fn print(report: &Report, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(report)?);
        return Ok(());
    }
    let mut listing = Listing::new(&["topic", "partition", "from", "to", "records"]);
    for part in &report.partitions {
        listing.row([
            part.topic.clone(),
            part.partition.to_string(),
            part.from.to_string(),
            part.to.to_string(),
            (part.to - part.from).to_string(),
        ]);
    }
    listing.print(Format::Table, &report.partitions)?;
    for (table, rows) in &report.rows {
        println!("{rows:>12} rows in {table}");
    }
    for loss in &report.stopped {
        println!("{loss}");
    }
    Ok(())
}
