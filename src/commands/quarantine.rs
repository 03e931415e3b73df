//! `nonsite quarantine`: messages that could not be used.

use std::sync::Arc;

use nonsite_ingest::quarantine::{
    self, Entry, Filter, Quarantine, QuarantineError, Records, RedriveError, RedriveReport, Request,
};
use nonsite_ingest::service::load_stations;
use nonsite_ingest::store::Store;
use nonsite_schemas::time::{Clock, SystemClock};

use crate::exit::{Exit, Unreachable, Usage};
use crate::output::{Format, Listing};
use crate::progress::during;
use crate::settings::Settings;

/// Look at messages that could not be used, and drive them again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List them, oldest first; those that became rows since are left out.
    List {
        /// Only this reason code, e.g. crc_mismatch.
        #[arg(long)]
        reason: Option<String>,
        /// Only this Kafka topic.
        #[arg(long)]
        topic: Option<String>,
        /// Only this data logger.
        #[arg(long)]
        mn: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Also those that became rows since.
        #[arg(long)]
        all: bool,
        /// How to print the list.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Decode them again with the settings of today and add their rows, exactly once.
    Redrive(RedriveArgs),
    /// Show one with its reason, what to do about it, and its bytes.
    Show {
        /// `topic/partition/offset`, with `#part` for a part.
        id: String,
        /// How to print it: table or json.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// Print as JSON; the same as `--format json`.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct RedriveArgs {
    /// Ids as `quarantine list` shows them.
    #[arg(value_name = "ID", required_unless_present_any = ["reason", "mn", "topic", "all"])]
    ids: Vec<String>,
    /// All open ones with this reason code.
    #[arg(long)]
    reason: Option<String>,
    /// All open ones of this data logger.
    #[arg(long)]
    mn: Option<String>,
    /// All open ones of this Kafka topic.
    #[arg(long)]
    topic: Option<String>,
    /// All open ones.
    #[arg(long, conflicts_with_all = ["ids", "reason", "mn", "topic"])]
    all: bool,
    /// What was fixed; kept with the outcome.
    #[arg(long)]
    why: String,
    /// Who runs this; kept with the outcome.
    #[arg(long)]
    by: String,
    /// Decode and count, write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs one of the actions.
pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    if let Action::Show { format, .. } = &args.action {
        format.without_list("quarantine show")?;
    }
    let store = Store::open_existing(&settings.store.path)
        .map_err(|error| Unreachable(error.to_string()))?;
    let quarantine = Quarantine::new(store.clone());
    match args.action {
        Action::Redrive(args) => return redrive(&store, args, settings).await,
        Action::List {
            reason,
            topic,
            mn,
            limit,
            all,
            format,
        } => {
            let filter = Filter {
                reason,
                topic,
                mn,
                with_redriven: all,
                limit: Some(limit),
                ..Filter::default()
            };
            list(&quarantine.list(&filter).await.map_err(fault)?, format)?;
        }
        Action::Show { id, format, json } => {
            let entry = quarantine.show(&id).await.map_err(fault)?;
            if json || format == Format::Json {
                println!("{}", serde_json::to_string_pretty(&shown(&entry))?);
            } else {
                show(&entry);
            }
        }
    }
    Ok(Exit::Done)
}

/// Drives messages again; exit code 1 when some are still bad.
async fn redrive(store: &Store, args: RedriveArgs, settings: &Settings) -> anyhow::Result<Exit> {
    settings
        .ingest
        .validate()
        .map_err(|error| Usage(error.to_string()))?;
    let stations =
        load_stations(&settings.ingest.stations).map_err(|error| Usage(error.to_string()))?;
    let mut records = Records::new(&settings.ingest, stations)?;
    let request = Request {
        filter: Filter {
            ids: args.ids,
            reason: args.reason,
            topic: args.topic,
            mn: args.mn,
            ..Filter::default()
        },
        by: args.by,
        why: args.why,
        dry_run: args.dry_run,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let driving = quarantine::redrive(store, &mut records, &clock, &request);
    let outcome = during("driving again", driving).await;
    let report = outcome.map_err(|error: RedriveError| -> anyhow::Error {
        if error.is_usage() {
            Usage(error.to_string()).into()
        } else {
            Unreachable(error.to_string()).into()
        }
    })?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        tell(&report);
    }
    let clean = report.still_bad == 0 && report.inconsistent.is_empty();
    Ok(if clean { Exit::Done } else { Exit::Finding })
}

/// Outcomes listed one by one; all are in `quarantine_redriven` and in the JSON report.
const LISTED: usize = 20;

fn tell(report: &RedriveReport) {
    let would = if report.dry_run {
        " (dry run: nothing was written)"
    } else {
        ""
    };
    println!(
        "redrive {}: {} became rows, {} still bad{would}",
        report.redrive_id, report.became_rows, report.still_bad
    );
    for (table, rows) in &report.rows {
        println!("  {table}: {rows} rows");
    }
    if report.already_there > 0 {
        println!(
            "  {} rows were there from an interrupted redrive",
            report.already_there
        );
    }
    let bad = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.reason.is_some());
    for outcome in bad.clone().take(LISTED) {
        println!(
            "  {} still {}: {}",
            outcome.quarantine_id,
            outcome.reason.as_deref().unwrap_or_default(),
            outcome.detail.as_deref().unwrap_or_default()
        );
    }
    if let Some(more) = bad.count().checked_sub(LISTED).filter(|more| *more > 0) {
        println!("  and {more} more");
    }
    for id in &report.inconsistent {
        println!(
            "  {id} was redriven in part before and cannot be read now: restore the stations file \
             of that time and redrive it"
        );
    }
}

fn fault(error: QuarantineError) -> anyhow::Error {
    match error {
        QuarantineError::UnknownId { .. } | QuarantineError::UnknownReason { .. } => {
            Usage(error.to_string()).into()
        }
        _ => Unreachable(error.to_string()).into(),
    }
}

/// An instant as people here read it.
fn beijing(micros: i64) -> String {
    let zone = chrono::FixedOffset::east_opt(8 * 3_600);
    let time = chrono::DateTime::from_timestamp_micros(micros);
    match (zone, time) {
        (Some(zone), Some(time)) => time
            .with_timezone(&zone)
            .format("%Y-%m-%d %H:%M:%S%.3f")
            .to_string(),
        _ => micros.to_string(),
    }
}

fn list(entries: &[Entry], format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(&[
        "id",
        "received (Beijing)",
        "mn",
        "reason",
        "detail",
        "bytes",
    ]);
    for entry in entries {
        listing.row([
            entry.quarantine_id.clone(),
            beijing(entry.received_at),
            entry.mn.clone().unwrap_or_default(),
            entry.reason.clone(),
            entry.detail.clone(),
            entry.raw.len().to_string(),
        ]);
    }
    listing.print(format, entries)
}

/// Everything about an entry; the bytes as text and as hex, because JSON has no bytes.
fn shown(entry: &Entry) -> serde_json::Value {
    let mut value = serde_json::to_value(entry).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        let hex: String = entry.raw.iter().map(|byte| format!("{byte:02x}")).collect();
        fields.insert("explanation".into(), entry.explanation().into());
        fields.insert("raw_text".into(), entry.text().into());
        fields.insert("raw_hex".into(), hex.into());
    }
    value
}

fn show(entry: &Entry) {
    println!("id        {}", entry.quarantine_id);
    println!(
        "origin    {}, partition {}, offset {}",
        entry.topic, entry.partition, entry.offset
    );
    println!("received  {} (Beijing)", beijing(entry.received_at));
    println!("mn        {}", entry.mn.as_deref().unwrap_or("-"));
    println!("reason    {}", entry.reason);
    println!("detail    {}", entry.detail);
    println!("to do     {}", entry.explanation());
    if let Some(part) = entry.part {
        println!(
            "part      {part}: {}",
            entry.part_raw.as_deref().unwrap_or("-")
        );
        println!("          (the rest of this message is in its table)");
    }
    println!("\n{}\n\n{}", entry.text().trim_end(), entry.hex());
}
