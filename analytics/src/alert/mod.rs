//! Alerts: new findings put into an outbox and delivered from there.
//!
//! Invariants: an alert's id is made from the findings it tells, so a run that is repeated makes
//! the same alert; one cause gives one alert (findings of one outlet that overlap or follow within
//! six hours); a row in the outbox is delivered at least once ([`publish`]).

pub mod publish;

use serde_json::{Map, Value, json};

use crate::detect::anomaly::Anomaly;
use crate::detect::beijing;

/// Findings of one subject this close together have one cause: 6 hours.
const ONE_CAUSE: i64 = 6 * 3_600_000_000;
/// CloudEvents type of an alert about new findings.
pub const OPENED: &str = "nonsite.anomaly.opened.v1";

/// One row of the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Stable id.
    pub alert_id: String,
    /// The findings, the first one leading.
    pub anomaly_ids: Vec<String>,
    /// CloudEvents type.
    pub kind: &'static str,
    /// The CloudEvents message.
    pub payload: String,
    /// Time of the run, microseconds UTC.
    pub created_at: i64,
}

impl Alert {
    /// As a table row.
    pub(crate) fn row(&self) -> Map<String, Value> {
        let row = json!({
            "alert_id": self.alert_id, "anomaly_ids": json!(self.anomaly_ids).to_string(),
            "kind": self.kind, "payload": self.payload, "created_at": self.created_at,
        });
        if let Value::Object(row) = row { row } else { Map::new() }
    }
}

/// What a finding is about: the outlet, else the logger, else the permit.
fn subject(anomaly: &Anomaly) -> &str {
    anomaly
        .outlet_uid
        .as_deref()
        .or(anomaly.mn.as_deref())
        .or(anomaly.permit_no.as_deref())
        .unwrap_or("-")
}

/// Puts newly opened findings into alerts. A finding that only replaces a withdrawn one of the same
/// rule and subject (late data moved its start) was told before and makes no alert.
pub(crate) fn group(opened: &[&Anomaly], withdrawn: &[&Anomaly], as_of: i64) -> Vec<Alert> {
    let moved = |new: &Anomaly| {
        withdrawn.iter().any(|old| {
            old.rule_id == new.rule_id
                && old.mn == new.mn
                && old.factor == new.factor
                && old.permit_no == new.permit_no
                && old.window_start < new.window_end
                && new.window_start < old.window_end
        })
    };
    let mut fresh: Vec<&Anomaly> = opened.iter().copied().filter(|anomaly| !moved(anomaly)).collect();
    fresh.sort_by_key(|a| (subject(a), a.window_start, &a.rule_id, &a.factor, &a.anomaly_id));
    let mut groups: Vec<(Vec<&Anomaly>, i64)> = Vec::new();
    for anomaly in fresh {
        match groups.last_mut() {
            Some((members, end))
                if subject(members[0]) == subject(anomaly)
                    && anomaly.window_start - *end <= ONE_CAUSE =>
            {
                members.push(anomaly);
                *end = (*end).max(anomaly.window_end);
            }
            _ => groups.push((vec![anomaly], anomaly.window_end)),
        }
    }
    groups.into_iter().map(|(members, _)| alert(&members, as_of)).collect()
}

fn alert(members: &[&Anomaly], as_of: i64) -> Alert {
    let alert_id = Anomaly::sha256(&format!("{OPENED}\n{}", members[0].anomaly_id))[..32].to_owned();
    let findings: Vec<Value> = members
        .iter()
        .map(|a| {
            json!({
                "anomaly_id": a.anomaly_id, "rule_id": a.rule_id, "severity": a.severity,
                "phase": a.phase, "mn": a.mn, "factor": a.factor, "outlet_uid": a.outlet_uid,
                "permit_no": a.permit_no, "window_start": beijing(a.window_start),
                "window_end": beijing(a.window_end), "observed": a.observed,
                "limit_value": a.limit_value, "unit": a.unit, "points": a.points,
                "reason": a.reason, "evidence_sha256": a.evidence_sha256,
            })
        })
        .collect();
    let severity = members.iter().map(|a| a.severity.as_str()).min().unwrap_or("S4");
    let payload = json!({
        "specversion": "1.0", "id": alert_id, "source": "/nonsite/detect", "type": OPENED,
        "subject": subject(members[0]), "time": beijing(as_of),
        "datacontenttype": "application/json",
        "data": {
            "severity": severity, "unit_name": members[0].unit_name,
            "org_code": members[0].org_code, "findings": findings,
        },
    });
    Alert {
        alert_id,
        anomaly_ids: members.iter().map(|a| a.anomaly_id.clone()).collect(),
        kind: OPENED,
        payload: payload.to_string(),
        created_at: as_of,
    }
}
