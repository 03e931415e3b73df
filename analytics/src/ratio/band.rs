//! How far the open questions of the counting rule could move the figure.
//!
//! Three questions are undecided in the published texts: what an escalated act counts as, whether
//! reviews of rectification count, and which classes belong to the denominator. The band is the
//! smallest and the largest ratio over every combination of answers, the policy's own included.
//!
//! The class question is asked over the sets that a policy names (all classes; planned ones only).
//! `every_subset` is the widest reading, but a set such as "case checks only" holds so few acts
//! that its ratio says nothing about the rule.

use serde::Serialize;

use super::act::Act;
use super::compute::share_of;
use super::decide::{Rules, Switches};
use super::period::Period;
use super::policy::{BandClasses, CLASSES, Escalation, RatioPolicy};
use super::share::{Share, Verdict};
use super::target::Target;

/// One combination of answers and the figure it gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BandPoint {
    /// The escalation switch.
    pub escalation: Escalation,
    /// Whether reviews of rectification count.
    pub count_rectification_review: bool,
    /// The classes in the denominator.
    pub denominator_classes: Vec<String>,
    /// The figure.
    pub share: Share,
    /// The figure in percent; `None` when the combination counts no act.
    pub percent: Option<String>,
}

/// The extremes over all combinations that count at least one act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Band {
    /// The smallest ratio; `None` without acts.
    pub min: Option<BandPoint>,
    /// The largest ratio; `None` without acts.
    pub max: Option<BandPoint>,
    /// Whether some combinations reach the target and others miss it.
    pub crosses_target: bool,
    /// Every combination, in a fixed order.
    pub points: Vec<BandPoint>,
}

impl Band {
    pub(super) fn over(
        policy: &RatioPolicy,
        period: &Period,
        as_of: i64,
        acts: &[&Act],
        headline: Share,
    ) -> Self {
        let own = Switches::of(policy);
        let mut points = Vec::new();
        for classes in class_sets(policy) {
            for escalation in Escalation::ALL {
                for rectification_review in [false, true] {
                    let switches = Switches {
                        escalation,
                        rectification_review,
                        classes: classes.clone(),
                    };
                    let share = if switches == own {
                        headline
                    } else {
                        let rules = Rules {
                            policy,
                            switches: &switches,
                            period,
                            as_of,
                        };
                        share_of(&rules.decide(acts))
                    };
                    points.push(BandPoint {
                        escalation,
                        count_rectification_review: rectification_review,
                        denominator_classes: classes.clone(),
                        share,
                        percent: share.percent(),
                    });
                }
            }
        }
        let with_acts = || points.iter().filter(|point| point.share.total() > 0);
        let min = with_acts()
            .min_by(|left, right| left.share.compare(right.share))
            .cloned();
        let max = with_acts()
            .max_by(|left, right| left.share.compare(right.share))
            .cloned();
        let reached = |point: &Option<BandPoint>| {
            point
                .as_ref()
                .map(|point| point.share.verdict(policy.target_percent))
        };
        let crosses_target =
            reached(&min) == Some(Verdict::Missed) && reached(&max) == Some(Verdict::Reached);
        Self {
            min,
            max,
            crosses_target,
            points,
        }
    }

    /// The band in one sentence, with the warning that belongs beside a headline it undermines.
    pub fn sentence(&self, target: Target) -> String {
        let (Some(min), Some(max)) = (&self.min, &self.max) else {
            return "band: none, no inspection counts under any reading".to_owned();
        };
        let percent = |point: &BandPoint| point.percent.clone().unwrap_or_default();
        let stance = if self.crosses_target {
            format!(
                "it CROSSES the target of {target} %: whether the target is reached depends on \
                 how the counting rule is read"
            )
        } else if min.share.verdict(target) == Verdict::Reached {
            format!("every reading reaches the target of {target} %")
        } else {
            format!("every reading misses the target of {target} %")
        };
        format!("band {} % to {} %: {stance}", percent(min), percent(max))
    }
}

fn class_sets(policy: &RatioPolicy) -> Vec<Vec<String>> {
    let mut sets = vec![policy.denominator_classes.clone()];
    let more: Vec<Vec<String>> = match &policy.band_classes {
        BandClasses::Sets(sets) => sets.clone(),
        BandClasses::EverySubset => (1_u32..8)
            .map(|bits| {
                CLASSES
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| bits & (1 << index) != 0)
                    .map(|(_, class)| (*class).to_owned())
                    .collect()
            })
            .collect(),
    };
    let sorted = |set: &[String]| {
        let mut set = set.to_vec();
        set.sort();
        set.dedup();
        set
    };
    for set in more {
        if !set.is_empty() && !sets.iter().any(|seen| sorted(seen) == sorted(&set)) {
            sets.push(set);
        }
    }
    sets
}
