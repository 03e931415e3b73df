//! `nonsite rules`: the catalogue, its checks, and single series against the checks' functions.

mod backtest;
mod floods;
mod params;
mod precision;
mod validate;

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use nonsite_analytics::detect::catalogue::Configured;
use nonsite_analytics::detect::flood::{Floods, Ruling};
use nonsite_analytics::detect::{Catalogue, golden, test_rules};
use nonsite_analytics::functions::check::check_line;
use serde_json::json;

use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::progress::Progress;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the rules.
    List {
        /// How to print them.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show one rule: what it says, its parameters and its query.
    Show {
        /// Id of the rule, e.g. E01.
        id: String,
        /// How to print it: table or json.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Check every rule: front matter, parameters, that its query runs and returns the columns of
    /// the contract, and its golden cases (`golden/ID.toml` next to the rules).
    Test,
    /// Check rule files before they run: every fault by line and column, their golden cases, and what
    /// they cost and find on a sample of the store; exit code 1 when one is refused.
    Validate(validate::Args),
    /// Recall, precision, false alarms and delay of every rule on known faults; nothing is written.
    Backtest(backtest::Args),
    /// What verification said about each rule's findings, and which rules are suspended.
    Precision(precision::Precision),
    /// Parameters that differ for an industry or an outlet, for a time.
    #[command(subcommand)]
    Params(params::Action),
    /// Dispatch the findings of a suspended rule again.
    Lift(precision::Lift),
    /// Findings held because a whole city was flagged at once: a fault of the platform is suspected.
    Floods(floods::List),
    /// Dispatch what a flood holds: its findings are true.
    Release(floods::Decide),
    /// Never dispatch what a flood holds: the platform was at fault.
    Discard(floods::Decide),
    /// The windows that rules flag in an export of a plant, one by one, without a broker.
    Events(super::rules_events::Args),
    /// Run a check over series: JSONL in, one JSON line with flags or missing times out.
    CheckSeries {
        /// File to read, `-` for standard input.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    match args.action {
        Action::CheckSeries { file } => check_series(&file),
        Action::Backtest(args) => backtest::run(&args, &catalogue(settings)?, settings).await,
        Action::Precision(args) => {
            precision::precision(&args, &catalogue(settings)?, settings).await
        }
        Action::Params(action) => params::run(action, &catalogue(settings)?, settings).await,
        Action::Lift(args) => {
            precision::lift_suspension(&args, &catalogue(settings)?, settings).await
        }
        Action::Floods(args) => floods::list(&args, settings).await,
        Action::Release(args) => floods::decide(&args, Ruling::Release, settings).await,
        Action::Discard(args) => floods::decide(&args, Ruling::Discard, settings).await,
        Action::List { format } => list(&catalogue(settings)?, settings, format).await,
        Action::Events(args) => super::rules_events::run(args, settings).await,
        Action::Show { id, format } => show(&catalogue(settings)?, &id, format),
        Action::Validate(args) => validate::run(&args, settings).await,
        Action::Test => test(&catalogue(settings)?).await,
    }
}

fn catalogue(settings: &Settings) -> anyhow::Result<Catalogue> {
    Catalogue::load(&settings.detect).map_err(|error| Usage(error.to_string()).into())
}

fn described(configured: &Configured) -> serde_json::Value {
    let mut value = json!(configured.rule);
    value["values"] = json!(configured.values);
    value["sql"] = json!(configured.rule.sql);
    value
}

/// Every rule, those that run first.
fn all(catalogue: &Catalogue) -> impl Iterator<Item = &Configured> {
    catalogue.rules().iter().chain(catalogue.off())
}

async fn list(catalogue: &Catalogue, settings: &Settings, format: Format) -> anyhow::Result<Exit> {
    // Rules are there before any table; how their findings fared is not, and is left empty then.
    let (standings, held) = if settings.store.path.is_dir() {
        let standings = precision::stand(catalogue, settings, None).await?;
        (standings, floods::load(settings).await?)
    } else {
        (Vec::new(), Floods::default())
    };
    let standing = |id: &str| standings.iter().find(|standing| standing.rule_id == id);
    let mut listing = Listing::new(&[
        "id",
        "version",
        "name",
        "名称",
        "group",
        "severity",
        "window",
        "runs",
        "dispatch",
        "parameters",
    ]);
    for configured in all(catalogue) {
        let rule = &configured.rule;
        let values: Vec<String> = configured
            .values
            .iter()
            .map(|(name, value)| format!("{name}={}", value.real()))
            .collect();
        listing.row([
            rule.id.clone(),
            rule.version.to_string(),
            rule.name_en.clone(),
            rule.name_zh.clone(),
            rule.group.clone(),
            rule.severity.code().to_owned(),
            rule.granularity.clone(),
            if catalogue.runs(&rule.id) {
                "yes"
            } else {
                "off"
            }
            .to_owned(),
            floods::of_rule(&held, &rule.id)
                .or_else(|| standing(&rule.id).map(precision::dispatch))
                .unwrap_or_default(),
            values.join(" "),
        ]);
    }
    let items: Vec<_> = all(catalogue)
        .map(|configured| {
            let mut item = described(configured);
            item["standing"] = json!(standing(&configured.rule.id));
            item["held"] = json!(floods::of_rule(&held, &configured.rule.id));
            item["runs"] = json!(catalogue.runs(&configured.rule.id));
            item
        })
        .collect();
    listing.print(format, &items)?;
    Ok(Exit::Done)
}

fn show(catalogue: &Catalogue, id: &str, format: Format) -> anyhow::Result<Exit> {
    format.without_list("rules show")?;
    let Some(configured) = catalogue.get(id) else {
        let known: Vec<&str> = all(catalogue)
            .map(|configured| configured.rule.id.as_str())
            .collect();
        return Err(Usage(format!(
            "there is no rule `{id}`; there are: {}",
            known.join(", ")
        ))
        .into());
    };
    let rule = &configured.rule;
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&described(configured))?);
        return Ok(Exit::Done);
    }
    println!(
        "{} v{}  {}  {}",
        rule.id, rule.version, rule.name_en, rule.name_zh
    );
    println!(
        "group {}, severity {}, window {}",
        rule.group,
        rule.severity.code(),
        rule.granularity
    );
    println!("basis: {}", rule.basis);
    if let Some(scope) = &rule.scope {
        println!(
            "scope: industry {}; outlet {}; factor {}",
            scope.industry, scope.outlet, scope.factor
        );
    }
    if let Some(day) = rule.effective_from {
        println!("in use since {day}, owner {}", rule.owner);
    }
    println!("exemptions considered: {}", rule.exempts.join(", "));
    let mut listing = Listing::new(&[
        "parameter",
        "value",
        "default",
        "min",
        "max",
        "unit",
        "meaning",
    ]);
    for (name, param) in &rule.params {
        listing.row([
            name.clone(),
            configured
                .values
                .get(name)
                .map(|value| value.real().to_string())
                .unwrap_or_default(),
            param.default.real().to_string(),
            param.min.real().to_string(),
            param.max.real().to_string(),
            param.unit.clone(),
            param.doc.clone(),
        ]);
    }
    println!("{}\n\n{}", listing.table(), rule.sql);
    Ok(Exit::Done)
}

async fn test(catalogue: &Catalogue) -> anyhow::Result<Exit> {
    let mut failed = 0;
    let progress = Progress::of("testing rules");
    for (id, outcome) in test_rules(catalogue).await? {
        let checked = match (outcome, catalogue.golden().get(&id)) {
            (Err(error), _) => Err(error),
            (Ok(()), None) => Ok(None),
            (Ok(()), Some(text)) => golden::check(catalogue, &id, text).await.map(Some),
        };
        match checked {
            Ok(None) => progress.line(&format!("{id}: ok, no golden cases")),
            Ok(Some(outcome)) if outcome.differences.is_empty() => {
                let gaps = outcome.gaps();
                let gaps = if gaps.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", gaps.join(", "))
                };
                progress.line(&format!("{id}: ok, {} golden cases{gaps}", outcome.cases));
            }
            Ok(Some(outcome)) => {
                failed += 1;
                for difference in outcome.differences {
                    progress.line(&format!("{id}: {difference}"));
                }
            }
            Err(error) => {
                failed += 1;
                progress.line(&format!("{id}: {error}"));
            }
        }
    }
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::Finding
    })
}

fn check_series(file: &Path) -> anyhow::Result<Exit> {
    let input: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let opened = std::fs::File::open(file)
            .map_err(|error| Usage(format!("`{}`: {error}", file.display())))?;
        Box::new(BufReader::new(opened))
    };
    let mut output = BufWriter::new(std::io::stdout().lock());
    for (at, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = check_line(&line).map_err(|what| Usage(format!("line {}: {what}", at + 1)))?;
        writeln!(output, "{answer}")?;
    }
    output.flush()?;
    Ok(Exit::Done)
}
