//! Audits of closed cases (稽查): samples at random and by risk.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nonsite_analytics::inspection::casebook::cases;
use nonsite_analytics::inspection::draw::{Kind, Request, draw};
use nonsite_analytics::inspection::sample::{Population, population};
use nonsite_analytics::ratio::{Period, PeriodKind};
use nonsite_analytics::review::Role;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answers::{Everyone, Looked, Once, Writing, kept as answered, looked_up};
use super::app::App;
use super::cases::instant;
use super::draws::{DrawView, keep, written};
use super::extract::{Carried, Write};
use super::fault::asked;
use super::figures::year;
use super::identity::Principal;
use super::problem::{BAD_BODY, OUT_OF_SCOPE, Problem};

/// Who audits.
pub(super) const AUDITORS: [Role; 2] = [Role::Analyst, Role::Supervisor];
/// Share drawn with one lot each unless asked otherwise, percent.
const USUAL_RANDOM: u32 = 50;

/// A sample that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleWanted {
    /// The published seed.
    #[schema(min_length = 1, max_length = 200)]
    seed: String,
    /// How many cases to draw; all when there are fewer.
    #[schema(minimum = 1)]
    count: u32,
    /// Share of them that is drawn with one lot each, percent; the rest by risk.
    #[schema(maximum = 100, default = 50)]
    random_percent: Option<u32>,
    /// Only cases of this body.
    org: Option<String>,
    /// Cases closed in this year; the running one when left out.
    #[schema(minimum = 1970, maximum = 9998)]
    year: Option<i32>,
    /// How it stood then; now when left out.
    #[schema(example = "2026-06-30")]
    as_of: Option<String>,
    /// Show the sample, keep nothing.
    #[serde(default)]
    #[schema(required = false)]
    dry_run: bool,
}

impl Carried for SampleWanted {}

/// The cases within the caller's scope, with their points.
pub(super) async fn found(
    app: &App,
    who: &Principal,
    period: &Period,
    as_of: i64,
    org: Option<&str>,
) -> Result<Population, Problem> {
    let tables = app.tables_with_cases().await?;
    let scope = who.scope();
    let mut all = cases(&tables.session, as_of).await?;
    all.retain(|case| scope.covers(Some(&case.org_code), None));
    Ok(population(&all, |case| {
        period.contains(case.day()) && org.is_none_or(|org| org == case.org_code)
    }))
}

/// Draws closed cases to look into again: some at random, some by risk. The seed has to be published
/// by somebody who cannot choose it.
#[utoipa::path(
    post, path = "/samples", tag = "inspection", operation_id = "draw_sample",
    params(Once, Everyone), security(("token" = [])),
    request_body(content = SampleWanted, example = json!({"seed": "3 14 15", "count": 5})),
    responses((status = 201, description = "the sample", body = DrawView), Writing)
)]
pub(super) async fn add(
    State(app): State<App>,
    write: Write<SampleWanted>,
) -> Result<Response, Problem> {
    write.who.one_of(&AUDITORS, "sample closed cases")?;
    let wanted = &write.body;
    written("/seed", &wanted.seed, false)?;
    let random = wanted.random_percent.unwrap_or(USUAL_RANDOM);
    if wanted.count == 0 || random > 100 {
        let (pointer, why) = match wanted.count {
            0 => ("/count", "count: at least 1"),
            _ => ("/random_percent", "random_percent: 0 to 100"),
        };
        return Err(Problem::new(&BAD_BODY, why).at(pointer));
    }
    if let Some(org) = wanted.org.as_deref() {
        written("/org", org, false)?;
        if !write.who.scope().covers(Some(org), None) {
            let why = format!("`{org}` is no body of yours");
            return Err(Problem::new(&OUT_OF_SCOPE, why));
        }
    }
    let given = instant("as_of", wanted.as_of.as_deref()).map_err(Problem::of_body)?;
    let named = year(wanted.year).map_err(Problem::of_body)?;
    let queue = write.on_queue(&app);
    let begun = match looked_up(&queue, StatusCode::CREATED).await? {
        Looked::Answered(answer) => return Ok(answer),
        Looked::Begun(begun) => begun,
    };
    let as_of = given.unwrap_or(begun.at);
    let period = named.unwrap_or_else(|| Period::containing(PeriodKind::YearToDate, as_of));
    let _place = app.heavy().await?;
    // A body's auditors draw from its cases alone: the sample says so.
    let bodies = wanted.org.as_deref().or(write.who.org.as_deref());
    let found = found(&app, &write.who, &period, as_of, wanted.org.as_deref()).await?;
    if found.list.is_empty() {
        let why = format!("no case was closed in {period}, so there is nothing to sample");
        return Err(Problem::new(&BAD_BODY, why).at(""));
    }
    let count = wanted.count.min(found.list.len() as u32);
    let drawn = draw(Request {
        kind: Kind::Sample,
        basis: format!(
            "cases closed in {period} of {}",
            bodies.unwrap_or("all bodies")
        ),
        seed: wanted.seed.clone(),
        count,
        unweighted: (u64::from(count) * u64::from(random)).div_ceil(100) as u32,
        list: found.list,
        officers: Vec::new(),
        officers_each: 0,
    })
    .map_err(asked)?;
    let fresh = keep(&app, &drawn, wanted.dry_run).await?;
    let view = DrawView::of(&drawn, fresh)?;
    answered(&queue, &begun, StatusCode::CREATED, &view).await
}
