//! All anomalies as they stand, and how a run's findings change them.
//!
//! ```text
//!              found                    found again
//!  (unknown) ---------> open ------------------------+
//!                        ^ |  disproved              |
//!                 found  | v  (late data, new rule)  v
//!                     withdrawn                     open, updated
//! ```
//! A finding is never deleted: one that was stored and is no longer found is withdrawn with the
//! reason. One that was only found and lost within the same run never existed.

use std::collections::{BTreeMap, BTreeSet};

use super::anomaly::{Anomaly, Phase, Status};

/// Anomalies by id.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    by_id: BTreeMap<String, Anomaly>,
    stored: BTreeSet<String>,
    changed: BTreeSet<String>,
    opened: BTreeSet<String>,
    withdrawn: BTreeSet<String>,
}

impl State {
    /// The state as stored.
    pub(super) fn of(anomalies: Vec<Anomaly>) -> Self {
        let stored = anomalies
            .iter()
            .map(|anomaly| anomaly.anomaly_id.clone())
            .collect();
        let by_id = anomalies
            .into_iter()
            .map(|a| (a.anomaly_id.clone(), a))
            .collect();
        Self {
            by_id,
            stored,
            ..Self::default()
        }
    }

    /// Anomalies that stand.
    pub(super) fn open(&self) -> impl Iterator<Item = &Anomaly> {
        self.by_id.values().filter(|anomaly| anomaly.is_open())
    }

    /// All anomalies in order of their ids.
    pub(super) fn all(&self) -> impl Iterator<Item = &Anomaly> {
        self.by_id.values()
    }

    /// One anomaly.
    pub(super) fn get(&self, id: &str) -> Option<&Anomaly> {
        self.by_id.get(id)
    }

    /// Takes over a finding; keeps when it was first seen. One that says what is already stored
    /// leaves the stored row alone, with the run that wrote it.
    pub(super) fn found(&mut self, mut finding: Anomaly) {
        let id = finding.anomaly_id.clone();
        if let Some(known) = self.by_id.get(&id) {
            finding.first_seen_at = known.first_seen_at;
            let same = Anomaly {
                readings_version: known.readings_version,
                last_seen_at: known.last_seen_at,
                ..finding.clone()
            };
            if *known == same {
                return;
            }
            if !known.is_open() {
                self.opened.insert(id.clone());
                self.withdrawn.remove(&id);
            }
        } else {
            self.opened.insert(id.clone());
        }
        self.changed.insert(id.clone());
        self.by_id.insert(id, finding);
    }

    /// Withdraws a finding that is no longer made.
    pub(super) fn disproved(&mut self, id: &str, reason: String, as_of: i64, version: i64) {
        if !self.stored.contains(id) {
            self.by_id.remove(id);
            self.changed.remove(id);
            self.opened.remove(id);
            return;
        }
        if let Some(anomaly) = self.by_id.get_mut(id) {
            anomaly.status = Status::Withdrawn;
            anomaly.withdrawn_reason = Some(reason);
            anomaly.last_seen_at = as_of;
            anomaly.readings_version = version;
            self.changed.insert(id.to_owned());
            self.opened.remove(id);
            self.withdrawn.insert(id.to_owned());
        }
    }

    /// Confirms what the passing of time confirms.
    pub(super) fn mature(&mut self, as_of: i64) {
        for (id, anomaly) in &mut self.by_id {
            let phase = Phase::of(anomaly.window_end, as_of);
            if anomaly.is_open() && anomaly.phase == Phase::Provisional && phase != anomaly.phase {
                anomaly.phase = phase;
                self.changed.insert(id.clone());
            }
        }
    }

    /// Ids whose row changed in this run.
    pub(super) fn changed(&self) -> &BTreeSet<String> {
        &self.changed
    }

    /// Ids that were opened in this run.
    pub(super) fn opened(&self) -> &BTreeSet<String> {
        &self.opened
    }

    /// Ids that were withdrawn in this run.
    pub(super) fn withdrawn(&self) -> &BTreeSet<String> {
        &self.withdrawn
    }
}
