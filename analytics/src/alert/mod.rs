//! Alerts: what became of findings, put into an outbox and delivered from there.
//!
//! A finding is told when it is new (`opened`), when what was told of it is no longer all (`updated`:
//! it lasts longer, became worse, was confirmed, or stands again) and when it falls (`withdrawn`).
//! Only findings that receivers know are updated or withdrawn ([`known`]).
//!
//! Invariants: an alert's id is made from the findings it tells, so a run that is repeated makes
//! the same alert; one cause gives one alert (findings of one outlet that overlap or follow within
//! six hours); a row in the outbox is delivered at least once ([`publish`]), unless `alerts_held` says
//! why not: a suspected platform fault, or a repetition of what the outlet was told that day.

pub(crate) mod collapse;
pub(crate) mod known;
pub mod publish;

use nonsite_schemas::wire::{Instant, alert as wire};
use serde_json::{Map, Value, json};

use crate::detect::Rises;
use crate::detect::anomaly::{self, Anomaly};

/// Findings of one subject this close together have one cause: 6 hours.
const ONE_CAUSE: i64 = 6 * 3_600_000_000;
/// CloudEvents type of an alert about new findings.
pub const OPENED: wire::AlertKind = wire::AlertKind::Opened;
/// CloudEvents source of all alerts.
const SOURCE: &str = "/nonsite/detect";

/// One row of the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Stable id.
    pub alert_id: String,
    /// The findings, the first one leading.
    pub anomaly_ids: Vec<String>,
    /// CloudEvents type.
    pub kind: wire::AlertKind,
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
            "kind": self.kind.as_str(), "payload": self.payload, "created_at": self.created_at,
        });
        if let Value::Object(row) = row {
            row
        } else {
            Map::new()
        }
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

/// The withdrawn finding of the same rule and subject that a new one only replaces, because late
/// data moved its start.
pub(crate) fn replaced<'a>(new: &Anomaly, withdrawn: &[&'a Anomaly]) -> Option<&'a Anomaly> {
    withdrawn.iter().copied().find(|old| {
        old.rule_id == new.rule_id
            && old.mn == new.mn
            && old.factor == new.factor
            && old.permit_no == new.permit_no
            && old.window_start < new.window_end
            && new.window_start < old.window_end
    })
}

/// Puts newly opened findings into alerts. A finding that only replaces a withdrawn one was told
/// before and is not new. Severities are those with what other findings raise them by.
pub(crate) fn group(
    opened: &[&Anomaly],
    withdrawn: &[&Anomaly],
    rises: &Rises,
    as_of: i64,
) -> Vec<Alert> {
    let fresh = opened
        .iter()
        .copied()
        .filter(|anomaly| replaced(anomaly, withdrawn).is_none())
        .collect();
    causes(fresh)
        .iter()
        .map(|members| {
            // Named by its leading finding: one that joins later does not make it another alert.
            let seed = format!("{}\n{}", OPENED.as_str(), members[0].anomaly_id);
            alert(OPENED, &seed, members, rises, as_of)
        })
        .collect()
}

/// Puts what became of known findings into alerts of `kind`. The same finding may change several
/// times, so the run's time is part of the id.
pub(crate) fn tell(
    kind: wire::AlertKind,
    findings: Vec<&Anomaly>,
    rises: &Rises,
    as_of: i64,
) -> Vec<Alert> {
    causes(findings)
        .iter()
        .map(|members| {
            let ids: Vec<&str> = members.iter().map(|a| a.anomaly_id.as_str()).collect();
            let seed = format!("{}\n{as_of}\n{}", kind.as_str(), ids.join("\n"));
            alert(kind, &seed, members, rises, as_of)
        })
        .collect()
}

/// Findings by cause: those of one subject that overlap or follow each other closely.
fn causes(mut findings: Vec<&Anomaly>) -> Vec<Vec<&Anomaly>> {
    findings.sort_by_key(|a| {
        (
            subject(a),
            a.window_start,
            &a.rule_id,
            &a.factor,
            &a.anomaly_id,
        )
    });
    let mut groups: Vec<(Vec<&Anomaly>, i64)> = Vec::new();
    for anomaly in findings {
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
    groups.into_iter().map(|(members, _)| members).collect()
}

/// What an alert says of a finding, zh and en: why it was made, and, once withdrawn, why it fell.
fn sentence(anomaly: &Anomaly) -> String {
    let Some(why) = &anomaly.withdrawn_reason else {
        return anomaly.reason.clone();
    };
    let (zh, en) = anomaly
        .reason
        .split_once('\n')
        .unwrap_or((&anomaly.reason, &anomaly.reason));
    format!("已撤回（{why}）：{zh}\nwithdrawn ({why}): {en}")
}

fn alert(
    kind: wire::AlertKind,
    seed: &str,
    members: &[&Anomaly],
    rises: &Rises,
    as_of: i64,
) -> Alert {
    let lead = members[0];
    let alert_id = Anomaly::sha256(seed)[..32].to_owned();
    let phase = |phase| match phase {
        anomaly::Phase::Provisional => wire::Phase::Provisional,
        anomaly::Phase::Confirmed => wire::Phase::Confirmed,
    };
    let anomalies: Vec<wire::AlertAnomaly> = members
        .iter()
        .map(|a| wire::AlertAnomaly {
            anomaly_id: a.anomaly_id.clone(),
            rule_id: a.rule_id.clone(),
            rule_version: a.rule_version,
            severity: severity(&rises.severity(a)),
            phase: phase(a.phase),
            factor: a.factor.clone(),
            window_start: Instant(a.window_start),
            window_end: Instant(a.window_end),
            observed: a.observed,
            limit_value: a.limit_value,
            unit: a.unit.clone(),
            reason: sentence(a),
        })
        .collect();
    let worst = members
        .iter()
        .min_by_key(|a| rises.severity(a))
        .copied()
        .unwrap_or(lead);
    let confirmed = members.iter().all(|a| a.phase == anomaly::Phase::Confirmed);
    let data = wire::AlertData {
        severity: severity(&rises.severity(worst)),
        phase: if confirmed {
            wire::Phase::Confirmed
        } else {
            wire::Phase::Provisional
        },
        org_code: lead.org_code.clone(),
        permit_no: lead.permit_no.clone(),
        unit_name: lead.unit_name.clone(),
        outlet_uid: lead.outlet_uid.clone(),
        mn: lead.mn.clone(),
        reason: sentence(worst),
        anomalies,
    };
    let event = wire::Alert::new(
        alert_id.clone(),
        SOURCE.to_owned(),
        kind,
        Instant(as_of),
        data,
    );
    Alert {
        alert_id,
        anomaly_ids: members.iter().map(|a| a.anomaly_id.clone()).collect(),
        kind,
        // Plain data: it always becomes JSON.
        payload: serde_json::to_string(&event).unwrap_or_default(),
        created_at: as_of,
    }
}

pub(crate) fn severity(code: &str) -> wire::Severity {
    wire::Severity::ALL
        .iter()
        .copied()
        .find(|severity| severity.as_str() == code)
        .unwrap_or(wire::Severity::S4)
}
