//! `nonsite stats`: how the work is doing, each figure down to its rows.

use std::sync::Arc;

use nonsite_analytics::ratio::{Period, parse_as_of};
use nonsite_analytics::review::{Figure, Service, beijing_text};
use nonsite_schemas::time::{Clock, SystemClock};

use super::review;
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

/// Microseconds per hour.
const HOUR: f64 = 3.6e9;

/// Targets of the case work, counted from the audit chain.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Calendar year [default: the running one].
    #[arg(long)]
    year: Option<i32>,
    /// How it stood then: a Beijing day (its end), a Beijing time, or an instant [default: now].
    #[arg(long, value_name = "T")]
    as_of: Option<String>,
    /// Break the figures down by body in charge.
    #[arg(long)]
    by_org: bool,
    /// List the decisions a target counts instead.
    #[arg(long, value_name = "TARGET", conflicts_with = "by_org")]
    rows: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) async fn run(args: &Args, settings: &Settings) -> anyhow::Result<Exit> {
    let usage = |error: nonsite_analytics::ratio::PeriodError| Usage(error.to_string());
    let as_of = match &args.as_of {
        Some(text) => parse_as_of(text).map_err(usage)?,
        None => SystemClock.now_micros(),
    };
    let period = match args.year {
        Some(year) => Period::year(year).map_err(usage)?,
        None => Period::containing(nonsite_analytics::ratio::PeriodKind::YearToDate, as_of),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let service: Service = review::open(&settings.review, clock).await?;
    let figures = service.stats(&period, as_of).await?;
    if let Some(code) = &args.rows {
        let figure = figures.iter().find(|figure| figure.code == code);
        let figure = figure.ok_or_else(|| {
            let codes: Vec<&str> = figures.iter().map(|figure| figure.code).collect();
            Usage(format!(
                "`{code}` is no target; there are: {}",
                codes.join(", ")
            ))
        })?;
        rows(figure, args.format)?;
        return Ok(Exit::Done);
    }
    if args.format == Format::Table {
        println!(
            "{period}, decisions up to {} (Beijing)",
            beijing_text(as_of)
        );
    }
    print(&figures, args.by_org, args.format)?;
    Ok(Exit::Done)
}

fn print(figures: &[Figure], by_org: bool, format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(&[
        "target",
        "中文",
        "body",
        "hits",
        "of",
        "percent",
        "undecided",
        "median h",
        "counts",
    ]);
    for figure in figures {
        listing.row([
            figure.code.to_owned(),
            figure.zh.to_owned(),
            "all".to_owned(),
            figure.rate.hits.to_string(),
            figure.rate.of.to_string(),
            figure.percent.clone().unwrap_or_default(),
            figure.undecided.to_string(),
            figure
                .median_hours
                .map(|hours| format!("{hours:.1}"))
                .unwrap_or_default(),
            figure.text.to_owned(),
        ]);
        for (org, rate) in figure.by_org.iter().filter(|_| by_org) {
            listing.row([
                figure.code.to_owned(),
                figure.zh.to_owned(),
                org.clone(),
                rate.hits.to_string(),
                rate.of.to_string(),
                rate.percent().unwrap_or_default(),
                String::new(),
                String::new(),
                String::new(),
            ]);
        }
    }
    listing.print(format, figures)
}

fn rows(figure: &Figure, format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(&["row", "case", "body", "at", "step", "by", "hit", "took h"]);
    for row in &figure.rows {
        listing.row([
            row.seq.to_string(),
            row.case_id.clone(),
            row.org_code.clone().unwrap_or_default(),
            beijing_text(row.at),
            row.action.clone(),
            row.by.clone(),
            row.hit.to_string(),
            row.took
                .map(|took| format!("{:.1}", took as f64 / HOUR))
                .unwrap_or_default(),
        ]);
    }
    listing.print(format, &figure.rows)
}
