//! Test vectors around a figure: versions, cut-offs, the freeze, breakdowns, snapshots, policies.

use super::act::Mode;
use super::decide::NotCounted;
use super::period::{Period, parse_as_of};
use super::policies::RatioPolicies;
use super::policy::{BandClasses, OrgAttribution, PeriodKind, RatioPolicy};
use super::report::{Dimension, Flag};
use super::testing::{act, acts, noon, policy, reason, report};
use super::versions::Cutoff;
use super::{Snapshot, Target, compute};

#[test]
fn corrections_are_versions_and_the_past_can_be_reproduced() {
    let first = act("x", Mode::Offsite);
    let mut corrected = first.clone();
    corrected.act_version = 2;
    corrected.mode = Mode::Onsite;
    corrected.recorded_at = noon(40);
    corrected.received_at = noon(41);
    let acts = [corrected, first];
    let year = Period::year(2026).unwrap();
    let at = |as_of, known_at| compute(&acts, &policy(), Cutoff { as_of, known_at }, &year).share;
    assert_eq!(
        (at(noon(30), noon(99)).off, at(noon(30), noon(99)).on),
        (1, 0)
    );
    assert_eq!(
        (at(noon(50), noon(99)).off, at(noon(50), noon(99)).on),
        (0, 1)
    );
    // Recorded on day 40, known from day 41 on: a figure of day 40 did not have it.
    assert_eq!(at(noon(40), noon(40)).off, 1);
}

#[test]
fn a_frozen_year_takes_edits_only_with_a_reason_and_a_second_person() {
    let first = act("x", Mode::Offsite);
    let mut late = first.clone();
    late.act_version = 2;
    late.status = "withdrawn".to_owned();
    late.recorded_at = parse_as_of("2027-01-10 00:00:00").unwrap();
    late.received_at = late.recorded_at;
    let year = Period::year(2026).unwrap();
    let after = Cutoff::at(parse_as_of("2027-02-01").unwrap());
    let acts = [first.clone(), late.clone()];
    let refused = compute(&acts, &policy(), after, &year);
    assert_eq!(refused.share.off, 1);
    assert_eq!(
        refused.flags,
        [Flag::LateEditRefused {
            act_id: "x".to_owned(),
            act_version: 2
        }]
    );
    late.edit_reason = Some("double entry".to_owned());
    let acts = [first.clone(), late.clone()];
    assert_eq!(
        compute(&acts, &policy(), after, &year).share.off,
        1,
        "one person is not enough"
    );
    late.edit_second_person = Some("o-9".to_owned());
    let acts = [first.clone(), late.clone()];
    assert_eq!(compute(&acts, &policy(), after, &year).share.off, 0);

    // Entered for the first time after the freeze: nothing to fall back on.
    let mut entered = first.clone();
    entered.recorded_at = late.recorded_at;
    entered.received_at = late.received_at;
    let acts = [entered];
    let report = compute(&acts, &policy(), after, &year);
    assert_eq!(reason(&report, "x"), Some(NotCounted::LateEdit));

    // In the figure of another year it is simply outside.
    let next = compute(&acts, &policy(), after, &Period::year(2027).unwrap());
    assert_eq!(reason(&next, "x"), Some(NotCounted::OutsidePeriod));

    // Dated before, arrived after: admitted, and told.
    let mut imported = first;
    imported.received_at = late.received_at;
    let acts = [imported];
    let report = compute(&acts, &policy(), after, &year);
    assert_eq!(report.share.off, 1);
    assert_eq!(
        report.flags,
        [Flag::ArrivedAfterFreeze {
            year: 2026,
            acts: 1
        }]
    );
}

#[test]
fn breakdowns_add_up_to_the_headline() {
    let mut acts = acts(5, 7);
    for (index, act) in acts.iter_mut().enumerate() {
        act.org_code = format!("body-{}", index % 3);
        act.completed_at = Some(noon(index as i32 * 20));
        act.class = ["daily", "special", "case"][index % 3].to_owned();
    }
    let report = report(&acts, &policy());
    for dimension in Dimension::ALL {
        let sum = report
            .by(dimension)
            .iter()
            .fold(super::Share::default(), |sum, group| sum.plus(group.share));
        assert_eq!(sum, report.share, "by {}", dimension.code());
    }
    let months = report.by(Dimension::Month);
    assert_eq!(months[0].key, "2026-01");
    let territorial = RatioPolicy {
        org_attribution: OrgAttribution::Dispatching,
        ..policy()
    };
    acts[0].dispatching_org = Some("city".to_owned());
    let again = super::testing::report(&acts, &territorial);
    assert!(
        again
            .by(Dimension::Org)
            .iter()
            .any(|group| group.key == "city")
    );
}

#[test]
fn an_officer_above_the_daily_cap_is_flagged_and_still_counted() {
    let acts = acts(13, 0);
    let report = report(&acts, &policy());
    assert_eq!(report.share.off, 13);
    assert_eq!(report.flags.len(), 2, "both officers of the team");
    assert!(
        report.flags[0]
            .to_string()
            .contains("13 off-site acts on 2026-01-11 (cap 12)")
    );
}

#[test]
fn a_snapshot_names_what_came_out_differently() {
    let acts = acts(2, 3);
    let snapshot = report(&acts, &policy()).snapshot();
    assert!(
        snapshot
            .differences(&report(&acts, &policy()).snapshot())
            .is_empty()
    );
    let text = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), snapshot);
    let fewer = &acts[1..];
    let differences = snapshot.differences(&report(fewer, &policy()).snapshot());
    let named: Vec<&str> = differences
        .iter()
        .map(|difference| difference.what)
        .collect();
    for what in ["acts", "counts", "percent", "quality", "body", "group"] {
        assert!(named.contains(&what), "{what}: {named:?}");
    }
}

#[test]
fn the_band_of_every_subset_contains_the_band_of_the_named_sets() {
    let mut acts = acts(3, 3);
    acts[0].class = "case".to_owned();
    acts[1].class = "special".to_owned();
    let named = report(&acts, &policy());
    let widest = RatioPolicy {
        band_classes: BandClasses::EverySubset,
        ..policy()
    };
    let wide = report(&acts, &widest);
    assert_eq!(wide.band.points.len(), 7 * 6);
    assert_eq!(named.band.points.len(), 2 * 6);
    let (narrow_min, wide_min) = (named.band.min.unwrap(), wide.band.min.unwrap());
    assert_ne!(
        wide_min.share.compare(narrow_min.share),
        std::cmp::Ordering::Greater
    );
    assert_eq!(wide.band.max.unwrap().percent.as_deref(), Some("100.00"));
}

#[test]
fn policies_are_versioned_rows_and_bad_ones_name_the_key() {
    let text = r#"
        [[ratio_policy]]
        policy_id = "city-2"
        effective_from = "2026-07-01"
        escalation = "separate"
        target_percent = "42.5"
        period = "rolling_12_months"

        [[ratio_policy]]
        policy_id = "city-1"
        effective_from = "2026-01-01"
        band_classes = "every_subset"
        count_unit = "case"
        joint_inspection = "split"
        period = { custom = { from = "2026-03-01", to = "2026-05-15" } }
    "#;
    let policies = RatioPolicies::parse(text, false, "ratio.toml").unwrap();
    let of = |day: &str| policies.in_force(parse_as_of(day).unwrap());
    assert_eq!(of("2026-06-30").unwrap().policy_id, "city-1");
    let later = of("2026-07-01").unwrap();
    assert_eq!(later.policy_id, "city-2");
    assert_eq!(later.target_percent, Target::parse("42.50").unwrap());
    assert_eq!(later.period, PeriodKind::Rolling12Months);
    assert_ne!(later.fingerprint(), of("2026-06-30").unwrap().fingerprint());
    let early = of("2025-12-31").unwrap_err().to_string();
    assert!(early.contains("2026-01-01"), "{early}");

    let json = serde_json::to_string(&policies).unwrap();
    assert_eq!(
        RatioPolicies::parse(&json, true, "ratio.json").unwrap(),
        policies
    );

    let fault = |keys: &str| {
        let row = format!("[[ratio_policy]]\neffective_from = \"2026-01-01\"\n{keys}");
        RatioPolicies::parse(&row, false, "p.toml")
            .unwrap_err()
            .to_string()
    };
    for (keys, named) in [
        ("", "policy_id"),
        (
            "policy_id = 'p'\ndedup_window_days = 31",
            "dedup_window_days",
        ),
        (
            "policy_id = 'p'\ndenominator_classes = []",
            "denominator_classes",
        ),
        (
            "policy_id = 'p'\ndenominator_classes = ['weekly']",
            "weekly",
        ),
        ("policy_id = 'p'\nfreeze_on = '13-40'", "freeze_on"),
        (
            "policy_id = 'p'\nperiod = { custom = { from = '2026-05-15', to = '2026-03-01' } }",
            "period",
        ),
        ("policy_id = 'p'\njoint_inspection = 'half'", "half"),
        ("policy_id = 'p'\ntarget_percent = '101'", "101"),
        ("policy_id = 'p'\ntarget = '40'", "target"),
        (
            "policy_id = 'p'\n[[ratio_policy]]\npolicy_id = 'p'\neffective_from = '2027-01-01'",
            "two rows",
        ),
    ] {
        let message = fault(keys);
        assert!(message.contains(named), "{keys}: {message}");
    }
}
