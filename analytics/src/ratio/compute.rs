//! The pure core: acts, a policy, a period and an instant in; a report out.

use sha2::{Digest, Sha256};

use super::act::{Act, Mode};
use super::band::Band;
use super::decide::{Decision, NotCounted, Outcome, Rules, Switches};
use super::period::{Period, date_of};
use super::policy::RatioPolicy;
use super::quality::{Quality, officer_days};
use super::report::{Flag, RatioReport};
use super::share::Share;
use super::versions::{Cutoff, Visible, visible};

/// Computes the ratio over `acts` (any number of versions of each, in any order) as it stood at
/// the cutoff, for acts completed in `period` and not after `as_of`.
pub fn compute<'a>(
    acts: &'a [Act],
    policy: &RatioPolicy,
    cutoff: Cutoff,
    period: &Period,
) -> RatioReport<'a> {
    let as_of = cutoff.as_of;
    let seen = visible(acts, policy, cutoff);
    let switches = Switches::of(policy);
    let rules = Rules {
        policy,
        switches: &switches,
        period,
        as_of,
    };
    let mut decisions = rules.decide(&seen.current);
    let share = share_of(&decisions);
    let band = Band::over(policy, period, as_of, &seen.current, share);
    decisions.extend(seen.frozen_out.iter().map(|&act| frozen_out(act, period)));
    decisions.sort_by(|left, right| {
        (left.act.completed_at, &left.act.act_id).cmp(&(right.act.completed_at, &right.act.act_id))
    });
    RatioReport {
        policy: policy.clone(),
        policy_fingerprint: policy.fingerprint(),
        cutoff,
        period: period.clone(),
        share,
        verdict: share.verdict(policy.target_percent),
        percent: share.percent(),
        percent_below_target: share.percent_below_target(policy.target_percent),
        higher_level: apart(&decisions, |decision| {
            decision.reason() == Some(NotCounted::HigherLevel)
                || (decision.is_counted() && decision.act.org_level.is_higher())
        }),
        positive_list: apart(&decisions, |decision| {
            decision.act.positive_list
                && (decision.is_counted() || decision.reason() == Some(NotCounted::PositiveList))
        }),
        quality: Quality::of(policy, &decisions),
        flags: flags(policy, &seen, &decisions),
        acts_digest: digest(&seen),
        open_items: seen
            .arrived
            .iter()
            .filter_map(|act| Some((act.origin_key(), act.open_items.clone()?)))
            .collect(),
        band,
        decisions,
    }
}

/// The fate of an act whose only versions came after its year was frozen.
fn frozen_out<'a>(act: &'a Act, period: &Period) -> Decision<'a> {
    let inside = act.completed_day().is_some_and(|day| period.contains(day));
    let (reason, detail) = if inside {
        let why = "entered after the year was frozen, without reason and second person";
        (NotCounted::LateEdit, why.to_owned())
    } else {
        (
            NotCounted::OutsidePeriod,
            format!("not completed in {period}"),
        )
    };
    Decision {
        act,
        outcome: Outcome::NotCounted {
            reason,
            detail,
            in_favour_of: None,
        },
    }
}

/// The counted acts by mode.
pub(super) fn share_of(decisions: &[Decision<'_>]) -> Share {
    apart(decisions, |decision| decision.is_counted())
}

fn apart(decisions: &[Decision<'_>], wanted: impl Fn(&Decision<'_>) -> bool) -> Share {
    let mut share = Share::default();
    for decision in decisions.iter().filter(|decision| wanted(decision)) {
        match decision.act.mode {
            Mode::Offsite => share.off += 1,
            Mode::Onsite => share.on += 1,
        }
    }
    share
}

/// What an auditor should look at; none of it changes the figure.
fn flags(policy: &RatioPolicy, seen: &Visible<'_>, decisions: &[Decision<'_>]) -> Vec<Flag> {
    let over_cap = officer_days(decisions)
        .into_iter()
        .filter(|&(_, acts)| acts > policy.daily_cap_per_officer)
        .map(|((officer, day), acts)| Flag::OfficerOverDailyCap {
            officer: officer.to_owned(),
            day: date_of(nonsite_schemas::time::beijing_day_start(day)),
            acts,
            cap: policy.daily_cap_per_officer,
        });
    let refused = seen.refused_edits.iter().map(|act| Flag::LateEditRefused {
        act_id: act.act_id.clone(),
        act_version: act.act_version,
    });
    let arrived_late = seen
        .arrived_after_freeze
        .iter()
        .map(|(&year, &acts)| Flag::ArrivedAfterFreeze { year, acts });
    over_cap.chain(refused).chain(arrived_late).collect()
}

/// SHA-256 over every version that had arrived: equal digests mean that two figures were made from
/// the same acts. Fields that decide are included, so that a row changed in place shows as well.
fn digest(seen: &Visible<'_>) -> String {
    let mut hash = Sha256::new();
    for act in &seen.arrived {
        // Serialising a plain struct of texts and numbers into memory cannot fail.
        let text = serde_json::to_string(act).unwrap_or_default();
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hex::encode(hash.finalize())
}
