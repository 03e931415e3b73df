//! Test vectors of the counting rule: published figures, the target's edge, and every reason for
//! which an act is not counted.

use super::act::{Act, Mode, OrgLevel};
use super::decide::NotCounted;
use super::period::parse_as_of;
use super::policy::{CountUnit, Escalation, RatioPolicy};
use super::report::Dimension;
use super::share::Verdict;
use super::testing::{act, acts, counts, noon, policy, reason, report};

#[test]
fn published_figures() {
    let cases = [
        (142, 165, "46.25", Verdict::Reached),
        (29, 31, "48.33", Verdict::Reached),
        (2, 3, "40.00", Verdict::Reached),
        (399, 601, "39.90", Verdict::Missed),
    ];
    for (off, on, percent, verdict) in cases {
        let acts = acts(off, on);
        let report = report(&acts, &policy());
        assert_eq!(report.percent.as_deref(), Some(percent));
        assert_eq!(report.verdict, verdict);
        assert_eq!(report.percent_below_target, None);
        assert_eq!(report.share.total(), (off + on) as u64);
    }
}

#[test]
fn rounding_up_to_the_target_is_not_reaching_it() {
    let acts = acts(39_999, 60_001);
    let report = report(&acts, &policy());
    assert_eq!(report.percent.as_deref(), Some("40.00"));
    assert_eq!(report.verdict, Verdict::Missed);
    assert_eq!(report.percent_below_target.as_deref(), Some("39.999"));
    assert_eq!(
        report.sentence(),
        "40.00 % (exactly 39.999 %): 39999 off-site of 100000 inspections; target 40 % missed"
    );
}

#[test]
fn no_inspections_have_no_ratio() {
    let report = report(&[], &policy());
    assert_eq!(report.percent, None);
    assert_eq!(report.verdict, Verdict::NoInspections);
    assert_eq!(report.band.min, None);
    assert!(!report.band.crosses_target);
    assert!(report.sentence().starts_with("no ratio"));
}

fn escalated_pair() -> Vec<Act> {
    let mut off = act("off", Mode::Offsite);
    let mut on = act("on", Mode::Onsite);
    for act in [&mut off, &mut on] {
        act.task_id = Some("T".to_owned());
        act.unit_id = "U".to_owned();
    }
    on.completed_at = Some(noon(12));
    vec![off, on]
}

#[test]
fn an_escalated_act_counts_by_the_policy() {
    let of = |escalation| RatioPolicy {
        escalation,
        ..policy()
    };
    assert_eq!(counts(&escalated_pair(), &of(Escalation::Collapse)), (0, 1));
    assert_eq!(counts(&escalated_pair(), &of(Escalation::Separate)), (1, 2));
    assert_eq!(
        counts(&escalated_pair(), &of(Escalation::OffsiteOnly)),
        (1, 1)
    );

    let pair = escalated_pair();
    let report = report(&pair, &policy());
    assert_eq!(reason(&report, "off"), Some(NotCounted::Escalated));
    let min = report.band.min.as_ref().unwrap();
    let max = report.band.max.as_ref().unwrap();
    assert_eq!(
        (min.percent.as_deref(), max.percent.as_deref()),
        (Some("0.00"), Some("100.00"))
    );
    assert!(report.band.crosses_target);
    assert!(
        report
            .band
            .sentence(policy().target_percent)
            .contains("CROSSES")
    );
}

#[test]
fn a_shared_approval_is_no_approval_of_its_own() {
    let mut pair = escalated_pair();
    let approval = pair[0].approval_id.clone();
    pair[1].approval_id = approval;
    let separate = RatioPolicy {
        escalation: Escalation::Separate,
        ..policy()
    };
    assert_eq!(counts(&pair, &separate), (0, 1));
    pair[1].approval_id = None;
    assert_eq!(counts(&pair, &separate), (0, 1));
}

#[test]
fn an_escalation_by_reference_needs_no_common_task() {
    for (names, field) in [(true, "to"), (false, "from")] {
        let mut off = act("off", Mode::Offsite);
        let mut on = act("on", Mode::Onsite);
        if names {
            off.escalated_to = Some("on".to_owned());
        } else {
            on.escalated_from = Some("off".to_owned());
        }
        assert_eq!(counts(&[off, on], &policy()), (0, 1), "escalated_{field}");
    }
}

#[test]
fn an_unfinished_on_site_act_keeps_the_pair_open() {
    let mut pair = escalated_pair();
    pair[1].status = "running".to_owned();
    pair[1].completed_at = None;
    let seen = report(&pair, &policy());
    assert_eq!(seen.share.total(), 0);
    assert_eq!(reason(&seen, "off"), Some(NotCounted::EscalationOpen));

    let mut unseen = act("off", Mode::Offsite);
    unseen.escalated_to = Some("not-here-yet".to_owned());
    let unseen = [unseen];
    assert_eq!(
        reason(&report(&unseen, &policy()), "off"),
        Some(NotCounted::EscalationOpen)
    );

    // A withdrawn on-site act never was; the off-site act stands again.
    let mut pair = escalated_pair();
    pair[0].escalated_to = Some("on".to_owned());
    pair[1].status = "withdrawn".to_owned();
    assert_eq!(counts(&pair, &policy()), (1, 1));
}

#[test]
fn one_review_cannot_be_sliced_into_many() {
    let twice = |change: &dyn Fn(&mut Act)| {
        let mut first = act("a", Mode::Offsite);
        let mut second = act("b", Mode::Offsite);
        first.unit_id = "U".to_owned();
        second.unit_id = "U".to_owned();
        second.completed_at = Some(noon(10) + 3_600_000_000);
        change(&mut second);
        vec![first, second]
    };
    assert_eq!(counts(&twice(&|_| ()), &policy()), (1, 1));
    let other_method = twice(&|act| act.method = "uav".to_owned());
    assert_eq!(counts(&other_method, &policy()), (2, 2));
    let ignoring = RatioPolicy {
        dedup_ignores_method: true,
        ..policy()
    };
    assert_eq!(counts(&other_method, &ignoring), (1, 1));
    let other_team = twice(&|act| act.officers = vec!["o-3".to_owned()]);
    assert_eq!(counts(&other_team, &policy()), (2, 2));
    let same_team_listed_otherwise =
        twice(&|act| act.officers = vec!["o-2".to_owned(), "o-1".to_owned()]);
    assert_eq!(counts(&same_team_listed_otherwise, &policy()), (1, 1));
    let next_day = twice(&|act| act.completed_at = Some(noon(11)));
    assert_eq!(counts(&next_day, &policy()), (2, 2));
    let wide = RatioPolicy {
        dedup_window_days: 2,
        ..policy()
    };
    assert_eq!(counts(&next_day, &wide), (1, 1));
    let off = RatioPolicy {
        dedup_window_days: 0,
        ..policy()
    };
    assert_eq!(counts(&twice(&|_| ()), &off), (2, 2));
}

#[test]
fn the_calendar_day_is_a_beijing_day() {
    let mut late = act("a", Mode::Offsite);
    let mut early = act("b", Mode::Offsite);
    late.unit_id = "U".to_owned();
    early.unit_id = "U".to_owned();
    late.completed_at = Some(parse_as_of("2026-03-01T23:50:00").unwrap());
    early.completed_at = Some(parse_as_of("2026-03-02T00:10:00").unwrap());
    assert_eq!(counts(&[late, early], &policy()), (2, 2));
}

#[test]
fn one_task_counts_a_unit_once_whatever_is_counted() {
    let mut first = act("a", Mode::Offsite);
    let mut again = act("b", Mode::Offsite);
    again.task_id = first.task_id.clone();
    again.unit_id = first.unit_id.clone();
    again.completed_at = Some(noon(20));
    let pair = [first.clone(), again.clone()];
    assert_eq!(
        reason(&report(&pair, &policy()), "b"),
        Some(NotCounted::SameTask)
    );

    let mut patrol = act("c", Mode::Offsite);
    patrol.task_id = first.task_id.clone();
    let per_unit = [first.clone(), patrol];
    assert_eq!(counts(&per_unit, &policy()), (2, 2));
    let per_task = RatioPolicy {
        count_unit: CountUnit::Task,
        ..policy()
    };
    assert_eq!(counts(&per_unit, &per_task), (1, 1));

    first.task_id = Some("other".to_owned());
    let per_firm = RatioPolicy {
        count_unit: CountUnit::Firm,
        ..policy()
    };
    assert_eq!(counts(&[first, again], &per_firm), (1, 1));
}

#[test]
fn a_joint_inspection_is_one_act_of_its_lead_body() {
    let mut lead = act("z-lead", Mode::Onsite);
    let mut follower = act("a-follower", Mode::Onsite);
    for act in [&mut lead, &mut follower] {
        act.task_id = Some("T".to_owned());
        act.unit_id = "U".to_owned();
        act.lead_org = Some("lead".to_owned());
    }
    lead.org_code = "lead".to_owned();
    let pair = [lead, follower];
    let report = report(&pair, &policy());
    assert_eq!(reason(&report, "a-follower"), Some(NotCounted::SameTask));
    let groups = report.by(Dimension::Org);
    assert_eq!(groups.len(), 1);
    assert_eq!((groups[0].key.as_str(), groups[0].share.on), ("lead", 1));
}

#[test]
fn every_reason_for_not_counting_is_given() {
    let changed = |change: &dyn Fn(&mut Act)| {
        let mut act = act("x", Mode::Offsite);
        change(&mut act);
        vec![act]
    };
    let why = |acts: &[Act], policy: &RatioPolicy| reason(&report(acts, policy), "x");
    type Change<'a> = &'a dyn Fn(&mut Act);
    let cases: [(Change<'_>, NotCounted); 12] = [
        (
            &|act| act.document_faults.push("unit: missing".to_owned()),
            NotCounted::DocumentFaults,
        ),
        (
            &|act| act.status = "withdrawn".to_owned(),
            NotCounted::Withdrawn,
        ),
        (
            &|act| act.status = "completed".to_owned(),
            NotCounted::NotClosed,
        ),
        (&|act| act.completed_at = None, NotCounted::NotClosed),
        (
            &|act| act.completed_at = Some(noon(400)),
            NotCounted::OutsidePeriod,
        ),
        (
            &|act| act.method = "alarm".to_owned(),
            NotCounted::MethodNotCounted,
        ),
        (
            &|act| act.rectification_review = true,
            NotCounted::RectificationReview,
        ),
        (
            &|act| act.class = "guidance".to_owned(),
            NotCounted::ClassNotCounted,
        ),
        (
            &|act| act.counts_for_ratio = false,
            NotCounted::DeclaredNotCounted,
        ),
        (
            &|act| act.missing_evidence.push("no data".to_owned()),
            NotCounted::MinimumRecord,
        ),
        (
            &|act| act.open_items = Some("checklist: not answered: ledger".to_owned()),
            NotCounted::MinimumRecord,
        ),
        (
            &|act| act.org_level = OrgLevel::Province,
            NotCounted::HigherLevel,
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(why(&changed(change), &policy()), Some(expected));
    }
    let merged = changed(&|act| act.collapsed_into = Some("y".to_owned()));
    assert_eq!(why(&merged, &policy()), Some(NotCounted::Merged));
    let listed = changed(&|act| act.positive_list = true);
    assert_eq!(why(&listed, &policy()), None);
    assert_eq!(report(&listed, &policy()).positive_list.off, 1);
    let without = RatioPolicy {
        include_positive_list: false,
        ..policy()
    };
    assert_eq!(why(&listed, &without), Some(NotCounted::PositiveList));
    let higher = changed(&|act| act.org_level = OrgLevel::Ministry);
    assert_eq!(report(&higher, &policy()).higher_level.off, 1);
    let lenient = RatioPolicy {
        min_evidence: false,
        ..policy()
    };
    let thin = changed(&|act| act.missing_evidence.push("no data".to_owned()));
    assert_eq!(why(&thin, &lenient), None);
}

#[test]
fn a_visit_with_a_poor_record_is_a_visit() {
    let mut visit = act("x", Mode::Onsite);
    visit.document_faults.push("class: missing".to_owned());
    visit.class = String::new();
    assert_eq!(counts(&[visit], &policy()), (0, 1));
}

#[test]
fn reviews_of_rectification_count_in_both_modes_or_in_none() {
    let mut off = act("off", Mode::Offsite);
    let mut on = act("on", Mode::Onsite);
    off.rectification_review = true;
    off.method = "rectification_review".to_owned();
    on.rectification_review = true;
    let pair = [off, on, act("plain", Mode::Onsite)];
    assert_eq!(counts(&pair, &policy()), (0, 1));
    let counting = RatioPolicy {
        count_rectification_review: true,
        ..policy()
    };
    assert_eq!(counts(&pair, &counting), (1, 3));
}
