//! The queue: claims, order, intake, lists, the clock.

use super::super::calendar::{HOUR, beijing_text};
use super::super::error::Error;
use super::super::parts::{Role, Severity};
use super::super::store::Filter;
use super::super::testing::{Bench, finding, monday, person};
use super::{sound, state};

pub(super) async fn claims_bind_and_run_out(bench: Bench) {
    let case = bench.open("claim", Severity::S3).await;
    let ana = person("ana", Role::Analyst);
    let claimed = bench.service.claim(&case, &ana).await.unwrap();
    assert_eq!(claimed.held_by(bench.clock_now()), Some("ana"));
    let taken = bench
        .service
        .claim(&case, &person("bob", Role::Analyst))
        .await
        .unwrap_err();
    assert!(
        taken.to_string().contains("ana has claimed the case"),
        "{taken}"
    );
    let acting = bench.refuses(&case, "dispatch", "bob", Role::Analyst).await;
    assert!(acting.contains("ana has claimed the case"), "{acting}");
    let wrong = bench
        .service
        .claim(&case, &person("plant", Role::Enterprise))
        .await
        .unwrap_err();
    assert!(
        wrong.to_string().contains("nothing to do in this state"),
        "{wrong}"
    );
    let none = bench
        .service
        .claim_next(&person("bob", Role::Analyst), &[], None)
        .await
        .unwrap();
    assert_eq!(none, None);
    bench.clock.advance(9 * HOUR);
    let next = bench
        .service
        .claim_next(&person("bob", Role::Analyst), &[], None)
        .await
        .unwrap();
    assert_eq!(
        next.map(|case| case.case_id),
        Some(case.clone()),
        "the claim ran out after 8 h"
    );
    let not_mine = bench.service.release(&case, &ana).await.unwrap_err();
    assert!(not_mine.to_string().contains("does not hold"), "{not_mine}");
    bench
        .service
        .release(&case, &person("bob", Role::Analyst))
        .await
        .unwrap();
    assert_eq!(
        bench.act(&case, "dispatch", "ana", Role::Analyst).await,
        "dispatched"
    );
    sound(&bench).await;
}

pub(super) async fn the_worst_and_most_urgent_is_handed_out_first(bench: Bench) {
    bench.open("mild", Severity::S3).await;
    bench.clock.advance(HOUR);
    let worst = bench.open("worst", Severity::S1).await;
    let serious = bench.open("serious", Severity::S2).await;
    let ana = person("ana", Role::Analyst);
    let mut order = Vec::new();
    while let Some(case) = bench
        .service
        .claim_next(&ana, &[], Some("370522"))
        .await
        .unwrap()
    {
        order.push(case.case_id);
    }
    assert_eq!(order.len(), 3);
    assert_eq!(order[..2], [worst, serious]);
    let elsewhere = bench
        .service
        .claim_next(&ana, &[], Some("000000"))
        .await
        .unwrap();
    assert_eq!(elsewhere, None);
    let nothing = bench
        .service
        .claim_next(&person("x", Role::Investigator), &[], None)
        .await;
    assert!(nothing.is_ok(), "investigators have the case state");
}

pub(super) async fn findings_are_taken_once(bench: Bench) {
    let first = finding("a", Severity::S3);
    let mut same_outlet = finding("b", Severity::S2);
    same_outlet.outlet_uid = first.outlet_uid.clone();
    let mut other_group = finding("c", Severity::S3);
    other_group.outlet_uid = first.outlet_uid.clone();
    other_group.rule_group = "quality".to_owned();
    // Another time: another cause.
    other_group.window_start -= 5 * HOUR;
    other_group.window_end -= 5 * HOUR;
    let mut provisional = finding("d", Severity::S2);
    provisional.confirmed = false;
    let mild = finding("e", Severity::S4);
    let mut exempt = finding("f", Severity::S3);
    exempt.exempt_code = Some("M4".to_owned());
    let mut gone = finding("g", Severity::S3);
    gone.withdrawn = Some("back-filled".to_owned());
    let all = [
        first,
        same_outlet,
        other_group,
        provisional.clone(),
        mild,
        exempt,
        gone,
    ];
    let taken = bench.service.take_anomalies(&all).await.unwrap();
    assert_eq!(
        (taken.triage, taken.merged, taken.reminded, taken.unchanged),
        (2, 1, 3, 1)
    );
    let again = bench.service.take_anomalies(&all).await.unwrap();
    assert_eq!(
        (again.unchanged, again.triage, again.merged, again.reminded),
        (7, 0, 0, 0)
    );

    // The worse of the two on one outlet was opened first, the other joined it.
    let parent = super::super::case::Case::id_of("anomaly-b");
    let child = bench
        .service
        .show(&super::super::case::Case::id_of("anomaly-a"))
        .await
        .unwrap()
        .case;
    assert_eq!(
        (child.state.as_str(), child.parent_id.as_deref()),
        ("merged", Some(parent.as_str()))
    );
    assert_eq!(
        bench.service.show(&parent).await.unwrap().case.fire_count,
        2
    );

    provisional.confirmed = true;
    let later = bench
        .service
        .take_anomalies(&[provisional.clone()])
        .await
        .unwrap();
    assert_eq!(
        later.triage, 1,
        "a reminder that was confirmed becomes a clue"
    );
    provisional.withdrawn = Some("marked as maintenance".to_owned());
    let withdrawn = bench
        .service
        .take_anomalies(&[provisional.clone()])
        .await
        .unwrap();
    assert_eq!(withdrawn.withdrawn, 1);
    let case = bench
        .service
        .show(&super::super::case::Case::id_of("anomaly-d"))
        .await
        .unwrap();
    assert_eq!(
        case.case.withdrawn.as_deref(),
        Some("marked as maintenance")
    );
    assert_eq!(
        case.case.state, "triage",
        "a person decides what a withdrawal means"
    );
    assert_eq!(
        bench
            .service
            .take_anomalies(&[provisional])
            .await
            .unwrap()
            .unchanged,
        1
    );
    sound(&bench).await;
}

pub(super) async fn a_worse_finding_makes_its_case_worse(bench: Bench) {
    let case = bench.open("mild", Severity::S3).await;
    let before = bench.service.show(&case).await.unwrap().case;
    let mut worse = finding("worse", Severity::S1);
    worse.outlet_uid = before.outlet_uid.clone();
    bench.service.take_anomalies(&[worse]).await.unwrap();
    let after = bench.service.show(&case).await.unwrap().case;
    assert_eq!(after.severity, Severity::S1);
    assert_eq!(after.due_at.unwrap() - after.clock_from, 2 * HOUR);
    assert_eq!(
        bench.act(&case, "escalate", "ana", Role::Analyst).await,
        "to_onsite"
    );
    let due = bench
        .service
        .show(&case)
        .await
        .unwrap()
        .case
        .due_at
        .unwrap();
    assert_eq!(
        beijing_text(due),
        "2026-03-03 00:00",
        "S1 is visited the same day"
    );
}

pub(super) async fn lists_filter_and_ids_can_be_shortened(bench: Bench) {
    let one = bench.open("one", Severity::S3).await;
    bench.open("two", Severity::S2).await;
    bench.act(&one, "dispatch", "ana", Role::Analyst).await;
    let list = |filter: Filter| {
        let service = bench.service.clone();
        async move { service.list(&filter).await.unwrap() }
    };
    assert_eq!(list(Filter::default()).await.len(), 2);
    let triage = Filter {
        states: vec!["triage".to_owned()],
        ..Filter::default()
    };
    assert_eq!(list(triage).await.len(), 1);
    assert_eq!(
        list(Filter {
            limit: 1,
            ..Filter::default()
        })
        .await[0]
            .severity,
        Severity::S2
    );
    let elsewhere = Filter {
        org_code: Some("x".to_owned()),
        ..Filter::default()
    };
    assert!(list(elsewhere).await.is_empty());
    assert_eq!(bench.service.resolve(&one[..9]).await.unwrap(), one);
    assert!(matches!(
        bench.service.resolve("c").await,
        Err(Error::Ambiguous { .. })
    ));
    assert!(matches!(
        bench.service.resolve("%").await,
        Err(Error::NotFound(_))
    ));
    let counts = bench.service.counts().await.unwrap();
    assert_eq!(
        counts,
        [("dispatched".to_owned(), 1), ("triage".to_owned(), 1)]
    );
}

pub(super) async fn a_clock_that_runs_backwards_writes_nothing(bench: Bench) {
    let case = bench.open("clock", Severity::S3).await;
    bench.clock.set(monday() - HOUR);
    let refused = bench.refuses(&case, "dispatch", "ana", Role::Analyst).await;
    assert!(refused.contains("check the machine's clock"), "{refused}");
    assert_eq!(state(&bench, &case).await, "triage");
    sound(&bench).await;
}
