//! Whether the inspections behind a figure were done or only recorded.
//!
//! A ratio can be raised by ticking boxes. What gives that away is counted beside it and changes
//! nothing in it: records that the minimum keeps out of the figure are out of it already, and an
//! officer with too many acts on a day is for an auditor to ask.

use std::collections::BTreeMap;

use nonsite_schemas::wire::inspection::TOO_SHORT;
use serde::{Deserialize, Serialize};

use super::act::Mode;
use super::decide::{Decision, NotCounted};
use super::policy::RatioPolicy;

/// Off-site acts of the period, counted ones and those their own record keeps out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// All of them.
    pub offsite: u64,
    /// Opened and closed within three minutes.
    pub too_short: u64,
    /// Lacking part of the minimum record; the short ones are among them.
    pub incomplete: u64,
    /// Officers' days with more counted acts than the policy's cap.
    pub officer_days_over_cap: u64,
    /// The most counted acts an officer closed on one day.
    pub most_in_a_day: u32,
}

impl Quality {
    pub(super) fn of(policy: &RatioPolicy, decisions: &[Decision<'_>]) -> Self {
        let mut quality = Self::default();
        let acts = decisions.iter().filter(|decision| {
            decision.act.mode == Mode::Offsite
                && (decision.is_counted() || decision.reason() == Some(NotCounted::MinimumRecord))
        });
        for decision in acts {
            let missing = decision.act.lacks();
            quality.offsite += 1;
            quality.incomplete += u64::from(!missing.is_empty());
            quality.too_short += u64::from(missing.iter().any(|fault| fault.contains(TOO_SHORT)));
        }
        for acts in officer_days(decisions).into_values() {
            quality.officer_days_over_cap += u64::from(acts > policy.daily_cap_per_officer);
            quality.most_in_a_day = quality.most_in_a_day.max(acts);
        }
        quality
    }

    /// The counts in one sentence.
    pub fn sentence(&self) -> String {
        format!(
            "quality: {} of {} off-site records under three minutes, {} lack part of the minimum; \
             {} officer-days over the cap, at most {} acts by one officer on a day",
            self.too_short,
            self.offsite,
            self.incomplete,
            self.officer_days_over_cap,
            self.most_in_a_day
        )
    }
}

/// Counted off-site acts by officer and Beijing day.
pub(super) fn officer_days<'a>(decisions: &[Decision<'a>]) -> BTreeMap<(&'a str, i32), u32> {
    let mut days: BTreeMap<(&str, i32), u32> = BTreeMap::new();
    for decision in decisions.iter().filter(|decision| decision.is_counted()) {
        let act = decision.act;
        if let (Mode::Offsite, Some(day)) = (act.mode, act.completed_day()) {
            let mut officers: Vec<&str> = act.officers.iter().map(String::as_str).collect();
            officers.sort_unstable();
            officers.dedup();
            for officer in officers {
                *days.entry((officer, day)).or_default() += 1;
            }
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratio::testing::{acts, policy, report};

    #[test]
    fn what_was_only_recorded_is_told_beside_the_figure() {
        let mut acts = acts(16, 2);
        acts[0].missing_evidence = vec![format!("notice: is missing; ended_at: {TOO_SHORT}")];
        acts[1].missing_evidence = vec!["signed_by: is empty".to_owned()];
        // Not of the period: it says nothing about it.
        acts[2].status = "open".to_owned();
        let report = report(&acts, &policy());
        assert_eq!((report.share.off, report.share.on), (13, 2));
        let expected = Quality {
            offsite: 15,
            too_short: 1,
            incomplete: 2,
            // Both officers of the team.
            officer_days_over_cap: 2,
            most_in_a_day: 13,
        };
        assert_eq!(report.quality, expected);
        let said = report.quality.sentence();
        assert!(
            said.contains("1 of 15 off-site records under three minutes"),
            "{said}"
        );
    }
}
