//! `nonsite rules backtest`: how good the rules are, on faults that are known.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use nonsite_analytics::backtest::score::Line;
use nonsite_analytics::backtest::{Expectations, Score, judge, read, score};
use nonsite_analytics::detect::Catalogue;
use nonsite_analytics::review::beijing_text;

use crate::commands::detect::{classed, instant};
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::progress::during;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Known faults, one JSON object per line, such as the generator's `truth.jsonl`.
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
    /// TOML file that says per kind of fault which rules must, may and must not flag it.
    #[arg(long, value_name = "FILE")]
    kinds: Option<PathBuf>,
    /// Judge as if it were this time; the end of the data when left out.
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// Only these rules.
    #[arg(long, value_name = "ID")]
    rule: Vec<String>,
    /// How to print it; csv has the rules only.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(
    args: &Args,
    catalogue: &Catalogue,
    settings: &Settings,
) -> anyhow::Result<Exit> {
    let as_of = args.as_of.as_deref().map(instant).transpose()?;
    let kinds = match &args.kinds {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
            Expectations::parse(&text).map_err(classed)?
        }
        None => Expectations::default(),
    };
    let file = File::open(&args.truth).map_err(|error| unreadable(&args.truth, &error))?;
    let faults = read(BufReader::new(file), &kinds)
        .map_err(|error| Usage(format!("`{}`: {error}", args.truth.display())))?;
    let mut config = settings.detect.clone();
    let narrowed;
    let catalogue = if args.rule.is_empty() {
        catalogue
    } else {
        if let Some(unknown) = args.rule.iter().find(|id| catalogue.get(id).is_none()) {
            return Err(Usage(format!("there is no rule `{unknown}`")).into());
        }
        let others = catalogue
            .rules()
            .iter()
            .map(|configured| configured.rule.id.clone());
        config
            .disabled
            .extend(others.filter(|id| !args.rule.contains(id)));
        narrowed = Catalogue::load(&config).map_err(classed)?;
        &narrowed
    };
    let judging = judge(
        &settings.store.path,
        &config,
        &settings.session,
        catalogue,
        as_of,
    );
    let judged = during("judging", judging).await.map_err(classed)?;
    let score = score(&judged, &faults);
    print(&score, args.format)?;
    Ok(Exit::Done)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Usage {
    Usage(format!("`{}`: {error}", path.display()))
}

fn print(score: &Score, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(score)?);
        return Ok(());
    }
    let mut rules = Listing::new(&[
        "rule",
        "planted",
        "found",
        "recall",
        "findings",
        "right",
        "precision",
        "false alarms",
        "on look-alikes",
        "beside faults",
        "per point-month",
        "delay p50 h",
        "delay p90 h",
    ]);
    for line in score.rules.iter().chain([&score.overall]) {
        rules.row(cells(line));
    }
    if format == Format::Csv {
        return rules.print(format, &score.rules);
    }
    println!(
        "{} points, {} days ({:.1} point-months), as of {}, readings_raw version {}\n",
        score.points,
        score.days,
        score.point_months,
        beijing_text(score.as_of),
        score.readings_version
    );
    println!("{}\n", rules.table());
    let mut kinds = Listing::new(&[
        "kind of fault",
        "expected of",
        "planted",
        "found",
        "without rule",
        "wrongly flagged",
    ]);
    for kind in &score.kinds {
        let expected: Vec<&str> = kind.expected.iter().map(String::as_str).collect();
        kinds.row([
            kind.kind.clone(),
            expected.join(" "),
            kind.planted.to_string(),
            kind.found.to_string(),
            kind.without_rule.to_string(),
            kind.wrongly_flagged.to_string(),
        ]);
    }
    println!("{}", kinds.table());
    for kind in &score.kinds {
        for missed in &kind.missed {
            println!("missed {}: {missed}", kind.kind);
        }
    }
    for (rule, examples) in &score.examples {
        for example in examples {
            println!("false alarm {rule}: {example}");
        }
    }
    Ok(())
}

fn cells(line: &Line) -> [String; 13] {
    let share =
        |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{share:.3}"));
    let hours =
        |hours: Option<f64>| hours.map_or_else(|| "-".to_owned(), |hours| format!("{hours:.1}"));
    [
        line.rule.clone(),
        line.planted.to_string(),
        line.found.to_string(),
        share(line.recall),
        line.findings.to_string(),
        line.right.to_string(),
        share(line.precision),
        line.false_alarms.to_string(),
        line.on_look_alikes.to_string(),
        line.beside_faults.to_string(),
        format!("{:.3}", line.false_alarms_per_point_month),
        hours(line.delay_median_h),
        hours(line.delay_p90_h),
    ]
}
