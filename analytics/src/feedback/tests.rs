//! Verdicts, precision, suspension and lifts on real tables.

use std::path::Path;
use std::sync::Arc;

use nonsite_schemas::time::ManualClock;

use super::*;
use crate::detect::{Catalogue, Config};
use crate::review::{self, Filter, Finding, Service, Severity, SourceSystem};
use crate::session::{self, open_tables};

const DAY: i64 = 86_400_000_000;

fn verdict(n: usize, verdict: Verdict, org: &str, at: i64) -> Feedback {
    Feedback {
        anomaly_id: format!("{n:04x}"),
        rule_id: "E01".to_owned(),
        rule_version: 1,
        org_code: Some(org.to_owned()),
        verdict,
        cause: Some("false_alarm".to_owned()),
        note: None,
        by: "李四".to_owned(),
        case_id: None,
        recorded_at: at,
    }
}

async fn open(store: &Path) -> Session {
    open_tables(store, &session::Config::default())
        .await
        .expect("session")
}

async fn standing(store: &Path, as_of: i64) -> Standing {
    let mut catalogue = Catalogue::load(&Config::default()).expect("rules");
    catalogue.set_version("E01", 1);
    let session = open(store).await;
    standings(&session, &catalogue, &Suspension::default(), as_of)
        .await
        .expect("standings")
        .into_iter()
        .find(|standing| standing.rule_id == "E01")
        .expect("E01")
}

#[tokio::test]
async fn a_rule_that_is_mostly_wrong_is_suspended_until_it_is_lifted() {
    let folder = tempfile::tempdir().expect("folder");
    let store = folder.path();
    // Nine right, one in part, nine wrong: one verdict short of twenty.
    let mut told: Vec<Feedback> = (0..9)
        .map(|n| verdict(n, Verdict::Match, "a", DAY))
        .collect();
    told.push(verdict(9, Verdict::Partly, "a", DAY));
    told.extend((10..19).map(|n| verdict(n, Verdict::Mismatch, "b", DAY)));
    let session = open(store).await;
    assert_eq!(record(store, &session, &told).await.expect("recorded"), 19);
    let session = open(store).await;
    assert_eq!(
        record(store, &session, &told).await.expect("recorded"),
        0,
        "the same verdict again is no second one"
    );
    let now = standing(store, 2 * DAY).await;
    assert_eq!((now.tally.verified(), now.precision), (19, Some(0.5)));
    assert_eq!(
        now.regions["a"].precision(&Suspension::default()),
        Some(0.95)
    );
    assert_eq!(
        now.regions["b"].precision(&Suspension::default()),
        Some(0.0)
    );
    assert_eq!(now.suspended, None);

    let session = open(store).await;
    let last = [verdict(19, Verdict::Mismatch, "b", 3 * DAY)];
    record(store, &session, &last).await.expect("recorded");
    assert_eq!(
        standing(store, 2 * DAY).await.suspended,
        None,
        "not yet told then"
    );
    let why = standing(store, 3 * DAY).await.suspended.expect("suspended");
    assert!(why.contains("47.5 %") && why.contains("20"), "{why}");

    // A second look at one finding replaces its verdict: exactly half is not below half.
    let session = open(store).await;
    let changed = [verdict(19, Verdict::Match, "b", 4 * DAY)];
    record(store, &session, &changed).await.expect("recorded");
    let now = standing(store, 4 * DAY).await;
    assert_eq!((now.tally.verified(), now.suspended), (20, None));

    let session = open(store).await;
    let worse: Vec<Feedback> = (20..30)
        .map(|n| verdict(n, Verdict::Mismatch, "b", 5 * DAY))
        .collect();
    record(store, &session, &worse).await.expect("recorded");
    assert!(standing(store, 5 * DAY).await.suspended.is_some());
    lift(
        store,
        "E01",
        1,
        "王五",
        "the analyser was repaired",
        6 * DAY,
    )
    .await
    .expect("lifted");
    let lifted = standing(store, 6 * DAY).await;
    assert_eq!((lifted.tally.verified(), lifted.suspended), (0, None));
    assert_eq!(lifted.lift.expect("lift").by, "王五");
    // Verdicts after the lift count again.
    let session = open(store).await;
    let again: Vec<Feedback> = (40..60)
        .map(|n| verdict(n, Verdict::Mismatch, "b", 7 * DAY))
        .collect();
    record(store, &session, &again).await.expect("recorded");
    assert!(standing(store, 7 * DAY).await.suspended.is_some());
}

#[tokio::test]
async fn causes_are_from_the_list_and_other_versions_do_not_count() {
    let folder = tempfile::tempdir().expect("folder");
    let session = open(folder.path()).await;
    let mut wrong = verdict(1, Verdict::Match, "a", DAY);
    wrong.cause = Some("moon".to_owned());
    let error = record(folder.path(), &session, &[wrong]).await.unwrap_err();
    assert!(error.to_string().contains("real_exceedance"), "{error}");
    let mut old: Vec<Feedback> = (0..30)
        .map(|n| verdict(n, Verdict::Mismatch, "a", DAY))
        .collect();
    old.iter_mut()
        .for_each(|feedback| feedback.rule_version = 0);
    record(folder.path(), &session, &old)
        .await
        .expect("recorded");
    let now = standing(folder.path(), 2 * DAY).await;
    assert_eq!((now.tally.verified(), now.suspended), (0, None));
    for (text, verdict) in [
        ("符合", Some(Verdict::Match)),
        ("部分符合", Some(Verdict::Partly)),
        ("不符合", Some(Verdict::Mismatch)),
        ("maybe", None),
    ] {
        assert_eq!(Verdict::parse(text), verdict);
    }
}

fn finding(id: &str, rule: &str, confirmed: bool) -> Finding {
    Finding {
        anomaly_id: id.to_owned(),
        rule_id: rule.to_owned(),
        rule_version: 1,
        rule_group: rule.to_owned(),
        severity: Severity::S2,
        confirmed,
        withdrawn: None,
        exempt_code: None,
        permit_no: None,
        unit_name: None,
        org_code: Some("370522".to_owned()),
        outlet_uid: None,
        mn: Some(format!("mn-{id}")),
        factor: None,
        window_start: DAY,
        window_end: 2 * DAY,
        observed: None,
        limit_value: None,
        unit: None,
        reason: "恒值。 / constant value".to_owned(),
        evidence_sha256: "00".repeat(32),
    }
}

#[tokio::test]
async fn findings_of_a_suspended_rule_open_no_case_and_cases_tell_verdicts() {
    let folder = tempfile::tempdir().expect("folder");
    let config = review::Config {
        database: folder.path().join("review.sqlite"),
        ..review::Config::default()
    };
    let clock = Arc::new(ManualClock::at(3 * DAY));
    let queue = Service::open(&config, clock).await.expect("queue");
    let findings = [
        finding("a1", "E01", true),
        finding("a2", "Q01", true),
        finding("a3", "Q01", false),
    ];
    let held = BTreeSet::from(["Q01".to_owned()]);
    let taken = queue
        .take_dispatched(&findings, &held)
        .await
        .expect("taken");
    assert_eq!((taken.triage, taken.held, taken.unchanged), (1, 2, 0));
    // Lifted: they are taken; a reminder that is confirmed while held does not become a clue.
    let taken = queue.take_anomalies(&findings).await.expect("taken");
    assert_eq!((taken.triage, taken.reminded, taken.unchanged), (1, 1, 1));
    let confirmed = [finding("a3", "Q01", true)];
    let taken = queue
        .take_dispatched(&confirmed, &held)
        .await
        .expect("taken");
    assert_eq!((taken.triage, taken.held), (0, 1));
    // That a finding was withdrawn is told all the same.
    let mut withdrawn = finding("a2", "Q01", true);
    withdrawn.withdrawn = Some("later data".to_owned());
    let taken = queue
        .take_dispatched(&[withdrawn], &held)
        .await
        .expect("taken");
    assert_eq!(taken.withdrawn, 1);

    let cases = queue.list(&Filter::default()).await.expect("cases");
    let mut case = cases
        .into_iter()
        .find(|case| case.anomaly_id == "a1")
        .expect("case");
    assert_eq!(Feedback::of_case(&case), None, "not verified yet");
    case.rule_match = Some("mismatch".to_owned());
    case.true_cause = Some("calibration".to_owned());
    let mut reported = case.clone();
    reported.source_system = Some(SourceSystem::Complaint);
    assert_eq!(Feedback::of_case(&reported), None, "no rule found it");
    let told = Feedback::of_case(&case).expect("a verdict");
    assert_eq!(
        (
            told.verdict,
            told.cause.as_deref(),
            told.org_code.as_deref()
        ),
        (Verdict::Mismatch, Some("calibration"), Some("370522"))
    );
    let again = Feedback {
        recorded_at: told.recorded_at + DAY,
        ..told.clone()
    };
    assert_eq!(told.id(), again.id(), "read later, it is the same verdict");
}
