//! `nonsite rules backtest`: how good the rules are, on faults that are known.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use nonsite_analytics::backtest::page::{How, page, put_into};
use nonsite_analytics::backtest::score::Line;
use nonsite_analytics::backtest::{Expectations, Score, judge, read, score};
use nonsite_analytics::detect::Catalogue;
use nonsite_analytics::review::beijing_text;

use crate::commands::detect::{classed, instant};
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::progress::Progress;
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
    /// Also write the figures as Markdown into this file: between its marks `<!-- backtest: begin -->`
    /// and `<!-- backtest: end -->`, or as the whole file where it has none.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A command that made the data, to be named in that file before this one; may be repeated.
    #[arg(long, value_name = "COMMAND", requires = "out")]
    made_by: Vec<String>,
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
    // Looked at before the work: nothing is written over by mistake after half an hour.
    let before = args.out.as_deref().map(present).transpose()?;
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
    let progress = Progress::of_parts();
    let told = |what: &'static str, done: usize, of: usize| {
        tracing::info!(what, done, of, "judging");
        progress.part(what, done, of);
    };
    let judged = judge(
        &settings.store.path,
        &config,
        &settings.session,
        catalogue,
        as_of,
        &told,
    )
    .await
    .map_err(classed)?;
    drop(progress);
    let score = score(&judged, &faults);
    print(&score, args.format)?;
    if let (Some(path), Some(before)) = (&args.out, before) {
        let part = page(&score, &how(args));
        std::fs::write(path, put_into(&before, &part)).map_err(|error| unreadable(path, &error))?;
    }
    Ok(Exit::Done)
}

/// What a file holds; nothing where there is none.
fn present(path: &Path) -> anyhow::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(unreadable(path, &error).into()),
    }
}

/// What a reader needs to do the same: what the generator left beside its truth, and the commands.
fn how(args: &Args) -> How {
    let summary = args.truth.with_file_name("summary.json");
    let summary: serde_json::Value = std::fs::read_to_string(summary)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let scale = &summary["scale"];
    let given = if scale["seed"].is_u64() {
        format!(
            "Generated with seed {}, {} factors a point, a value every {} seconds, faults at {} of the points in five days.",
            scale["seed"], scale["factors"], scale["cadence_s"], scale["fault_rate"]
        )
    } else {
        String::new()
    };
    let mut commands = args.made_by.clone();
    let own: Vec<String> = std::env::args().skip(1).map(quoted).collect();
    commands.push(format!("nonsite {}", own.join(" ")));
    How { given, commands }
}

/// An argument as a shell takes it.
fn quoted(argument: String) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument
    } else {
        format!("'{}'", argument.replace('\'', "'\\''"))
    }
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
