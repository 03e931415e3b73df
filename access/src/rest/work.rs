//! Work on cases: claim, give back, and every action of the workflow.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nonsite_analytics::review::{Case, Service};
use serde::Deserialize;
use utoipa::ToSchema;

use super::answers::{Everyone, OnVersion, Once, Writing, tagged};
use super::app::App;
use super::cases::{id, known_states};
use super::extract::{Carried, Named, Nothing, Write, is_plain};
use super::papers::Papers;
use super::problem::{BAD_BODY, Problem};
use super::view::CaseView;

/// The case as the change left it, with its new ETag.
fn changed(queue: &Service, case: Case, now: i64) -> Response {
    let version = case.version;
    let view = CaseView::of(case, queue.machine(), now);
    tagged(StatusCode::OK, version, &view)
}

/// Claims a case: nobody else acts on it while the claim holds.
#[utoipa::path(
    post, path = "/cases/{case_id}/claim", tag = "work", operation_id = "claim_case",
    params(("case_id" = String, Path, description = "id of the case"), OnVersion, Once, Everyone),
    security(("token" = [])),
    responses(
        (status = 200, description = "claimed", body = CaseView,
         headers(("ETag" = String, description = "its new version"))),
        Writing,
    )
)]
pub(super) async fn claim(
    State(app): State<App>,
    Named(case_id): Named<String>,
    write: Write<Nothing>,
) -> Result<Response, Problem> {
    let queue = write.on_case(&app)?;
    let case = queue.claim(&id(case_id)?, &write.who.actor()).await?;
    Ok(changed(&queue, case, app.now()))
}

/// Gives a claimed case back.
#[utoipa::path(
    post, path = "/cases/{case_id}/release", tag = "work", operation_id = "release_case",
    params(("case_id" = String, Path, description = "id of the case"), OnVersion, Once, Everyone),
    security(("token" = [])),
    responses(
        (status = 200, description = "given back", body = CaseView,
         headers(("ETag" = String, description = "its new version"))),
        Writing,
    )
)]
pub(super) async fn release(
    State(app): State<App>,
    Named(case_id): Named<String>,
    write: Write<Nothing>,
) -> Result<Response, Problem> {
    let queue = write.on_case(&app)?;
    let case = queue.release(&id(case_id)?, &write.who.actor()).await?;
    Ok(changed(&queue, case, app.now()))
}

/// Which work is wanted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WorkWanted {
    /// Only cases in these states.
    #[schema(required = false)]
    states: Vec<String>,
    /// Only cases of this body.
    org: Option<String>,
}

impl Carried for WorkWanted {}

/// Hands out the worst and most urgent case that waits for your role. Two people never get the same.
#[utoipa::path(
    post, path = "/claims", tag = "work", operation_id = "claim_next",
    params(Once, Everyone), security(("token" = [])),
    request_body(content = WorkWanted, example = json!({"states": ["triage"]})),
    responses(
        (status = 200, description = "the case you hold now", body = CaseView,
         headers(("ETag" = String, description = "its version"))),
        (status = 204, description = "nothing waits"),
        Writing,
    )
)]
pub(super) async fn claim_next(
    State(app): State<App>,
    write: Write<WorkWanted>,
) -> Result<Response, Problem> {
    let queue = write.on_queue(&app);
    let WorkWanted { states, org } = &write.body;
    known_states(queue.machine(), states)?;
    if org.as_deref().is_some_and(|org| !is_plain(org)) {
        return Err(Problem::new(&BAD_BODY, "org: not the code of a body").at("/org"));
    }
    let claimed = queue
        .claim_next(&write.who.actor(), states, org.as_deref())
        .await?;
    Ok(match claimed {
        Some(case) => changed(&queue, case, app.now()),
        None => axum::response::IntoResponse::into_response(StatusCode::NO_CONTENT),
    })
}

/// Takes an action of the workflow on a case.
#[utoipa::path(
    post, path = "/cases/{case_id}/actions/{action}", tag = "work", operation_id = "act_on_case",
    params(
        ("case_id" = String, Path, description = "id of the case"),
        ("action" = String, Path, description = "the action"),
        OnVersion, Once, Everyone,
    ),
    security(("token" = [])),
    request_body(content = Papers, example = json!({"channel": "client", "reason": "需企业说明"})),
    responses(
        (status = 200, description = "the case after it", body = CaseView,
         headers(("ETag" = String, description = "its new version"))),
        Writing,
    )
)]
pub(super) async fn act(
    State(app): State<App>,
    Named((case_id, action)): Named<(String, String)>,
    write: Write<Papers>,
) -> Result<Response, Problem> {
    let queue = write.on_case(&app)?;
    let actor = write.who.actor();
    let input = write.body.input()?;
    let case = queue
        .act(&id(case_id)?, &id(action)?, &actor, &input)
        .await?;
    Ok(changed(&queue, case, app.now()))
}
