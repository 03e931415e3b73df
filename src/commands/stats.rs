//! `nonsite stats`: the targets beside the ratio, each figure down to its rows.
//!
//! Targets of the case work are counted from the queue's audit chain, the others from the tables.

use std::sync::Arc;

use nonsite_analytics::inspection::EmissionBasis;
use nonsite_analytics::ratio::{Period, parse_as_of};
use nonsite_analytics::review::{Figure, Service, beijing_text};
use nonsite_analytics::session;
use nonsite_analytics::targets::{Asked, Target, targets};
use nonsite_schemas::time::{Clock, SystemClock};
use serde::Serialize;

use super::inspection::fault;
use super::{ratio, review};
use crate::commands::detect::classed;
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

/// Microseconds per hour.
const HOUR: f64 = 3.6e9;

/// Targets beside the ratio: case work, checklists, audits of bodies, the chain of rectification.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Calendar year [default: the running one].
    #[arg(long)]
    year: Option<i32>,
    /// How it stood then: a Beijing day (its end), a Beijing time, or an instant [default: now].
    #[arg(long, value_name = "T")]
    as_of: Option<String>,
    /// Break the figures of the case work down by body in charge.
    #[arg(long)]
    by_org: bool,
    /// What the emissions of an industry are [default: `[inspection] emission_basis`, else permit].
    #[arg(long, value_enum)]
    emission_basis: Option<Basis>,
    /// List what a target counts instead, one by one.
    #[arg(long, value_name = "TARGET", conflicts_with = "by_org")]
    rows: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Basis {
    /// Permitted annual masses.
    Permit,
    /// Masses in execution reports.
    Report,
    /// Statistics of the targets file.
    Statistics,
}

impl From<Basis> for EmissionBasis {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::Permit => Self::Permit,
            Basis::Report => Self::Report,
            Basis::Statistics => Self::Statistics,
        }
    }
}

/// A figure of either kind, as `--format json` shows it.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'f> {
    Work(&'f Figure),
    Target(&'f Target),
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
    if let Some(figure) = figures
        .iter()
        .find(|figure| args.rows.as_deref() == Some(figure.code))
    {
        rows(figure, args.format)?;
        return Ok(Exit::Done);
    }
    let others = others(args, settings, &service, &period, as_of).await?;
    if let Some(code) = &args.rows {
        let target = others.iter().find(|target| target.code == code);
        let target = target.ok_or_else(|| {
            let work = figures.iter().map(|figure| figure.code);
            let codes: Vec<&str> = work
                .chain(others.iter().map(|target| target.code))
                .collect();
            Usage(format!(
                "`{code}` is no target; there are: {}",
                codes.join(", ")
            ))
        })?;
        target_rows(target, args.format)?;
        return Ok(Exit::Done);
    }
    if args.format == Format::Table {
        println!(
            "{period}, decisions up to {} (Beijing)",
            beijing_text(as_of)
        );
    }
    print(&figures, &others, args.by_org, args.format)?;
    Ok(Exit::Done)
}

/// The targets that are counted from the tables.
async fn others(
    args: &Args,
    settings: &Settings,
    service: &Service,
    period: &Period,
    as_of: i64,
) -> anyhow::Result<Vec<Target>> {
    session::present(&settings.store.path).map_err(classed)?;
    // What was decided since the last mirroring counts too.
    service.mirror(&settings.store.path).await?;
    let session = session::open(&settings.store.path, &settings.session)
        .await
        .map_err(classed)?;
    let policies = ratio::policies(settings.ratio.policy.as_deref(), &settings.inspection)?;
    let policy = policies
        .in_force(as_of)
        .map_err(|error| Usage(error.to_string()))?;
    let mut config = settings.inspection.clone();
    if let Some(basis) = args.emission_basis {
        config.emission_basis = basis.into();
    }
    let asked = Asked {
        period,
        as_of,
        policy,
        config: &config,
    };
    targets(&session, asked).await.map_err(fault)
}

fn print(
    figures: &[Figure],
    others: &[Target],
    by_org: bool,
    format: Format,
) -> anyhow::Result<()> {
    let mut listing = Listing::new(&[
        "target",
        "中文",
        "body",
        "hits",
        "of",
        "percent",
        "goal",
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
            String::new(),
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
                String::new(),
            ]);
        }
    }
    for target in others {
        let amount = |amount: f64| match target.unit {
            "t" => format!("{amount:.3} t"),
            _ => format!("{amount:.0}"),
        };
        listing.row([
            target.code.to_owned(),
            target.zh.to_owned(),
            "all".to_owned(),
            amount(target.hits),
            amount(target.of),
            target.percent.clone().unwrap_or_default(),
            goal(target),
            String::new(),
            target
                .median_days
                .map(|days| format!("{:.1}", days * 24.0))
                .unwrap_or_default(),
            format!("{}; {}", target.text, target.note),
        ]);
    }
    let work = figures.iter().map(Shown::Work);
    let shown: Vec<Shown<'_>> = work.chain(others.iter().map(Shown::Target)).collect();
    listing.print(format, &shown)
}

/// What is to be reached: a share, or so many.
fn goal(target: &Target) -> String {
    match (target.goal, target.at_least) {
        (Some(goal), _) => format!("{goal} %"),
        (None, Some(least)) => format!(">= {least}"),
        (None, None) => String::new(),
    }
}

fn target_rows(target: &Target, format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(target.columns);
    for row in &target.rows {
        listing.cells(row.clone());
    }
    let objects: Vec<serde_json::Map<String, serde_json::Value>> = target
        .rows
        .iter()
        .map(|row| {
            let columns = target.columns.iter().map(|column| (*column).to_owned());
            columns
                .zip(row.iter().map(|cell| cell.as_str().into()))
                .collect()
        })
        .collect();
    listing.print(format, &objects)
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
