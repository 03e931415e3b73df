//! Permit checklists: those there are, and the one of a permit with what the data already say.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nonsite_analytics::inspection::checklist::{Checklist, Checklists, Item};
use nonsite_analytics::inspection::form::{Form, Question, form};
use nonsite_analytics::inspection::permit::{InForce, in_force};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Freely, Reading};
use super::app::App;
use super::cases::{RowsWanted, instant};
use super::documents::InspectionRecord;
use super::extract::{Asked, Named, plain};
use super::identity::Principal;
use super::problem::{BAD_QUERY, NOT_FOUND, Problem};
use super::view::{Page, time};

/// Days of data that are looked at unless asked otherwise.
const USUAL_DAYS: u32 = 90;
/// Most days: five years, as long as raw records are kept.
const MOST_DAYS: u32 = 1_830;

/// A checklist there is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Checklist)]
pub(super) struct ListView {
    /// Its id.
    checklist_id: String,
    /// Its version.
    version: i32,
    /// Chinese name.
    name_zh: String,
    /// English name.
    name_en: String,
    /// Industries it is for: codes of GB/T 4754 or their first digits.
    industries: Vec<String>,
    /// How many items it has.
    items: usize,
}

impl From<&Checklist> for ListView {
    fn from(list: &Checklist) -> Self {
        Self {
            checklist_id: list.checklist_id.clone(),
            version: list.version,
            name_zh: list.name_zh.clone(),
            name_en: list.name_en.clone(),
            industries: list.industries.clone(),
            items: list.items.len(),
        }
    }
}

/// What an inspector asks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InspectionItem)]
pub(super) struct AskedItem {
    /// Its id.
    id: String,
    /// What is asked, Chinese.
    zh: String,
    /// What is asked, English.
    en: String,
    /// Legal or technical basis.
    basis: String,
    /// How to find out without entering.
    how: String,
    /// What it is asked for: `unit`, `outlet`, `limit`, `auto`, `manual`, `mass` or `report`.
    per: String,
    /// How data can answer, where they can.
    check: Option<String>,
}

/// The code serde has for one of our enums.
fn code(value: impl Serialize) -> Option<String> {
    let value = serde_json::to_value(value).ok()?;
    value.as_str().map(str::to_owned)
}

impl From<&Item> for AskedItem {
    fn from(item: &Item) -> Self {
        Self {
            id: item.id.clone(),
            zh: item.zh.clone(),
            en: item.en.clone(),
            basis: item.basis.clone(),
            how: item.how.clone(),
            per: code(item.per).unwrap_or_default(),
            check: item.check.and_then(code),
        }
    }
}

/// The configured checklists.
pub(super) fn lists(app: &App) -> Result<Checklists, Problem> {
    let folder = app.inspection_config().checklists.as_deref();
    Ok(Checklists::load(folder)?)
}

/// Every checklist.
#[utoipa::path(
    get, path = "/checklists", tag = "inspection", operation_id = "list_checklists",
    params(RowsWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<ListView>), Reading)
)]
pub(super) async fn list(
    _: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<RowsWanted>,
) -> Result<Json<Page<ListView>>, Problem> {
    let lists = lists(&app)?;
    let views = lists.all().map(ListView::from).collect();
    Ok(Json(wanted.whole("checklists", views)?))
}

/// The items of a checklist, those it includes put in.
#[utoipa::path(
    get, path = "/checklists/{checklist_id}/items", tag = "inspection",
    operation_id = "checklist_items",
    params(
        ("checklist_id" = String, Path, description = "id of the checklist", example = "cement"),
        RowsWanted, Everyone,
    ),
    security(("token" = [])),
    responses((status = 200, description = "its items in order, one page", body = Page<AskedItem>), Reading)
)]
pub(super) async fn items(
    _: Principal,
    State(app): State<App>,
    Named(checklist_id): Named<String>,
    Asked(wanted): Asked<RowsWanted>,
) -> Result<Json<Page<AskedItem>>, Problem> {
    let lists = lists(&app)?;
    let list = lists.get(&checklist_id).ok_or_else(|| {
        let why = format!("there is no checklist `{checklist_id}`");
        Problem::new(&NOT_FOUND, why)
    })?;
    let views = list.items.iter().map(AskedItem::from).collect();
    Ok(Json(
        wanted.whole(&format!("items of {checklist_id}"), views)?,
    ))
}

/// Which form.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct FormWanted {
    /// Use this checklist instead of the one of the permit's industry.
    #[serde(deserialize_with = "plain")]
    checklist: Option<String>,
    /// Look at the data before this: an instant, a Beijing time, or a Beijing day (its end); now when
    /// left out.
    #[serde(deserialize_with = "plain")]
    #[param(example = "2026-06-30")]
    as_of: Option<String>,
    /// How many days of data to look at.
    #[param(minimum = 1, maximum = 1830, default = 90)]
    days: Option<u32>,
}

/// What the data say to a question: a suggestion, never an answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fact)]
pub(super) struct FactView {
    /// The answer it suggests, if any.
    suggests: Option<String>,
    /// What is so, Chinese.
    zh: String,
    /// What is so, English.
    en: String,
    /// Rows it rests on.
    rows: i64,
}

/// One question of a form.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Question)]
pub(super) struct QuestionView {
    /// `ITEM` or `ITEM:SUBJECT`; what an answer refers to.
    item_id: String,
    /// What is asked, Chinese.
    zh: String,
    /// What is asked, English.
    en: String,
    /// What the permit states about it.
    requirement: String,
    /// Legal or technical basis.
    basis: String,
    /// How to find out without entering.
    how: String,
    /// What the data say, where they can.
    fact: Option<FactView>,
}

impl From<Question> for QuestionView {
    fn from(question: Question) -> Self {
        Self {
            fact: question.fact.map(|fact| FactView {
                suggests: fact.suggests.map(|answer| answer.as_str().to_owned()),
                zh: fact.zh,
                en: fact.en,
                rows: fact.rows,
            }),
            item_id: question.item_id,
            zh: question.zh,
            en: question.en,
            requirement: question.requirement,
            basis: question.basis,
            how: question.how,
        }
    }
}

/// A query that facts come from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FormSource {
    /// What it is about.
    kind: String,
    /// The query.
    query: String,
    /// Rows it gave.
    rows: i64,
}

/// The checklist of a permit, made from what the permit itself states.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChecklistForm)]
pub(super) struct FormView {
    /// The checklist.
    checklist_id: String,
    /// Its version.
    version: i32,
    /// Its Chinese name.
    name_zh: String,
    /// The permit.
    permit_no: String,
    /// Version of the permit.
    permit_version: i32,
    /// The unit.
    unit_name: String,
    /// Industry it was chosen by.
    industry: String,
    /// Start of what was looked at.
    from: DateTime<Utc>,
    /// End (exclusive).
    to: DateTime<Utc>,
    /// The questions.
    questions: Vec<QuestionView>,
    /// Queries the facts come from.
    sources: Vec<FormSource>,
}

impl From<Form> for FormView {
    fn from(form: Form) -> Self {
        Self {
            checklist_id: form.checklist_id,
            version: form.version,
            name_zh: form.name_zh,
            permit_no: form.permit_no,
            permit_version: form.permit_version,
            unit_name: form.unit_name,
            industry: form.industry,
            from: time(form.from),
            to: time(form.to),
            questions: form.questions.into_iter().map(QuestionView::from).collect(),
            sources: form
                .sources
                .into_iter()
                .map(|(kind, query, rows)| FormSource { kind, query, rows })
                .collect(),
        }
    }
}

/// The form that was asked for, with the permit it is about.
async fn made(
    app: &App,
    who: &Principal,
    permit_no: &str,
    wanted: &FormWanted,
) -> Result<(Form, InForce), Problem> {
    who.of_a_body("see a checklist with its facts")?;
    let as_of = instant("as_of", wanted.as_of.as_deref())?.unwrap_or_else(|| app.now());
    let days = wanted.days.unwrap_or(USUAL_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        let why = format!("days: {days} is not 1 to {MOST_DAYS}");
        return Err(Problem::new(&BAD_QUERY, why).at("days"));
    }
    let lists = lists(app)?;
    let _place = app.heavy().await?;
    let tables = app.tables().await?;
    let unknown = || {
        let why = format!("no permit `{permit_no}` was issued by then");
        Problem::new(&NOT_FOUND, why)
    };
    if !super::extract::is_plain(permit_no) {
        return Err(unknown());
    }
    let scope = who.scope();
    let permit = in_force(&tables.session, as_of, Some(permit_no))
        .await?
        .into_iter()
        .find(|one| scope.covers(one.permit.org_code.as_deref(), Some(permit_no)))
        .ok_or_else(unknown)?;
    let list = match wanted.checklist.as_deref() {
        Some(id) => lists.get(id).ok_or_else(|| {
            let known: Vec<&str> = lists.all().map(|list| list.checklist_id.as_str()).collect();
            let why = format!("checklist: `{id}` is none of {}", known.join(", "));
            Problem::new(&BAD_QUERY, why).at("checklist")
        })?,
        None => lists.of_industry(permit.industry()).ok_or_else(|| {
            let why = format!(
                "industry {} has no checklist: write one ([inspection] checklists), or ask for \
                 checklist=common",
                permit.industry()
            );
            Problem::new(&NOT_FOUND, why)
        })?,
    };
    let form = form(&tables.session, list, &permit, as_of, days).await?;
    Ok((form, permit))
}

/// The checklist of a permit, with what the data already say.
#[utoipa::path(
    get, path = "/permits/{permit_no}/checklist", tag = "inspection",
    operation_id = "permit_checklist",
    params(
        ("permit_no" = String, Path, description = "permit code, 22 characters"),
        FormWanted, Everyone,
    ),
    security(("token" = [])),
    responses((status = 200, description = "the form", body = FormView), Reading)
)]
pub(super) async fn of_permit(
    who: Principal,
    State(app): State<App>,
    Named(permit_no): Named<String>,
    Asked(wanted): Asked<FormWanted>,
) -> Result<Json<FormView>, Problem> {
    let (form, _) = made(&app, &who, &permit_no, &wanted).await?;
    Ok(Json(form.into()))
}

/// The beginning of an act's record with the questions of a permit's checklist, to be completed and
/// given to `POST /inspections`. Answers, officers, approval and signature are left to people.
#[utoipa::path(
    get, path = "/permits/{permit_no}/checklist/draft", tag = "inspection",
    operation_id = "draft_inspection",
    params(
        ("permit_no" = String, Path, description = "permit code, 22 characters"),
        FormWanted, Everyone,
    ),
    security(("token" = [])),
    responses((status = 200, description = "the beginning of a record", body = InspectionRecord), Reading)
)]
pub(super) async fn draft(
    who: Principal,
    State(app): State<App>,
    Named(permit_no): Named<String>,
    Asked(wanted): Asked<FormWanted>,
) -> Result<Json<Freely>, Problem> {
    let (form, permit) = made(&app, &who, &permit_no, &wanted).await?;
    Ok(Json(Freely::of(&form.draft(&permit.permit))?))
}
