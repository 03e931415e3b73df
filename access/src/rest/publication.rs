//! Published figures: keeping one, and computing it again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use nonsite_analytics::ratio::{
    KeptFigure, SnapshotDifference, publish, published, reproduce as again,
};
use nonsite_analytics::review::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{Everyone, Once, Reading, Writing};
use super::app::{App, Tables};
use super::cases::instant;
use super::extract::{Carried, Named, Write, is_plain};
use super::fault::internal;
use super::figures::days;
use super::identity::Principal;
use super::problem::{BAD_BODY, NOT_FOUND, Problem};
use super::ratio::{Basis, ShareView};

/// Which figure is published.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ToPublish {
    /// Calendar year; the period of the policy when left out.
    #[schema(minimum = 1970, maximum = 9998)]
    year: Option<i32>,
    /// First Beijing day of a period of one's own, such as a campaign's; goes with `to`, not with `year`.
    from: Option<NaiveDate>,
    /// Its last day.
    to: Option<NaiveDate>,
    /// How it stood then: an instant, a Beijing time, or a Beijing day (its end); now when left out.
    #[schema(example = "2026-06-30")]
    as_of: Option<String>,
    /// Leave out records that arrived later than this.
    known_at: Option<String>,
}

impl Carried for ToPublish {}

/// A published figure.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Published {
    /// Its id: `r` and 16 hexadecimal digits, made of its content.
    snapshot_id: String,
    /// Percent with two decimals.
    percent: Option<String>,
    /// Off-site inspections.
    off: u64,
    /// On-site inspections.
    on: u64,
}

/// Publishes a figure: it is kept with its policy and what it was counted from, and can be computed
/// again. The same figure is kept once.
#[utoipa::path(
    post, path = "/ratio/snapshots", tag = "ratio", operation_id = "publish_ratio",
    params(Once, Everyone), security(("token" = [])),
    request_body(content = ToPublish, example = json!({"year": 2026, "as_of": "2026-06-30"})),
    responses((status = 201, description = "published", body = Published), Writing)
)]
pub(super) async fn add(
    State(app): State<App>,
    write: Write<ToPublish>,
) -> Result<Response, Problem> {
    let may = [Role::Analyst, Role::Supervisor];
    write.who.one_of(&may, "publish a figure")?;
    write.who.of_the_city("a figure covers the whole city")?;
    let queue = write.on_queue(&app);
    let asked = &write.body;
    if [&asked.as_of, &asked.known_at]
        .into_iter()
        .flatten()
        .any(|text| !is_plain(text))
    {
        return Err(Problem::new(&BAD_BODY, "a time has no control characters").at(""));
    }
    // What is wrong is refused before the key is taken.
    for (name, text) in [("as_of", &asked.as_of), ("known_at", &asked.known_at)] {
        instant(name, text.as_deref()).map_err(Problem::of_body)?;
    }
    let period = days(asked.year, asked.from, asked.to).map_err(Problem::of_body)?;
    let begun = queue.begin_request().await?;
    if let Some(answer) = &begun.answer {
        let known: Published = serde_json::from_str(answer).map_err(|error| internal(&error))?;
        return Ok((StatusCode::CREATED, Json(known)).into_response());
    }
    // Done again after a crash, it is the same figure: it stands for the same instant.
    let tables = app.tables().await?;
    let (as_of, known_at) = (asked.as_of.as_deref(), asked.known_at.as_deref());
    let basis = Basis::read(&app, &tables.session, period, as_of, known_at, begun.at)
        .await
        .map_err(Problem::of_body)?;
    let report = basis.report(&app).map_err(Problem::of_body)?;
    let version = tables.session.version("inspections");
    let publication = publish(app.store(), &report, version).await?;
    app.forget_tables().await;
    let published = Published {
        snapshot_id: publication.snapshot_id,
        percent: report.percent.clone(),
        off: report.share.off,
        on: report.share.on,
    };
    let answer = serde_json::to_string(&published).map_err(|error| internal(&error))?;
    queue.answer_request(&begun, &answer).await?;
    Ok((StatusCode::CREATED, Json(published)).into_response())
}

/// One thing that came out differently.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RatioDifference)]
pub(super) struct DifferenceView {
    /// What differs.
    what: String,
    /// As it was reported.
    reported: String,
    /// As it comes out now.
    now: String,
}

impl From<SnapshotDifference> for DifferenceView {
    fn from(difference: SnapshotDifference) -> Self {
        Self {
            what: difference.what.to_owned(),
            reported: difference.reported,
            now: difference.now,
        }
    }
}

/// A published figure computed again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reproduction {
    /// The figure.
    snapshot_id: String,
    /// It came out as it was published.
    reproduced: bool,
    /// Percent as it was published.
    percent: Option<String>,
    /// Counts as they were published.
    share: ShareView,
    /// What is not as it was published, and what came out differently.
    differences: Vec<DifferenceView>,
    /// Version of table `inspections` it was counted from this time: the one it was counted from when it
    /// was published, else the present one.
    inspections_version: i64,
    /// Why that is not the version of then.
    note: Option<String>,
}

/// A published figure as it is kept.
pub(super) async fn figure(tables: &Tables, snapshot_id: &str) -> Result<KeptFigure, Problem> {
    let kept = published(&tables.session, snapshot_id).await?;
    kept.ok_or_else(|| Problem::new(&NOT_FOUND, "no figure with this id was published"))
}

/// Computes a published figure again from its policy, its instants and the records as they were in the
/// table then, and compares.
#[utoipa::path(
    get, path = "/ratio/snapshots/{snapshot_id}/reproduction", tag = "ratio",
    operation_id = "reproduce_ratio",
    params(("snapshot_id" = String, Path, description = "id of the figure"), Everyone),
    security(("token" = [])),
    responses((status = 200, description = "what came of it", body = Reproduction), Reading)
)]
pub(super) async fn reproduce(
    who: Principal,
    State(app): State<App>,
    Named(snapshot_id): Named<String>,
) -> Result<Json<Reproduction>, Problem> {
    who.of_a_body("read the ratio")?;
    let tables = app.tables().await?;
    let kept = figure(&tables, &snapshot_id).await?;
    let found = again(&tables.session, &kept)
        .await
        .map_err(|error| internal(&error))?;
    Ok(Json(Reproduction {
        snapshot_id,
        reproduced: found.differences.is_empty(),
        percent: kept.snapshot.percent,
        share: kept.snapshot.share.into(),
        differences: found
            .differences
            .into_iter()
            .map(DifferenceView::from)
            .collect(),
        inspections_version: found.inspections_version,
        note: found.note,
    }))
}
