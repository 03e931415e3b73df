//! `nonsite rules floods`, `release` and `discard`: findings held as a suspected platform fault.

use nonsite_analytics::detect::flood::{self, Floods, Ruling};
use nonsite_analytics::review::beijing_text;
use nonsite_schemas::time::{Clock, SystemClock};
use serde_json::json;

use crate::commands::detect::classed;
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Those that somebody decided about as well.
    #[arg(long)]
    all: bool,
    /// How to print them.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Decide {
    /// Id of the flood, or its beginning; `nonsite rules floods` shows them.
    id: String,
    /// Who decides.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    why: String,
}

/// Floods as the store has them now.
pub(super) async fn load(settings: &Settings) -> anyhow::Result<Floods> {
    let session = nonsite_analytics::session::open(&settings.store.path, &settings.session)
        .await
        .map_err(classed)?;
    Floods::load(&session, SystemClock.now_micros())
        .await
        .map_err(classed)
}

/// What a rule's findings are held for, in words; nothing when they are not.
pub(super) fn of_rule(floods: &Floods, rule_id: &str) -> Option<String> {
    let cities: Vec<String> = floods
        .undecided()
        .filter_map(|flood| {
            let (rule, city) = flood.scope.split_once('/')?;
            (rule == rule_id).then(|| format!("{city} {}", beijing_text(flood.from_time)))
        })
        .collect();
    (!cities.is_empty()).then(|| format!("held (flood): {}", cities.join(", ")))
}

pub(super) async fn list(args: &List, settings: &Settings) -> anyhow::Result<Exit> {
    let floods = load(settings).await?;
    let undecided: Vec<&str> = floods
        .undecided()
        .map(|flood| flood.anomaly_id.as_str())
        .collect();
    let mut listing = Listing::new(&["id", "rule/city", "from", "to", "state", "what"]);
    let mut items = Vec::new();
    for flood in floods.standing() {
        let held = undecided.contains(&flood.anomaly_id.as_str());
        if !held && !args.all {
            continue;
        }
        let decision = floods.decision(&flood.scope, flood.to_time - 1);
        let state = match decision {
            Some(decision) if !held => format!(
                "{} by {} ({})",
                decision.ruling.code(),
                decision.by,
                decision.why
            ),
            _ => "held".to_owned(),
        };
        listing.row([
            flood.anomaly_id[..12.min(flood.anomaly_id.len())].to_owned(),
            flood.scope.clone(),
            beijing_text(flood.from_time),
            beijing_text(flood.to_time),
            state,
            flood.reason.clone(),
        ]);
        items.push(json!({"flood": flood, "held": held, "decision": decision}));
    }
    listing.print(args.format, &items)?;
    Ok(Exit::Done)
}

pub(super) async fn decide(
    args: &Decide,
    ruling: Ruling,
    settings: &Settings,
) -> anyhow::Result<Exit> {
    if args.why.trim().is_empty() {
        return Err(Usage("--why: give a reason".to_owned()).into());
    }
    let floods = load(settings).await?;
    let flood = flood::find(&floods, &args.id).map_err(classed)?;
    flood::decide(
        &settings.store.path,
        flood,
        ruling,
        &args.by,
        &args.why,
        SystemClock.now_micros(),
    )
    .await
    .map_err(classed)?;
    let what = match ruling {
        Ruling::Release => "released: its alerts go out and its cases open with the next round",
        Ruling::Discard => "discarded: its findings stay in the table and are not dispatched",
    };
    println!("{} ({}) is {what}", flood.anomaly_id, flood.scope);
    Ok(Exit::Done)
}
