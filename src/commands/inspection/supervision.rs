//! `nonsite inspection supervision`: special supervision, samplings of case files, evaluations.

use chrono::NaiveDate;
use clap::Subcommand;
use nonsite_analytics::inspection::supervision::{self, Supervision, SupervisionKind, Told};
use nonsite_analytics::review::beijing_text;
use nonsite_schemas::time::{Clock, SystemClock};

use super::{fault, instant, open};
use crate::exit::Exit;
use crate::output::{Format, Listing};
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Record a piece of supervision, or complete or correct one.
    Add(Add),
    /// What was recorded, as it stands.
    List(List),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    /// 专项监督行动
    SpecialAction,
    /// 案卷评查
    CaseFiles,
    /// 分局自评
    SelfEvaluation,
    /// 市级评估
    CityEvaluation,
    /// 年度总评
    YearEvaluation,
}

impl From<Kind> for SupervisionKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::SpecialAction => Self::SpecialAction,
            Kind::CaseFiles => Self::CaseFiles,
            Kind::SelfEvaluation => Self::SelfEvaluation,
            Kind::CityEvaluation => Self::CityEvaluation,
            Kind::YearEvaluation => Self::YearEvaluation,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The record to complete or correct: everything is said anew [default: a new one].
    #[arg(long, value_name = "ID")]
    supervision: Option<String>,
    /// What was done.
    #[arg(long, value_enum)]
    kind: Kind,
    /// The body it is about; the city's own for evaluations of city and year.
    #[arg(long, value_name = "CODE")]
    org: String,
    /// What was done, in words.
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// Sample of closed cases whose files were looked at (`nonsite inspection draws`).
    #[arg(long, value_name = "ID")]
    draw: Option<String>,
    /// Case files that were looked at.
    #[arg(long, value_name = "N")]
    files: Option<u32>,
    /// Of these with faults.
    #[arg(long, value_name = "N", requires = "files")]
    faulty: Option<u32>,
    /// Beijing day it ended; it does not count without one.
    #[arg(long, value_name = "DATE")]
    completed_on: Option<NaiveDate>,
    /// Number or name of its report.
    #[arg(long, value_name = "TEXT")]
    record: Option<String>,
    /// Who records it.
    #[arg(long, value_name = "NAME")]
    by: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only records of this kind.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Only those about this body.
    #[arg(long, value_name = "CODE")]
    org: Option<String>,
    /// How it stood then: a Beijing day (its end), a Beijing time, or an instant [default: now].
    #[arg(long, value_name = "T")]
    as_of: Option<String>,
    /// Every row instead, what was completed or corrected since as well.
    #[arg(long, conflicts_with = "as_of")]
    history: bool,
}

pub(super) async fn run(
    action: Action,
    format: Format,
    settings: &Settings,
) -> anyhow::Result<Exit> {
    match action {
        Action::Add(asked) => add(asked, format, settings).await,
        Action::List(asked) => list(&asked, format, settings).await,
    }
}

async fn add(asked: Add, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    format.without_list("inspection supervision add")?;
    let told = Told {
        supervision_id: asked.supervision,
        kind: asked.kind.into(),
        org_code: asked.org,
        title: asked.title,
        draw_id: asked.draw,
        files: asked.files,
        faulty: asked.faulty,
        completed_on: asked.completed_on,
        record: asked.record,
        by: asked.by,
    };
    let said = supervision::add(&settings.store.path, &told, SystemClock.now_micros())
        .await
        .map_err(fault)?;
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&said)?);
        return Ok(Exit::Done);
    }
    let (record, before) = (&said.word, if said.fresh { "" } else { " before" });
    println!(
        "{} {} of {} recorded{before}",
        record.kind.code(),
        record.supervision_id,
        record.org_code
    );
    if record.completed_on.is_none() {
        println!(
            "it is not finished; finish it: nonsite inspection supervision add --supervision {} \
             --completed-on DATE ...",
            record.supervision_id
        );
    }
    Ok(Exit::Done)
}

async fn list(asked: &List, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    let session = open(settings).await?;
    let rows = supervision::load(&session).await.map_err(fault)?;
    let mut shown: Vec<Supervision> = if asked.history {
        rows
    } else {
        supervision::standing(&rows, instant(asked.as_of.as_ref())?)
    };
    let kind = asked.kind.map(SupervisionKind::from);
    shown.retain(|record| kind.is_none_or(|kind| kind == record.kind));
    shown.retain(|record| asked.org.as_ref().is_none_or(|org| *org == record.org_code));
    let mut listing = Listing::new(&[
        "record",
        "kind",
        "body",
        "title",
        "sample",
        "files",
        "with faults",
        "completed",
        "report",
        "by",
        "recorded",
    ]);
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    for record in &shown {
        listing.row([
            record.supervision_id.clone(),
            record.kind.code().to_owned(),
            record.org_code.clone(),
            record.title.clone(),
            record.draw_id.clone().unwrap_or_default(),
            number(record.files),
            number(record.faulty),
            record
                .completed_on
                .map(|day| day.to_string())
                .unwrap_or_default(),
            record.record.clone().unwrap_or_default(),
            record.by.clone(),
            beijing_text(record.recorded_at),
        ]);
    }
    listing.print(format, &shown)?;
    Ok(Exit::Done)
}
