//! `nonsite rules events`: a plant's export in, the windows that rules flag out.

use std::path::PathBuf;

use anyhow::Context as _;
use nonsite_analytics::detect::Catalogue;
use nonsite_analytics::detect::plant::{Count, Event, Sheets, Workbench};
use nonsite_ingest::config::{Content, Format as TopicFormat, Topic};
use nonsite_ingest::decode::RecordDecoder;
use nonsite_ingest::import::{self, ImportError, Mapping, MessageSink, Options};
use nonsite_schemas::hj212::Stations;
use nonsite_schemas::wire::Origin;
use tokio::runtime::Handle;

use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::progress::during;
use crate::settings::Settings;

/// Rules about furnaces and their process values.
const PROCESS_RULES: &str = "E07,E07H,E08,W07";

/// Time of arrival of the first message, microseconds UTC (2200-01-01): readings from after their own
/// arrival are refused, and an export has no arrival. Later rows arrive later, nothing else depends
/// on it.
const ARRIVED: i64 = 7_258_118_400_000_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// CSV (also gzip-compressed) or Parquet export.
    file: PathBuf,
    /// What its columns mean, as for `nonsite import`.
    #[arg(short, long)]
    mapping: PathBuf,
    /// The plant's sheet: signals and thresholds; may be given several times.
    #[arg(short, long)]
    sheet: Vec<PathBuf>,
    /// Rules to run, comma-separated.
    #[arg(long, default_value = PROCESS_RULES, value_delimiter = ',')]
    rules: Vec<String>,
    /// How to print them.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Exit code 1 when cells or rows of the file could not be used.
pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    let usage = |error: nonsite_analytics::session::Error| Usage(error.to_string());
    let catalogue = Catalogue::load(&settings.detect).map_err(usage)?;
    let catalogue = if args.sheet.is_empty() {
        catalogue
    } else {
        catalogue.with_sheets(Sheets::files(&args.sheet).map_err(usage)?)
    };
    let folder = tempfile::tempdir().context("a working folder")?;
    let mapping = Mapping::load(&args.mapping).map_err(|error| Usage(error.to_string()))?;
    let bench = Workbench::new(folder.path(), &catalogue);
    let file = args.file.clone();
    let handle = Handle::current();
    let split_timeout_s = settings.ingest.split_timeout_s;
    let reading = tokio::task::spawn_blocking(move || {
        let mut sink = Rows::new(bench, handle, split_timeout_s)?;
        let report = import::import(&file, &mapping, &Options::default(), &mut sink, &mut |_| {})
            .map_err(|error| {
            if error.is_usage() {
                Usage(error.to_string()).into()
            } else {
                anyhow::Error::from(error)
            }
        })?;
        if let Some(fault) = sink.fault {
            return Err(fault);
        }
        Ok::<_, anyhow::Error>((report, sink.bench, sink.refused))
    });
    let (report, bench, refused) = during("reading the export", reading).await??;
    for (mn, factor) in bench.absent() {
        eprintln!(
            "the sheet names `{factor}` of logger `{mn}`, the export has no value of it: what rests on it is not judged"
        );
    }
    let judging = bench.events(&settings.session, &catalogue, &args.rules);
    let (events, counts) = during("judging", judging)
        .await
        .map_err(|error| Usage(error.to_string()))?;
    print(&events, args.format)?;
    for Count {
        rule,
        flagged,
        passed,
        not_evaluated,
    } in &counts
    {
        if flagged + passed == 0 && not_evaluated.is_empty() {
            eprintln!("{rule}: not evaluated, the export has nothing that it judges");
            continue;
        }
        let why: Vec<String> = not_evaluated
            .iter()
            .map(|(why, count)| format!("{why} {count}"))
            .collect();
        eprintln!(
            "{rule}: {flagged} flagged, {passed} passed, not evaluated: {}",
            if why.is_empty() {
                "none".to_owned()
            } else {
                why.join(", ")
            }
        );
    }
    if refused > 0 {
        eprintln!(
            "{refused} readings could not be used; `nonsite import` keeps such in quarantine"
        );
    }
    Ok(if report.is_clean() && refused == 0 {
        Exit::Done
    } else {
        Exit::Finding
    })
}

fn print(events: &[Event], format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(&[
        "time", "unit", "event", "kind", "rule", "mn", "factor", "end", "observed", "limit",
        "severity", "exempt",
    ]);
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    for event in events {
        listing.row([
            event.time.clone(),
            event.unit.clone(),
            event.event.clone(),
            event.kind.clone(),
            event.rule.clone(),
            event.mn.clone(),
            event.factor.clone(),
            event.end.clone(),
            number(event.observed),
            number(event.limit),
            event.severity.clone(),
            event.exempt.clone(),
        ]);
    }
    listing.print(format, events)?;
    Ok(())
}

/// Decodes the messages of an import as ingest does and hands the rows on.
struct Rows {
    bench: Workbench,
    decoder: RecordDecoder,
    topic: Topic,
    handle: Handle,
    offset: i64,
    refused: usize,
    fault: Option<anyhow::Error>,
}

impl Rows {
    fn new(bench: Workbench, handle: Handle, split_timeout_s: u64) -> anyhow::Result<Self> {
        Ok(Self {
            bench,
            decoder: RecordDecoder::new(std::sync::Arc::new(Stations::default()), split_timeout_s)?,
            topic: Topic {
                name: "export".to_owned(),
                format: TopicFormat::Json,
                content: Content::Readings,
            },
            handle,
            offset: 0,
            refused: 0,
            fault: None,
        })
    }

    fn take(&mut self, message: &[u8]) -> anyhow::Result<()> {
        let origin = Origin {
            topic: "export",
            partition: 0,
            offset: self.offset,
            received_at: ARRIVED + self.offset,
        };
        self.offset += 1;
        match self.decoder.decode(&self.topic, message, origin) {
            Ok(tables) => {
                for (table, rows) in tables {
                    match table {
                        "readings_raw" => self.handle.block_on(self.bench.add(&rows))?,
                        "quarantine" => self.refused += rows.num_rows(),
                        _ => {}
                    }
                }
            }
            Err(rejected) => {
                tracing::warn!(%rejected, "a message of the export");
                self.refused += 1;
            }
        }
        Ok(())
    }
}

impl MessageSink for Rows {
    fn send(&mut self, _key: &str, message: &[u8]) -> Result<(), ImportError> {
        // A fault of the working folder is no fault of the file: it is kept and told at the end.
        if self.fault.is_none()
            && let Err(error) = self.take(message)
        {
            self.fault = Some(error);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ImportError> {
        Ok(())
    }
}
