//! `nonsite inspection audit`: audits of sub-bureaus (稽查).

use chrono::NaiveDate;
use clap::Subcommand;
use nonsite_analytics::inspection::audits::{self, BureauAudit, Told};
use nonsite_analytics::review::beijing_text;
use nonsite_schemas::time::{Clock, SystemClock};

use super::{fault, instant, open};
use crate::exit::Exit;
use crate::output::{Format, Listing};
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Record an audit of a sub-bureau, or complete or correct one.
    Add(Add),
    /// The audits as they stand.
    List(List),
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The audit to complete or correct: everything is said anew [default: a new one].
    #[arg(long, value_name = "ID")]
    audit: Option<String>,
    /// Audited sub-bureau.
    #[arg(long, value_name = "CODE")]
    org: String,
    /// Who audited.
    #[arg(long, value_name = "TEXT")]
    team: String,
    /// The team came from other districts (跨区).
    #[arg(long)]
    cross_region: bool,
    /// Sample of closed cases it looked into (`nonsite inspection draws`).
    #[arg(long, value_name = "ID")]
    draw: Option<String>,
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
    /// Only those of this sub-bureau.
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
    format.without_list("inspection audit add")?;
    let told = Told {
        audit_id: asked.audit,
        org_code: asked.org,
        team: asked.team,
        cross_region: asked.cross_region,
        draw_id: asked.draw,
        completed_on: asked.completed_on,
        record: asked.record,
        by: asked.by,
    };
    let added = audits::add(&settings.store.path, &told, SystemClock.now_micros())
        .await
        .map_err(fault)?;
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&added)?);
        return Ok(Exit::Done);
    }
    let (audit, before) = (&added.audit, if added.fresh { "" } else { " before" });
    println!(
        "audit {} of {} recorded{before}",
        audit.audit_id, audit.org_code
    );
    if audit.completed_on.is_none() {
        println!(
            "it is not finished; finish it: nonsite inspection audit add --audit {} --completed-on DATE ...",
            audit.audit_id
        );
    }
    Ok(Exit::Done)
}

async fn list(asked: &List, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    let session = open(settings).await?;
    let rows = audits::load(&session).await.map_err(fault)?;
    let mut shown: Vec<BureauAudit> = if asked.history {
        rows
    } else {
        audits::standing(&rows, instant(asked.as_of.as_ref())?)
    };
    shown.retain(|audit| asked.org.as_ref().is_none_or(|org| *org == audit.org_code));
    let mut listing = Listing::new(&[
        "audit",
        "sub-bureau",
        "team",
        "cross-region",
        "completed",
        "sample",
        "record",
        "by",
        "recorded",
    ]);
    for audit in &shown {
        listing.row([
            audit.audit_id.clone(),
            audit.org_code.clone(),
            audit.team.clone(),
            audit.cross_region.to_string(),
            audit
                .completed_on
                .map(|day| day.to_string())
                .unwrap_or_default(),
            audit.draw_id.clone().unwrap_or_default(),
            audit.record.clone().unwrap_or_default(),
            audit.by.clone(),
            beijing_text(audit.recorded_at),
        ]);
    }
    listing.print(format, &shown)?;
    Ok(Exit::Done)
}
