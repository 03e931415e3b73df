//! `nonsite rules precision` and `lift`: what verification said, and who is suspended.

use nonsite_analytics::detect::Catalogue;
use nonsite_analytics::feedback::precision::Tally;
use nonsite_analytics::feedback::{Standing, lift, standings};
use nonsite_analytics::review::beijing_text;
use nonsite_schemas::time::{Clock, SystemClock};

use crate::commands::detect::{classed, instant};
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Precision {
    /// A line per rule and enforcement body.
    #[arg(long)]
    by_org: bool,
    /// As it stood at this time.
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Lift {
    /// Id of the rule, e.g. Q08.
    id: String,
    /// Who decides.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    why: String,
}

/// How the rules of a catalogue stand now.
pub(super) async fn stand(
    catalogue: &Catalogue,
    settings: &Settings,
    as_of: Option<i64>,
) -> anyhow::Result<Vec<Standing>> {
    let session = nonsite_analytics::session::open(&settings.store.path, &settings.session)
        .await
        .map_err(classed)?;
    let as_of = as_of.unwrap_or_else(|| SystemClock.now_micros());
    standings(&session, catalogue, &settings.detect.suspension, as_of)
        .await
        .map_err(classed)
}

pub(super) async fn precision(
    args: &Precision,
    catalogue: &Catalogue,
    settings: &Settings,
) -> anyhow::Result<Exit> {
    let as_of = args.as_of.as_deref().map(instant).transpose()?;
    let standings = stand(catalogue, settings, as_of).await?;
    let mut listing = Listing::new(&[
        "rule",
        "version",
        "org",
        "verified",
        "符合 match",
        "部分符合 partly",
        "不符合 mismatch",
        "precision",
        "dispatch",
        "lifted",
    ]);
    for standing in &standings {
        let mut line = |org: &str, tally: &Tally| {
            let precision = tally.precision(&settings.detect.suspension);
            listing.row([
                standing.rule_id.clone(),
                standing.rule_version.to_string(),
                org.to_owned(),
                tally.verified().to_string(),
                tally.matches.to_string(),
                tally.partly.to_string(),
                tally.mismatches.to_string(),
                precision.map_or_else(|| "-".to_owned(), |share| format!("{share:.3}")),
                dispatch(standing),
                standing.lift.as_ref().map_or_else(String::new, |lift| {
                    format!("{} {}: {}", beijing_text(lift.at), lift.by, lift.why)
                }),
            ]);
        };
        if args.by_org {
            for (org, tally) in &standing.regions {
                line(org, tally);
            }
        } else {
            line("all", &standing.tally);
        }
    }
    listing.print(args.format, &standings)?;
    Ok(Exit::Done)
}

/// Whether a rule's findings are dispatched, in words.
pub(super) fn dispatch(standing: &Standing) -> String {
    match &standing.suspended {
        Some(why) => format!("suspended: {why}"),
        None => "on".to_owned(),
    }
}

pub(super) async fn lift_suspension(
    args: &Lift,
    catalogue: &Catalogue,
    settings: &Settings,
) -> anyhow::Result<Exit> {
    let standing = stand(catalogue, settings, None).await?;
    let Some(standing) = standing.iter().find(|s| s.rule_id == args.id) else {
        return Err(Usage(format!("there is no rule `{}`", args.id)).into());
    };
    if standing.suspended.is_none() {
        return Err(Usage(format!("rule {} is not suspended", args.id)).into());
    }
    if args.why.trim().is_empty() {
        return Err(Usage("--why: give a reason".to_owned()).into());
    }
    let now = SystemClock.now_micros();
    lift(
        &settings.store.path,
        &args.id,
        standing.rule_version,
        &args.by,
        &args.why,
        now,
    )
    .await
    .map_err(classed)?;
    println!(
        "{} is dispatched again; verdicts recorded before {} no longer count",
        args.id,
        beijing_text(now)
    );
    Ok(Exit::Done)
}
