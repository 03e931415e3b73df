//! `nonsite ratio`: the off-site share of inspections, its band, and the inspections behind it.

mod reproduce;

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::ValueEnum;
use nonsite_analytics::inspection;
use nonsite_analytics::inspection::checklist::Checklists;
use nonsite_analytics::ratio::{
    Cutoff, Decision, Dimension, Group, Outcome, Period, RatioPolicies, RatioReport, compute,
    forecast, load_judged, parse_as_of, publish,
};
use nonsite_analytics::review::beijing_text;
use nonsite_schemas::time::{Clock, SystemClock};
use serde::Serialize;

use crate::commands::detect::classed;
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::progress::during;
use crate::settings::Settings;

/// Share of off-site inspections against the target, with the band of the open questions.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Calendar year [default: the period of the policy, usually the running year].
    #[arg(long)]
    year: Option<i32>,
    /// First Beijing day of a period of one's own, such as a campaign's; goes with --to.
    #[arg(long, value_name = "DATE", requires = "to", conflicts_with = "year")]
    from: Option<NaiveDate>,
    /// Its last day.
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<NaiveDate>,
    /// Break the figure down.
    #[arg(long, value_enum)]
    by: Option<By>,
    /// How it stood then: a Beijing day (its end), a Beijing time, or an instant [default: now].
    #[arg(long, value_name = "T")]
    as_of: Option<String>,
    /// Leave out records that arrived here later than this; reproduces an earlier figure.
    #[arg(long, value_name = "T")]
    known_at: Option<String>,
    /// List the inspections instead, with the reason of each that is not counted.
    #[arg(long, value_enum)]
    list: Option<Which>,
    /// Counting policies (TOML or JSON) [default: `[ratio] policy`, else the built-in one].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Write the figure with its policy and digest to a file, to prove it later.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Keep the figure in table `ratio_snapshots`, once however often; prints its id.
    #[arg(long)]
    publish: bool,
    /// Compute a published (id) or saved (file) figure again and compare; exit code 1 when it comes
    /// out differently.
    #[arg(long, value_name = "ID|FILE", conflicts_with_all = ["year", "from", "to", "as_of", "known_at", "policy", "save", "publish"])]
    reproduce: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Body the act is credited to.
    Org,
    /// Month of completion.
    Month,
    /// Quarter of completion.
    Quarter,
    /// Running sums: from the start of the period to the end of each month.
    ToDate,
    /// Method.
    Method,
    /// Class.
    Class,
}

impl By {
    /// The dimension whose groups add up to the headline; running sums do not.
    fn dimension(self) -> Option<Dimension> {
        Some(match self {
            Self::Org => Dimension::Org,
            Self::Month => Dimension::Month,
            Self::Quarter => Dimension::Quarter,
            Self::ToDate => return None,
            Self::Method => Dimension::Method,
            Self::Class => Dimension::Class,
        })
    }

    fn code(self) -> &'static str {
        self.dimension().map_or("to_date", Dimension::code)
    }

    fn groups(self, report: &RatioReport<'_>) -> Vec<Group> {
        match self.dimension() {
            Some(dimension) => report.by(dimension),
            None => report.to_date(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Counted ones.
    Counted,
    /// Those not counted, with the reason.
    Excluded,
    /// All.
    All,
}

/// Computes and prints.
pub(crate) async fn run(args: &Args, settings: &Settings) -> anyhow::Result<Exit> {
    let opening = nonsite_analytics::session::open(&settings.store.path, &settings.session);
    let session = during("opening the tables", opening)
        .await
        .map_err(classed)?;
    if let Some(figure) = &args.reproduce {
        return reproduce::run(&session, figure, args.format).await;
    }
    let now = SystemClock.now_micros();
    let instant = |text: &Option<String>, or: i64| match text {
        Some(text) => parse_as_of(text).map_err(|error| Usage(error.to_string())),
        None => Ok(or),
    };
    let as_of = instant(&args.as_of, now)?;
    let known_at = instant(&args.known_at, now)?;
    let file = args.policy.as_deref().or(settings.ratio.policy.as_deref());
    let policies = policies(file, &settings.inspection)?;
    let reading = load_judged(session.ctx(), policies.checklists());
    let acts = during("reading inspections", reading).await?;
    let policy = policies
        .in_force(as_of)
        .map_err(|error| Usage(error.to_string()))?;
    let period = match (args.year, args.from.zip(args.to)) {
        (Some(year), _) => Period::year(year),
        (None, Some((from, to))) => Period::days(from, to),
        (None, None) => Ok(Period::containing(policy.period, as_of)),
    };
    let period = period.map_err(|error| Usage(error.to_string()))?;
    let report = compute(&acts, policy, Cutoff { as_of, known_at }, &period);
    if let Some(path) = &args.save {
        let text = serde_json::to_string_pretty(&report.snapshot())?;
        std::fs::write(path, text)
            .map_err(|error| anyhow::anyhow!("`{}`: {error}", path.display()))?;
    }
    if args.publish {
        let version = session.version("inspections");
        let published = publish(&settings.store.path, &report, version)
            .await
            .map_err(classed)?;
        // Standard output is the figure.
        eprintln!(
            "published as {}{}; prove it later: nonsite ratio --reproduce {}",
            published.snapshot_id,
            if published.fresh { "" } else { " before" },
            published.snapshot_id
        );
    }
    match (args.list, args.by) {
        (Some(which), _) => list(&report, which, args.format)?,
        (None, by) => figures(&report, by, args.format)?,
    }
    Ok(Exit::Done)
}

/// The counting policies of a file, else the built-in one, and the checklists that acts have to answer.
pub(crate) fn policies(
    path: Option<&Path>,
    inspection: &inspection::Config,
) -> anyhow::Result<RatioPolicies> {
    let policies = match path {
        Some(path) => RatioPolicies::load(path).map_err(|error| Usage(error.to_string()))?,
        None => RatioPolicies::default(),
    };
    let lists = Checklists::load(inspection.checklists.as_deref())
        .map_err(|error| Usage(error.to_string()))?;
    Ok(policies.with_checklists(lists))
}

/// What `--format json` shows.
#[derive(Serialize)]
struct Shown<'r> {
    #[serde(flatten)]
    report: &'r RatioReport<'r>,
    sentence: String,
    band_sentence: String,
    /// Outlook at the end of the period.
    forecast: Option<nonsite_analytics::ratio::Forecast>,
    /// Why there is none.
    no_forecast: Option<&'static str>,
    breakdown: Option<&'static str>,
    groups: Vec<Group>,
}

fn figures(report: &RatioReport<'_>, by: Option<By>, format: Format) -> anyhow::Result<()> {
    let groups = by.map(|by| by.groups(report)).unwrap_or_default();
    let target = report.policy.target_percent;
    let outlook = forecast(report);
    if format == Format::Json {
        let shown = Shown {
            forecast: outlook.as_ref().ok().cloned(),
            no_forecast: outlook.as_ref().err().copied(),
            report,
            sentence: report.sentence(),
            band_sentence: report.band.sentence(target),
            breakdown: by.map(By::code),
            groups,
        };
        println!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    let mut listing = Listing::new(&[
        "key", "off-site", "on-site", "total", "percent", "target", "verdict", "policy",
    ]);
    let percent = |rounded: &Option<String>, exact: &Option<String>| match (rounded, exact) {
        (Some(rounded), Some(exact)) => format!("{rounded} ({exact})"),
        (Some(rounded), None) => rounded.clone(),
        (None, _) => String::new(),
    };
    for group in &groups {
        listing.row([
            group.key.clone(),
            group.share.off.to_string(),
            group.share.on.to_string(),
            group.share.total().to_string(),
            percent(&group.percent, &group.percent_below_target),
            target.to_string(),
            group.verdict.text().to_owned(),
            report.policy.policy_id.clone(),
        ]);
    }
    listing.row([
        "all".to_owned(),
        report.share.off.to_string(),
        report.share.on.to_string(),
        report.share.total().to_string(),
        percent(&report.percent, &report.percent_below_target),
        target.to_string(),
        report.verdict.text().to_owned(),
        report.policy.policy_id.clone(),
    ]);
    if format == Format::Csv {
        return listing.print(format, &groups);
    }
    println!(
        "off-site ratio {}, as of {} (Beijing)",
        report.period,
        beijing_text(report.cutoff.as_of)
    );
    println!("{}", report.sentence());
    println!("{}", report.band.sentence(target));
    match &outlook {
        Ok(outlook) => println!("{}", outlook.sentence(target)),
        Err(why) => println!("no forecast: {why}"),
    }
    let apart = |share: nonsite_analytics::ratio::Share| {
        format!("{} off-site, {} on-site", share.off, share.on)
    };
    println!(
        "shown apart: higher-level bodies {}; units on the positive list {}",
        apart(report.higher_level),
        apart(report.positive_list)
    );
    let skipped = report
        .decisions
        .iter()
        .filter(|decision| !decision.is_counted())
        .count();
    println!(
        "{} inspections counted, {skipped} not counted (--list excluded says why)",
        report.share.total()
    );
    println!("{}", report.quality.sentence());
    for flag in &report.flags {
        println!("note: {flag}");
    }
    println!(
        "policy {} ({}), records {}",
        report.policy.policy_id,
        report.policy_fingerprint,
        report.acts_digest.get(..16).unwrap_or_default()
    );
    if by.is_some() {
        println!("{}", listing.table());
    }
    Ok(())
}

fn list(report: &RatioReport<'_>, which: Which, format: Format) -> anyhow::Result<()> {
    let wanted: Vec<&Decision<'_>> = report
        .decisions
        .iter()
        .filter(|decision| match which {
            Which::Counted => decision.is_counted(),
            Which::Excluded => !decision.is_counted(),
            Which::All => true,
        })
        .collect();
    let mut listing = Listing::new(&[
        "act",
        "version",
        "completed",
        "body",
        "mode",
        "method",
        "class",
        "unit",
        "counted",
        "reason",
        "detail",
        "in favour of",
    ]);
    for decision in &wanted {
        let act = decision.act;
        let (reason, detail, other) = match &decision.outcome {
            Outcome::Counted => (String::new(), String::new(), String::new()),
            Outcome::NotCounted {
                reason,
                detail,
                in_favour_of,
            } => (
                reason.code().to_owned(),
                detail.clone(),
                in_favour_of.clone().unwrap_or_default(),
            ),
        };
        listing.row([
            act.act_id.clone(),
            act.act_version.to_string(),
            act.completed_at.map(beijing_text).unwrap_or_default(),
            act.org_code.clone(),
            act.mode.code().to_owned(),
            act.method.clone(),
            act.class.clone(),
            act.unit_name.clone(),
            decision.is_counted().to_string(),
            reason,
            detail,
            other,
        ]);
    }
    listing.print(format, &wanted)
}
