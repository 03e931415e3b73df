//! `nonsite inspection record`: an act's record is looked at and sent.

use std::path::PathBuf;

use nonsite_analytics::inspection::checklist::Checklists;
use nonsite_analytics::inspection::permit::in_force;
use nonsite_analytics::inspection::times::bytes_with_seconds;
use nonsite_analytics::inspection::{kept, record, stored};
use nonsite_ingest::config::{Content, Format as Written};
use nonsite_ingest::import::{ImportError, KafkaSink, MessageSink};
use nonsite_schemas::time::{Clock, SystemClock};
use nonsite_schemas::wire::inspection;
use serde::Serialize;

use super::{fault, open};
use crate::exit::{Exit, Unreachable, Usage};
use crate::output::Format;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The record: one JSON document (docs/schemas/inspection.json). Its times may be written to the minute,
    /// 2026-03-02 15:20, and 24:00 is the end of a day.
    file: PathBuf,
    /// Topic to send it to [default: the configured one with content `inspections`].
    #[arg(long)]
    topic: Option<String>,
    /// Look only, send nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    act_id: String,
    act_version: i32,
    sent_to: Option<String>,
    #[serde(flatten)]
    verdict: record::Verdict,
}

/// Looks and sends; exit code 1 when the record is wrong and was not sent.
pub(super) async fn run(args: &Args, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    format.without_list("inspection record")?;
    let name = args.file.display();
    let bytes = std::fs::read(&args.file).map_err(|error| Usage(format!("`{name}`: {error}")))?;
    let bytes = bytes_with_seconds(bytes);
    let document = inspection::decode(&bytes)
        .map_err(|refused| Usage(format!("`{name}` is no record of an act: {refused}")))?;
    let act = &document.value;
    let lists = Checklists::load(settings.inspection.checklists.as_deref()).map_err(fault)?;
    let session = open(settings).await?;
    let at = act
        .started_at
        .map_or_else(|| SystemClock.now_micros(), |at| at.0);
    let permit_no = act.unit.permit_no.as_deref().unwrap_or(&act.unit.unit_id);
    let permits = in_force(&session, at, Some(permit_no))
        .await
        .map_err(fault)?;
    let draws = kept::load(&session).await.map_err(fault)?;
    let mut verdict = record::look(&document, &lists, permits.first(), &draws);
    let highest = stored::highest(&session, &act.act_id)
        .await
        .map_err(fault)?;
    let not_newer = stored::not_newer(&act.act_id, act.act_version, highest);
    verdict.wrong.extend(not_newer);
    let sent_to = if args.dry_run || !verdict.wrong.is_empty() {
        None
    } else {
        let topic = topic(args, settings)?;
        let (kafka, key) = (settings.kafka.clone(), act.act_id.clone());
        let named = topic.clone();
        tokio::task::spawn_blocking(move || {
            let mut sink = KafkaSink::connect(&kafka, &named)?;
            sink.send(&key, &bytes)?;
            sink.finish()
        })
        .await?
        .map_err(not_sent)?;
        Some(topic)
    };
    let exit = if verdict.wrong.is_empty() {
        Exit::Done
    } else {
        Exit::Finding
    };
    let shown = Shown {
        act_id: act.act_id.clone(),
        act_version: act.act_version,
        sent_to,
        verdict,
    };
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(exit);
    }
    print(&shown, args.dry_run);
    Ok(exit)
}

fn not_sent(error: ImportError) -> anyhow::Error {
    if error.is_usage() {
        Usage(error.to_string()).into()
    } else {
        Unreachable(error.to_string()).into()
    }
}

fn print(shown: &Shown, dry_run: bool) {
    for wrong in &shown.verdict.wrong {
        println!("wrong: {wrong}");
    }
    for lacks in &shown.verdict.lacks {
        println!("lacks: {lacks}");
    }
    for overruled in &shown.verdict.overruled {
        println!("note: {overruled}");
    }
    let act = format!("{} version {}", shown.act_id, shown.act_version);
    match &shown.sent_to {
        Some(topic) if shown.verdict.lacks.is_empty() => println!("{act} sent to {topic}"),
        Some(topic) => println!(
            "{act} sent to {topic}; an off-site act that lacks this is kept and not counted"
        ),
        None if dry_run => println!("{act} not sent (--dry-run)"),
        None => println!("{act} not sent: put right what is wrong"),
    }
}

fn topic(args: &Args, settings: &Settings) -> anyhow::Result<String> {
    if let Some(topic) = &args.topic {
        return Ok(topic.clone());
    }
    records_topic(settings).ok_or_else(|| {
        Usage(
            "no topic for inspections is configured: add one to [[ingest.topics]] (format json, \
             content inspections) or name it with --topic"
                .to_owned(),
        )
        .into()
    })
}

/// The configured topic that takes records of acts.
pub(crate) fn records_topic(settings: &Settings) -> Option<String> {
    settings
        .ingest
        .topics
        .iter()
        .find(|topic| topic.content == Content::Inspections && topic.format == Written::Json)
        .map(|topic| topic.name.clone())
}
