//! The targets beside the ratio that are counted from the tables, down to their rows.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use nonsite_analytics::inspection::EmissionBasis;
use nonsite_analytics::ratio::Period;
use nonsite_analytics::targets::{self, Target};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Reading};
use super::app::App;
use super::cases::RowsWanted;
use super::extract::{Asked, Named, plain};
use super::figures::When;
use super::identity::Principal;
use super::problem::{BAD_QUERY, NOT_FOUND, Problem};
use super::view::Page;

/// Columns that name a body.
const BODIES: [&str; 2] = ["body", "sub-bureau"];

/// What the emissions of an industry are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Basis {
    /// Permitted annual masses.
    Permit,
    /// Masses in execution reports.
    Report,
    /// Statistics of the targets file.
    Statistics,
}

impl From<Basis> for EmissionBasis {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::Permit => Self::Permit,
            Basis::Report => Self::Report,
            Basis::Statistics => Self::Statistics,
        }
    }
}

/// A target that is counted from the tables, for the whole city.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Target)]
pub(super) struct TargetView {
    /// Stable code.
    code: String,
    /// Chinese name.
    zh: String,
    /// What is counted.
    text: String,
    /// What meets the target, in `unit`.
    hits: f64,
    /// All of it, in `unit`.
    of: f64,
    /// What is counted: units, acts, t ...
    unit: String,
    /// In percent with two decimals; null when there is nothing to count.
    percent: Option<String>,
    /// What is to be reached, percent.
    goal: Option<f64>,
    /// How many are to be reached, where the target is a number and no share.
    at_least: Option<u32>,
    /// Whether it is, compared without rounding; null while its day is to come.
    reached: Option<bool>,
    /// Median time, days, where the target is about time.
    median_days: Option<f64>,
    /// What it was counted from, and what that leaves open.
    note: String,
}

impl From<Target> for TargetView {
    fn from(target: Target) -> Self {
        Self {
            code: target.code.to_owned(),
            zh: target.zh.to_owned(),
            text: target.text.to_owned(),
            hits: target.hits,
            of: target.of,
            unit: target.unit.to_owned(),
            percent: target.percent,
            goal: target.goal,
            at_least: target.at_least,
            reached: target.reached,
            median_days: target.median_days,
            note: target.note,
        }
    }
}

/// Every target, with what the queue has decided so far.
pub(super) async fn counted(
    app: &App,
    period: &Period,
    as_of: i64,
    basis: Option<Basis>,
) -> Result<Vec<Target>, Problem> {
    let policy = app
        .policies()
        .in_force(as_of)
        .map_err(|error| Problem::new(&BAD_QUERY, format!("as_of: {error}")).at("as_of"))?;
    let mut config = app.inspection_config().clone();
    if let Some(basis) = basis {
        config.emission_basis = basis.into();
    }
    let _place = app.heavy().await?;
    let tables = app.tables_with_cases().await?;
    let asked = targets::Asked {
        period,
        as_of,
        policy,
        config: &config,
    };
    Ok(targets::targets(&tables.session, asked).await?)
}

/// Which rows, and where to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct TargetRowsWanted {
    /// Calendar year; the running one when left out.
    #[param(minimum = 1970, maximum = 9998)]
    year: Option<i32>,
    /// How it stood then: an instant, a Beijing time, or a Beijing day (its end); now when left out.
    #[serde(deserialize_with = "plain")]
    as_of: Option<String>,
    /// What the emissions of an industry are; as configured when left out.
    #[param(inline)]
    emission_basis: Option<Basis>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// One of what a target counts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TargetRow)]
pub(super) struct TargetRowView {
    /// Its place among all rows of the target, from 1.
    row: i64,
    /// What stands in it, by the name of the column.
    cells: BTreeMap<String, String>,
}

/// What a target counts, one by one. Rows of other bodies than yours are left out; a target whose rows
/// name no body is for those who see the whole city.
#[utoipa::path(
    get, path = "/stats/targets/{code}/rows", tag = "figures", operation_id = "target_rows",
    params(("code" = String, Path, description = "code of the target"), TargetRowsWanted, Everyone),
    security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<TargetRowView>), Reading)
)]
pub(super) async fn rows(
    who: Principal,
    State(app): State<App>,
    Named(code): Named<String>,
    Asked(wanted): Asked<TargetRowsWanted>,
) -> Result<Json<Page<TargetRowView>>, Problem> {
    who.of_a_body("read figures")?;
    let when = When::new(wanted.year, wanted.as_of, wanted.emission_basis);
    let (period, as_of) = when.read(app.now())?;
    let page = RowsWanted::new(wanted.limit, wanted.cursor);
    let all = counted(&app, &period, as_of, wanted.emission_basis).await?;
    let codes: Vec<&str> = all.iter().map(|target| target.code).collect();
    let known = format!("no such target; there are: {}", codes.join(", "));
    let target = all
        .iter()
        .find(|target| target.code == code)
        .ok_or_else(|| Problem::new(&NOT_FOUND, known))?;
    let body = target
        .columns
        .iter()
        .position(|column| BODIES.contains(column));
    if body.is_none() {
        who.of_the_city("the rows of this target are about the whole city")?;
    }
    let scope = who.scope();
    let views = (1_i64..)
        .zip(&target.rows)
        .filter(|(_, cells)| {
            let named = body.and_then(|column| cells.get(column));
            named.is_none_or(|body| scope.covers(Some(body), None))
        })
        .map(|(row, cells)| TargetRowView {
            row,
            cells: target
                .columns
                .iter()
                .map(|&column| column.to_owned())
                .zip(cells.iter().cloned())
                .collect(),
        });
    let of = format!("rows of {}", target.code);
    Ok(Json(page.page(&of, views, |view| view.row)?))
}
