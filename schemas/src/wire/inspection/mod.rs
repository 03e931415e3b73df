//! The inspection act: one approved check of one unit, on-site or off-site, with its record.
//!
//! One message on the inspections topic is one version of one act; a correction is a further
//! version. Whether an off-site act may count towards the off-site ratio depends on how complete
//! its record is: an alarm somebody glanced at is not an inspection. [`minimum_record`] is that
//! gate.

mod codes;
mod minimum;
mod rows;
mod validate;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Instant;
use super::document::{self, Document, Refused};

pub use codes::{ActStatus, AnswerCode, Class, Conclusion, Method, Mode, OrgLevel};
pub use minimum::{MINIMUM_DURATION_MICROS, TOO_SHORT, minimum_record};
pub use rows::{InspectionRows, act_key};

/// Reads one inspection record from a message.
///
/// # Errors
/// [`Refused`] when it is not JSON, or lacks `act_id`; any other fault is in the document's list.
pub fn decode(message: &[u8]) -> Result<Document<Inspection>, Refused> {
    document::read(message)
}

/// One version of one inspection act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = [
    "act_id", "act_version", "unit", "org", "mode", "method", "class", "status",
]))]
pub struct Inspection {
    /// Id of the act in the inspection system.
    pub act_id: String,
    /// Version of the act, from 1.
    pub act_version: i32,
    /// When this version was recorded; the arrival time when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Instant>,
    /// Approved task the act carries out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// Item of the annual inspection plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_item: Option<String>,
    /// The unit inspected.
    pub unit: Unit,
    /// Executing body; of a joint inspection the leading one.
    pub org: Org,
    /// Body that dispatched the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatch_org_code: Option<String>,
    /// The other bodies of a joint inspection.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub joint_orgs: Vec<String>,
    /// On-site or off-site.
    #[schemars(with = "Mode")]
    pub mode: Option<Mode>,
    /// By what means.
    #[schemars(with = "Method")]
    pub method: Option<Method>,
    /// Class of inspection.
    #[schemars(with = "Class")]
    pub class: Option<Class>,
    /// Where the act stands.
    #[schemars(with = "ActStatus")]
    pub status: Option<ActStatus>,
    /// Approval of the act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Team of officers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team_id: Option<String>,
    /// Officers who carried it out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub officers: Vec<Officer>,
    /// Codes of the outlets reviewed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outlets: Vec<String>,
    /// Data sources reviewed, each with its exact window.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<DataSource>,
    /// Which checklist was answered, when it is one of the permit checklists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checklist_form: Option<ChecklistForm>,
    /// The drawing of lots (双随机) that chose the unit, id in table `inspection_draws`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw_id: Option<String>,
    /// Code of the check (行政行为码), which officers show on entering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_code: Option<String>,
    /// Answers to the permit checklist.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checklist: Vec<ChecklistAnswer>,
    /// Findings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Evidence the findings refer to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// What the act ended with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<Conclusion>,
    /// How the enterprise was told the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// Start of the check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Instant>,
    /// End of the check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Instant>,
    /// When the record was signed; decides the period the act is counted in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Instant>,
    /// Reviewer who signed the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Ratio policy in force when the act was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<String>,
    /// Versions of the rules whose results were reviewed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rule_versions: BTreeMap<String, i32>,
    /// The off-site act this on-site act grew out of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalated_from: Option<String>,
    /// The on-site act this off-site act grew into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalated_to: Option<String>,
    /// The act this one was merged into by the inspection system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collapsed_into: Option<String>,
    /// Why the act was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn_reason: Option<String>,
    /// The sender's word on whether the act counts; counted when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts_for_ratio: Option<bool>,
    /// The sender's reason for not counting it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_counted_reason: Option<String>,
}

/// The unit an act inspects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["unit_id"]))]
pub struct Unit {
    /// Credit code and site; usually the permit code.
    pub unit_id: String,
    /// Permit code, 22 characters (HJ 608).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permit_no: Option<String>,
    /// Unified social credit code (GB 32100-2015).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uscc: Option<String>,
    /// Name of the unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Administrative division of the site, 6 digits (GB/T 2260).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_code: Option<String>,
    /// Whether the unit was on the positive list at that time.
    pub positive_list: bool,
}

/// An enforcement body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["code", "level"]))]
pub struct Org {
    /// Code of the body.
    pub code: String,
    /// Name of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its level.
    #[schemars(with = "OrgLevel")]
    pub level: Option<OrgLevel>,
}

/// Approval of an act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["approval_id", "approved_by", "approved_at"]))]
pub struct Approval {
    /// Id of the approval form.
    pub approval_id: String,
    /// Who approved.
    pub approved_by: String,
    /// When.
    #[schemars(with = "Instant")]
    pub approved_at: Option<Instant>,
}

/// An officer who carried out the act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["officer_id", "certificate_no"]))]
pub struct Officer {
    /// Id of the officer.
    pub officer_id: String,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of the enforcement certificate.
    pub certificate_no: String,
}

/// Data that were reviewed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["kind", "from", "to"]))]
pub struct DataSource {
    /// What was looked at: hourly readings, power, video, reports ...
    pub kind: String,
    /// Start of the window.
    #[schemars(with = "Instant")]
    pub from: Option<Instant>,
    /// End of the window (exclusive).
    #[schemars(with = "Instant")]
    pub to: Option<Instant>,
    /// The query, if one was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Rows or items the query gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
}

/// An answer to one item of the permit checklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["item_id", "answer"]))]
pub struct ChecklistAnswer {
    /// Item of the checklist.
    pub item_id: String,
    /// The answer.
    #[schemars(with = "AnswerCode")]
    pub answer: Option<AnswerCode>,
    /// Remark; why, when the item fails or does not apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// What the data had suggested, as it was shown to the officer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggested: Option<AnswerCode>,
    /// Evidence the answer rests on, ids of `evidence`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence_ids: Vec<String>,
}

/// The permit checklist an act answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["checklist_id", "version"]))]
pub struct ChecklistForm {
    /// Id of the checklist.
    pub checklist_id: String,
    /// Its version, from 1.
    pub version: i32,
    /// Version of the permit its items were made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permit_version: Option<i32>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["finding_id", "text"]))]
pub struct Finding {
    /// Id within the act.
    pub finding_id: String,
    /// Checklist item it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_id: Option<String>,
    /// What was found.
    pub text: String,
    /// Legal provision concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub law: Option<String>,
    /// Evidence it rests on, ids of `evidence`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence_ids: Vec<String>,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["evidence_id", "kind", "sha256"]))]
pub struct Evidence {
    /// Id within the act.
    pub evidence_id: String,
    /// Query text, row hashes, chart, video clip, document ...
    pub kind: String,
    /// SHA-256 of the artefact, 64 hexadecimal digits.
    pub sha256: String,
    /// When it was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captured_at: Option<Instant>,
}

/// Notice of the result to the enterprise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["channel", "notified_at"]))]
pub struct Notice {
    /// Client, SMS, letter ...
    pub channel: String,
    /// When the enterprise was told.
    #[schemars(with = "Instant")]
    pub notified_at: Option<Instant>,
    /// Receipt, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

#[cfg(test)]
mod tests;
