//! Documents that are served together, and the share that was served on the day.

use super::super::bundle::Serving;
use super::super::testing::person;
use super::*;
use crate::ratio::Period;
use nonsite_schemas::time::{beijing_day, beijing_day_start};

pub(super) async fn bundles_are_printed_served_and_counted(bench: Bench) {
    let case = bench.open("visited", Severity::S1).await;
    bench.act(&case, "escalate", "ana", Role::Analyst).await;
    bench.act(&case, "onsite", "o-1", Role::Officer).await;
    let pages = bench
        .service
        .print_bundle(&case, "four_notices", None)
        .await
        .unwrap();
    assert_eq!(pages.len(), 4);
    for text in ["待本局确认", "Plant", "o-1, o-2", "approval-1"] {
        assert!(
            pages[0].html.contains(text),
            "no `{text}` in\n{}",
            pages[0].html
        );
    }
    let again = bench
        .service
        .print_bundle(&case, "four_notices", None)
        .await;
    assert_eq!(again.unwrap(), pages, "the same case prints the same page");
    let early = bench
        .service
        .print_bundle(&case, "five_documents", None)
        .await;
    let early = early.unwrap_err().to_string();
    assert!(early.contains("state `onsite_done`"), "{early}");

    let officer = person("o-1", Role::Officer);
    let bare = bench
        .service
        .serve_bundle(&case, "four_notices", &officer, &Serving::default())
        .await
        .unwrap_err();
    assert!(
        bare.to_string().contains("`channel` and `receipt`"),
        "{bare}"
    );
    let serving = Serving {
        channel: "in person".to_owned(),
        receipt: "signed <b>".to_owned(),
        served_at: None,
    };
    bench.clock.advance(HOUR);
    let after = bench
        .service
        .serve_bundle(&case, "four_notices", &officer, &serving)
        .await
        .unwrap();
    assert_eq!(after.state, "onsite_done");
    let row = bench
        .service
        .show(&case)
        .await
        .unwrap()
        .events
        .pop()
        .unwrap();
    assert_eq!(row.fields["bundle_version"], "draft-1");
    assert_eq!(row.fields["receipt"], "signed <b>");
    assert_eq!(row.fields["documents_sha256"].len(), 64);

    // Another visit whose bundle came a day late, and one of today.
    let late = bench.open("late", Severity::S1).await;
    bench.act(&late, "escalate", "ana", Role::Analyst).await;
    bench.act(&late, "onsite", "o-1", Role::Officer).await;
    bench.clock.advance(DAY);
    bench
        .service
        .serve_bundle(&late, "four_notices", &officer, &serving)
        .await
        .unwrap();
    let today = bench.open("today", Severity::S1).await;
    bench.act(&today, "escalate", "ana", Role::Analyst).await;
    bench.act(&today, "onsite", "o-1", Role::Officer).await;
    // And one on which it was served on entering, before the visit was recorded.
    let entering = bench.open("entering", Severity::S1).await;
    bench.act(&entering, "escalate", "ana", Role::Analyst).await;
    // Said by the day, which is not over: today is now.
    let day_ends = beijing_day_start(beijing_day(bench.clock_now()) + 1) - 1;
    let on_the_day = Serving {
        served_at: Some(day_ends),
        ..serving.clone()
    };
    bench
        .service
        .serve_bundle(&entering, "four_notices", &officer, &on_the_day)
        .await
        .unwrap();
    let told = bench.service.show(&entering).await.unwrap().events;
    let told = told.last().unwrap();
    assert_eq!(told.effective_at, bench.clock_now());
    let tomorrow = Serving {
        served_at: Some(day_ends + 24 * HOUR),
        ..serving.clone()
    };
    let early = bench
        .service
        .serve_bundle(&entering, "four_notices", &officer, &tomorrow)
        .await;
    let early = early.unwrap_err().to_string();
    assert!(early.contains("lies in the future"), "{early}");
    bench.act(&entering, "onsite", "o-1", Role::Officer).await;
    let period = Period::year(2026).unwrap();
    let figures = bench
        .service
        .stats(&period, bench.clock_now())
        .await
        .unwrap();
    let served = figures.last().unwrap();
    assert_eq!(served.code, "served_same_day");
    assert_eq!(
        (served.rate.hits, served.rate.of, served.undecided),
        (2, 3, 1)
    );
    sound(&bench).await;
}

pub(super) async fn what_was_checked_of_late_is_pointed_out(bench: Bench) {
    let first = bench.open("first", Severity::S3).await;
    bench.act(&first, "dismiss", "ana", Role::Analyst).await;
    bench.act(&first, "dismiss", "bo", Role::Analyst).await;
    bench.act(&first, "close", "arch", Role::Archivist).await;
    let mut next = super::super::testing::finding("next", Severity::S3);
    next.outlet_uid = Some("outlet-first".to_owned());
    let mut elsewhere = super::super::testing::finding("elsewhere", Severity::S3);
    elsewhere.outlet_uid = Some("outlet-elsewhere".to_owned());
    bench
        .service
        .take_anomalies(&[next.clone(), elsewhere.clone()])
        .await
        .unwrap();
    let id =
        |found: &super::super::intake::Finding| super::super::case::Case::id_of(&found.anomaly_id);
    let checked = bench
        .service
        .already_checked(&id(&next), None)
        .await
        .unwrap();
    assert_eq!(checked.len(), 1);
    assert_eq!((checked[0].kind, &checked[0].id), ("case", &first));
    assert_eq!(checked[0].result, "mismatch");
    let other = bench.service.already_checked(&id(&elsewhere), None).await;
    assert_eq!(other.unwrap(), []);
    bench.clock.advance(40 * DAY);
    let later = bench.service.already_checked(&id(&next), None).await;
    assert_eq!(later.unwrap(), [], "30 days");
}
