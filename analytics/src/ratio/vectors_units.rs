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
