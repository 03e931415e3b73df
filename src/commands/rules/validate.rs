//! `nonsite rules validate`: rule files checked before they are dropped into the folder.

use std::path::PathBuf;

use nonsite_analytics::detect::validate::{Checked, Cost, Level, Sample, check, estimate, files};
use nonsite_schemas::time::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::commands::detect::{classed, instant};
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::progress::during;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A rule file `ID.sql`, or a folder of them.
    path: PathBuf,
    /// Leave out the cost on a sample of the store.
    #[arg(long)]
    no_cost: bool,
    /// Most logger-days of the sample.
    #[arg(long, value_name = "N", default_value_t = 500)]
    logger_days: usize,
    /// Judge the sample as if it were this time.
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(args: &Args, settings: &Settings) -> anyhow::Result<Exit> {
    if args.logger_days == 0 {
        return Err(Usage("--logger-days: at least 1".to_owned()).into());
    }
    let as_of = match &args.as_of {
        Some(text) => instant(text)?,
        None => SystemClock.now_micros(),
    };
    let rules = files(&args.path).map_err(classed)?;
    let checked = during("checking rules", check(&rules))
        .await
        .map_err(classed)?;
    let running = costs(&checked, args, as_of, settings);
    let costs = during("running rules on a sample", running).await?;
    if args.format == Format::Table {
        for fault in checked.iter().flat_map(|rule| &rule.faults) {
            println!("{fault}");
        }
        println!("{}", table(&checked, &costs).table());
        if !args.no_cost && costs.iter().all(Option::is_none) && checked.iter().any(Checked::sound)
        {
            println!(
                "no cost: the store `{}` holds no readings; name another with -c",
                settings.store.path.display()
            );
        }
    } else {
        let items: Vec<Value> = checked
            .iter()
            .zip(&costs)
            .map(|(rule, cost)| {
                json!({
                    "file": rule.file, "sound": rule.sound(), "faults": rule.faults,
                    "golden_cases": rule.golden_cases, "cost": cost,
                })
            })
            .collect();
        table(&checked, &costs).print(args.format, &items)?;
    }
    Ok(if checked.iter().all(Checked::sound) {
        Exit::Done
    } else {
        Exit::Finding
    })
}

/// What each sound rule costs on a sample of the store.
async fn costs(
    checked: &[Checked],
    args: &Args,
    as_of: i64,
    settings: &Settings,
) -> anyhow::Result<Vec<Option<Cost>>> {
    let mut costs = Vec::new();
    for rule in checked {
        costs.push(match &rule.rule {
            Some(configured) if !args.no_cost => {
                let sample = Sample {
                    logger_days: args.logger_days,
                    as_of,
                };
                estimate(&settings.store.path, &settings.session, configured, sample)
                    .await
                    .map_err(classed)?
            }
            _ => None,
        });
    }
    Ok(costs)
}

fn table(checked: &[Checked], costs: &[Option<Cost>]) -> Listing {
    let mut listing = Listing::new(&[
        "file",
        "verdict",
        "errors",
        "warnings",
        "golden cases",
        "logger-days",
        "rows",
        "ms",
        "flagged",
        "passed",
        "not evaluated",
        "findings per point-month",
    ]);
    for (rule, cost) in checked.iter().zip(costs) {
        let count = |level| {
            let of = rule.faults.iter().filter(|fault| fault.level == level);
            of.count().to_string()
        };
        let of = |pick: fn(&Cost) -> String| cost.as_ref().map(pick).unwrap_or_default();
        listing.row([
            rule.file.display().to_string(),
            if rule.sound() { "ok" } else { "refused" }.to_owned(),
            count(Level::Error),
            count(Level::Warning),
            rule.golden_cases.to_string(),
            of(|cost| cost.logger_days.to_string()),
            of(|cost| cost.rows.to_string()),
            of(|cost| cost.ms.to_string()),
            of(|cost| cost.flagged.to_string()),
            of(|cost| cost.passed.to_string()),
            of(|cost| cost.not_evaluated.values().sum::<u64>().to_string()),
            of(|cost| format!("{:.2}", cost.per_point_month)),
        ]);
    }
    listing
}
