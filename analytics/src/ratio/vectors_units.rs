//! Test vectors of what is counted once: joint inspections that are split, and cases.

use super::act::Mode;
use super::decide::NotCounted;
use super::policy::{CountUnit, Escalation, JointInspection, RatioPolicy};
use super::report::Dimension;
use super::testing::{act, counts, noon, policy, reason, report};

/// Where the policy splits it, every body with a record of its own has one act.
#[test]
fn a_split_joint_inspection_is_one_act_of_each_body() {
    let of = |id: &str, org: &str| {
        let mut act = act(id, Mode::Onsite);
        act.task_id = Some("T".to_owned());
        act.unit_id = "U".to_owned();
        act.org_code = org.to_owned();
        act.team_id = Some(format!("team of {org}"));
        act.lead_org = Some("lead".to_owned());
        act
    };
    let records = [of("a", "lead"), of("b", "other"), of("c", "other")];
    let split = RatioPolicy {
        joint_inspection: JointInspection::Split,
        ..policy()
    };
    let report = report(&records, &split);
    assert_eq!(report.share.on, 2);
    assert_eq!(reason(&report, "c"), Some(NotCounted::SameTask));
    let groups: Vec<_> = report
        .by(Dimension::Org)
        .into_iter()
        .map(|group| (group.key, group.share.on))
        .collect();
    assert_eq!(groups, [("lead".to_owned(), 1), ("other".to_owned(), 1)]);
    assert_eq!(counts(&records, &policy()), (0, 1));
    // The switch left alone does not change what a figure is proved with.
    let text = serde_json::to_string(&policy()).unwrap();
    assert!(!text.contains("joint_inspection"));
    assert_ne!(split.fingerprint(), policy().fingerprint());
}

/// A chain of acts on one unit, of several tasks, is one case; another unit's act is not of it.
#[test]
fn a_case_is_counted_once() {
    let of = |id: &str, mode, task: &str, day: i32| {
        let mut act = act(id, mode);
        act.task_id = Some(task.to_owned());
        act.unit_id = "U".to_owned();
        act.completed_at = Some(noon(day));
        act
    };
    let first = of("a", Mode::Offsite, "T1", 10);
    let mut visit = of("b", Mode::Onsite, "T2", 20);
    visit.escalated_from = Some("a".to_owned());
    let second = of("c", Mode::Onsite, "T2", 30);
    let mut review = of("d", Mode::Offsite, "T3", 40);
    review.escalated_to = Some("c".to_owned());
    let alone = of("e", Mode::Offsite, "T4", 50);
    let chain = [first, visit, second, review, alone];
    let by = |count_unit, escalation| RatioPolicy {
        count_unit,
        escalation,
        ..policy()
    };
    let separate = |unit| counts(&chain, &by(unit, Escalation::Separate));
    // By acts: T2 counts its unit once, everything else counts.
    assert_eq!(separate(CountUnit::Act), (3, 4));
    // By cases: the chain is one off-site and one on-site inspection, the lone act another.
    assert_eq!(separate(CountUnit::Case), (2, 3));
    let collapse = by(CountUnit::Case, Escalation::Collapse);
    assert_eq!(counts(&chain, &collapse), (1, 2));
    let report = report(&chain, &by(CountUnit::Case, Escalation::Separate));
    assert_eq!(reason(&report, "a"), Some(NotCounted::SameTask));
    // Withdrawn, the visit never was: what it held together falls apart.
    let mut apart = chain.clone();
    apart[1].status = "withdrawn".to_owned();
    let cases = by(CountUnit::Case, Escalation::Separate);
    assert_eq!(counts(&apart, &cases), (3, 4));
}

/// Of several off-site acts that are one, the one that turned on-site stays, whoever came first: a
/// further plain act must not make an off-site inspection out of it.
#[test]
fn what_turned_on_site_stays_when_acts_are_merged() {
    let of = |id: &str, mode, task: &str, day: i32| {
        let mut act = act(id, mode);
        act.task_id = Some(task.to_owned());
        act.unit_id = "U".to_owned();
        act.completed_at = Some(noon(day));
        act
    };
    let plain = of("a", Mode::Offsite, "T1", 5);
    let turned = of("b", Mode::Offsite, "T2", 10);
    let visit = of("c", Mode::Onsite, "T2", 12);
    let by = |escalation| RatioPolicy {
        count_unit: CountUnit::Firm,
        escalation,
        ..policy()
    };
    let mut all = [plain, turned, visit];
    for (escalation, expected) in [
        (Escalation::Collapse, (0, 1)),
        (Escalation::Separate, (1, 2)),
        (Escalation::OffsiteOnly, (1, 1)),
    ] {
        assert_eq!(counts(&all, &by(escalation)), expected);
        assert_eq!(counts(&all[1..], &by(escalation)), expected);
    }
    let collapsed = by(Escalation::Collapse);
    assert_eq!(
        reason(&report(&all, &collapsed), "a"),
        Some(NotCounted::SameTask)
    );
    // A task is one inspection, on-site where any of it turned on-site.
    all[0].task_id = Some("T2".to_owned());
    all[0].unit_id = "another".to_owned();
    let per_task = RatioPolicy {
        count_unit: CountUnit::Task,
        ..policy()
    };
    assert_eq!(counts(&all, &per_task), (0, 1));
    // The visit never was: the earlier act stands for both.
    all[2].status = "withdrawn".to_owned();
    assert_eq!(
        reason(&report(&all, &per_task), "b"),
        Some(NotCounted::SameTask)
    );
    assert_eq!(counts(&all, &per_task), (1, 1));
}
