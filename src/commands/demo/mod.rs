//! `nonsite demo`: the whole pipeline on one machine, on a generated province with known faults.
//!
//! A province is generated and sent to a broker, ingested into Delta tables, judged by the rules
//! while it is still arriving, and ends in the review queue and the ratio. The only thing that is
//! not real is the input; even the broker speaks the protocol. The time of the demo is the
//! province's own: rules are told the arrival time of the last message, never the wall clock.

mod broker;
mod feed;
mod live;
mod settings;
mod settle;
mod summary;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use nonsite_generator::Scale;
use nonsite_generator::message::Topics;
use nonsite_ingest::{Metrics, Service, Store};
use nonsite_schemas::time::{Clock, SystemClock};
use prometheus::Registry;

use self::broker::{Broker, HoldBack, PARTITIONS};
use crate::exit::{Exit, Unreachable, Usage};
use crate::settings::Settings;

/// File that marks a folder as made by the demo, so that it may be emptied by the next one.
const MARKER: &str = ".nonsite-demo";

/// Arguments of `nonsite demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Beijing days of data.
    #[arg(long, default_value_t = 3, value_name = "N")]
    days: u32,
    /// Monitoring points (data loggers).
    #[arg(long, default_value_t = 40, value_name = "N")]
    points: usize,
    /// Seed of the province: the same seed gives the same bytes.
    #[arg(long, default_value_t = 42, value_name = "S")]
    seed: u64,
    /// Folder for tables, queue and truth; emptied first if an earlier demo made it.
    #[arg(long, default_value = "data/demo", value_name = "D")]
    data_dir: PathBuf,
    /// Use this Kafka instead of the broker inside the program.
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// End when everything is settled instead of staying up.
    #[arg(long)]
    exit: bool,
    /// Print nothing but the summary, as JSON; implies --exit.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &Args, settings: &Settings) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let say = Say { quiet: args.json };
    prepare(&args.data_dir)?;
    let prefix = match &args.brokers {
        // A shared broker keeps what earlier demos sent; this one uses topics of its own.
        Some(_) => format!("nonsite-demo-{}", SystemClock.now_micros() / 1_000_000),
        None => "nonsite".to_owned(),
    };
    let (names, alerts) = (
        Topics::with_prefix(&prefix),
        settings::alerts_topic(&prefix),
    );
    let topics = feed::topics(&names, PARTITIONS);
    let with_alerts = [&topics[..], &[(alerts.as_str(), 1)]].concat();
    let broker = Broker::start(args.brokers.as_deref(), &with_alerts)?;
    let settings = settings::demo(settings, args, &broker, &names, &prefix);
    settings::write(&args.data_dir, &settings)?;

    let scale = Scale {
        seed: args.seed,
        points: args.points,
        days: args.days,
        ..Scale::default()
    };
    let period = scale_period(&scale)?;
    say.line(&format!(
        "nonsite demo: {} points, {} days from {}, seed {}; broker {} ({})",
        args.points,
        args.days,
        summary::beijing_day_text(period.0),
        args.seed,
        broker.address(),
        if broker.is_embedded() {
            "inside this program"
        } else {
            "external"
        },
    ));

    let stop = Arc::new(AtomicBool::new(false));
    let hold_back = HoldBack::default();
    feed::watch_progress(
        &settings.kafka,
        &settings.ingest.group,
        &topics,
        hold_back.clone(),
        Arc::clone(&stop),
    )?;
    // Topics must exist before the group asks for them.
    if !broker.is_embedded() {
        let (kafka, names) = (settings.kafka.clone(), names.clone());
        // It waits for the broker with a runtime of its own, which this thread must not nest.
        tokio::task::spawn_blocking(move || {
            nonsite_generator::produce::create_topics(&kafka, &names, PARTITIONS)
        })
        .await?
        .map_err(|error| Unreachable(error.to_string()))?;
    }
    let store =
        Store::open(&settings.store.path).map_err(|error| Unreachable(error.to_string()))?;
    store.ensure_tables(&nonsite_schemas::tables::all()).await?;
    let metrics = Metrics::new(&Registry::new())?;
    let service = Service::new(
        settings.ingest.clone(),
        settings.kafka.clone(),
        store,
        Arc::new(SystemClock),
        metrics.clone(),
    )?;
    let (end_ingest, ingest_ended) = tokio::sync::oneshot::channel::<()>();
    let ingest = tokio::spawn(service.run(async move {
        // A dropped sender means the demo failed; ingestion ends either way.
        let _ = ingest_ended.await;
    }));
    let (fed, feeding) = feed::start(
        scale,
        &settings.kafka,
        &names,
        broker.is_embedded().then(|| hold_back.clone()),
        &args.data_dir.join("truth"),
    )?;

    let watched = live::Watch {
        settings: &settings,
        fed: &fed,
        metrics: &metrics,
        tables: &hold_back,
        began,
        say,
        show_bar: std::io::stderr().is_terminal() && !args.json,
    };
    let first_anomaly = watched.until_ingested(&ingest).await?;
    stop.store(true, Ordering::Relaxed);
    let generated = tokio::task::spawn_blocking(move || feeding.join())
        .await?
        .map_err(|_| anyhow::anyhow!("the demo's input thread failed; this is a fault"))??;
    let _ = end_ingest.send(());
    let ingested = ingest.await??;

    let settled = settle::settle(&settings, period.1).await?;
    let summary = summary::Summary::new(
        began.elapsed(),
        first_anomaly,
        &ingested,
        &generated,
        settled,
    );
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        println!("{}", summary.text(&args.data_dir));
    }
    if !args.exit && !args.json {
        eprintln!(
            "Tables and queue stay in `{}`. Ctrl-C ends the demo.",
            args.data_dir.display()
        );
        tokio::signal::ctrl_c()
            .await
            .context("waiting for Ctrl-C")?;
    }
    Ok(Exit::Done)
}

/// Prints progress lines, unless the output is for a program.
#[derive(Debug, Clone, Copy)]
struct Say {
    quiet: bool,
}

impl Say {
    fn line(self, text: &str) {
        if !self.quiet {
            println!("{text}");
        }
    }
}

/// First instant and end of the generated data, microseconds UTC.
fn scale_period(scale: &Scale) -> anyhow::Result<(i64, i64)> {
    let province = nonsite_generator::Province::new(scale.clone())
        .map_err(|error| Usage(format!("demo: {error}")))?;
    Ok(province.period())
}

/// Empties the folder of an earlier demo; refuses a folder that is anything else.
fn prepare(dir: &Path) -> anyhow::Result<()> {
    let marker = dir.join(MARKER);
    let shown = dir.display();
    if dir.exists() && !marker.is_file() {
        let empty = std::fs::read_dir(dir)
            .with_context(|| format!("`{shown}` cannot be read"))?
            .next()
            .is_none();
        if !empty {
            return Err(Usage(format!(
                "`{shown}` holds something that no demo made; name an empty folder with --data-dir"
            ))
            .into());
        }
    }
    if marker.is_file() {
        std::fs::remove_dir_all(dir).with_context(|| format!("`{shown}` cannot be emptied"))?;
    }
    std::fs::create_dir_all(dir).with_context(|| format!("`{shown}` cannot be created"))?;
    std::fs::write(
        &marker,
        "made by `nonsite demo`; the next demo empties this folder\n",
    )
    .with_context(|| format!("`{shown}` cannot be written"))
}
