//! Clues that no rule found (complaints, transfers, other platforms), put in.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nonsite_analytics::review::{Clue, Input, Role, Severity, SourceSystem};
use serde::Deserialize;
use utoipa::ToSchema;

use super::answers::{Everyone, Once, Writing, tagged};
use super::app::App;
use super::cases::instant;
use super::draws::written;
use super::extract::{Carried, Write};
use super::problem::{OUT_OF_SCOPE, Problem};
use super::view::CaseView;

/// Who may put clues in.
const MAY: [Role; 3] = [Role::Analyst, Role::Officer, Role::Supervisor];

/// Where a clue comes from.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SourceSystem)]
pub(super) enum Source {
    /// 信访投诉
    Complaint,
    /// 移送
    Transfer,
    /// 其他平台
    Platform,
    /// 检查发现
    Inspection,
    /// 其他
    Other,
}

impl From<Source> for SourceSystem {
    fn from(source: Source) -> Self {
        match source {
            Source::Complaint => Self::Complaint,
            Source::Transfer => Self::Transfer,
            Source::Platform => Self::Platform,
            Source::Inspection => Self::Inspection,
            Source::Other => Self::Other,
        }
    }
}

/// How serious a clue is.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub(super) enum ClueSeverity {
    /// Fraud or evasion: on-site at once.
    S1,
    /// Probable violation.
    S2,
    /// Needs the enterprise's explanation.
    S3,
}

impl From<ClueSeverity> for Severity {
    fn from(severity: ClueSeverity) -> Self {
        match severity {
            ClueSeverity::S1 => Self::S1,
            ClueSeverity::S2 => Self::S2,
            ClueSeverity::S3 => Self::S3,
        }
    }
}

/// A clue as somebody puts it in. It is about a permit, an outlet or a logger.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Clue)]
pub(super) struct ClueTold {
    /// Where it comes from.
    source_system: Source,
    /// Its number there: one number, one case.
    #[schema(min_length = 1, max_length = 100, example = "12345-2026-0312")]
    source_ref: String,
    /// How serious it is.
    severity: ClueSeverity,
    /// Permit of the unit.
    permit_no: Option<String>,
    /// Name of the unit.
    unit_name: Option<String>,
    /// Body in charge; yours when left out.
    org_code: Option<String>,
    /// Outlet.
    outlet_uid: Option<String>,
    /// Data logger.
    mn: Option<String>,
    /// Factor.
    factor: Option<String>,
    /// Since when it is said to be so: an instant or a Beijing time.
    #[schema(example = "2026-03-01 22:00:00")]
    from: String,
    /// Until when; the same instant when left out.
    to: Option<String>,
    /// What is said, in a sentence.
    #[schema(min_length = 1, max_length = 200, example = "夜间有异味")]
    text: String,
    /// Free text for the audit row.
    note: Option<String>,
}

impl Carried for ClueTold {}

/// Puts a clue in that no rule found. It is merged into an open case of the same cause, or waits for triage. A
/// number that was put in before changes nothing: its case is the answer.
#[utoipa::path(
    post, path = "/clues", tag = "work", operation_id = "report_clue",
    params(Once, Everyone), security(("token" = [])), request_body = ClueTold,
    responses(
        (status = 201, description = "its case", body = CaseView,
         headers(("ETag" = String, description = "version of the case"))),
        Writing,
    )
)]
pub(super) async fn report(
    State(app): State<App>,
    write: Write<ClueTold>,
) -> Result<Response, Problem> {
    write.who.one_of(&MAY, "put a clue in")?;
    let told = &write.body;
    for (pointer, text) in [
        ("/source_ref", Some(&told.source_ref)),
        ("/permit_no", told.permit_no.as_ref()),
        ("/unit_name", told.unit_name.as_ref()),
        ("/org_code", told.org_code.as_ref()),
        ("/outlet_uid", told.outlet_uid.as_ref()),
        ("/mn", told.mn.as_ref()),
        ("/factor", told.factor.as_ref()),
        ("/text", Some(&told.text)),
        ("/note", told.note.as_ref()),
    ] {
        text.map_or(Ok(()), |text| written(pointer, text, false))?;
    }
    let org_code = told.org_code.clone().or_else(|| write.who.org.clone());
    let permit = told.permit_no.as_deref();
    if !write.who.scope().covers(org_code.as_deref(), permit) {
        let why = format!("`{}` is no body of yours", org_code.unwrap_or_default());
        return Err(Problem::new(&OUT_OF_SCOPE, why));
    }
    let from = instant("from", Some(&told.from)).map_err(Problem::of_body)?;
    let to = instant("to", told.to.as_deref()).map_err(Problem::of_body)?;
    // An instant that is given is there, or was refused.
    let from = from.unwrap_or_default();
    let clue = Clue {
        source_system: told.source_system.into(),
        source_ref: told.source_ref.clone(),
        severity: told.severity.into(),
        permit_no: told.permit_no.clone(),
        unit_name: told.unit_name.clone(),
        org_code,
        outlet_uid: told.outlet_uid.clone(),
        mn: told.mn.clone(),
        factor: told.factor.clone(),
        from,
        to: to.unwrap_or(from),
        text: told.text.clone(),
    };
    let input = Input {
        note: told.note.clone(),
        ..Input::default()
    };
    let queue = write.on_queue(&app);
    let case = queue.report(&clue, &write.who.actor(), &input).await?;
    let version = case.version;
    let view = CaseView::of(case, queue.machine(), app.now());
    Ok(tagged(StatusCode::CREATED, version, &view))
}
