//! `nonsite inspection sample`: closed cases for an audit.

use std::path::PathBuf;

use nonsite_analytics::inspection::casebook::cases;
use nonsite_analytics::inspection::draw::{Kind, Request, draw};
use nonsite_analytics::inspection::sample::{Population, population};
use nonsite_analytics::ratio::Period;
use nonsite_analytics::session;
use nonsite_schemas::time::SystemClock;
use serde::Serialize;

use super::draw::{finish, show};
use super::{fault, instant, open};
use crate::commands::detect::classed;
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The published seed.
    #[arg(long, required_unless_present = "reviewers")]
    seed: Option<String>,
    /// How many cases to draw.
    #[arg(long, required_unless_present = "reviewers")]
    count: Option<u32>,
    /// Share of them that is drawn with one lot each, percent; the rest by risk.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=100))]
    random_percent: u32,
    /// Only cases of this body.
    #[arg(long)]
    org: Option<String>,
    /// Cases closed in this year [default: the running one].
    #[arg(long)]
    year: Option<i32>,
    /// How it stood then: a Beijing day (its end), a Beijing time, or an instant [default: now].
    #[arg(long, value_name = "T")]
    as_of: Option<String>,
    /// Show how reviewers decide and which files served more than one case; draws nothing.
    #[arg(long)]
    reviewers: bool,
    /// Show the sample, keep nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write the whole drawing to a file as well.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

/// What `--reviewers --format json` shows.
#[derive(Serialize)]
struct Shown<'p> {
    reviewers: &'p [nonsite_analytics::inspection::sample::Reviewer],
    reuse: &'p [nonsite_analytics::inspection::sample::Reuse],
}

pub(super) async fn run(args: &Args, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    let as_of = instant(args.as_of.as_ref())?;
    let period = match args.year {
        Some(year) => Period::year(year).map_err(|error| Usage(error.to_string()))?,
        None => Period::containing(nonsite_analytics::ratio::PeriodKind::YearToDate, as_of),
    };
    let clock: std::sync::Arc<dyn nonsite_schemas::time::Clock> = std::sync::Arc::new(SystemClock);
    // The tables show what was mirrored; a sample must not miss what was closed since.
    session::present(&settings.store.path).map_err(classed)?;
    let service = crate::commands::review::open(&settings.review, clock).await?;
    service
        .mirror(&settings.store.path)
        .await
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let session = open(settings).await?;
    let all = cases(&session, as_of).await.map_err(fault)?;
    let found = population(&all, |case| {
        period.contains(case.day()) && args.org.as_ref().is_none_or(|org| *org == case.org_code)
    });
    let (Some(seed), Some(count), false) = (&args.seed, args.count, args.reviewers) else {
        return reviewers(&found, format);
    };
    if found.list.is_empty() {
        return Err(Usage(format!(
            "no case was closed in {period}, so there is nothing to sample"
        ))
        .into());
    }
    let count = count.min(found.list.len() as u32);
    let bodies = args.org.clone().unwrap_or_else(|| "all bodies".to_owned());
    let drawn = draw(Request {
        kind: Kind::Sample,
        basis: format!("cases closed in {period} of {bodies}"),
        seed: seed.clone(),
        count,
        unweighted: (count * args.random_percent).div_ceil(100),
        list: found.list.clone(),
        officers: Vec::new(),
        officers_each: 0,
    })
    .map_err(fault)?;
    finish(&drawn, args.dry_run, args.save.as_ref(), settings).await?;
    show(&drawn, format)?;
    Ok(Exit::Done)
}

fn reviewers(found: &Population, format: Format) -> anyhow::Result<Exit> {
    if format == Format::Json {
        let shown = Shown {
            reviewers: &found.reviewers,
            reuse: &found.reuse,
        };
        println!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(Exit::Done);
    }
    let mut listing = Listing::new(&[
        "reviewer",
        "decisions",
        "returns",
        "return %",
        "median min",
        "to approve min",
        "within 3 min",
    ]);
    for one in &found.reviewers {
        listing.row([
            one.reviewer.clone(),
            one.decisions.to_string(),
            one.returns.to_string(),
            one.return_percent.clone(),
            format!("{:.1}", one.median_minutes),
            one.approval_minutes
                .map(|minutes| format!("{minutes:.1}"))
                .unwrap_or_default(),
            one.hasty.to_string(),
        ]);
    }
    listing.print(format, &found.reviewers)?;
    if format == Format::Table {
        for reuse in &found.reuse {
            let what = match reuse.near {
                true => "look-alikes of picture",
                false => "file",
            };
            println!(
                "{what} {} in cases {}",
                reuse.sha256.get(..16).unwrap_or_default(),
                reuse.cases.join(", ")
            );
        }
    }
    Ok(Exit::Done)
}
