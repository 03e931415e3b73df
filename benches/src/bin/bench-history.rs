//! `bench-history`: a long history of hourly readings through all rules, with the shipped binary.
//!
//! Writes the history as tables, then measures `nonsite detect --once --full` over all of it, a run
//! after one new hour of all outlets, and single rules, which `benches/duckdb_history.py` measures
//! against DuckDB on the same files.

use std::path::PathBuf;

use clap::Parser;
use nonsite_benches::history::{HOUR, History};
use nonsite_benches::process::Ended;
use nonsite_benches::run::Nonsite;
use nonsite_schemas::time::beijing_day_start;
use serde_json::{Value, json};

/// Measures detection over a long history.
#[derive(Debug, Parser)]
struct Args {
    /// Folder of tables and configuration; kept, and used again when it has the history already.
    #[arg(long)]
    dir: PathBuf,
    /// The binary to measure, else the one beside this program.
    #[arg(long)]
    nonsite: Option<PathBuf>,
    /// Outlets, with eight factors each.
    #[arg(long, default_value_t = 60)]
    outlets: usize,
    /// Days.
    #[arg(long, default_value_t = 365)]
    days: i32,
    /// Share of logger-days on which something happens.
    #[arg(long, default_value_t = 0.02)]
    eventful: f64,
    /// Threads of a query.
    #[arg(long, default_value_t = 2)]
    partitions: usize,
    /// Logger-days evaluated at once.
    #[arg(long, default_value_t = 1_000)]
    logger_days: usize,
    /// What is measured: full, hour, or rules (comma separated ids, one run each).
    #[arg(long, default_values_t = ["full".to_owned(), "hour".to_owned(), "E01".to_owned(), "E03".to_owned(), "Q01".to_owned()], value_delimiter = ',')]
    measure: Vec<String>,
    /// Switch the screens off.
    #[arg(long)]
    no_screens: bool,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

/// First day of the history: 2025-01-01.
const FIRST_DAY: i32 = 20_089;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let history = History {
        outlets: args.outlets,
        days: args.days,
        first_day: FIRST_DAY,
        eventful: args.eventful,
    };
    let tables = args.dir.join("tables");
    let kept = args.dir.join(format!(
        "history-{}-{}-{}",
        args.outlets, args.days, args.eventful
    ));
    if !kept.is_file() {
        if tables.exists() {
            anyhow::bail!("{} holds another history", args.dir.display());
        }
        std::fs::create_dir_all(&tables)?;
        let began = std::time::Instant::now();
        history.write(&tables).await?;
        std::fs::write(&kept, "")?;
        eprintln!(
            "{} rows written in {:.1} s",
            history.rows(),
            began.elapsed().as_secs_f64()
        );
    }
    let nonsite = Nonsite::configure(args.nonsite.clone(), &args.dir, "none:9092", "history", "")?;
    let config = std::fs::read_to_string(args.dir.join("nonsite.toml"))?;
    let with = |detect: &str| -> anyhow::Result<()> {
        let text = format!(
            "{config}\n[session]\npartitions = {}\nmemory_mb = 3072\n\n[detect]\nlogger_days = {}\nscreens = {}\n{detect}\n",
            args.partitions, args.logger_days, !args.no_screens
        );
        Ok(std::fs::write(args.dir.join("nonsite.toml"), text)?)
    };
    let listed = nonsite.run(&["rules", "list", "--format", "json"])?;
    let ids: Vec<String> = Nonsite::report(&listed)?
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|rule| {
            rule["id"]
                .as_str()
                .or(rule["rule"].as_str())
                .map(str::to_owned)
        })
        .collect();
    let last = FIRST_DAY + args.days;
    let mut figures = Vec::new();
    for measure in &args.measure {
        let end = beijing_day_start(last) + 20 * 60_000_000;
        let ended = match measure.as_str() {
            "full" => {
                forget(&tables)?;
                with("")?;
                detect(&nonsite, end, true)?
            }
            "hour" => {
                with("")?;
                // The hour before and its run belong to the state of things, not to the figure.
                let at = |hour: i64| beijing_day_start(last) + hour * HOUR + 5 * 60_000_000;
                history.add_hours(&tables, last, 0..9).await?;
                detect(&nonsite, at(9), false)?;
                history.add_hours(&tables, last, 9..10).await?;
                detect(&nonsite, at(10), false)?
            }
            rule => {
                forget(&tables)?;
                let others: Vec<&String> = ids.iter().filter(|id| *id != rule).collect();
                with(&format!("disabled = {others:?}"))?;
                detect(&nonsite, end, true)?
            }
        };
        figures.push(figure(measure, &ended)?);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        figures.iter().for_each(print);
    }
    Ok(())
}

/// Removes what earlier runs wrote, so that every full run starts alike.
fn forget(tables: &std::path::Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(tables)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name != "readings_raw" && !name.starts_with("permit") {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn detect(nonsite: &Nonsite, as_of: i64, full: bool) -> anyhow::Result<Ended> {
    let time = chrono::DateTime::from_timestamp_micros(as_of)
        .map(|time| time.to_rfc3339())
        .unwrap_or_default();
    // There is no broker: alerts stay in the outbox.
    let mut args = vec![
        "detect",
        "--once",
        "--json",
        "--no-alerts",
        "--as-of",
        &time,
    ];
    if full {
        args.push("--full");
    }
    nonsite.run(&args)
}

fn figure(measure: &str, ended: &Ended) -> anyhow::Result<Value> {
    let report = Nonsite::report(ended)?;
    let mut rules: Vec<&Value> = report["rules"].as_array().into_iter().flatten().collect();
    rules.sort_by_key(|rule| std::cmp::Reverse(rule["ms"].as_u64()));
    rules.truncate(10);
    Ok(json!({
        "measure": measure, "seconds": ended.seconds, "cpu_seconds": ended.cpu_seconds,
        "peak_rss_mb": ended.peak_rss_mb, "rows": report["rows"], "logger_days": report["logger_days"],
        "screened_rows": report["screened_rows"], "screens_ms": report["screens_ms"],
        "open": report["open"], "ms": report["ms"], "phases": report["phases"], "slowest": rules,
    }))
}

fn print(figure: &Value) {
    println!(
        "{:5} {:8.2} s ({:.2} s CPU, peak RSS {:.0} MB), {} logger-days, {} rows read by screens in {} ms, {} open",
        figure["measure"].as_str().unwrap_or_default(),
        figure["seconds"].as_f64().unwrap_or_default(),
        figure["cpu_seconds"].as_f64().unwrap_or_default(),
        figure["peak_rss_mb"].as_f64().unwrap_or_default(),
        figure["logger_days"],
        figure["screened_rows"],
        figure["screens_ms"],
        figure["open"],
    );
    println!("      phases {}", figure["phases"]);
    for rule in figure["slowest"].as_array().into_iter().flatten() {
        println!(
            "      {:5} {:7} ms, {} flagged, {} passed, {} logger-days settled",
            rule["rule"].as_str().unwrap_or_default(),
            rule["ms"],
            rule["flagged"],
            rule["passed"],
            rule["settled"]
        );
    }
}
