//! Work on cases: claim, give back, and every action of the workflow.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use nonsite_analytics::review::{Case, Input, Service};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{Everyone, OnVersion, Once, Writing, tagged};
use super::app::App;
use super::cases::{id, known_states};
use super::extract::{Carried, Named, Nothing, Write, is_plain};
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
    params(Once, Everyone), security(("token" = [])), request_body = WorkWanted,
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

/// What a reviewer says of an item of the checklist.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ItemVerdict {
    /// It is so.
    Pass,
    /// It is not so.
    Fail,
    /// It does not apply to this case.
    Na,
}

/// The answer to one item of the checklist.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemAnswer {
    /// The item, as `GET /workflow` and the dossier name it.
    item: String,
    /// What the reviewer says of it.
    verdict: ItemVerdict,
    /// Why; required unless it passes.
    reason: Option<String>,
}

/// Cause category of an answer.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cause {
    /// 真实超标
    RealExceedance,
    /// 工艺故障
    ProcessFault,
    /// 治理设施故障
    AbatementFault,
    /// 监测设备故障
    MonitorFault,
    /// 采样管路
    SamplingLine,
    /// 校准
    Calibration,
    /// 停电
    PowerCut,
    /// 通信
    Communication,
    /// 启停
    StartStop,
    /// 误报
    FalseAlarm,
    /// 其他
    Other,
}

/// Feedback on the rule.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Match)]
pub(super) enum RuleMatch {
    /// 符合
    Match,
    /// 部分符合
    Partly,
    /// 不符合
    Mismatch,
}

/// What an action carries. Which of it an action requires, the description of the operation and
/// `GET /workflow` say.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Papers {
    /// Reason code or sentence.
    reason: Option<String>,
    /// How the enterprise is told: client, sms, letter.
    channel: Option<String>,
    /// Proof of delivery or reading.
    receipt: Option<String>,
    /// When it was delivered, Beijing time, if that was before it is recorded.
    delivered_at: Option<String>,
    /// Cause category.
    cause: Option<Cause>,
    /// What the enterprise explains.
    statement: Option<String>,
    /// `act_id` of the inspection record.
    act: Option<String>,
    /// The officers of the act, two or more.
    #[schema(required = false)]
    officers: Vec<String>,
    /// Certificate numbers of the officers, as `OFFICER=NUMBER`, comma list.
    certificates: Option<String>,
    /// The inspection record: data reviewed with windows, checklist, findings, evidence, notice.
    #[schema(value_type = Option<Object>)]
    record: Option<serde_json::Map<String, serde_json::Value>>,
    /// Who reviewed and signed the inspection record.
    signed_by: Option<String>,
    /// Approval form of the visit.
    approval: Option<String>,
    /// Who approved it.
    approved_by: Option<String>,
    /// When it was approved, Beijing time.
    approved_at: Option<String>,
    /// Day of the hearing.
    hearing_day: Option<NaiveDate>,
    /// What has to be done, or was done.
    measures: Option<String>,
    /// Who of the enterprise is responsible for the rectification, with a telephone number.
    owner: Option<String>,
    /// Day by which the plan will be done, within the order.
    plan_due: Option<NaiveDate>,
    /// The minutes of the visit: their number, or what they say.
    minutes: Option<String>,
    /// Day by which it has to be done.
    due: Option<NaiveDate>,
    /// Day on which it was done.
    measure_date: Option<NaiveDate>,
    /// Who promises that the submission is true.
    promise: Option<String>,
    /// The checklist, item by item.
    #[schema(required = false)]
    items: Vec<ItemAnswer>,
    /// The reviewer's opinion.
    opinion: Option<String>,
    /// Facts of the suspected violation.
    facts: Option<String>,
    /// The evidence of the violation, item by item.
    evidence_list: Option<String>,
    /// Last day of the violation; left out: the end of what the rule judged.
    violation_end: Option<NaiveDate>,
    /// Why a violation of more than two years ago may still be punished.
    limitation: Option<String>,
    /// What is handed over, item by item.
    list: Option<String>,
    /// Why it is approved although the rule was not silent for long enough, or could not be run.
    #[serde(rename = "override")]
    overriding: Option<String>,
    /// Number of the filed case.
    case_no: Option<String>,
    /// Number of the decision.
    decision: Option<String>,
    /// Feedback on the rule.
    #[serde(rename = "match")]
    rule_match: Option<RuleMatch>,
    /// Free text for the audit row.
    note: Option<String>,
}

impl Carried for Papers {}

/// The code of a unit variant, as it is written in JSON.
pub(super) fn code(variant: impl Serialize) -> Option<String> {
    Some(serde_json::to_value(variant).ok()?.as_str()?.to_owned())
}

impl Papers {
    fn input(self) -> Result<Input, Problem> {
        let items = checklist(&self.items)?;
        if let Some(at) = self
            .officers
            .iter()
            .position(|name| name.contains([',', '，', '、']))
        {
            let why = "an officer's id has no comma";
            return Err(Problem::new(&BAD_BODY, why).at(format!("/officers/{at}")));
        }
        let day = |day: NaiveDate| day.to_string();
        let given = [
            ("reason", self.reason),
            ("channel", self.channel),
            ("receipt", self.receipt),
            ("delivered_at", self.delivered_at),
            ("cause", self.cause.and_then(code)),
            ("statement", self.statement),
            ("act", self.act),
            ("officers", joined(&self.officers, ", ")),
            ("certificates", self.certificates),
            // Texts and numbers into memory: this cannot fail.
            (
                "record",
                self.record
                    .and_then(|record| serde_json::to_string(&record).ok()),
            ),
            ("signed_by", self.signed_by),
            ("approval", self.approval),
            ("approved_by", self.approved_by),
            ("approved_at", self.approved_at),
            ("hearing_day", self.hearing_day.map(day)),
            ("measures", self.measures),
            ("owner", self.owner),
            ("plan_due", self.plan_due.map(day)),
            ("minutes", self.minutes),
            ("due", self.due.map(day)),
            ("measure_date", self.measure_date.map(day)),
            ("promise", self.promise),
            ("items", items),
            ("opinion", self.opinion),
            ("facts", self.facts),
            ("evidence_list", self.evidence_list),
            ("violation_end", self.violation_end.map(day)),
            ("limitation", self.limitation),
            ("list", self.list),
            ("override", self.overriding),
            ("case_no", self.case_no),
            ("decision", self.decision),
            ("match", self.rule_match.and_then(code)),
        ];
        let mut input = Input {
            note: self.note,
            ..Input::default()
        };
        for (name, value) in given {
            if let Some(value) = value {
                input.fields.insert(name.to_owned(), value);
            }
        }
        Ok(input)
    }
}

fn joined(texts: &[String], between: &str) -> Option<String> {
    (!texts.is_empty()).then(|| texts.join(between))
}

/// The answers in the form the workflow's field has them.
fn checklist(items: &[ItemAnswer]) -> Result<Option<String>, Problem> {
    let entry = |(at, answer): (usize, &ItemAnswer)| {
        let reason = answer.reason.as_deref().unwrap_or_default().trim();
        if [reason, &answer.item]
            .iter()
            .any(|text| text.contains([';', '；', '\n']))
        {
            let why = "a reason may not contain a semicolon or a line break";
            return Err(Problem::new(&BAD_BODY, why).at(format!("/items/{at}")));
        }
        let verdict = code(answer.verdict).unwrap_or_default();
        Ok(match reason {
            "" => format!("{}={verdict}", answer.item),
            _ => format!("{}={verdict}:{reason}", answer.item),
        })
    };
    let entries: Vec<String> = items
        .iter()
        .enumerate()
        .map(entry)
        .collect::<Result<_, _>>()?;
    Ok(joined(&entries, "; "))
}

/// Takes an action of the workflow on a case.
#[utoipa::path(
    post, path = "/cases/{case_id}/actions/{action}", tag = "work", operation_id = "act_on_case",
    params(
        ("case_id" = String, Path, description = "id of the case"),
        ("action" = String, Path, description = "the action"),
        OnVersion, Once, Everyone,
    ),
    security(("token" = [])), request_body = Papers,
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

#[cfg(test)]
mod tests {
    use nonsite_analytics::review::Machine;

    use super::*;

    #[test]
    fn every_field_a_person_can_give_is_in_the_body() {
        let schema = serde_json::to_value(<Papers as utoipa::PartialSchema>::schema()).unwrap();
        let known = schema["properties"].as_object().unwrap();
        for field in Machine::built_in().fields() {
            // The engine alone gives it.
            if field.name != "relapse_at" {
                assert!(known.contains_key(&field.name), "{} is missing", field.name);
            }
        }
    }

    #[test]
    fn papers_become_fields_of_the_workflow() {
        let papers: Papers = serde_json::from_str(
            r#"{"officers": ["o-1", "o-2"], "due": "2026-03-09", "cause": "power_cut",
                "items": [{"item": "order", "verdict": "pass"},
                          {"item": "data", "verdict": "fail", "reason": "仍超标"}],
                "match": "partly", "note": "n"}"#,
        )
        .unwrap();
        let input = papers.input().unwrap();
        let get = |name: &str| input.fields[name].as_str();
        assert_eq!(get("officers"), "o-1, o-2");
        assert_eq!(get("due"), "2026-03-09");
        assert_eq!(get("cause"), "power_cut");
        assert_eq!(get("items"), "order=pass; data=fail:仍超标");
        assert_eq!(get("match"), "partly");
        assert_eq!(input.note.as_deref(), Some("n"));
        let split: Papers = serde_json::from_str(
            r#"{"items": [{"item": "order", "verdict": "na", "reason": "a; data=pass"}]}"#,
        )
        .unwrap();
        assert!(split.input().is_err());
    }
}
