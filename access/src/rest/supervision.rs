//! Special supervision, samplings of case files and evaluations: listed, recorded, completed, corrected.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use nonsite_analytics::inspection::supervision::{
    self, Supervision, SupervisionKind, Told, standing,
};
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

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SupervisionKind)]
pub(super) enum Kind {
    /// 专项监督行动
    SpecialAction,
    /// 案卷评查
    CaseFiles,
    /// 分局自评
    SelfEvaluation,
    /// 市级评估
    CityEvaluation,
    /// 年度总评
    YearEvaluation,
}

impl From<Kind> for SupervisionKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::SpecialAction => Self::SpecialAction,
            Kind::CaseFiles => Self::CaseFiles,
            Kind::SelfEvaluation => Self::SelfEvaluation,
            Kind::CityEvaluation => Self::CityEvaluation,
            Kind::YearEvaluation => Self::YearEvaluation,
        }
    }
}

impl From<SupervisionKind> for Kind {
    fn from(kind: SupervisionKind) -> Self {
        match kind {
            SupervisionKind::SpecialAction => Self::SpecialAction,
            SupervisionKind::CaseFiles => Self::CaseFiles,
            SupervisionKind::SelfEvaluation => Self::SelfEvaluation,
            SupervisionKind::CityEvaluation => Self::CityEvaluation,
            SupervisionKind::YearEvaluation => Self::YearEvaluation,
        }
    }
}

/// Which records, and where to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct SupervisionWanted {
    /// What was done.
    #[param(inline)]
    kind: Option<Kind>,
    /// The body it is about, exactly.
    #[serde(deserialize_with = "plain")]
    org: Option<String>,
    /// How it stood then: an instant, a Beijing time, or a Beijing day (its end); now when left out.
    #[serde(deserialize_with = "plain")]
    #[param(example = "2026-06-30")]
    as_of: Option<String>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// A piece of supervision as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Supervision)]
pub(super) struct SupervisionView {
    /// Its id.
    supervision_id: String,
    /// What was done.
    kind: Kind,
    /// The body it is about.
    org_code: String,
    /// What was done, in words.
    title: String,
    /// Sample of closed cases whose files were looked at.
    draw_id: Option<String>,
    /// Case files that were looked at.
    files: Option<u32>,
    /// Of these with faults.
    faulty: Option<u32>,
    /// Beijing day it ended; null while it is not finished.
    completed_on: Option<NaiveDate>,
    /// Number or name of its report.
    record: Option<String>,
    /// Who recorded it last.
    by: String,
    /// When.
    recorded_at: DateTime<Utc>,
}

impl From<Supervision> for SupervisionView {
    fn from(record: Supervision) -> Self {
        Self {
            supervision_id: record.supervision_id,
            kind: record.kind.into(),
            org_code: record.org_code,
            title: record.title,
            draw_id: record.draw_id,
            files: record.files,
            faulty: record.faulty,
            completed_on: record.completed_on,
            record: record.record,
            by: record.by,
            recorded_at: time(record.recorded_at),
        }
    }
}

/// A record in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SupervisionLine {
    /// Its place among all records, from 1.
    row: i64,
    /// The record.
    supervision: SupervisionView,
}

/// What was done about your body and those below it, as it stands, in the order of first recording.
#[utoipa::path(
    get, path = "/supervision-records", tag = "inspection", operation_id = "list_supervision_records",
    params(SupervisionWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<SupervisionLine>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<SupervisionWanted>,
) -> Result<Json<Page<SupervisionLine>>, Problem> {
    who.of_a_body("see supervision")?;
    let as_of = instant("as_of", wanted.as_of.as_deref())?.unwrap_or_else(|| app.now());
    let page = RowsWanted::new(wanted.limit, wanted.cursor);
    let tables = app.tables().await?;
    let records = standing(&supervision::load(&tables.session).await?, as_of);
    let kind = wanted.kind.map(SupervisionKind::from);
    let scope = who.scope();
    let lines = (1_i64..)
        .zip(records)
        .filter(|(_, record)| scope.covers(Some(&record.org_code), None))
        .filter(|(_, record)| kind.is_none_or(|kind| kind == record.kind))
        .filter(|(_, record)| {
            wanted
                .org
                .as_ref()
                .is_none_or(|org| *org == record.org_code)
        })
        .map(|(row, record)| SupervisionLine {
            row,
            supervision: record.into(),
        });
    Ok(Json(
        page.page("supervision records", lines, |line| line.row)?,
    ))
}

/// What is said of a piece of supervision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SupervisionTold {
    /// The record to complete or correct: everything is said anew. A new one when left out.
    supervision_id: Option<String>,
    /// What was done.
    kind: Kind,
    /// The body it is about; the city's own for evaluations of city and year.
    #[schema(min_length = 1, max_length = 200)]
    org_code: String,
    /// What was done, in words.
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// Sample of closed cases whose files were looked at; it has to be kept.
    draw_id: Option<String>,
    /// Case files that were looked at; asked for at the end of `case_files`.
    #[schema(maximum = 1_000_000)]
    files: Option<u32>,
    /// Of these with faults.
    #[schema(maximum = 1_000_000)]
    faulty: Option<u32>,
    /// Beijing day it ended, not after today; it does not count without one.
    completed_on: Option<NaiveDate>,
    /// Number or name of its report.
    record: Option<String>,
}

impl Carried for SupervisionTold {}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SupervisionRecorded {
    /// The record as it stands now.
    supervision: SupervisionView,
    /// `false` when it stood so before.
    fresh: bool,
}

/// Records special supervision, a sampling of case files or an evaluation, or completes or corrects one.
/// This is for those who see a whole city.
#[utoipa::path(
    post, path = "/supervision-records", tag = "inspection", operation_id = "record_supervision",
    params(Once, Everyone), security(("token" = [])), request_body = SupervisionTold,
    responses((status = 201, description = "recorded", body = SupervisionRecorded), Writing)
)]
pub(super) async fn add(
    State(app): State<App>,
    write: Write<SupervisionTold>,
) -> Result<Response, Problem> {
    write.who.one_of(&AUDITORS, "record supervision")?;
    write.who.of_the_city("supervision is the city's")?;
    let body = &write.body;
    for (pointer, text) in [
        ("/org_code", Some(&body.org_code)),
        ("/title", Some(&body.title)),
        ("/supervision_id", body.supervision_id.as_ref()),
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
        supervision_id: body.supervision_id.clone(),
        kind: body.kind.into(),
        org_code: body.org_code.clone(),
        title: body.title.clone(),
        draw_id: body.draw_id.clone(),
        files: body.files,
        faulty: body.faulty,
        completed_on: body.completed_on,
        record: body.record.clone(),
        by: write.who.name.clone(),
    };
    // Done again after a crash, it is the same record: it was made at the same instant.
    let said = supervision::add(app.store(), &told, begun.at)
        .await
        .map_err(asked)?;
    app.forget_tables().await;
    let recorded = SupervisionRecorded {
        supervision: said.word.into(),
        fresh: said.fresh,
    };
    answered(&queue, &begun, StatusCode::CREATED, &recorded).await
}
