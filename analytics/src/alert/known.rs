//! What receivers know of a finding: the last that was put into the outbox for them.
//!
//! A change is told against this and not against the row as it was before the run: a run that
//! crashed after its alerts and is repeated has nothing to tell any more, and what was held back or
//! only repeated was never told, so its changes are not told either.

use std::collections::BTreeMap;

use nonsite_schemas::wire::alert::{Alert, AlertKind};

use super::severity;
use crate::detect::anomaly::{Anomaly, Phase};

/// What was last said of each finding.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<String, Said>);

#[derive(Debug)]
struct Said {
    withdrawn: bool,
    /// Code of the severity: S1 is the least text.
    severity: &'static str,
    confirmed: bool,
    window_end: i64,
}

/// How what stands differs from what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// It only goes on.
    Longer,
    /// It is worse, confirmed, or stands again.
    Graver,
}

impl Known {
    /// Notes an alert; alerts are noted in the order they were made in.
    pub(crate) fn note(&mut self, alert: &Alert) {
        use nonsite_schemas::wire::alert::Phase::Confirmed;
        for anomaly in &alert.data.anomalies {
            let said = Said {
                withdrawn: alert.kind == AlertKind::Withdrawn,
                severity: anomaly.severity.as_str(),
                confirmed: anomaly.phase == Confirmed,
                window_end: anomaly.window_end.0,
            };
            self.0.insert(anomaly.anomaly_id.clone(), said);
        }
    }

    /// Whether receivers believe that the finding stands.
    pub(crate) fn stands(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|said| !said.withdrawn)
    }

    /// What is new about a standing finding of this severity; nothing when it was never told.
    pub(crate) fn news(&self, anomaly: &Anomaly, code: &str) -> Option<News> {
        let said = self.0.get(&anomaly.anomaly_id)?;
        let worse = severity(code).as_str() < said.severity;
        let confirmed = anomaly.phase == Phase::Confirmed && !said.confirmed;
        if said.withdrawn || worse || confirmed {
            Some(News::Graver)
        } else if anomaly.window_end > said.window_end {
            Some(News::Longer)
        } else {
            None
        }
    }
}
