//! How the work is doing, down to the decisions behind each figure, and the proof of the chain.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use nonsite_analytics::ratio::{Period, PeriodKind};
use nonsite_analytics::review::{ChainFault, Figure, Rate, StatRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Reading};
use super::app::App;
use super::cases::{RowsWanted, instant};
use super::extract::{Asked, Named, plain};
use super::fault::internal;
use super::identity::Principal;
use super::problem::{BAD_QUERY, NOT_FOUND, Problem};
use super::targets::{self, Basis, TargetView};
use super::view::{Page, time};

/// Which decisions are counted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct When {
    /// Calendar year; the running one when left out.
    #[param(minimum = 1970, maximum = 9998)]
    year: Option<i32>,
    /// How it stood then: an instant, a Beijing time, or a Beijing day (its end); now when left out.
    #[serde(deserialize_with = "plain")]
    #[param(example = "2026-06-30")]
    as_of: Option<String>,
    /// What the emissions of an industry are; as configured when left out.
    #[param(inline)]
    emission_basis: Option<Basis>,
}

/// The calendar year asked for.
pub(super) fn year(asked: Option<i32>) -> Result<Option<Period>, Problem> {
    asked
        .map(|year| {
            Period::year(year)
                .map_err(|error| Problem::new(&BAD_QUERY, format!("year: {error}")).at("year"))
        })
        .transpose()
}

/// The days asked for: a calendar year, or a period of one's own by its first and its last day.
pub(super) fn days(
    asked: Option<i32>,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Result<Option<Period>, Problem> {
    let bad = |at: &str, why: &str| Problem::new(&BAD_QUERY, format!("{at}: {why}")).at(at);
    match (asked, from, to) {
        (asked, None, None) => year(asked),
        (Some(_), ..) => Err(bad("year", "goes with neither from nor to")),
        (None, Some(_), None) => Err(bad("to", "is missing, and goes with from")),
        (None, None, Some(_)) => Err(bad("from", "is missing, and goes with to")),
        // The years that a calendar year can be asked for of.
        (None, Some(from), Some(_)) if from.year() < 1970 => {
            Err(bad("from", "lies before the year 1970"))
        }
        (None, Some(_), Some(to)) if to.year() > 9998 => Err(bad("to", "lies after the year 9998")),
        (None, Some(from), Some(to)) => Period::days(from, to)
            .map(Some)
            .map_err(|error| bad("from", &error.to_string())),
    }
}

impl When {
    pub(super) fn new(
        year: Option<i32>,
        as_of: Option<String>,
        emission_basis: Option<Basis>,
    ) -> Self {
        Self {
            year,
            as_of,
            emission_basis,
        }
    }

    pub(super) fn read(&self, now: i64) -> Result<(Period, i64), Problem> {
        let as_of = instant("as_of", self.as_of.as_deref())?.unwrap_or(now);
        let period =
            year(self.year)?.unwrap_or_else(|| Period::containing(PeriodKind::YearToDate, as_of));
        Ok((period, as_of))
    }
}

/// Hits of so many.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rate)]
pub(super) struct RateView {
    /// Decisions that meet the target.
    hits: u64,
    /// All decisions.
    of: u64,
    /// Percent with two decimals; null without decisions.
    percent: Option<String>,
}

impl From<Rate> for RateView {
    fn from(rate: Rate) -> Self {
        Self {
            hits: rate.hits,
            of: rate.of,
            percent: rate.percent(),
        }
    }
}

/// One target.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Figure)]
pub(super) struct FigureView {
    /// Stable code.
    code: String,
    /// Chinese name.
    zh: String,
    /// What is counted.
    text: String,
    /// The count.
    rate: RateView,
    /// Begun by the end of the period and not decided yet.
    undecided: u64,
    /// Median time it took, hours.
    median_hours: Option<f64>,
    /// By body in charge; their sums are the figure.
    by_org: BTreeMap<String, RateView>,
}

impl From<Figure> for FigureView {
    fn from(figure: Figure) -> Self {
        Self {
            code: figure.code.to_owned(),
            zh: figure.zh.to_owned(),
            text: figure.text.to_owned(),
            rate: figure.rate.into(),
            undecided: figure.undecided,
            median_hours: figure.median_hours,
            by_org: figure
                .by_org
                .into_iter()
                .map(|(org, rate)| (org, rate.into()))
                .collect(),
        }
    }
}

/// Targets beside the ratio.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stats {
    /// First day of the period.
    from: NaiveDate,
    /// The day after the last one.
    until: NaiveDate,
    /// The instant the figures stand for.
    as_of: DateTime<Utc>,
    /// Targets of the case work within your scope, counted from the audit chain.
    figures: Vec<FigureView>,
    /// Targets of the whole city, counted from the tables.
    targets: Vec<TargetView>,
}

/// The targets beside the ratio: of the case work within your scope, counted from the audit chain, and
/// of the whole city, counted from the tables.
#[utoipa::path(
    get, path = "/stats", tag = "figures", operation_id = "stats", params(When, Everyone),
    security(("token" = [])),
    responses((status = 200, description = "the targets", body = Stats), Reading)
)]
pub(super) async fn stats(
    who: Principal,
    State(app): State<App>,
    Asked(when): Asked<When>,
) -> Result<Json<Stats>, Problem> {
    who.of_a_body("read figures")?;
    let (period, as_of) = when.read(app.now())?;
    let figures = app.queue_of(&who).stats(&period, as_of).await?;
    let targets = targets::counted(&app, &period, as_of, when.emission_basis).await?;
    Ok(Json(Stats {
        targets: targets.into_iter().map(TargetView::from).collect(),
        from: period.from,
        until: period.until,
        as_of: time(as_of),
        figures: figures.into_iter().map(FigureView::from).collect(),
    }))
}

/// One decision a figure counts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatRow)]
pub(super) struct StatRowView {
    /// The case.
    case_id: String,
    /// Body in charge.
    org_code: Option<String>,
    /// The audit row of the decision.
    seq: i64,
    /// When it took effect.
    at: DateTime<Utc>,
    /// What was done.
    action: String,
    /// By whom.
    by: String,
    /// Whether it meets the target.
    hit: bool,
    /// How long it took, seconds, where the target is about time.
    took_s: Option<i64>,
}

impl From<StatRow> for StatRowView {
    fn from(row: StatRow) -> Self {
        Self {
            case_id: row.case_id,
            org_code: row.org_code,
            seq: row.seq,
            at: time(row.at),
            action: row.action,
            by: row.by,
            hit: row.hit,
            took_s: row.took.map(|micros| micros / 1_000_000),
        }
    }
}

/// Which decisions, and where to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct DecisionsWanted {
    /// Calendar year; the running one when left out.
    #[param(minimum = 1970, maximum = 9998)]
    year: Option<i32>,
    /// How it stood then: an instant, a Beijing time, or a Beijing day (its end); now when left out.
    #[serde(deserialize_with = "plain")]
    as_of: Option<String>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

impl DecisionsWanted {
    /// When, and which page.
    pub(super) fn parts(self) -> (When, RowsWanted) {
        let when = When::new(self.year, self.as_of, None);
        (when, RowsWanted::new(self.limit, self.cursor))
    }
}

/// The decisions a figure counts, in the order of the chain.
#[utoipa::path(
    get, path = "/stats/{code}/rows", tag = "figures", operation_id = "stat_rows",
    params(("code" = String, Path, description = "code of the target"), DecisionsWanted, Everyone),
    security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<StatRowView>), Reading)
)]
pub(super) async fn rows(
    who: Principal,
    State(app): State<App>,
    Named(code): Named<String>,
    Asked(wanted): Asked<DecisionsWanted>,
) -> Result<Json<Page<StatRowView>>, Problem> {
    who.of_a_body("read figures")?;
    let (when, page) = wanted.parts();
    let (period, as_of) = when.read(app.now())?;
    let figures = app.queue_of(&who).stats(&period, as_of).await?;
    let codes: Vec<&str> = figures.iter().map(|figure| figure.code).collect();
    let known = format!("no such target; there are: {}", codes.join(", "));
    let figure = figures
        .into_iter()
        .find(|figure| figure.code == code)
        .ok_or_else(|| Problem::new(&NOT_FOUND, known))?;
    let of = format!("decisions of {}", figure.code);
    let rows = figure.rows.into_iter().map(StatRowView::from);
    Ok(Json(page.page(&of, rows, |row| row.seq)?))
}

/// The head of an earlier audit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditWanted {
    /// Head of an earlier audit: also notice that the end of the chain was cut off.
    #[serde(deserialize_with = "plain")]
    expect_head: Option<String>,
}

/// What is wrong with the chain, at the first row that is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ChainFault)]
pub(super) struct FaultView {
    /// `missing`, `unlinked`, `altered`, `contradicts`, `unreadable`, `act_altered`, `version_altered`,
    /// `files_altered`, `case_altered` or `head_missing`.
    fault: String,
    /// The row.
    seq: Option<i64>,
    /// The row that stands in its place.
    found: Option<i64>,
    /// The case.
    case_id: Option<String>,
    /// Version of the case.
    version: Option<i64>,
    /// The inspection act.
    act_id: Option<String>,
    /// What cannot be read.
    what: Option<String>,
    /// Which one.
    id: Option<String>,
    /// What is wrong with it.
    problem: Option<String>,
    /// The head that was expected.
    expected: Option<String>,
}

/// Result of an audit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditReport)]
pub(super) struct AuditView {
    /// Nothing is wrong.
    sound: bool,
    /// Rows of the chain up to the first fault.
    rows: i64,
    /// Cases checked.
    cases: usize,
    /// Hash of the last sound row; keep it.
    head: String,
    /// The first fault.
    fault: Option<FaultView>,
    /// The fault in words.
    text: Option<String>,
}

/// A fault by its parts.
fn told(fault: &ChainFault) -> Result<FaultView, Problem> {
    let parts = serde_json::to_value(fault).map_err(|error| internal(&error))?;
    serde_json::from_value(parts).map_err(|error| internal(&error))
}

/// Walks the whole audit chain and compares every case with its last row. A broken chain is an answer,
/// not a problem.
#[utoipa::path(
    get, path = "/audit", tag = "figures", operation_id = "verify_audit",
    params(AuditWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "the report", body = AuditView), Reading)
)]
pub(super) async fn audit(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<AuditWanted>,
) -> Result<Json<AuditView>, Problem> {
    who.of_a_body("audit the chain")?;
    let _place = app.heavy().await?;
    let report = app
        .queue_of(&who)
        .audit(wanted.expect_head.as_deref())
        .await?;
    Ok(Json(AuditView {
        sound: report.fault.is_none(),
        rows: report.rows,
        cases: report.cases,
        head: report.head,
        text: report.fault.as_ref().map(ToString::to_string),
        fault: report.fault.as_ref().map(told).transpose()?,
    }))
}
