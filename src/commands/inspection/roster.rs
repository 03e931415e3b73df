//! `nonsite inspection roster`: officers with their certificates (执法人员花名册).

use std::path::PathBuf;

use clap::Subcommand;
use nonsite_analytics::inspection::lists;
use nonsite_analytics::inspection::roster::{self, RosterOfficer};
use nonsite_analytics::review::beijing_text;
use nonsite_schemas::time::{Clock, SystemClock};

use super::{fault, instant, open};
use crate::exit::Exit;
use crate::output::{Format, Listing};
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Record what holds of the officers of a list; what held before adds nothing.
    Import(Import),
    /// The roster as it stands.
    List(List),
}

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// CSV with `officer_id` and `org_code`, and where they are known `name`, `certificate_no`,
    /// `valid_from`, `valid_to`, `left_on` (YYYY-MM-DD). Who is missing from it stays on the roster.
    #[arg(value_name = "FILE")]
    list: PathBuf,
    /// Who records it.
    #[arg(long, value_name = "NAME")]
    by: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only officers of this body.
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
        Action::Import(asked) => import(&asked, format, settings).await,
        Action::List(asked) => list(&asked, format, settings).await,
    }
}

async fn import(asked: &Import, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    format.without_list("inspection roster import")?;
    let told = lists::roster(&asked.list).map_err(fault)?;
    let now = SystemClock.now_micros();
    let said = roster::add(&settings.store.path, &told, &asked.by, now)
        .await
        .map_err(fault)?;
    let fresh = said.iter().filter(|said| said.fresh).count();
    if format == Format::Json {
        let done = serde_json::json!({"officers": said.len(), "fresh": fresh});
        println!("{}", serde_json::to_string_pretty(&done)?);
    } else {
        println!(
            "{} officers on the list, {fresh} new or changed",
            said.len()
        );
    }
    Ok(Exit::Done)
}

async fn list(asked: &List, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    let session = open(settings).await?;
    let rows = roster::load(&session).await.map_err(fault)?;
    let mut shown: Vec<RosterOfficer> = if asked.history {
        rows
    } else {
        roster::standing(&rows, instant(asked.as_of.as_ref())?)
    };
    shown.retain(|officer| {
        asked
            .org
            .as_ref()
            .is_none_or(|org| *org == officer.org_code)
    });
    let mut listing = Listing::new(&[
        "officer",
        "name",
        "body",
        "certificate",
        "valid from",
        "valid to",
        "left on",
        "by",
        "recorded",
    ]);
    let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    for officer in &shown {
        listing.row([
            officer.officer_id.clone(),
            officer.name.clone().unwrap_or_default(),
            officer.org_code.clone(),
            officer.certificate_no.clone().unwrap_or_default(),
            day(officer.valid_from),
            day(officer.valid_to),
            day(officer.left_on),
            officer.by.clone(),
            beijing_text(officer.recorded_at),
        ]);
    }
    listing.print(format, &shown)?;
    Ok(Exit::Done)
}
