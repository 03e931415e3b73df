//! Measures the commit path: latency and memory over many commits of 12 partitions.
//!
//! `cargo run -p nonsite-ingest --example commits -- [COMMITS] [FOLDER]`
//!
//! Each commit has two files with statistics and twelve offsets, as a busy minute has. Nothing is
//! checkpointed meanwhile: the point is that the writer does not need it.

use std::sync::Arc;
use std::time::Instant;

use deltalake::kernel::Add;
use nonsite_ingest::Store;
use nonsite_ingest::log::{Advance, Append, TableLog};
use nonsite_schemas::tables;
use nonsite_schemas::time::{Clock, SystemClock};

const PARTITIONS: i32 = 12;

/// Resident memory in MiB, from the kernel.
fn resident_mib() -> f64 {
    let pages: f64 = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(f64::NAN);
    pages * 4096.0 / (1 << 20) as f64
}

fn append(round: i64, stats: &str) -> Append {
    let adds = (0..2)
        .map(|file| Add {
            path: format!("date=2026-01-05/part-{file}-{round:08}.zstd.parquet"),
            partition_values: [("date".to_owned(), Some("2026-01-05".to_owned()))].into(),
            size: 1_000_000,
            data_change: true,
            stats: Some(stats.to_owned()),
            ..Add::default()
        })
        .collect();
    let advances = (0..PARTITIONS)
        .map(|partition| Advance {
            app_id: format!("nonsite/nonsite.hj212/{partition}"),
            from: (round > 0).then_some(round * 1_000),
            to: (round + 1) * 1_000,
        })
        .collect();
    Append {
        adds,
        advances,
        operation: "STREAMING UPDATE",
        ..Append::default()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let commits: i64 = args.next().map_or(Ok(10_000), |text| text.parse())?;
    let temporary = tempfile::tempdir()?;
    let folder = args
        .next()
        .map_or_else(|| temporary.path().to_owned(), Into::into);
    let store = Store::open(folder)?;
    let def = tables::readings_raw();
    store.ensure_tables(std::slice::from_ref(&def)).await?;
    let columns: Vec<String> = def
        .schema
        .fields()
        .iter()
        .map(|field| format!("\"{}\":\"2026-01-05T00:00:00.000Z\"", field.name()))
        .collect();
    let columns = columns.join(",");
    let stats = format!(
        "{{\"numRecords\":250000,\"minValues\":{{{columns}}},\"maxValues\":{{{columns}}}}}"
    );
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids = (0..PARTITIONS).map(|partition| format!("nonsite/nonsite.hj212/{partition}"));
    let mut log = TableLog::open(&store, def.name, ids, clock).await?;
    let before = resident_mib();
    let mut all = Vec::new();
    println!(
        "{:>8} {:>8} {:>8} {:>8} {:>9}",
        "commits", "p50 ms", "p99 ms", "max ms", "RSS MiB"
    );
    let mut recent = Vec::new();
    for round in 0..commits {
        let started = Instant::now();
        log.commit(append(round, &stats), &|| true).await?;
        recent.push(started.elapsed().as_secs_f64() * 1e3);
        if (round + 1) % (commits / 10).max(1) == 0 {
            show(round + 1, &mut recent);
            all.append(&mut recent);
        }
    }
    show(commits, &mut all);
    println!("RSS growth {:.1} MiB", resident_mib() - before);
    Ok(())
}

fn show(commits: i64, latencies: &mut [f64]) {
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (latencies.len() as f64 * share) as usize;
        latencies
            .get(place.min(latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    };
    println!(
        "{commits:>8} {:>8.2} {:>8.2} {:>8.2} {:>9.1}",
        at(0.5),
        at(0.99),
        at(1.0),
        resident_mib()
    );
}
