//! The alert message: what goes out when rules find something, as CloudEvents 1.0 in JSON.
//!
//! Delivery is at least once with a stable `id`: a receiver that has seen an id drops the second
//! copy. One alert stands for one cause and lists the anomalies it groups, so that fifty factors
//! behind one failed sampling line are one message.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Instant;
use super::permit::codes;

/// Version of CloudEvents the envelope follows.
pub const SPEC_VERSION: &str = "1.0";
/// Media type of `data`.
pub const CONTENT_TYPE: &str = "application/json";

codes! {
    /// What happened, as the CloudEvents `type`.
    AlertKind {
        /// A new anomaly, or several with one cause.
        Opened = "nonsite.anomaly.opened.v1",
        /// A known anomaly changed: it lasts longer, became worse, or was confirmed.
        Updated = "nonsite.anomaly.updated.v1",
        /// Later data disprove the anomaly.
        Withdrawn = "nonsite.anomaly.withdrawn.v1",
    }
}

codes! {
    /// How grave an anomaly is.
    Severity {
        /// Fraud, evasion or discharge without permit: to the site at once.
        S1 = "S1",
        /// Probable violation: verify within one working day.
        S2 = "S2",
        /// Needs an explanation of the enterprise.
        S3 = "S3",
        /// Reminder.
        S4 = "S4",
    }
}

codes! {
    /// How sure a finding is.
    Phase {
        /// On data as received, before the enterprise could mark them.
        Provisional = "provisional",
        /// After the marking deadline, the next day at 12:00.
        Confirmed = "confirmed",
    }
}

/// An alert with its CloudEvents envelope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// `1.0`.
    #[schemars(schema_with = "spec_version_schema")]
    pub specversion: Cow<'static, str>,
    /// Stable id: the same alert is never sent under two ids.
    pub id: String,
    /// Which installation sends, e.g. `/nonsite/detect`.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: AlertKind,
    /// What it is about: the outlet, or the logger where no outlet is known.
    pub subject: String,
    /// As-of time of the run that made the alert.
    pub time: Instant,
    /// `application/json`.
    pub datacontenttype: Cow<'static, str>,
    /// The alert itself.
    pub data: AlertData,
}

impl Alert {
    /// An alert in its envelope.
    pub fn new(
        id: String,
        source: String,
        kind: AlertKind,
        time: Instant,
        data: AlertData,
    ) -> Self {
        let subject = data
            .outlet_uid
            .clone()
            .or_else(|| data.mn.clone())
            .unwrap_or_default();
        Self {
            specversion: Cow::Borrowed(SPEC_VERSION),
            id,
            source,
            kind,
            subject,
            time,
            datacontenttype: Cow::Borrowed(CONTENT_TYPE),
            data,
        }
    }
}

/// What an alert says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertData {
    /// The gravest severity among the anomalies.
    pub severity: Severity,
    /// Confirmed when every anomaly is.
    pub phase: Phase,
    /// Enforcement body in whose area the site lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_code: Option<String>,
    /// Permit code of the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permit_no: Option<String>,
    /// Name of the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_name: Option<String>,
    /// National outlet id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlet_uid: Option<String>,
    /// Unique id of the data logger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mn: Option<String>,
    /// One sentence in Chinese and one in English.
    pub reason: String,
    /// The anomalies with this one cause, at least one.
    #[schemars(length(min = 1))]
    pub anomalies: Vec<AlertAnomaly>,
}

/// One anomaly of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertAnomaly {
    /// Id in table `anomalies`, where the evidence is.
    pub anomaly_id: String,
    /// Rule that found it.
    pub rule_id: String,
    /// Version of the rule.
    pub rule_version: i32,
    /// How grave it is.
    pub severity: Severity,
    /// How sure it is.
    pub phase: Phase,
    /// Factor code of HJ 524/525.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<String>,
    /// Start of what was judged.
    pub window_start: Instant,
    /// End of what was judged (exclusive).
    pub window_end: Instant,
    /// What was observed, in `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<f64>,
    /// What it was compared with, in `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_value: Option<f64>,
    /// Unit of both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// One sentence in Chinese and one in English.
    pub reason: String,
}

fn spec_version_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "const": SPEC_VERSION })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_has_the_required_attributes_of_cloudevents() {
        let data = AlertData {
            severity: Severity::S2,
            phase: Phase::Confirmed,
            org_code: None,
            permit_no: None,
            unit_name: None,
            outlet_uid: Some("91130200699229617X001PDA001".to_owned()),
            mn: Some("M1".to_owned()),
            reason: "小时均值超标 / hourly mean above the limit".to_owned(),
            anomalies: Vec::new(),
        };
        let alert = Alert::new(
            "a1".to_owned(),
            "/nonsite/detect".to_owned(),
            AlertKind::Opened,
            Instant(1_772_337_600_000_000),
            data,
        );
        let json = serde_json::to_value(&alert).unwrap();
        assert_eq!(json["specversion"], "1.0");
        assert_eq!(json["id"], "a1");
        assert_eq!(json["source"], "/nonsite/detect");
        assert_eq!(json["type"], "nonsite.anomaly.opened.v1");
        assert_eq!(json["subject"], "91130200699229617X001PDA001");
        assert_eq!(json["time"], "2026-03-01T12:00:00+08:00");
        assert_eq!(serde_json::from_value::<Alert>(json).unwrap(), alert);
    }
}
