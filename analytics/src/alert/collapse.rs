//! One outlet is told of one rule a few times a day at most.
//!
//! Findings of one outlet within six hours are one alert already. What comes later on the same
//! Beijing day and only repeats rules that the outlet was told of is put into the outbox and not
//! sent, unless it is more severe than what was told.

use std::collections::BTreeMap;

use nonsite_schemas::time::beijing_day;

use super::{Alert, subject};
use crate::detect::anomaly::Anomaly;

/// Outlet, rule and Beijing day of a finding.
type Key = (String, String, i32);

/// What outlets were told, by outlet, rule and day.
#[derive(Debug, Default)]
pub(crate) struct Told(BTreeMap<Key, Times>);

#[derive(Debug)]
struct Times {
    alerts: u64,
    /// The worst severity told, as its code: S1 is the least text.
    worst: String,
    first: String,
}

fn key(anomaly: &Anomaly) -> Key {
    (
        subject(anomaly).to_owned(),
        anomaly.rule_id.clone(),
        beijing_day(anomaly.window_start),
    )
}

impl Told {
    /// Notes an alert with its findings and their severities.
    pub(crate) fn note(&mut self, alert_id: &str, members: &[(&Anomaly, String)]) {
        let mut severities: BTreeMap<Key, &str> = BTreeMap::new();
        for (anomaly, severity) in members {
            let worst = severities.entry(key(anomaly)).or_insert(severity);
            *worst = severity.as_str().min(*worst);
        }
        for (key, severity) in severities {
            let times = self.0.entry(key).or_insert_with(|| Times {
                alerts: 0,
                worst: severity.to_owned(),
                first: alert_id.to_owned(),
            });
            times.alerts += 1;
            if severity < times.worst.as_str() {
                severity.clone_into(&mut times.worst);
            }
        }
    }

    /// The alert that said before all that these findings say, where `most` a day are sent.
    pub(crate) fn before(&self, members: &[(&Anomaly, String)], most: u64) -> Option<&str> {
        let mut first = None;
        for (anomaly, severity) in members {
            let times = self.0.get(&key(anomaly))?;
            if times.alerts < most || severity.as_str() < times.worst.as_str() {
                return None;
            }
            first = first.or(Some(times.first.as_str()));
        }
        first
    }
}

/// Divides alerts, in order, into those that are sent and those that only repeat; the latter with
/// the alert that told it.
pub(crate) fn collapse<'a>(
    alerts: Vec<Alert>,
    find: impl Fn(&str) -> Option<&'a Anomaly>,
    severity: impl Fn(&Anomaly) -> String,
    told: &mut Told,
    most: u64,
) -> (Vec<Alert>, Vec<(Alert, String)>) {
    let (mut sent, mut repeats) = (Vec::new(), Vec::new());
    for alert in alerts {
        let members: Vec<(&Anomaly, String)> = alert
            .anomaly_ids
            .iter()
            .filter_map(|id| find(id))
            .map(|anomaly| (anomaly, severity(anomaly)))
            .collect();
        match told.before(&members, most).map(str::to_owned) {
            Some(before) => repeats.push((alert, before)),
            None => {
                told.note(&alert.alert_id, &members);
                sent.push(alert);
            }
        }
    }
    (sent, repeats)
}
