//! What was answered to checklists: by item, and one by one.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use nonsite_analytics::inspection::answers::{Answered, ItemAnswers, answered, by_item};
use nonsite_analytics::inspection::stored::Wanted;
use nonsite_schemas::wire::inspection::AnswerCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Reading};
use super::app::App;
use super::cases::RowsWanted;
use super::extract::{Asked, plain};
use super::identity::Principal;
use super::problem::Problem;
use super::view::{Page, time};

/// An answer to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AnswerCode)]
pub(super) enum Said {
    /// The requirement is met.
    Pass,
    /// It is not met.
    Fail,
    /// It does not apply.
    NotApplicable,
}

impl From<Said> for AnswerCode {
    fn from(said: Said) -> Self {
        match said {
            Said::Pass => Self::Pass,
            Said::Fail => Self::Fail,
            Said::NotApplicable => Self::NotApplicable,
        }
    }
}

/// Which answers, and where to go on. An act counts with its newest version.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct AnswersWanted {
    /// Executing body, exactly.
    #[serde(deserialize_with = "plain")]
    org: Option<String>,
    /// Unit, by its id or its permit.
    #[serde(deserialize_with = "plain")]
    unit: Option<String>,
    /// The checklist.
    #[serde(deserialize_with = "plain")]
    checklist: Option<String>,
    /// The item.
    #[serde(deserialize_with = "plain")]
    item: Option<String>,
    /// What was answered.
    #[param(inline)]
    answer: Option<Said>,
    /// Only what officers saw otherwise than the data suggested.
    otherwise: Option<bool>,
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

/// An answer to one item of a checklist, with its act.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AnsweredItem)]
pub(super) struct AnsweredView {
    /// Its place among all that are wanted, from 1.
    row: i64,
    /// The act.
    act_id: String,
    /// Its version.
    act_version: i64,
    /// Executing body.
    org_code: Option<String>,
    /// Permit of the unit.
    permit_no: Option<String>,
    /// Name of the unit.
    unit_name: Option<String>,
    /// When the record was signed.
    completed_at: Option<DateTime<Utc>>,
    /// The permit checklist; null for a list of another kind.
    checklist_id: Option<String>,
    /// Item of the checklist.
    item: String,
    /// What it was asked of; null when it is asked once.
    subject: Option<String>,
    /// `pass`, `fail` or `not_applicable`; null when it was left open.
    answer: Option<String>,
    /// What the data had suggested.
    suggested: Option<String>,
    /// The officer's remark.
    remark: Option<String>,
}

fn code(answer: Option<AnswerCode>) -> Option<String> {
    answer.map(|answer| answer.as_str().to_owned())
}

impl AnsweredView {
    fn of((row, answer): (i64, Answered)) -> Self {
        Self {
            row,
            act_id: answer.act_id,
            act_version: answer.act_version,
            org_code: answer.org_code,
            permit_no: answer.permit_no,
            unit_name: answer.unit_name,
            completed_at: answer.completed_at.map(time),
            checklist_id: answer.checklist_id,
            item: answer.item,
            subject: answer.subject,
            answer: code(answer.answer),
            suggested: code(answer.suggested),
            remark: answer.remark,
        }
    }
}

/// The answers to one item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ItemAnswers)]
pub(super) struct ItemView {
    /// Its place among all items, from 1.
    row: i64,
    /// The permit checklist; null for a list of another kind.
    checklist_id: Option<String>,
    /// The item.
    item: String,
    /// Acts that were asked.
    acts: u64,
    /// The requirement is met.
    passed: u64,
    /// It is not met.
    failed: u64,
    /// It does not apply.
    not_applicable: u64,
    /// Left open.
    open: u64,
    /// Answered otherwise than the data suggested.
    otherwise: u64,
}

impl ItemView {
    fn of((row, item): (i64, ItemAnswers)) -> Self {
        Self {
            row,
            checklist_id: item.checklist_id,
            item: item.item,
            acts: item.acts,
            passed: item.passed,
            failed: item.failed,
            not_applicable: item.not_applicable,
            open: item.open,
            otherwise: item.otherwise,
        }
    }
}

/// The answers that are wanted and within the caller's scope.
async fn found(
    app: &App,
    who: &Principal,
    wanted: &AnswersWanted,
) -> Result<Vec<Answered>, Problem> {
    who.of_a_body("read records of acts")?;
    let acts = Wanted {
        org: wanted.org.clone(),
        unit: wanted.unit.clone(),
        from: wanted.from,
        to: wanted.to,
        ..Wanted::default()
    };
    let _place = app.heavy().await?;
    let tables = app.tables().await?;
    let mut answers = answered(&tables.session, &acts).await?;
    let scope = who.scope();
    let said = wanted.answer.map(AnswerCode::from);
    answers.retain(|answer| {
        let same =
            |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        scope.covers(answer.org_code.as_deref(), None)
            && same(&wanted.checklist, answer.checklist_id.as_deref())
            && same(&wanted.item, Some(&answer.item))
            && (said.is_none() || said == answer.answer)
            && (wanted.otherwise != Some(true) || answer.otherwise())
    });
    Ok(answers)
}

/// Answers to checklists one by one, act by act, the act that was recorded last first.
#[utoipa::path(
    get, path = "/checklist-answers", tag = "inspection", operation_id = "list_checklist_answers",
    params(AnswersWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<AnsweredView>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<AnswersWanted>,
) -> Result<Json<Page<AnsweredView>>, Problem> {
    let answers = found(&app, &who, &wanted).await?;
    let page = RowsWanted::new(wanted.limit, wanted.cursor);
    let views = (1_i64..).zip(answers).map(AnsweredView::of);
    Ok(Json(
        page.page("checklist answers", views, |view| view.row)?,
    ))
}

/// The same, summed by checklist and item.
#[utoipa::path(
    get, path = "/checklist-answers/items", tag = "inspection", operation_id = "sum_checklist_answers",
    params(AnswersWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<ItemView>), Reading)
)]
pub(super) async fn items(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<AnswersWanted>,
) -> Result<Json<Page<ItemView>>, Problem> {
    let answers = found(&app, &who, &wanted).await?;
    let page = RowsWanted::new(wanted.limit, wanted.cursor);
    let views = (1_i64..).zip(by_item(&answers)).map(ItemView::of);
    Ok(Json(
        page.page("items of checklists", views, |view| view.row)?,
    ))
}
