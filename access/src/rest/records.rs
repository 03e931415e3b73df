//! Records of inspection acts: looked at, and sent the way that every act takes into the tables.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nonsite_analytics::inspection::permit::in_force;
use nonsite_analytics::inspection::{kept, record, stored};
use nonsite_analytics::review::Role;
use nonsite_schemas::wire::inspection;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{self, Everyone, Freely, Looked, Once, Writing, looked_up};
use super::app::App;
use super::checklists::lists;
use super::documents::InspectionRecord;
use super::extract::{Asked, Carried, Write};
use super::problem::{BAD_BODY, BUSY, NOT_SET_UP, OUT_OF_SCOPE, Problem, VERSION_TAKEN};

/// Who writes records of acts.
const WRITERS: [Role; 4] = [
    Role::Analyst,
    Role::Officer,
    Role::Approver,
    Role::Supervisor,
];

impl Carried for Freely {}

/// Whether it is sent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Sending {
    /// Look only, send nothing.
    #[param(required = false)]
    dry_run: bool,
}

/// What is to be said of a record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordVerdict)]
pub(super) struct VerdictView {
    /// The act.
    act_id: String,
    /// Its version.
    act_version: i32,
    /// Where the record went; null when it was only looked at.
    sent_to: Option<String>,
    /// What is wrong: such a record is not sent.
    wrong: Vec<String>,
    /// What it lacks to count for the ratio, and what an auditor would ask. It is kept all the same.
    lacks: Vec<String>,
    /// Questions its checklist has to answer.
    asked: usize,
    /// Answers that differ from what the data suggested.
    overruled: Vec<String>,
}

/// Takes the record of an inspection act (`docs/schemas/inspection.json`). A record that contradicts
/// itself, its checklist or the lots is refused, and so is a version that is not greater than the
/// highest that is stored; one that lacks part of the minimum is taken, and not counted. It shows in the
/// tables when ingestion has read it.
#[utoipa::path(
    post, path = "/inspections", tag = "inspection", operation_id = "record_inspection",
    params(Sending, Once, Everyone), security(("token" = [])),
    request_body(content = InspectionRecord, example = json!({
        "act_id": "act-1", "act_version": 1, "unit": {"unit_id": "unit-1"},
        "org": {"code": "370502", "level": "sub_bureau"}, "mode": "offsite", "method": "documents",
        "class": "daily", "status": "closed",
    })),
    responses(
        (status = 200, description = "looked at, not sent", body = VerdictView),
        (status = 201, description = "sent", body = VerdictView),
        Writing,
    )
)]
pub(super) async fn add(
    State(app): State<App>,
    Asked(sending): Asked<Sending>,
    write: Write<Freely>,
) -> Result<Response, Problem> {
    write.who.one_of(&WRITERS, "record an inspection")?;
    let wrong = |why: String| Problem::new(&BAD_BODY, why).at("");
    let bytes = serde_json::to_vec(&write.body).map_err(|error| wrong(error.to_string()))?;
    let document = inspection::decode(&bytes)
        .map_err(|refused| wrong(format!("this is no record of an act: {refused}")))?;
    let act = &document.value;
    if !write.who.scope().covers(Some(&act.org.code), None) {
        let why = format!("`{}` is no body you may write for", act.org.code);
        return Err(Problem::new(&OUT_OF_SCOPE, why));
    }
    let lists = lists(&app)?;
    if !sending.dry_run {
        // What ingestion has read meanwhile has to be seen.
        app.forget_tables().await;
    }
    let tables = app.tables().await?;
    let at = act.started_at.map_or_else(|| app.now(), |at| at.0);
    let permit_no = act.unit.permit_no.as_deref().unwrap_or(&act.unit.unit_id);
    let permits = in_force(&tables.session, at, Some(permit_no)).await?;
    let draws = kept::load(&tables.session).await?;
    let verdict = record::look(&document, &lists, permits.first(), &draws);
    let highest = stored::highest(&tables.session, &act.act_id).await?;
    let not_newer = stored::not_newer(&act.act_id, act.act_version, highest);
    let mut view = VerdictView {
        act_id: act.act_id.clone(),
        act_version: act.act_version,
        sent_to: None,
        wrong: verdict.wrong,
        lacks: verdict.lacks,
        asked: verdict.asked,
        overruled: verdict.overruled,
    };
    if sending.dry_run {
        view.wrong.extend(not_newer);
        return Ok((StatusCode::OK, Json(view)).into_response());
    }
    if !view.wrong.is_empty() {
        let count = view.wrong.len();
        let problem = Problem::new(
            &BAD_BODY,
            format!("{count} things are wrong; nothing was sent"),
        );
        let told = view.wrong.into_iter();
        return Err(told.fold(problem, |problem, wrong| problem.also("", wrong)));
    }
    let Some(records) = app.records() else {
        let why = "no topic takes records of acts: add one to [[ingest.topics]] (format json, content \
                   inspections)";
        return Err(Problem::new(&NOT_SET_UP, why));
    };
    let queue = write.on_queue(&app);
    // A request that was begun before may have its own record in the table by now.
    if let Some(why) = not_newer
        && queue.known_request().await?.is_none()
    {
        let problem = Problem::new(&VERSION_TAKEN, why).at("/act_version");
        return Err(highest.into_iter().fold(problem, Problem::version));
    }
    let begun = match looked_up(&queue, StatusCode::CREATED).await? {
        Looked::Answered(answer) => return Ok(answer),
        Looked::Begun(begun) => begun,
    };
    // Sent again after a crash, it is the same version of the same act, which counts once.
    let sent = records.send(&view.act_id, bytes).await;
    let place = sent.map_err(|error| {
        tracing::warn!(%error, "a record of an act was not sent");
        Problem::new(&BUSY, "the record may not have arrived: send it again")
    })?;
    view.sent_to = Some(place);
    answers::kept(&queue, &begun, StatusCode::CREATED, &view).await
}
