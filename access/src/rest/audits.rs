//! Audits of sub-bureaus (稽查): listed, recorded, completed and corrected.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use nonsite_analytics::inspection::audits::{self, BureauAudit, Told, standing};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Looked, Once, Reading, Writing, kept as answered, looked_up};
use super::app::App;
use super::cases::{RowsWanted, instant};
use super::draws::written;
use super::extract::{Asked, Carried, Write, plain};
use super::fault::asked;
use super::identity::Principal;
use super::problem::{OUT_OF_SCOPE, Problem};
use super::samples::AUDITORS;
use super::view::{Page, time};

/// Which audits, and where to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditsWanted {
    /// Audited sub-bureau, exactly.
    #[serde(deserialize_with = "plain")]
    org: Option<String>,
    /// How they stood then: an instant, a Beijing time, or a Beijing day (its end); now when left out.
    #[serde(deserialize_with = "plain")]
    #[param(example = "2026-06-30")]
    as_of: Option<String>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// An audit as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BureauAudit)]
pub(super) struct AuditOfBureau {
    /// Its id.
    audit_id: String,
    /// Audited sub-bureau.
    org_code: String,
    /// Who audited.
    team: String,
    /// Whether the team came from other districts (跨区).
    cross_region: bool,
    /// Sample of closed cases it looked into.
    draw_id: Option<String>,
    /// Beijing day it ended; null while it is not finished.
    completed_on: Option<NaiveDate>,
    /// Number or name of its report.
    record: Option<String>,
    /// Who recorded it last.
    by: String,
    /// When.
    recorded_at: DateTime<Utc>,
}

impl From<BureauAudit> for AuditOfBureau {
    fn from(audit: BureauAudit) -> Self {
        Self {
            audit_id: audit.audit_id,
            org_code: audit.org_code,
            team: audit.team,
            cross_region: audit.cross_region,
            draw_id: audit.draw_id,
            completed_on: audit.completed_on,
            record: audit.record,
            by: audit.by,
            recorded_at: time(audit.recorded_at),
        }
    }
}

/// An audit in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditLine {
    /// Its place among all audits, from 1.
    row: i64,
    /// The audit.
    audit: AuditOfBureau,
}

/// Audits of your body and those below it as they stand, in the order they were first recorded.
#[utoipa::path(
    get, path = "/bureau-audits", tag = "inspection", operation_id = "list_bureau_audits",
    params(AuditsWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<AuditLine>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<AuditsWanted>,
) -> Result<Json<Page<AuditLine>>, Problem> {
    who.of_a_body("see audits")?;
    let as_of = instant("as_of", wanted.as_of.as_deref())?.unwrap_or_else(|| app.now());
    let page = RowsWanted::new(wanted.limit, wanted.cursor);
    let tables = app.tables().await?;
    let audits = standing(&audits::load(&tables.session).await?, as_of);
    let scope = who.scope();
    let lines = (1_i64..)
        .zip(audits)
        .filter(|(_, audit)| scope.covers(Some(&audit.org_code), None))
        .filter(|(_, audit)| wanted.org.as_ref().is_none_or(|org| *org == audit.org_code))
        .map(|(row, audit)| AuditLine {
            row,
            audit: audit.into(),
        });
    Ok(Json(page.page("bureau audits", lines, |line| line.row)?))
}

/// What is said of an audit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditTold {
    /// The audit to complete or correct: everything is said anew. A new one when left out.
    audit_id: Option<String>,
    /// Audited sub-bureau.
    #[schema(min_length = 1, max_length = 200)]
    org_code: String,
    /// Who audited.
    #[schema(min_length = 1, max_length = 200)]
    team: String,
    /// Whether the team came from other districts (跨区).
    #[serde(default)]
    #[schema(required = false)]
    cross_region: bool,
    /// Sample of closed cases it looked into; it has to be kept.
    draw_id: Option<String>,
    /// Beijing day it ended, not after today; it does not count without one.
    completed_on: Option<NaiveDate>,
    /// Number or name of its report.
    record: Option<String>,
}

impl Carried for AuditTold {}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditRecorded {
    /// The audit as it stands now.
    audit: AuditOfBureau,
    /// `false` when it stood so before.
    fresh: bool,
}

/// Records an audit of a sub-bureau, or completes or corrects one. A body does not record audits of
/// itself: this is for those who see a whole city.
#[utoipa::path(
    post, path = "/bureau-audits", tag = "inspection", operation_id = "record_bureau_audit",
    params(Once, Everyone), security(("token" = [])),
    request_body(content = AuditTold, example = json!({"org_code": "370502", "team": "稽查一组"})),
    responses((status = 201, description = "recorded", body = AuditRecorded), Writing)
)]
pub(super) async fn add(
    State(app): State<App>,
    write: Write<AuditTold>,
) -> Result<Response, Problem> {
    write.who.one_of(&AUDITORS, "record an audit")?;
    write.who.of_the_city("audits of bodies are the city's")?;
    let body = &write.body;
    for (pointer, text) in [
        ("/org_code", Some(&body.org_code)),
        ("/team", Some(&body.team)),
        ("/audit_id", body.audit_id.as_ref()),
        ("/draw_id", body.draw_id.as_ref()),
        ("/record", body.record.as_ref()),
    ] {
        text.map_or(Ok(()), |text| written(pointer, text, false))?;
    }
    if !write.who.scope().covers(Some(&body.org_code), None) {
        let why = format!("`{}` is no body of yours", body.org_code);
        return Err(Problem::new(&OUT_OF_SCOPE, why));
    }
    let queue = write.on_queue(&app);
    let begun = match looked_up(&queue, StatusCode::CREATED).await? {
        Looked::Answered(answer) => return Ok(answer),
        Looked::Begun(begun) => begun,
    };
    let told = Told {
        audit_id: body.audit_id.clone(),
        org_code: body.org_code.clone(),
        team: body.team.clone(),
        cross_region: body.cross_region,
        draw_id: body.draw_id.clone(),
        completed_on: body.completed_on,
        record: body.record.clone(),
        by: write.who.name.clone(),
    };
    // Done again after a crash, it is the same audit: it was recorded at the same instant.
    let added = audits::add(app.store(), &told, begun.at)
        .await
        .map_err(asked)?;
    app.forget_tables().await;
    let recorded = AuditRecorded {
        audit: added.audit.into(),
        fresh: added.fresh,
    };
    answered(&queue, &begun, StatusCode::CREATED, &recorded).await
}
