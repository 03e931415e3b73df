//! What must hold for any acts whatsoever.

use proptest::prelude::*;

use super::act::{Act, Mode, OrgLevel};
use super::policy::{
    BandClasses, CountUnit, Escalation, JointInspection, OrgAttribution, RatioPolicy,
};
use super::report::{Dimension, RatioReport};
use super::share::Share;
use super::testing::{YEAR, act, noon, policy, report};
use super::versions::Cutoff;
use super::{Outcome, Period, compute};

/// Days from the start of the year: a late version is recorded on the first, when the year is frozen,
/// and seen on the second.
const LATE: i32 = 380;
const AFTER: i32 = 400;

/// The bodies of an act, and how late its version came.
#[derive(Debug, Clone)]
struct Paper {
    lead: Option<u32>,
    dispatching: Option<u32>,
    territorial: Option<u32>,
    late: bool,
    reason: Option<String>,
    second_person: Option<String>,
}

fn any_paper() -> impl Strategy<Value = Paper> {
    let body = || proptest::option::of(0..4_u32);
    let text = || proptest::option::of(proptest::sample::select(vec!["x", " "]));
    (body(), body(), body(), 0..5_u32, text(), text()).prop_map(
        |(lead, dispatching, territorial, late, reason, second_person)| Paper {
            lead,
            dispatching,
            territorial,
            late: late == 0,
            reason: reason.map(str::to_owned),
            second_person: second_person.map(str::to_owned),
        },
    )
}

/// Acts from a small world, so that tasks, units, teams and days collide often.
fn any_act() -> impl Strategy<Value = Act> {
    let text = |options: &'static [&'static str]| proptest::sample::select(options);
    let identity = (
        0..60_u32,
        1..3_i64,
        proptest::option::of(0..8_u32),
        0..6_u32,
    );
    let kind = (
        any::<bool>(),
        text(&["auto_monitor", "uav", "rectification_review", "alarm"]),
        text(&["daily", "special", "case"]),
        text(&["closed", "closed", "closed", "running", "withdrawn"]),
    );
    let place = (0..4_u32, 0..10_i32, any::<bool>(), any::<bool>(), 0..40_u32);
    let links = (
        proptest::option::of(0..60_u32),
        proptest::option::of(0..3_u32),
        any::<u8>(),
    );
    (identity, kind, place, links, any_paper()).prop_map(
        |((id, version, task, unit), (offsite, method, class, status), place, links, paper)| {
            let (team, day, declared, listed, higher) = place;
            let (other, approval, rare) = links;
            let mode = if offsite { Mode::Offsite } else { Mode::Onsite };
            let body = |body: Option<u32>| body.map(|body| format!("b{body}"));
            let named = |often: bool| other.filter(|_| often).map(|id| format!("a{id}"));
            let written = noon(if paper.late { LATE } else { day }) + version;
            Act {
                act_version: version,
                task_id: task.map(|task| format!("t{task}")),
                unit_id: format!("u{unit}"),
                method: method.to_owned(),
                rectification_review: method == "rectification_review",
                class: class.to_owned(),
                status: status.to_owned(),
                officers: vec![format!("o{team}")],
                org_code: format!("b{team}"),
                lead_org: body(paper.lead),
                dispatching_org: body(paper.dispatching),
                territorial_org: body(paper.territorial),
                counts_for_ratio: declared || rare > 40,
                positive_list: listed,
                org_level: if higher == 0 {
                    OrgLevel::Province
                } else {
                    OrgLevel::SubBureau
                },
                completed_at: (status != "running").then(|| noon(day)),
                recorded_at: written,
                received_at: written,
                escalated_to: named(rare < 60),
                escalated_from: named((60..80).contains(&rare)),
                collapsed_into: named((80..90).contains(&rare)),
                approval_id: approval.map(|id| format!("p{id}")),
                missing_evidence: if rare == 7 {
                    vec!["thin".to_owned()]
                } else {
                    Vec::new()
                },
                open_items: (rare == 8).then(|| "not answered: ledger".to_owned()),
                edit_reason: paper.reason,
                edit_second_person: paper.second_person,
                origin: (0, i64::from(id) * 10 + version + i64::from(paper.late) * 4),
                ..act(&format!("a{id}"), mode)
            }
        },
    )
}

fn any_policy() -> impl Strategy<Value = RatioPolicy> {
    let select = |options: &'static [CountUnit]| proptest::sample::select(options);
    (
        proptest::sample::select(Escalation::ALL.to_vec()),
        select(&[
            CountUnit::Act,
            CountUnit::Task,
            CountUnit::Case,
            CountUnit::Firm,
        ]),
        proptest::sample::select(vec![
            OrgAttribution::Executing,
            OrgAttribution::Dispatching,
            OrgAttribution::Territorial,
        ]),
        0..4_u32,
        any::<[bool; 5]>(),
    )
        .prop_map(
            |(
                escalation,
                count_unit,
                org_attribution,
                days,
                [ignores, reviews, subsets, split, frozen],
            )| {
                RatioPolicy {
                    escalation,
                    count_unit,
                    org_attribution,
                    dedup_window_days: days,
                    dedup_ignores_method: ignores,
                    count_rectification_review: reviews,
                    joint_inspection: if split {
                        JointInspection::Split
                    } else {
                        JointInspection::Lead
                    },
                    freeze_on: if frozen {
                        policy().freeze_on
                    } else {
                        String::new()
                    },
                    band_classes: if subsets {
                        BandClasses::EverySubset
                    } else {
                        policy().band_classes
                    },
                    ..policy()
                }
            },
        )
}

/// The year as it stood when the late versions had come as well.
fn afterwards<'a>(acts: &'a [Act], policy: &RatioPolicy) -> RatioReport<'a> {
    let cutoff = Cutoff::at(noon(AFTER));
    compute(acts, policy, cutoff, &Period::year(YEAR).unwrap())
}

/// Two rows of one origin cannot differ in reality; such collisions are dropped.
fn one_row_per_origin(mut acts: Vec<Act>) -> Vec<Act> {
    acts.sort_by_key(|act| act.origin);
    acts.dedup_by_key(|act| act.origin);
    acts
}

fn sum(groups: &[super::Group]) -> Share {
    groups
        .iter()
        .fold(Share::default(), |sum, group| sum.plus(group.share))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// R3: the order of acts is immaterial, down to the digest and every single fate.
    #[test]
    fn order_does_not_matter(
        acts in proptest::collection::vec(any_act(), 0..40),
        shuffled in any::<proptest::sample::Index>(),
        policy in any_policy(),
    ) {
        let acts = one_row_per_origin(acts);
        let mut other = acts.clone();
        other.reverse();
        let turn = if other.is_empty() { 0 } else { shuffled.index(other.len()) };
        other.rotate_left(turn);
        for compute in [report, afterwards] {
            let one = compute(&acts, &policy);
            let two = compute(&other, &policy);
            prop_assert_eq!(one.snapshot(), two.snapshot());
            prop_assert_eq!(&one.decisions, &two.decisions);
        }
    }

    /// R1: every act has one fate, and the counted ones are the headline.
    #[test]
    fn every_act_has_one_fate(
        acts in proptest::collection::vec(any_act(), 0..40),
        policy in any_policy(),
    ) {
        let report = afterwards(&acts, &policy);
        let mut ids: Vec<&str> = acts.iter().map(|act| act.act_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(report.decisions.len(), ids.len());
        let counted = report.decisions.iter().filter(|decision| decision.is_counted()).count();
        prop_assert_eq!(counted as u64, report.share.total());
        for decision in &report.decisions {
            if let Outcome::NotCounted { in_favour_of: Some(id), .. } = &decision.outcome {
                prop_assert_ne!(id, &decision.act.act_id, "an act cannot stand in its own place");
            }
        }
    }

    /// R4: bodies add up to the city, and so does every other breakdown; the last running sum is it.
    #[test]
    fn every_breakdown_adds_up(
        acts in proptest::collection::vec(any_act(), 0..40),
        policy in any_policy(),
    ) {
        let report = afterwards(&acts, &policy);
        for dimension in Dimension::ALL {
            let groups = report.by(dimension);
            prop_assert_eq!(sum(&groups), report.share, "by {}", dimension.code());
            prop_assert!(groups.iter().all(|group| group.share.total() > 0));
            prop_assert!(groups.is_sorted_by(|one, other| one.key < other.key));
        }
        let last = report.to_date().last().map(|group| group.share);
        prop_assert_eq!(last.unwrap_or_default(), report.share);
        let kept = report.snapshot();
        let bodies = kept.by_org.values().fold(Share::default(), |sum, own| sum.plus(*own));
        prop_assert_eq!(bodies, kept.share);
    }

    /// A further off-site act of its own task never lowers the ratio.
    #[test]
    fn a_further_off_site_act_never_lowers_the_ratio(
        acts in proptest::collection::vec(any_act(), 0..40),
        more in any_act(),
        policy in any_policy(),
    ) {
        let more = Act {
            act_id: "more".to_owned(),
            task_id: Some("a task of its own".to_owned()),
            mode: Mode::Offsite,
            escalated_to: None,
            escalated_from: None,
            collapsed_into: None,
            ..more
        };
        let before = afterwards(&acts, &policy).share;
        let mut with = acts;
        with.push(more);
        let after = afterwards(&with, &policy).share;
        prop_assert!(after.compare(before).is_ge(), "{before:?} became {after:?}");
        prop_assert_eq!(after.on, before.on);
    }

    /// The band contains the headline, and so does the claim about the target.
    #[test]
    fn the_band_contains_the_headline(
        acts in proptest::collection::vec(any_act(), 0..40),
        policy in any_policy(),
    ) {
        let report = afterwards(&acts, &policy);
        if report.share.total() > 0 {
            let min = report.band.min.as_ref().unwrap().share;
            let max = report.band.max.as_ref().unwrap().share;
            prop_assert!(min.compare(report.share).is_le());
            prop_assert!(max.compare(report.share).is_ge());
        }
    }

    /// What is recorded or arrives after a cut-off is not in its figure, in no fate and in no note.
    #[test]
    fn later_arrivals_never_change_an_old_cutoff(
        acts in proptest::collection::vec(any_act(), 0..40),
        later in proptest::collection::vec((any_act(), any::<bool>()), 0..20),
        day in 0..12_i32,
        policy in any_policy(),
    ) {
        let cutoff = Cutoff::at(noon(day));
        let later = later.into_iter().map(|(act, arrives)| {
            let after = noon(day) + 1 + act.act_version;
            if arrives {
                Act { received_at: after, ..act }
            } else {
                Act { recorded_at: after, received_at: after, ..act }
            }
        });
        let all: Vec<Act> = acts.iter().cloned().chain(later).collect();
        let period = Period::year(YEAR).unwrap();
        let before = compute(&acts, &policy, cutoff, &period);
        let after = compute(&all, &policy, cutoff, &period);
        prop_assert_eq!(before.snapshot(), after.snapshot());
        prop_assert_eq!(&before.decisions, &after.decisions);
        prop_assert_eq!(&before.flags, &after.flags);
        prop_assert_eq!(&before.band, &after.band);
    }
}
