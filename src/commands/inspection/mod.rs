//! `nonsite inspection`: before, during and after an inspection.

mod answers;
mod audit;
mod checklist;
mod draw;
mod record;
mod roster;
mod sample;
mod supervision;

use clap::Subcommand;
use nonsite_analytics::inspection::Error;
use nonsite_analytics::ratio::parse_as_of;
use nonsite_analytics::session::{self, Session};
use nonsite_schemas::time::{Clock, SystemClock};

pub(crate) use self::record::records_topic;
use crate::commands::detect::classed;
use crate::exit::{Exit, Usage};
use crate::output::Format;
use crate::settings::Settings;

/// Checklists of permits, records of acts, drawing of units and officers, samples of closed cases, audits of
/// sub-bureaus, supervision, the roster of officers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    /// How to print.
    #[arg(long, value_enum, global = true, default_value_t)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The checklist of a permit, with what the data already say; or the checklists there are.
    Checklist(checklist::Args),
    /// Look at an act's record and send it to the inspections topic.
    Record(record::Args),
    /// What was answered to checklists: by item, or one by one.
    Answers(answers::Args),
    /// Draw units and officers by lot from a published seed, or draw a kept drawing again.
    Draw(draw::Args),
    /// Every drawing that was kept.
    Draws,
    /// Draw closed cases to look into again, at random and by risk.
    Sample(sample::Args),
    /// Audits of sub-bureaus: what was recorded, and recording one.
    #[command(subcommand)]
    Audit(audit::Action),
    /// Special supervision, samplings of case files and evaluations: what was recorded, and recording one.
    #[command(subcommand)]
    Supervision(supervision::Action),
    /// Officers with their certificates: the roster, and telling it anew.
    #[command(subcommand)]
    Roster(roster::Action),
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    match args.action {
        Action::Checklist(asked) => checklist::run(&asked, args.format, settings).await,
        Action::Record(asked) => record::run(&asked, args.format, settings).await,
        Action::Answers(asked) => answers::run(&asked, args.format, settings).await,
        Action::Draw(asked) => draw::run(&asked, args.format, settings).await,
        Action::Draws => draw::list(args.format, settings).await,
        Action::Sample(asked) => sample::run(&asked, args.format, settings).await,
        Action::Audit(asked) => audit::run(asked, args.format, settings).await,
        Action::Supervision(asked) => supervision::run(asked, args.format, settings).await,
        Action::Roster(asked) => roster::run(asked, args.format, settings).await,
    }
}

/// A fault of checklists or drawings, for the exit code.
pub(crate) fn fault(error: Error) -> anyhow::Error {
    match error {
        Error::Asked(what) => Usage(what).into(),
        Error::Tables(error) => classed(error),
    }
}

async fn open(settings: &Settings) -> anyhow::Result<Session> {
    session::open(&settings.store.path, &settings.session)
        .await
        .map_err(classed)
}

/// `--as-of`, else now.
fn instant(text: Option<&String>) -> anyhow::Result<i64> {
    match text {
        Some(text) => parse_as_of(text).map_err(|error| Usage(error.to_string()).into()),
        None => Ok(SystemClock.now_micros()),
    }
}
