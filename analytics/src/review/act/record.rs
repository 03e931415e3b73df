//! The inspection record as an officer writes it: what was looked at, and what came of it.
//!
//! It travels as the field `record` of an action, in JSON, so that the audit row holds it as it was
//! given. What the workflow knows by itself (unit, outlets, officers, times, rule versions) may be
//! left out; what is written here goes first.

use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::inspection::{
    Approval, ChecklistAnswer, Class, DataSource, Evidence, Finding, Method, Notice, Officer,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::inspection::times::with_seconds;

/// The part of an inspection act that only its officers know.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Record {
    /// By what means; a review of monitoring data, or a visit, when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Class of the check; triggered by a clue (个案) when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Item of the annual plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_item: Option<String>,
    /// Team of the officers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team_id: Option<String>,
    /// Code of the check (行政行为码), which officers show on entering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_code: Option<String>,
    /// Start of the check; when the state was entered, for an off-site check that leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Instant>,
    /// End of the check; when the action took effect, if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Instant>,
    /// Reviewer who signed the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Codes of outlets besides those of the findings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outlets: Vec<String>,
    /// Approval of the check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// How and when the unit was told the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// Officers with their certificates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub officers: Vec<Officer>,
    /// Data that were looked at, each with its exact window.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<DataSource>,
    /// Answers to the checklist.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checklist: Vec<ChecklistAnswer>,
    /// Findings besides the clue's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Evidence besides the clue's own and the files of the case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl Record {
    /// Reads the field `record`.
    ///
    /// # Errors
    /// Where and what, in one sentence.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let whole = || serde_json::from_str(text).ok();
        let read = serde_json::from_str(text).map_err(|error| error.to_string());
        as_shown(read, whole).map_err(|why| format!("field `record`: {why}"))
    }

    /// Reads a file an officer wrote: TOML, or JSON when it begins with a brace.
    ///
    /// # Errors
    /// Where and what, in one sentence.
    pub fn from_text(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with('{') {
            return Self::from_json(text);
        }
        let whole = || toml::from_str(text).ok();
        let read = toml::from_str(text).map_err(|error| error.to_string());
        as_shown(read, whole)
    }

    /// As the field `record`.
    pub fn to_json(&self) -> String {
        // Texts, numbers and codes into memory: nothing here can fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A record as it was read. When it could not be, it is read again with its times written out, which may be
/// to the minute; what is still wrong is told as it was first, with its place in the file.
fn as_shown(
    read: Result<Record, String>,
    whole: impl FnOnce() -> Option<Value>,
) -> Result<Record, String> {
    let Err(why) = read else { return read };
    let Some(mut whole) = whole().filter(Value::is_object) else {
        return Err(why);
    };
    if !with_seconds(&mut whole) {
        return Err(why);
    }
    serde_json::from_value(whole).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_from_toml_and_json_alike() {
        let toml = r#"
            signed_by = "li"
            [[sources]]
            kind = "hourly_readings"
            from = "2026-03-01 00:00:00"
            to = "2026-03-02 00:00:00"
            rows = 24
            [[checklist]]
            item_id = "441-01"
            answer = "pass"
        "#;
        let read = Record::from_text(toml).unwrap();
        assert_eq!(read.sources[0].rows, Some(24));
        assert_eq!(Record::from_text(&read.to_json()).unwrap(), read);
        let typo = Record::from_text("signd_by = \"li\"").unwrap_err();
        assert!(typo.contains("signd_by"), "{typo}");
    }

    #[test]
    fn times_are_taken_as_they_are_shown() {
        let toml = r#"
            ended_at = "2026-03-02 24:00"
            [approval]
            approval_id = "SP-1"
            approved_by = "head"
            approved_at = "2026-03-02 08:30"
            [[sources]]
            kind = "hourly_readings"
            from = "2026-03-01 00:00:00"
            to = "2026-03-02 07:45"
        "#;
        let read = Record::from_text(toml).unwrap();
        let exact = toml
            .replace("02 24:00", "03 00:00:00")
            .replace("08:30", "08:30:00")
            .replace("07:45", "07:45:00");
        assert_eq!(Record::from_text(&exact).unwrap(), read);
        let json = r#"{"ended_at": "2026-03-02 24:00"}"#;
        assert_eq!(Record::from_json(json).unwrap().ended_at, read.ended_at);
        for wrong in ["2026-03-02", "2026-03-02 24:01", "soon"] {
            let why = Record::from_text(&format!("ended_at = \"{wrong}\"")).unwrap_err();
            assert!(why.contains("is not a time"), "{why}");
        }
    }
}
