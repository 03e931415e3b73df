//! How reviews are done: everybody who decides, and files that served more than one case.

use axum::Json;
use axum::extract::State;
use nonsite_analytics::inspection::sample::{Reuse, Reviewer};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{Everyone, Reading};
use super::app::App;
use super::extract::Asked;
use super::figures::DecisionsWanted;
use super::identity::Principal;
use super::problem::Problem;
use super::samples::{AUDITORS, found};
use super::view::Page;

/// How a reviewer decides.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reviewer)]
pub(super) struct ReviewerView {
    /// Id of the reviewer.
    reviewer: String,
    /// Approvals and returns.
    decisions: u64,
    /// Returns among them.
    returns: u64,
    /// Returns in percent, with two decimals.
    return_percent: String,
    /// Median time from taking it up to the decision, minutes.
    median_minutes: f64,
    /// The same of approvals alone; null when there was none.
    approval_minutes: Option<f64>,
    /// Decisions within three minutes.
    hasty: u64,
}

impl From<Reviewer> for ReviewerView {
    fn from(one: Reviewer) -> Self {
        Self {
            reviewer: one.reviewer,
            decisions: one.decisions,
            returns: one.returns,
            return_percent: one.return_percent,
            median_minutes: one.median_minutes,
            approval_minutes: one.approval_minutes,
            hasty: one.hasty,
        }
    }
}

/// A file, or pictures that look the same, in more than one case.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FileReuse)]
pub(super) struct ReuseView {
    /// SHA-256 of the file, or of the first of the pictures.
    sha256: String,
    /// Not the same to the byte: pictures that look the same.
    near: bool,
    /// The cases.
    cases: Vec<String>,
}

impl From<Reuse> for ReuseView {
    fn from(reuse: Reuse) -> Self {
        Self {
            sha256: reuse.sha256,
            near: reuse.near,
            cases: reuse.cases,
        }
    }
}

/// Return rate and time of everybody who decided about submissions, within the caller's scope.
#[utoipa::path(
    get, path = "/reviewers", tag = "inspection", operation_id = "list_reviewers",
    params(DecisionsWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<ReviewerView>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<DecisionsWanted>,
) -> Result<Json<Page<ReviewerView>>, Problem> {
    who.one_of(&AUDITORS, "look at how reviewers decide")?;
    let (when, page) = wanted.parts();
    let (period, as_of) = when.read(app.now())?;
    let _place = app.heavy().await?;
    let found = found(&app, &who, &period, as_of, None).await?;
    let views = found.reviewers.into_iter().map(ReviewerView::from);
    Ok(Json(page.whole("reviewers", views.collect())?))
}

/// Files that served more than one case, within the caller's scope.
#[utoipa::path(
    get, path = "/reused-files", tag = "inspection", operation_id = "list_reused_files",
    params(DecisionsWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<ReuseView>), Reading)
)]
pub(super) async fn reused(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<DecisionsWanted>,
) -> Result<Json<Page<ReuseView>>, Problem> {
    who.one_of(&AUDITORS, "look at files that were used twice")?;
    let (when, page) = wanted.parts();
    let (period, as_of) = when.read(app.now())?;
    let _place = app.heavy().await?;
    let found = found(&app, &who, &period, as_of, None).await?;
    let views = found.reuse.into_iter().map(ReuseView::from);
    Ok(Json(page.whole("reused files", views.collect())?))
}
