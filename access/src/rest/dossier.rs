//! The reviewer's page: everything to be seen before a rectification is approved or returned.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nonsite_analytics::review::{
    Conflict, Dossier, ItemView, PastCase, Penalty, Problem as Trouble, Risk, Submission,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::answers::{Everyone, Reading};
use super::app::App;
use super::around::CheckedView;
use super::cases::id;
use super::documents::AnomalyRow;
use super::extract::Named;
use super::files::FileView;
use super::identity::Principal;
use super::problem::Problem;
use super::proofs::{ProofsView, RerunView};
use super::view::{CaseView, StepView, time};

/// What an action carried.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Submission)]
pub(super) struct SubmissionView {
    /// The audit row.
    seq: i64,
    /// Who.
    by: String,
    /// When it took effect.
    at: DateTime<Utc>,
    /// The fields.
    fields: BTreeMap<String, String>,
    /// Free text.
    note: Option<String>,
}

impl From<Submission> for SubmissionView {
    fn from(told: Submission) -> Self {
        Self {
            seq: told.seq,
            by: told.by,
            at: time(told.at),
            fields: told.fields,
            note: told.note,
        }
    }
}

/// Another case of the unit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PastCase)]
pub(super) struct PastView {
    /// The case.
    case_id: String,
    /// When it was opened.
    opened_at: DateTime<Utc>,
    /// The rule.
    rule_id: String,
    /// Its severity.
    severity: String,
    /// Where it stands.
    state: String,
    /// How often it was returned.
    return_count: u32,
    /// It is about the same outlet and kind of rule.
    same_trouble: bool,
}

impl From<PastCase> for PastView {
    fn from(past: PastCase) -> Self {
        Self {
            case_id: past.case_id,
            opened_at: time(past.opened_at),
            rule_id: past.rule_id,
            severity: past.severity,
            state: past.state,
            return_count: past.return_count,
            same_trouble: past.same_trouble,
        }
    }
}

/// What is wrong, and where that is written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CaseProblem)]
pub(super) struct TroubleView {
    /// The finding in one sentence.
    text: String,
    /// Name of the rule; null when the catalogue has it no more.
    rule_zh: Option<String>,
    /// Its name in English.
    rule_en: Option<String>,
    /// Legal or technical basis.
    basis: Option<String>,
    /// Number of the order to rectify.
    order_no: Option<String>,
    /// By when it has or had to be done, extensions and returns counted: a Beijing day, or a time.
    due: Option<String>,
}

impl From<Trouble> for TroubleView {
    fn from(problem: Trouble) -> Self {
        Self {
            text: problem.text,
            rule_zh: problem.rule_zh,
            rule_en: problem.rule_en,
            basis: problem.basis,
            order_no: problem.order_no,
            due: problem.due,
        }
    }
}

/// A penalty case of the unit and what it came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Penalty)]
pub(super) struct PenaltyView {
    /// The case.
    case_id: String,
    /// Number of the filed case.
    case_no: Option<String>,
    /// Number of the decision.
    decision: Option<String>,
    /// `decided`, `transferred` or `no_penalty`.
    outcome: String,
    /// When.
    at: DateTime<Utc>,
}

impl From<Penalty> for PenaltyView {
    fn from(penalty: Penalty) -> Self {
        Self {
            case_id: penalty.case_id,
            case_no: penalty.case_no,
            decision: penalty.decision,
            outcome: penalty.outcome,
            at: time(penalty.at),
        }
    }
}

/// Points for the unit's past. They decide nothing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Risk)]
pub(super) struct RiskView {
    /// Their sum.
    score: u32,
    /// What they are for.
    why: Vec<String>,
}

impl From<Risk> for RiskView {
    fn from(risk: Risk) -> Self {
        Self {
            score: risk.score,
            why: risk.why,
        }
    }
}

/// Something that does not fit together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Conflict)]
pub(super) struct ConflictView {
    /// Stable code.
    code: String,
    /// The item of the checklist it concerns.
    item: String,
    /// What does not fit, in Chinese and in English.
    text: String,
}

impl From<Conflict> for ConflictView {
    fn from(conflict: Conflict) -> Self {
        Self {
            code: conflict.code.to_owned(),
            item: conflict.item.to_owned(),
            text: conflict.text,
        }
    }
}

/// What an earlier reviewer answered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnsweredView {
    /// Who.
    by: String,
    /// `pass`, `fail` or `na`.
    verdict: String,
    /// Why.
    reason: Option<String>,
}

/// An item of the checklist.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChecklistItem)]
pub(super) struct ItemDetail {
    /// Name, as an action's `items` have it.
    name: String,
    /// Chinese name.
    zh: String,
    /// What has to be so.
    text: String,
    /// Codes of conflicts that concern it.
    conflicts: Vec<String>,
    /// What was answered before, the latest last.
    answered: Vec<AnsweredView>,
}

impl From<ItemView> for ItemDetail {
    fn from(view: ItemView) -> Self {
        Self {
            name: view.item.name,
            zh: view.item.zh,
            text: view.item.text,
            conflicts: view.conflicts.iter().map(|&code| code.to_owned()).collect(),
            answered: view
                .answered
                .into_iter()
                .map(|(by, answer)| AnsweredView {
                    by,
                    verdict: match answer.verdict {
                        nonsite_analytics::review::Verdict::Pass => "pass",
                        nonsite_analytics::review::Verdict::Fail => "fail",
                        nonsite_analytics::review::Verdict::Na => "na",
                    }
                    .to_owned(),
                    reason: answer.reason,
                })
                .collect(),
        }
    }
}

/// The page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Dossier)]
pub(super) struct DossierView {
    /// When it was put together.
    at: DateTime<Utc>,
    /// The case.
    case: CaseView,
    /// What is wrong, on which basis, under which order.
    problem: TroubleView,
    /// The order to rectify.
    order: Option<SubmissionView>,
    /// What the enterprise explained.
    answer: Option<SubmissionView>,
    /// What it says it did, the last time it submitted.
    submission: Option<SubmissionView>,
    /// How often it submitted.
    submissions: usize,
    /// The finding's row, with its evidence as an object in `evidence`.
    finding: Option<AnomalyRow>,
    /// The same rule over the data since the measures.
    rerun: Option<RerunView>,
    /// Why there is no rerun.
    no_rerun: Option<String>,
    /// What the tables have: the curve, papers, production and treatment.
    proofs: ProofsView,
    /// Files in order, with earlier ones like them.
    files: Vec<FileView>,
    /// Other cases of the unit in the last 24 months, the latest first.
    history: Vec<PastView>,
    /// Penalty cases among them.
    penalties: Vec<PenaltyView>,
    /// Points for the unit's past.
    risk: RiskView,
    /// What was checked on the same outlet of late, the latest first.
    checked: Vec<CheckedView>,
    /// What does not fit together.
    conflicts: Vec<ConflictView>,
    /// The checklist.
    checklist: Vec<ItemDetail>,
    /// What can be done next.
    next: Vec<StepView>,
}

/// The row of a finding; a row is an object.
fn row_of(finding: Value) -> Option<AnomalyRow> {
    match finding {
        Value::Object(columns) => Some(AnomalyRow(columns)),
        _ => None,
    }
}

/// Everything a reviewer has to see. Nothing is decided by it.
#[utoipa::path(
    get, path = "/cases/{case_id}/dossier", tag = "cases", operation_id = "case_dossier",
    params(("case_id" = String, Path, description = "id of the case"), Everyone),
    security(("token" = [])),
    responses((status = 200, description = "the page", body = DossierView), Reading)
)]
pub(super) async fn show(
    who: Principal,
    State(app): State<App>,
    Named(case_id): Named<String>,
) -> Result<Json<DossierView>, Problem> {
    let (queue, case_id) = (app.queue_of(&who), id(case_id)?);
    // What is refused is not worth a place in the queue for what takes long.
    queue.for_bodies("read a reviewer's dossier")?;
    queue.show(&case_id).await?;
    let _place = app.heavy().await?;
    let tables = app.tables().await?;
    let config = app.detect_config();
    let page: Dossier = queue
        .dossier(&case_id, &tables.session, config, &tables.catalogue)
        .await?;
    Ok(Json(DossierView {
        at: time(page.at),
        case: CaseView::of(page.case, queue.machine(), page.at),
        problem: page.problem.into(),
        proofs: page.proofs.into(),
        penalties: page.penalties.into_iter().map(PenaltyView::from).collect(),
        risk: page.risk.into(),
        order: page.order.map(SubmissionView::from),
        answer: page.answer.map(SubmissionView::from),
        submission: page.submission.map(SubmissionView::from),
        submissions: page.submissions,
        finding: page.finding.and_then(row_of),
        rerun: page.rerun.map(RerunView::from),
        no_rerun: page.no_rerun,
        files: page.files.into_iter().map(FileView::from).collect(),
        history: page.history.into_iter().map(PastView::from).collect(),
        checked: page.checked.into_iter().map(CheckedView::from).collect(),
        conflicts: page.conflicts.into_iter().map(ConflictView::from).collect(),
        checklist: page.checklist.into_iter().map(ItemDetail::from).collect(),
        next: page.next.into_iter().map(StepView::from).collect(),
    }))
}
