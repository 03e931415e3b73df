//! Stored records of inspection acts: listed, and one in every version with its answers.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use nonsite_analytics::inspection::stored::{self, Place, Stored, Version, versions};
use nonsite_schemas::wire::fault::Fault;
use nonsite_schemas::wire::inspection::ChecklistAnswer;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Freely, Reading};
use super::app::App;
use super::cases::{cursor, id, limit, place};
use super::extract::{Asked, Named, plain};
use super::fault::internal;
use super::identity::Principal;
use super::problem::{NOT_FOUND, Problem};
use super::view::{Page, time};

/// Which acts, and where to go on. What is asked is asked of an act's newest version.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct ActsWanted {
    /// Executing body, exactly.
    #[serde(deserialize_with = "plain")]
    org: Option<String>,
    /// Unit, by its id or its permit.
    #[serde(deserialize_with = "plain")]
    unit: Option<String>,
    /// Task the act carries out.
    #[serde(deserialize_with = "plain")]
    task: Option<String>,
    /// `offsite` or `onsite`.
    #[serde(deserialize_with = "plain")]
    #[param(example = "offsite")]
    mode: Option<String>,
    /// Method.
    #[serde(deserialize_with = "plain")]
    #[param(example = "auto_monitor")]
    method: Option<String>,
    /// Class: `daily`, `special` or `case`.
    #[serde(deserialize_with = "plain")]
    #[param(example = "daily")]
    class: Option<String>,
    /// Where the act stands.
    #[serde(deserialize_with = "plain")]
    #[param(example = "closed")]
    status: Option<String>,
    /// Whether the record is complete enough to count for the ratio.
    counts_for_ratio: Option<bool>,
    /// First Beijing day of completion.
    from: Option<NaiveDate>,
    /// Last Beijing day of completion.
    to: Option<NaiveDate>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// What is wrong with a record, or missing from it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecordFault {
    /// The field, as a path.
    field: String,
    /// What is wrong with it.
    fault: String,
}

impl From<Fault> for RecordFault {
    fn from(fault: Fault) -> Self {
        Self {
            field: fault.field,
            fault: fault.fault,
        }
    }
}

fn faults(found: Vec<Fault>) -> Vec<RecordFault> {
    found.into_iter().map(RecordFault::from).collect()
}

/// The record of an act as it is stored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoredRecord)]
pub(super) struct StoredView {
    /// The act.
    act_id: String,
    /// Its version, from 1; a correction is a further one.
    act_version: i64,
    /// When this version was recorded.
    recorded_at: DateTime<Utc>,
    /// When it arrived.
    received_at: DateTime<Utc>,
    /// When the record was signed; decides the period it is counted in.
    completed_at: Option<DateTime<Utc>>,
    /// Task the act carries out.
    task_id: Option<String>,
    /// The unit.
    unit_id: Option<String>,
    /// Its name.
    unit_name: Option<String>,
    /// Its permit.
    permit_no: Option<String>,
    /// Executing body.
    org_code: Option<String>,
    /// Its name.
    org_name: Option<String>,
    /// `offsite` or `onsite`.
    mode: Option<String>,
    /// Method.
    method: Option<String>,
    /// Class.
    class: Option<String>,
    /// Where the act stands.
    status: Option<String>,
    /// What it ended with.
    conclusion: Option<String>,
    /// Ids of the officers.
    officers: Vec<String>,
    /// Whether the record is complete enough to count for the ratio.
    counts_for_ratio: bool,
    /// Why it is not.
    not_counted_reason: Option<String>,
    /// What the minimum record lacks.
    record_faults: Vec<RecordFault>,
    /// Where the document breaks its schema.
    doc_faults: Vec<RecordFault>,
}

impl From<Stored> for StoredView {
    fn from(stored: Stored) -> Self {
        Self {
            act_id: stored.act_id,
            act_version: stored.act_version,
            recorded_at: time(stored.recorded_at),
            received_at: time(stored.received_at),
            completed_at: stored.completed_at.map(time),
            task_id: stored.task_id,
            unit_id: stored.unit_id,
            unit_name: stored.unit_name,
            permit_no: stored.permit_no,
            org_code: stored.org_code,
            org_name: stored.org_name,
            mode: stored.mode,
            method: stored.method,
            class: stored.class,
            status: stored.status,
            conclusion: stored.conclusion,
            officers: stored.officers,
            counts_for_ratio: stored.counts_for_ratio,
            not_counted_reason: stored.not_counted_reason,
            record_faults: faults(stored.record_faults),
            doc_faults: faults(stored.doc_faults),
        }
    }
}

/// Stored acts that your body or those below carried out, in their newest version, the last recorded
/// first.
#[utoipa::path(
    get, path = "/inspections", tag = "inspection", operation_id = "list_inspections",
    params(ActsWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<StoredView>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<ActsWanted>,
) -> Result<Json<Page<StoredView>>, Problem> {
    who.of_a_body("read records of acts")?;
    let of = "records of acts";
    let most = limit(wanted.limit)?;
    let wanted = stored::Wanted {
        after: place(of, wanted.cursor.as_deref())?,
        org: wanted.org,
        unit: wanted.unit,
        task: wanted.task,
        mode: wanted.mode,
        method: wanted.method,
        class: wanted.class,
        status: wanted.status,
        counts: wanted.counts_for_ratio,
        from: wanted.from,
        to: wanted.to,
        org_prefix: who.scope().org_prefix().map(str::to_owned),
        limit: most + 1,
    };
    let tables = app.tables().await?;
    let mut found = stored::list(&tables.session, &wanted).await?;
    let more = found.len() > most as usize;
    found.truncate(most as usize);
    let next = found.last().filter(|_| more).map(|last| {
        let at = Place {
            recorded_at: last.recorded_at,
            act_id: last.act_id.clone(),
        };
        cursor(of, at)
    });
    Ok(Json(Page {
        items: found.into_iter().map(StoredView::from).collect(),
        next,
    }))
}

/// An answer to one item of a checklist.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChecklistAnswer)]
pub(super) struct AnswerView {
    /// The item.
    item_id: String,
    /// `pass`, `fail` or `not_applicable`; null when the item was left open.
    answer: Option<String>,
    /// What the data had suggested.
    suggested: Option<String>,
    /// The officer's remark.
    remark: Option<String>,
    /// Evidence it rests on, ids within the record.
    evidence_ids: Vec<String>,
}

impl From<ChecklistAnswer> for AnswerView {
    fn from(answer: ChecklistAnswer) -> Self {
        Self {
            item_id: answer.item_id,
            answer: answer.answer.map(|code| code.as_str().to_owned()),
            suggested: answer.suggested.map(|code| code.as_str().to_owned()),
            remark: answer.remark,
            evidence_ids: answer.evidence_ids,
        }
    }
}

/// One version of an act.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordVersion)]
pub(super) struct VersionView {
    /// The record.
    record: StoredView,
    /// Answers to its checklist.
    answers: Vec<AnswerView>,
    /// The document as it was received (`docs/schemas/inspection.json`); where it breaks that schema,
    /// `doc_faults` says.
    document: Freely,
}

impl VersionView {
    fn of(version: Version) -> Result<Self, Problem> {
        let document = serde_json::from_str(&version.document).map_err(|error| internal(&error))?;
        Ok(Self {
            record: version.stored.into(),
            answers: version.answers.into_iter().map(AnswerView::from).collect(),
            document,
        })
    }
}

/// An act with its history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActHistory {
    /// The act.
    act_id: String,
    /// The highest version; a correction has to be higher.
    act_version: i64,
    /// Every version that is stored, the first one first.
    versions: Vec<VersionView>,
}

/// A stored act in every version, with its answers and what its record lacks. Versions of other bodies
/// than yours are left out.
#[utoipa::path(
    get, path = "/inspections/{act_id}", tag = "inspection", operation_id = "show_inspection",
    params(("act_id" = String, Path, description = "id of the act"), Everyone),
    security(("token" = [])),
    responses((status = 200, description = "the act", body = ActHistory), Reading)
)]
pub(super) async fn show(
    who: Principal,
    State(app): State<App>,
    Named(act_id): Named<String>,
) -> Result<Json<ActHistory>, Problem> {
    who.of_a_body("read records of acts")?;
    let act_id = id(act_id)?;
    let tables = app.tables().await?;
    let scope = who.scope();
    let mut all = versions(&tables.session, &act_id).await?;
    all.retain(|version| scope.covers(version.stored.org_code.as_deref(), None));
    let Some(newest) = all.last() else {
        let why = format!("no record of an act `{act_id}` is stored");
        return Err(Problem::new(&NOT_FOUND, why));
    };
    Ok(Json(ActHistory {
        act_version: newest.stored.act_version,
        act_id,
        versions: all
            .into_iter()
            .map(VersionView::of)
            .collect::<Result<_, _>>()?,
    }))
}
