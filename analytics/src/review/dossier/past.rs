//! The unit's past: its other cases, what they ended with, and points for what went wrong before.

use serde::Serialize;

use super::PastCase;
use crate::review::case::Case;
use crate::review::error::Error;
use crate::review::event::Event;
use crate::review::service::Service;

/// How far back a unit's history goes: 24 months of at most 31 days.
const HISTORY: i64 = 24 * 31 * 24 * crate::review::calendar::HOUR;
/// States that only a case reaches that was filed.
const FILED: [&str; 5] = ["filing", "case", "transferred", "no_penalty", "closed"];

/// A penalty decision against the unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Penalty {
    /// The case.
    pub case_id: String,
    /// Number of the filed case.
    pub case_no: Option<String>,
    /// Number of the decision; nothing when the case was transferred or ended without one.
    pub decision: Option<String>,
    /// `decided`, `transferred` or `no_penalty`.
    pub outcome: String,
    /// When, microseconds UTC.
    pub at: i64,
}

/// Points for what went wrong before, each with its reason. They decide nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Risk {
    /// Their sum.
    pub score: u32,
    /// What they are for.
    pub why: Vec<String>,
}

impl Service {
    /// The other cases of the unit in 24 months within the caller's scope, the latest first, and the
    /// penalties among them.
    pub(super) async fn past(
        &self,
        case: &Case,
        now: i64,
    ) -> Result<(Vec<PastCase>, Vec<Penalty>), Error> {
        let Some(permit) = &case.permit_no else {
            return Ok((Vec::new(), Vec::new()));
        };
        let cases = self.store.cases_of_unit(permit, now - HISTORY).await?;
        let mut history = Vec::new();
        let mut penalties = Vec::new();
        for past in cases {
            if past.case_id == case.case_id || !self.caller.scope.covers_case(&past) {
                continue;
            }
            if FILED.contains(&past.state.as_str()) {
                penalties.extend(ended(&self.store.events_of(&past.case_id).await?));
            }
            history.push(PastCase {
                same_trouble: past.subject == case.subject && past.rule_group == case.rule_group,
                case_id: past.case_id,
                opened_at: past.opened_at,
                rule_id: past.rule_id,
                severity: past.severity.code().to_owned(),
                state: past.state,
                return_count: past.return_count,
            });
        }
        Ok((history, penalties))
    }
}

/// What a filed case came to.
fn ended(events: &[Event]) -> Option<Penalty> {
    let last = |action: &str| events.iter().rfind(|event| event.action == action);
    let (event, outcome) = [
        ("transfer", "transferred"),
        ("no_penalty", "no_penalty"),
        ("decide", "decided"),
    ]
    .into_iter()
    .find_map(|(action, outcome)| Some((last(action)?, outcome)))?;
    let field = |name: &str| {
        events
            .iter()
            .rev()
            .find_map(|event| event.fields.get(name))
            .cloned()
    };
    Some(Penalty {
        case_id: event.case_id.clone(),
        case_no: field("case_no"),
        decision: field("decision"),
        outcome: outcome.to_owned(),
        at: event.effective_at,
    })
}

/// Points of a unit's past.
pub(super) fn risk(history: &[PastCase], penalties: &[Penalty]) -> Risk {
    let mut risk = Risk::default();
    let mut add = |each: u32, most: u32, count: usize, what: &str| {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let points = count.saturating_mul(each).min(most);
        if points > 0 {
            risk.score += points;
            risk.why.push(format!("{what} x {count}: +{points}"));
        }
    };
    let serious = history
        .iter()
        .filter(|past| matches!(past.severity.as_str(), "S1" | "S2"));
    let returns: u32 = history.iter().map(|past| past.return_count).sum();
    let again = history.iter().filter(|past| past.same_trouble);
    let punished = penalties
        .iter()
        .filter(|penalty| penalty.outcome != "no_penalty");
    add(1, 5, history.len(), "其他案件 / other cases in 24 months");
    add(3, 9, serious.count(), "S1、S2 案件 / cases of S1 or S2");
    add(3, 9, again.count(), "同类问题 / the same trouble");
    add(2, 6, returns as usize, "整改退回 / rectification returned");
    add(5, 10, punished.count(), "处罚或移送 / penalty or transfer");
    risk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_have_reasons_and_bounds() {
        let past = |severity: &str, returns: u32, same: bool| PastCase {
            case_id: "c".to_owned(),
            opened_at: 0,
            rule_id: "E01".to_owned(),
            severity: severity.to_owned(),
            state: "closed".to_owned(),
            return_count: returns,
            same_trouble: same,
        };
        assert_eq!(risk(&[], &[]), Risk::default());
        let penalty = |outcome: &str| Penalty {
            case_id: "c".to_owned(),
            case_no: None,
            decision: None,
            outcome: outcome.to_owned(),
            at: 0,
        };
        let few = risk(
            &[past("S2", 1, true), past("S3", 0, false)],
            &[penalty("decided"), penalty("no_penalty")],
        );
        assert_eq!(few.score, 2 + 3 + 3 + 2 + 5, "{few:?}");
        assert_eq!(few.why.len(), 5);
        let many = vec![past("S1", 9, true); 50];
        let worst = risk(&many, &vec![penalty("transferred"); 9]);
        assert_eq!(
            worst.score,
            5 + 9 + 9 + 6 + 10,
            "nothing counts without end"
        );
    }
}
