//! `nonsite maintain`: compaction, checkpoints, vacuum and log cleanup.

use std::sync::Arc;

use nonsite_ingest::maintain::{Maintainer, TableReport};
use nonsite_ingest::store::Store;
use nonsite_schemas::tables;
use nonsite_schemas::time::SystemClock;

use crate::exit::{Exit, Unreachable, Usage};
use crate::output::{Format, Listing};
use crate::progress::during;
use crate::settings::Settings;

/// Keep the tables small to open and cheap to read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One pass, then exit; otherwise a pass every `[maintain] interval_s` until interrupted.
    #[arg(long)]
    once: bool,
    /// Say what would be merged and deleted, change nothing (implies --once).
    #[arg(long)]
    dry_run: bool,
    /// Only this table (may be given several times).
    #[arg(long, value_name = "NAME")]
    table: Vec<String>,
    /// How to print the report of a single pass.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Maintains; exit code 1 when a table could not be finished.
pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    settings.maintain.validate().map_err(Usage)?;
    let known: Vec<&str> = tables::all().into_iter().map(|table| table.name).collect();
    if let Some(unknown) = args
        .table
        .iter()
        .find(|name| !known.contains(&name.as_str()))
    {
        return Err(Usage(format!(
            "there is no table `{unknown}`; the tables are: {}",
            known.join(", ")
        ))
        .into());
    }
    // A single pass needs tables; the service may be started before whoever creates them.
    let store = if args.once || args.dry_run {
        Store::open_existing(&settings.store.path)
    } else {
        Store::open(&settings.store.path)
    };
    let store = store.map_err(|error| Unreachable(error.to_string()))?;
    let maintainer = Maintainer::new(store, settings.maintain.clone(), Arc::new(SystemClock));
    if !args.once && !args.dry_run {
        if !args.table.is_empty() {
            return Err(
                Usage("--table needs --once: the service looks after all tables".into()).into(),
            );
        }
        maintainer.run(super::ingest::interrupted()).await;
        return Ok(Exit::Done);
    }
    let chosen: Vec<&str> = known
        .into_iter()
        .filter(|name| args.table.is_empty() || args.table.iter().any(|table| table == name))
        .collect();
    let reports = during("tidying", maintainer.run_once(&chosen, args.dry_run)).await;
    print(&reports, args.format)?;
    let failed = reports.iter().filter_map(|report| report.error.as_ref());
    let mut exit = Exit::Done;
    for error in failed {
        eprintln!("nonsite: {error}");
        exit = Exit::Finding;
    }
    Ok(exit)
}

fn print(reports: &[TableReport], format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(&[
        "table",
        "versions",
        "files",
        "bytes",
        "merged",
        "rewritten",
        "checkpoint",
        "deleted",
        "log deleted",
    ]);
    for report in reports {
        listing.row([
            report.table.clone(),
            format!("{} -> {}", report.version_before, report.version_after),
            format!("{} -> {}", report.files_before, report.files_after),
            format!("{} -> {}", report.bytes_before, report.bytes_after),
            report.files_merged.to_string(),
            report.bytes_rewritten.to_string(),
            report
                .checkpoint
                .map_or_else(String::new, |version| version.to_string()),
            report.files_deleted.to_string(),
            report.log_files_deleted.to_string(),
        ]);
    }
    listing.print(format, reports)
}
