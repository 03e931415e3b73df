//! `nonsite anomaly`: findings with what proves them, computed again, and judged by people.

pub(crate) mod chart;
pub(crate) mod feedback;
mod list;
mod show;

use std::path::PathBuf;

use nonsite_analytics::detect::Catalogue;
use nonsite_analytics::detect::bundle::{Bundle, Extraction};
use nonsite_analytics::detect::replay::{Replay, replay_with};
use nonsite_analytics::review::beijing_text;
use nonsite_analytics::session::Error;
use nonsite_schemas::time::{Clock, SystemClock};
use serde_json::Value;

use crate::commands::detect::classed;
use crate::exit::{Exit, Usage};
use crate::output::Format;
use crate::progress::during;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    /// How to print it.
    #[arg(long, value_enum, global = true, default_value_t)]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List findings, the worst first.
    List(list::Args),
    /// Show a finding: sentence, curve with limit, rows, limit row, marks, origin; exit code 1 when
    /// its evidence does not match its hashes.
    Show {
        /// The anomaly; its id may be shortened.
        id: String,
    },
    /// Write a finding's evidence as files with SHA256SUMS into a new folder.
    Export {
        /// The anomaly; its id may be shortened.
        id: String,
        /// Folder to write into; must be empty or not exist.
        dir: PathBuf,
        /// Who takes the copy.
        #[arg(long, value_name = "NAME")]
        by: String,
    },
    /// Compute a finding again from the recorded table versions and rule file; exit code 1 when
    /// anything differs, 3 when the old files are gone.
    Replay {
        /// The anomaly; its id may be shortened.
        id: String,
    },
    /// Say whether a finding was right, and what the true cause was.
    Feedback(feedback::Args),
}

impl Action {
    /// Its name, when it prints no list.
    fn without_list(&self) -> Option<&'static str> {
        Some(match self {
            Self::List(_) => return None,
            Self::Show { .. } => "anomaly show",
            Self::Export { .. } => "anomaly export",
            Self::Replay { .. } => "anomaly replay",
            Self::Feedback(_) => "anomaly feedback",
        })
    }
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    if let Some(what) = args.action.without_list() {
        args.format.without_list(what)?;
    }
    match args.action {
        Action::List(wanted) => list::run(&wanted, args.format, settings).await,
        Action::Show { id } => {
            let bundle = load(settings, &id, "").await?;
            show::print(&bundle, args.format)?;
            Ok(sound(&bundle))
        }
        Action::Export { id, dir, by } => {
            let extraction = extraction(&by);
            let (store, config) = (&settings.store.path, &settings.session);
            let bundle = Bundle::copy(store, config, &id, &extraction)
                .await
                .map_err(refused)?;
            bundle
                .write(&dir)
                .map_err(|error| Usage(format!("`{}`: {error}", dir.display())))?;
            for fault in &bundle.faults {
                println!("fault: {fault}");
            }
            println!(
                "{} files in `{}`; SHA-256 of SHA256SUMS: {}",
                bundle.artefacts.len() + 1,
                dir.display(),
                bundle.sha256
            );
            Ok(sound(&bundle))
        }
        Action::Feedback(told) => feedback::run(&told, settings).await,
        Action::Replay { id } => {
            let catalogue = Catalogue::load(&settings.detect).map_err(refused)?;
            let (store, sheets) = (&settings.store.path, catalogue.sheets());
            let replaying = replay_with(store, &settings.session, sheets, &id);
            let outcome = during("computing again", replaying)
                .await
                .map_err(refused)?;
            tell(&outcome, args.format)?;
            Ok(if outcome.equal {
                Exit::Done
            } else {
                Exit::Finding
            })
        }
    }
}

/// Who takes a copy, now.
fn extraction(by: &str) -> Extraction {
    Extraction {
        by: by.to_owned(),
        at: SystemClock.now_micros(),
    }
}

async fn load(settings: &Settings, id: &str, by: &str) -> anyhow::Result<Bundle> {
    let extraction = extraction(by);
    Bundle::load(&settings.store.path, &settings.session, id, &extraction)
        .await
        .map_err(refused)
}

/// The exit code a failure stands for: what is asked wrongly is 2, what is gone is 3.
pub(crate) fn refused(error: Error) -> anyhow::Error {
    classed(error)
}

fn sound(bundle: &Bundle) -> Exit {
    if bundle.faults.is_empty() {
        Exit::Done
    } else {
        Exit::Finding
    }
}

fn tell(outcome: &Replay, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(outcome)?);
        return Ok(());
    }
    println!(
        "{}  {} v{}  readings_raw version {}  as of {}",
        outcome.anomaly_id,
        outcome.rule_id,
        outcome.rule_version,
        outcome.readings_version,
        beijing_text(outcome.as_of)
    );
    if outcome.engine_changed {
        println!(
            "note: made by another program or other views ({})",
            outcome.engine
        );
    }
    let Some(first) = outcome.differences.first() else {
        println!("equal: every column and every byte of the evidence came out as recorded");
        return Ok(());
    };
    println!(
        "different: {}\n  recorded    {}\n  recomputed  {}",
        first.field,
        brief(&first.recorded),
        brief(&first.recomputed)
    );
    let others: Vec<&str> = outcome.differences[1..]
        .iter()
        .map(|difference| difference.field.as_str())
        .collect();
    if !others.is_empty() {
        println!("also different: {}", others.join(", "));
    }
    Ok(())
}

/// A value in one line of bearable length.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 200 {
        return text;
    }
    let head: String = text.chars().take(200).collect();
    format!("{head} ...")
}
