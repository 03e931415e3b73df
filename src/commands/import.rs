//! `nonsite import`: exports of a plant's own system into Kafka (backfill).

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nonsite_ingest::import::{
    self, BadCells, Discard, ImportError, KafkaSink, Mapping, MessageSink, Options, Report,
};

use crate::exit::{Exit, Unreachable, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

/// Import a CSV (plain or gzip) or Parquet export, wide or long, as readings.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The export.
    file: PathBuf,
    /// What its columns mean (TOML); docs/import.md describes it.
    #[arg(short, long, value_name = "FILE")]
    mapping: PathBuf,
    /// Topic that the readings go to.
    #[arg(short, long, default_value = "nonsite.readings")]
    topic: String,
    /// What becomes of cells and rows that are not what the mapping says.
    #[arg(long, value_enum, default_value_t = OnBadCell::Report)]
    on_bad_cell: OnBadCell,
    /// CSV file that gets every bad cell and row (line, column, text, why).
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Mark every reading as a resend.
    #[arg(long)]
    resend: bool,
    /// Read and count, send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnBadCell {
    /// Send the text as it is; ingest keeps or quarantines it.
    Report,
    /// Do not send it (needs --rejects, so that it is somewhere).
    Reject,
    /// Stop before anything is sent.
    Fail,
}

impl From<OnBadCell> for BadCells {
    fn from(choice: OnBadCell) -> Self {
        match choice {
            OnBadCell::Report => Self::Report,
            OnBadCell::Reject => Self::Reject,
            OnBadCell::Fail => Self::Fail,
        }
    }
}

/// Imports; exit code 1 when the file had bad cells or rows.
pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    if args.on_bad_cell == OnBadCell::Reject && args.rejects.is_none() && !args.dry_run {
        return Err(Usage(
            "--on-bad-cell reject needs --rejects FILE, so that what is not sent is kept".into(),
        )
        .into());
    }
    let json = args.json;
    let kafka = settings.kafka.clone();
    let report = tokio::task::spawn_blocking(move || {
        let mapping = Mapping::load(&args.mapping)?;
        let mut sink: Box<dyn MessageSink> = if args.dry_run {
            Box::new(Discard)
        } else {
            Box::new(KafkaSink::connect(&kafka, &args.topic)?)
        };
        let options = Options {
            bad_cells: args.on_bad_cell.into(),
            resend: args.resend,
            rejects: args.rejects,
        };
        let bar = bar();
        let report = import::import(&args.file, &mapping, &options, sink.as_mut(), &mut |done| {
            bar.set_length(done.total);
            bar.set_position(done.done);
        });
        bar.finish_and_clear();
        report
    })
    .await?
    .map_err(fault)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report)?;
    }
    Ok(if report.is_clean() {
        Exit::Done
    } else {
        Exit::Finding
    })
}

fn fault(error: ImportError) -> anyhow::Error {
    if error.is_unreachable() {
        Unreachable(error.to_string()).into()
    } else if error.is_usage() {
        Usage(error.to_string()).into()
    } else {
        error.into()
    }
}

/// A bar over the file's bytes on a terminal, nothing in a pipe.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(
        "{bar:40} {percent:>3}% {bytes_per_sec} {elapsed} (about {eta} left)",
    ) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn print(report: &Report) -> anyhow::Result<()> {
    let mut columns = Listing::new(&[
        "column", "factor", "field", "numbers", "marks", "missing", "bad",
    ]);
    for column in &report.columns {
        columns.row([
            column.column.clone(),
            column.factor.clone(),
            column.statistic.clone(),
            column.numbers.to_string(),
            column.flags.to_string(),
            column.missing.to_string(),
            column.bad.to_string(),
        ]);
    }
    columns.print(Format::Table, &report.columns)?;
    println!(
        "{} rows ({} empty, {} bad), {} instants from {} to {}",
        report.rows,
        report.empty_rows,
        report.bad_rows,
        report.instants,
        report.first.as_deref().unwrap_or("-"),
        report.last.as_deref().unwrap_or("-"),
    );
    println!(
        "{} readings in {} messages; {} cells repeated, {} contradicted an earlier one, {} missing, {} bad",
        report.readings,
        report.messages,
        report.duplicates,
        report.conflicts,
        report.missing,
        report.bad_cells,
    );
    for column in report.unmapped.iter().filter(|column| column.numbers > 0) {
        println!(
            "column `{}` is not mapped: {} cells left out; map it or list it under `ignore`",
            column.column, column.numbers
        );
    }
    for fault in &report.faults {
        println!("{fault}");
    }
    Ok(())
}
