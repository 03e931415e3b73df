//! What an action of the workflow carries, as the body of a request.

use chrono::NaiveDate;
use nonsite_analytics::review::Input;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::documents::CaseRecord;
use super::extract::Carried;
use super::problem::{BAD_BODY, Problem};

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

/// Why a decided case is put on file without payment.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unpaid {
    /// 未处罚款
    NoFine,
    /// 申请法院强制执行
    CourtEnforces,
    /// 依法减免
    Remitted,
    /// 主体终止
    UnitGone,
}

/// Why a case ends without a penalty; which of them fits, the state decides.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Closing {
    /// 误报
    FalseAlarm,
    /// 数据已更正
    DataCorrected,
    /// 豁免时段
    ExemptPeriod,
    /// 重复线索
    Duplicate,
    /// 受移送机关已受理
    TakenOver,
    /// 受移送机关退回
    SentBack,
    /// 首次、轻微并已改正
    FirstMinorCorrected,
    /// 轻微并及时改正，未造成危害后果
    MinorCorrected,
    /// 无主观过错
    NoFault,
    /// 违法事实不能成立
    NotEstablished,
}

/// How a conflict that the machine found was resolved.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Resolution {
    /// The conflict, as the dossier has it.
    code: String,
    /// How it was resolved.
    reason: String,
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

/// What a mark is about.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MarkScope)]
pub(super) enum Scope {
    /// 监测设备：数据无效
    Device,
    /// 生产或治理工况
    Condition,
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
    /// What a mark says of the data; `GET /workflow` lists the codes.
    code: Option<String>,
    /// Whether a mark is about the device or the condition; only `fault` and `other` fit both.
    scope: Option<Scope>,
    /// Begin of the data that are marked: an instant or a Beijing time.
    from: Option<String>,
    /// Their end, which is not marked any more.
    to: Option<String>,
    /// `act_id` of the inspection record.
    act: Option<String>,
    /// The officers of the act, two or more.
    #[schema(required = false)]
    officers: Vec<String>,
    /// Certificate numbers of the officers, as `OFFICER=NUMBER`, comma list.
    certificates: Option<String>,
    /// The inspection record: data reviewed with windows, checklist, findings, evidence, notice.
    #[schema(value_type = Option<CaseRecord>)]
    record: Option<serde_json::Map<String, serde_json::Value>>,
    /// Who reviewed and signed the inspection record.
    signed_by: Option<String>,
    /// Number of the approval form (行政检查审批表) of the check or visit.
    approval: Option<String>,
    /// Who approved an off-site check; of a visit it is the approver who takes the action.
    approved_by: Option<String>,
    /// When it was approved, Beijing time, if that was before it is recorded.
    approved_at: Option<String>,
    /// Code of the check (行政行为码), shown on entering.
    action_code: Option<String>,
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
    /// When the visit ended, Beijing time, if that was before it is recorded.
    visited_at: Option<String>,
    /// Why a visit is recorded later than on its day.
    late_record: Option<String>,
    /// Samples that were taken on the visit, or why there are none.
    samples: Option<String>,
    /// Why a case that is part of another's on-site investigation is visited apart.
    own_visit: Option<String>,
    /// Why there is no video of the visit.
    no_video: Option<String>,
    /// Why an answer is given, or an extension asked for, without a proof.
    no_proof: Option<String>,
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
    /// How each conflict that the dossier shows was resolved.
    #[schema(required = false)]
    resolved: Vec<Resolution>,
    /// Why it is approved although the rule was not silent for long enough, or could not be run.
    #[serde(rename = "override")]
    overriding: Option<String>,
    /// Number of the filing approval form (立案审批表).
    case_form: Option<String>,
    /// Number of the filed case.
    case_no: Option<String>,
    /// Number of the decision.
    decision: Option<String>,
    /// The fine in yuan, as `12000` or `12000.50`; left out where nothing is fined.
    fine: Option<String>,
    /// Where and when the decision was published.
    published: Option<String>,
    /// Day on which the fine was paid, if that was before it is recorded.
    paid_on: Option<NaiveDate>,
    /// Whether the decision is a major one; after a hearing, and for S1, it is one in any case.
    major: Option<bool>,
    /// Why it is put on file without payment.
    unpaid: Option<Unpaid>,
    /// What was found: first, minor and corrected, or why nobody is punished else.
    finding: Option<String>,
    /// Record of the education of the unit: its number, or what it says.
    education: Option<String>,
    /// Number under which the case is on file.
    archive_no: Option<String>,
    /// Why the case ends.
    closing: Option<Closing>,
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
    /// The input of the workflow.
    pub(super) fn input(self) -> Result<Input, Problem> {
        let items = checklist(&self.items)?;
        let resolved = resolutions(&self.resolved)?;
        let yes_or_no = |yes: bool| match yes {
            true => "yes".to_owned(),
            false => "no".to_owned(),
        };
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
            ("code", self.code),
            ("scope", self.scope.and_then(code)),
            ("from", self.from),
            ("to", self.to),
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
            ("action_code", self.action_code),
            ("hearing_day", self.hearing_day.map(day)),
            ("measures", self.measures),
            ("owner", self.owner),
            ("plan_due", self.plan_due.map(day)),
            ("minutes", self.minutes),
            ("visited_at", self.visited_at),
            ("late_record", self.late_record),
            ("samples", self.samples),
            ("own_visit", self.own_visit),
            ("no_video", self.no_video),
            ("no_proof", self.no_proof),
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
            ("resolved", resolved),
            ("override", self.overriding),
            ("case_form", self.case_form),
            ("case_no", self.case_no),
            ("decision", self.decision),
            ("fine", self.fine),
            ("published", self.published),
            ("paid_on", self.paid_on.map(day)),
            ("major", self.major.map(yes_or_no)),
            ("unpaid", self.unpaid.and_then(code)),
            ("finding", self.finding),
            ("education", self.education),
            ("archive_no", self.archive_no),
            ("closing", self.closing.and_then(code)),
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

/// The answers to conflicts in the form the workflow's field has them.
fn resolutions(answers: &[Resolution]) -> Result<Option<String>, Problem> {
    let unfit = |text: &str| text.contains([';', '；', '\n', '=']);
    if let Some(at) = answers
        .iter()
        .position(|answer| unfit(&answer.code) || answer.reason.contains([';', '；', '\n']))
    {
        let why = "a reason may not contain a semicolon or a line break";
        return Err(Problem::new(&BAD_BODY, why).at(format!("/resolved/{at}")));
    }
    let entries: Vec<String> = answers
        .iter()
        .map(|answer| format!("{}={}", answer.code, answer.reason))
        .collect();
    Ok(joined(&entries, "; "))
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
    fn a_mark_becomes_fields_of_the_workflow() {
        let papers: Papers = serde_json::from_str(
            r#"{"code": "fault", "scope": "device", "from": "2026-03-01 09:00:00",
                "to": "2026-03-01 10:00:00", "reason": "采样泵故障"}"#,
        )
        .unwrap();
        let input = papers.input().unwrap();
        let given: Vec<(&str, &str)> = input
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            given,
            [
                ("code", "fault"),
                ("from", "2026-03-01 09:00:00"),
                ("reason", "采样泵故障"),
                ("scope", "device"),
                ("to", "2026-03-01 10:00:00"),
            ]
        );
    }

    #[test]
    fn papers_become_fields_of_the_workflow() {
        let papers: Papers = serde_json::from_str(
            r#"{"officers": ["o-1", "o-2"], "due": "2026-03-09", "cause": "power_cut",
                "items": [{"item": "order", "verdict": "pass"},
                          {"item": "data", "verdict": "fail", "reason": "仍超标"}],
                "resolved": [{"code": "photo_reused", "reason": "同一台设备"}],
                "major": true, "unpaid": "no_fine", "closing": "false_alarm",
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
        assert_eq!(get("resolved"), "photo_reused=同一台设备");
        assert_eq!(
            (get("major"), get("unpaid"), get("closing")),
            ("yes", "no_fine", "false_alarm")
        );
        assert_eq!(input.note.as_deref(), Some("n"));
        let split: Papers = serde_json::from_str(
            r#"{"items": [{"item": "order", "verdict": "na", "reason": "a; data=pass"}]}"#,
        )
        .unwrap();
        assert!(split.input().is_err());
        let split: Papers =
            serde_json::from_str(r#"{"resolved": [{"code": "a=b; c", "reason": "d"}]}"#).unwrap();
        assert!(split.input().is_err());
    }
}
