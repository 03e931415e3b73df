//! `bench-commit`: what a commit costs, and whether that grows.
//!
//! Commits like those of ingestion, through the same log: two files with full statistics and the
//! offsets of twelve partitions each, on a local disk with durable writes. The files themselves are
//! not written: the log never looks at them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;
use deltalake::kernel::Add;
use nonsite_benches::process::status_mb;
use nonsite_benches::rows;
use nonsite_benches::spread::Spread;
use nonsite_generator::{Message, Province, Scale};
use nonsite_ingest::log::{Advance, Append, TableLog};
use nonsite_ingest::store::Store;
use nonsite_ingest::write::encode;
use nonsite_schemas::time::ManualClock;
use serde::Serialize;

/// Measures commits to a table's log.
#[derive(Debug, Parser)]
struct Args {
    /// Commits.
    #[arg(long, default_value_t = 10_000)]
    commits: u32,
    /// Partitions whose offsets move in each commit.
    #[arg(long, default_value_t = 12)]
    partitions: u32,
    /// Files added by each commit.
    #[arg(long, default_value_t = 2)]
    adds: u32,
    /// Folder on the disk to measure; a temporary one if left out.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Figures {
    commits: u32,
    partitions: u32,
    adds: u32,
    milliseconds: Spread,
    first_thousand_ms: Spread,
    last_thousand_ms: Spread,
    rss_start_mb: f64,
    rss_end_mb: f64,
    rss_growth_mb: f64,
    log_mb: f64,
}

/// Commits before the resident set is looked at for the first time: pools and buffers are warm.
const WARM: u32 = 50;

async fn measure(args: &Args) -> anyhow::Result<Figures> {
    let temporary = tempfile::tempdir()?;
    let dir = args
        .dir
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());
    let store = Store::open(&dir)?;
    let table = rows::table();
    store.ensure_tables(std::slice::from_ref(&table)).await?;
    let clock = Arc::new(ManualClock::at(1_780_000_000_000_000));
    let app_ids: Vec<String> = (0..args.partitions)
        .map(|partition| format!("bench/hj212/{partition}"))
        .collect();
    let mut log = TableLog::open(&store, table.name, app_ids.iter().cloned(), clock).await?;
    let template = template()?;

    let mut took = Vec::with_capacity(args.commits as usize);
    let pid = std::process::id();
    let mut rss_start_mb = 0.0;
    for commit in 0..args.commits {
        let append = append(&template, args, &app_ids, &log, commit);
        let began = Instant::now();
        log.commit(append, &|| true).await?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
        if commit == WARM.min(args.commits - 1) {
            rss_start_mb = status_mb(pid, "VmRSS")?;
        }
    }
    let rss_end_mb = status_mb(pid, "VmRSS")?;
    let log_dir = dir.join(table.name).join("_delta_log");
    let bytes = nonsite_benches::process::bytes_below(&log_dir, &|_| true)?;
    let edge = took.len().min(1_000);
    Ok(Figures {
        commits: args.commits,
        partitions: args.partitions,
        adds: args.adds,
        first_thousand_ms: Spread::of(took[..edge].to_vec()),
        last_thousand_ms: Spread::of(took[took.len() - edge..].to_vec()),
        milliseconds: Spread::of(took),
        rss_start_mb,
        rss_end_mb,
        rss_growth_mb: rss_end_mb - rss_start_mb,
        log_mb: bytes as f64 / 1e6,
    })
}

/// An action as ingestion makes it, with statistics of real rows.
fn template() -> anyhow::Result<Add> {
    let scale = Scale {
        points: 50,
        days: 1,
        ..Scale::default()
    };
    let messages: Vec<Message> = Province::new(scale)?.take(2_000).collect();
    let batch = rows::batch(&messages)?;
    let files = encode(&rows::table(), &batch, "bench", 0)?;
    let file = files
        .into_iter()
        .next()
        .context("the generator made no rows")?;
    Ok(file.add)
}

fn append(template: &Add, args: &Args, app_ids: &[String], log: &TableLog, commit: u32) -> Append {
    let adds = (0..args.adds)
        .map(|at| Add {
            path: format!("date=2026-06-01/part-{at:05}-{commit:08}.zstd.parquet"),
            ..template.clone()
        })
        .collect();
    let advances = app_ids
        .iter()
        .map(|app_id| {
            let from = log.txn(app_id);
            Advance {
                app_id: app_id.clone(),
                from,
                to: from.unwrap_or(0) + 1_000,
            }
        })
        .collect();
    Append {
        adds,
        advances,
        operation: "STREAMING UPDATE",
        info: serde_json::Map::new(),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    anyhow::ensure!(args.commits > 0, "--commits must be at least 1");
    let figures = measure(&args).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        let Spread { p50, p90, p99, max } = figures.milliseconds;
        println!(
            "{} commits: p50 {p50:.2} ms, p90 {p90:.2}, p99 {p99:.2}, max {max:.2}",
            figures.commits
        );
        println!(
            "p50 of the first thousand {:.2} ms, of the last {:.2}; RSS {:.1} to {:.1} MB; log {:.1} MB",
            figures.first_thousand_ms.p50,
            figures.last_thousand_ms.p50,
            figures.rss_start_mb,
            figures.rss_end_mb,
            figures.log_mb
        );
    }
    Ok(())
}
