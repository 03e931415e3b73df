//! What findings made of other findings do to the severity of those.
//!
//! A rule over findings (stage `findings`) names in `detail` the findings it rests on (`base`, ids)
//! and by how many levels they become more severe (`raise`): one for a repeated offence, three for
//! independent kinds of evidence, which makes anything S1. The rows of the base findings stay as
//! their own rules made them; what is raised is computed from the standing findings whenever
//! alerts or cases are made, so a finding that is withdrawn takes the rise back without a trace of
//! its own to clean up.
//!
//! Such a finding is an alert of its own and no case: it speaks about cases that exist.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::anomaly::Anomaly;
use super::flood::{self, Floods};
use super::rule::Severity;
use super::whole::AGGREGATE;
use crate::session::{Error, Session, rows};

/// Why a finding is more severe than its own rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rise {
    /// The finding that raises it.
    pub anomaly_id: String,
    /// Its rule.
    pub rule_id: String,
    /// By how many levels.
    pub levels: u8,
    /// Its sentence.
    pub reason: String,
}

/// Rises by the finding they raise; the strongest first.
#[derive(Debug, Clone, Default)]
pub struct Rises(BTreeMap<String, Vec<Rise>>);

impl FromIterator<(String, Rise)> for Rises {
    fn from_iter<T: IntoIterator<Item = (String, Rise)>>(rises: T) -> Self {
        let mut found = Self::default();
        for (base, rise) in rises {
            found.0.entry(base).or_default().push(rise);
        }
        found.sorted()
    }
}

impl Rises {
    pub(super) fn of<'a>(standing: impl Iterator<Item = &'a Anomaly>) -> Self {
        let mut rises = Self::default();
        for anomaly in standing.filter(|anomaly| anomaly.rule_group == AGGREGATE) {
            let texts = [&anomaly.anomaly_id, &anomaly.rule_id, &anomaly.reason];
            rises.add(texts, &anomaly.evidence);
        }
        rises.sorted()
    }

    fn add(&mut self, [anomaly_id, rule_id, reason]: [&String; 3], evidence: &str) {
        for (base, levels) in base(evidence) {
            self.0.entry(base).or_default().push(Rise {
                anomaly_id: anomaly_id.clone(),
                rule_id: rule_id.clone(),
                levels,
                reason: reason.clone(),
            });
        }
    }

    fn sorted(mut self) -> Self {
        for rises in self.0.values_mut() {
            rises.sort_by(|a, b| {
                (b.levels, &a.rule_id, &a.anomaly_id).cmp(&(a.levels, &b.rule_id, &b.anomaly_id))
            });
            rises.dedup();
        }
        self
    }

    /// The strongest rise of a finding.
    pub fn get(&self, anomaly_id: &str) -> Option<&Rise> {
        self.0.get(anomaly_id)?.first()
    }

    /// Severity of a finding with its rise. A reminder (S4) stays one: it is no clue.
    pub fn severity(&self, anomaly: &Anomaly) -> String {
        let own = Severity::parse(&anomaly.severity);
        match (own, self.get(&anomaly.anomaly_id)) {
            (Some(own), Some(rise)) => raised(own, rise.levels).code().to_owned(),
            _ => anomaly.severity.clone(),
        }
    }
}

/// A severity some levels worse.
fn raised(own: Severity, levels: u8) -> Severity {
    let order = [Severity::S1, Severity::S2, Severity::S3, Severity::S4];
    match own {
        Severity::S4 => own,
        own => {
            let at = order.iter().position(|level| *level == own).unwrap_or(0);
            order[at.saturating_sub(usize::from(levels))]
        }
    }
}

/// Findings that a finding rests on, with the levels it raises them by.
pub(crate) fn base(evidence: &str) -> BTreeSet<(String, u8)> {
    let evidence: Value = serde_json::from_str(evidence).unwrap_or_default();
    let windows = evidence["windows"].as_array().into_iter().flatten();
    let mut found = BTreeSet::new();
    for detail in windows.map(|window| &window["detail"]) {
        let levels = detail["raise"].as_u64().and_then(|n| u8::try_from(n).ok());
        let ids = detail["base"].as_array().into_iter().flatten();
        if let Some(levels) = levels {
            found.extend(ids.filter_map(|id| Some((id.as_str()?.to_owned(), levels))));
        }
    }
    found
}

/// What the queue has to know beside the findings themselves.
#[derive(Debug, Clone, Default)]
pub struct Dispatch {
    /// More severe than their rules say.
    pub rises: Rises,
    /// Findings that open no case, and why: held as part of a flood, or made of other findings.
    pub kept: BTreeMap<String, String>,
}

/// Why a finding made of others opens no case.
const SPEAKS_OF_OTHERS: &str = "speaks of other findings";

/// Reads it from the tables of a session at `as_of` (microseconds UTC).
///
/// # Errors
/// What the tables say.
pub async fn dispatch(session: &Session, as_of: i64) -> Result<Dispatch, Error> {
    let mut found = Dispatch::default();
    let sql = format!(
        "SELECT anomaly_id, rule_id, reason, evidence FROM anomalies
         WHERE status = 'open' AND rule_group = '{AGGREGATE}' ORDER BY anomaly_id"
    );
    for row in objects(&session.rows("findings over findings", &sql).await?)? {
        let text = |key: &str| rows::text(&row, key).unwrap_or_default();
        let (id, rule, evidence) = (text("anomaly_id"), text("rule_id"), text("evidence"));
        if rule == flood::RULE || !base(&evidence).is_empty() {
            found.kept.insert(id.clone(), SPEAKS_OF_OTHERS.to_owned());
        }
        found.rises.add([&id, &rule, &text("reason")], &evidence);
    }
    found.rises = found.rises.sorted();
    let floods = Floods::load(session, as_of).await?;
    if !floods.is_empty() {
        let sql = "SELECT anomaly_id, rule_id, org_code, window_start FROM anomalies
                   WHERE status = 'open' ORDER BY anomaly_id";
        for row in objects(&session.rows("held findings", sql).await?)? {
            let text = |key: &str| rows::text(&row, key);
            let (Some(id), Some(rule), Some(begins)) = (
                text("anomaly_id"),
                text("rule_id"),
                row.get("window_start").and_then(Value::as_i64),
            ) else {
                continue;
            };
            let scope = flood::scope(&rule, text("org_code").as_deref());
            if let Some(held) = floods.held(&scope, begins) {
                found.kept.insert(id, held.told());
            }
        }
    }
    Ok(found)
}

fn objects(batches: &[arrow::record_batch::RecordBatch]) -> Result<Vec<Map<String, Value>>, Error> {
    rows::objects(batches).map_err(|error| Error::query("findings")(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_has_its_levels_and_a_reminder_stays_one() {
        assert_eq!(raised(Severity::S3, 1), Severity::S2);
        assert_eq!(raised(Severity::S2, 3), Severity::S1);
        assert_eq!(raised(Severity::S1, 1), Severity::S1);
        assert_eq!(raised(Severity::S4, 3), Severity::S4);
    }

    #[test]
    fn base_findings_are_read_from_the_windows() {
        let evidence = r#"{"windows":[{"detail":{"base":["a","b"],"raise":1}},
            {"detail":{"base":["b"],"raise":1}},{"detail":null},{"detail":{"base":["c"]}}]}"#;
        let found: Vec<String> = base(evidence).into_iter().map(|(id, _)| id).collect();
        assert_eq!(found, ["a", "b"]);
        assert!(base("no JSON").is_empty());
    }

    #[test]
    fn the_strongest_rise_counts() {
        let mut rises = Rises::default();
        let text = |t: &str| t.to_owned();
        let of =
            |raise: u8| format!(r#"{{"windows":[{{"detail":{{"base":["x"],"raise":{raise}}}}}]}}"#);
        rises.add([&text("1"), &text("A01"), &text("again")], &of(1));
        rises.add([&text("2"), &text("A06"), &text("two kinds")], &of(3));
        let rises = rises.sorted();
        assert_eq!(
            rises.get("x").map(|rise| rise.rule_id.as_str()),
            Some("A06")
        );
        assert!(rises.get("y").is_none());
    }
}
