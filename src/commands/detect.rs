//! `nonsite detect`: rules over what is new, or over everything.

use std::sync::Arc;

use anyhow::Context;
use nonsite_analytics::detect::{Report, Service};
use nonsite_analytics::session::Error;
use nonsite_schemas::time::SystemClock;

use crate::exit::{Exit, Unreachable, Usage};
use crate::output::Listing;
use crate::progress::during;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run once and stop; without it, run every `[detect] interval_s` until interrupted.
    #[arg(long)]
    once: bool,
    /// Judge as if it were this time (RFC 3339, or `YYYY-MM-DD HH:MM` Beijing time); implies --once.
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// Judge everything, not only what is new; implies --once.
    #[arg(long)]
    full: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Leave alerts in the outbox.
    #[arg(long)]
    no_alerts: bool,
}

/// The exit code a failure of the analytics stands for.
pub(crate) fn classed(error: Error) -> anyhow::Error {
    match error {
        Error::Store { .. } | Error::Table { .. } | Error::Kafka { .. } | Error::Gone { .. } => {
            Unreachable(error.to_string()).into()
        }
        Error::Rule { .. } | Error::Config { .. } | Error::Asked { .. } => {
            Usage(error.to_string()).into()
        }
        other => other.into(),
    }
}

/// The detection part as configured.
pub(crate) fn service(settings: &Settings) -> anyhow::Result<Service> {
    Service::new(
        settings.store.path.clone(),
        settings.detect.clone(),
        settings.session.clone(),
        settings.kafka.clone(),
        settings.alerts.clone(),
        Arc::new(SystemClock),
    )
    .map_err(classed)
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    let service = service(settings)?;
    let as_of = args.as_of.as_deref().map(instant).transpose()?;
    if !(args.once || args.full || as_of.is_some()) {
        let shutdown = super::ingest::interrupted();
        service
            .run(shutdown, |report| show(report, args.json))
            .await?;
        return Ok(Exit::Done);
    }
    let report = during("judging", service.once(as_of, args.full))
        .await
        .map_err(classed)?;
    show(&report, args.json);
    if !args.no_alerts {
        during("delivering alerts", service.deliver())
            .await
            .map_err(classed)?;
    }
    Ok(Exit::Done)
}

/// Reads a time given on the command line, microseconds UTC.
pub(crate) fn instant(text: &str) -> anyhow::Result<i64> {
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_micros());
    }
    for form in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = chrono::NaiveDateTime::parse_from_str(text, form) {
            let beijing = chrono::FixedOffset::east_opt(8 * 3_600).context("UTC+8 exists")?;
            let time = time
                .and_local_timezone(beijing)
                .single()
                .context("UTC+8 has no gaps")?;
            return Ok(time.timestamp_micros());
        }
    }
    Err(Usage(format!(
        "`{text}` is no time; write 2025-06-01T08:00:00+08:00, or `2025-06-01 08:00` for Beijing time"
    ))
    .into())
}

fn show(report: &Report, json: bool) {
    if json {
        // A report is plain data: it always becomes JSON.
        println!("{}", serde_json::to_string(report).unwrap_or_default());
        return;
    }
    println!("{}", table(report).table());
    println!(
        "{} new file(s) with {} rows, {} logger-days judged{} at {}; {} opened, {} withdrawn, {} stand; {} alerts; {} ms",
        report.files,
        report.rows,
        report.logger_days,
        if report.full { " (everything)" } else { "" },
        report.as_of,
        report.opened,
        report.withdrawn,
        report.open,
        report.alerts,
        report.ms
    );
    if report.held + report.collapsed > 0 {
        println!(
            "not sent: {} alerts held, {} that repeat what the outlet was told that day",
            report.held, report.collapsed
        );
    }
    for flood in &report.floods {
        println!(
            "held, suspected platform fault: {flood}; decide with `nonsite rules release|discard ID`"
        );
    }
    for problem in &report.problems {
        println!("problem: {problem}");
    }
    if !report.suspended.is_empty() {
        println!(
            "suspended from dispatch (stored, not alerted, not queued): {}; see `nonsite rules precision`",
            report.suspended.join(", ")
        );
    }
}

fn table(report: &Report) -> Listing {
    let mut listing = Listing::new(&[
        "rule",
        "flagged",
        "passed",
        "not evaluated",
        "mostly because",
        "ms",
    ]);
    for rule in &report.rules {
        let skipped: u64 = rule.not_evaluated.values().sum();
        let mostly = rule.not_evaluated.iter().max_by_key(|(_, count)| **count);
        listing.row([
            rule.rule.clone(),
            rule.flagged.to_string(),
            rule.passed.to_string(),
            skipped.to_string(),
            mostly.map(|(why, _)| why.clone()).unwrap_or_default(),
            rule.ms.to_string(),
        ]);
    }
    listing
}
