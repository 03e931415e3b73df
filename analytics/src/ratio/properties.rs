//! What must hold for any acts whatsoever.

use proptest::prelude::*;

use super::act::{Act, Mode, OrgLevel};
use super::policy::{BandClasses, CountUnit, Escalation, RatioPolicy};
use super::testing::{act, noon, policy, report};

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
    (identity, kind, place, links).prop_map(
        |((id, version, task, unit), (offsite, method, class, status), place, links)| {
            let (team, day, declared, listed, higher) = place;
            let (escalated_to, approval, rare) = links;
            let mode = if offsite { Mode::Offsite } else { Mode::Onsite };
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
                counts_for_ratio: declared || rare > 40,
                positive_list: listed,
                org_level: if higher == 0 {
                    OrgLevel::Province
                } else {
                    OrgLevel::SubBureau
                },
                completed_at: (status != "running").then(|| noon(day)),
                recorded_at: noon(day) + version,
                received_at: noon(day) + version,
                escalated_to: escalated_to
                    .filter(|_| rare < 60)
                    .map(|id| format!("a{id}")),
                approval_id: approval.map(|id| format!("p{id}")),
                missing_evidence: if rare == 7 {
                    vec!["thin".to_owned()]
                } else {
                    Vec::new()
                },
                origin: (0, i64::from(id) * 10 + version),
                ..act(&format!("a{id}"), mode)
            }
        },
    )
}

fn any_policy() -> impl Strategy<Value = RatioPolicy> {
    (
        proptest::sample::select(vec![
            Escalation::Collapse,
            Escalation::Separate,
            Escalation::OffsiteOnly,
        ]),
        proptest::sample::select(vec![CountUnit::Act, CountUnit::Task, CountUnit::Case]),
        0..4_u32,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(escalation, count_unit, days, ignores, reviews, subsets)| RatioPolicy {
                escalation,
                count_unit,
                dedup_window_days: days,
                dedup_ignores_method: ignores,
                count_rectification_review: reviews,
                band_classes: if subsets {
                    BandClasses::EverySubset
                } else {
                    policy().band_classes
                },
                ..policy()
            },
        )
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
        // Two rows of one origin cannot differ in reality; drop such collisions.
        let mut acts = acts;
        acts.sort_by_key(|act| act.origin);
        acts.dedup_by_key(|act| act.origin);
        let mut other = acts.clone();
        other.reverse();
        let turn = if other.is_empty() { 0 } else { shuffled.index(other.len()) };
        other.rotate_left(turn);
        let one = report(&acts, &policy);
        let two = report(&other, &policy);
        prop_assert_eq!(one.snapshot(), two.snapshot());
        prop_assert_eq!(&one.decisions, &two.decisions);
    }

    /// R1 and R4: every act has one fate, the counted ones are the headline, and bodies add up.
    #[test]
    fn every_act_has_one_fate(
        acts in proptest::collection::vec(any_act(), 0..40),
        policy in any_policy(),
    ) {
        let report = report(&acts, &policy);
        let mut ids: Vec<&str> = acts.iter().map(|act| act.act_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(report.decisions.len(), ids.len());
        let counted = report.decisions.iter().filter(|decision| decision.is_counted()).count();
        prop_assert_eq!(counted as u64, report.share.total());
        for decision in &report.decisions {
            if let super::Outcome::NotCounted { in_favour_of: Some(id), .. } = &decision.outcome {
                prop_assert_ne!(id, &decision.act.act_id, "an act cannot stand in its own place");
            }
        }
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
            ..more
        };
        let before = report(&acts, &policy).share;
        let mut with = acts;
        with.push(more);
        let after = report(&with, &policy).share;
        prop_assert!(after.compare(before).is_ge(), "{before:?} became {after:?}");
        prop_assert_eq!(after.on, before.on);
    }

    /// The band contains the headline, and so does the claim about the target.
    #[test]
    fn the_band_contains_the_headline(
        acts in proptest::collection::vec(any_act(), 0..40),
        policy in any_policy(),
    ) {
        let report = report(&acts, &policy);
        if report.share.total() > 0 {
            let min = report.band.min.as_ref().unwrap().share;
            let max = report.band.max.as_ref().unwrap().share;
            prop_assert!(min.compare(report.share).is_le());
            prop_assert!(max.compare(report.share).is_ge());
        }
    }
}
