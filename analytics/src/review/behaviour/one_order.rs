//! One cause, one order: however many rules see it.

use super::super::case::Case;
use super::super::testing::finding;
use super::*;

pub(super) async fn fifty_findings_of_one_cause_make_one_order(bench: Bench) {
    let findings: Vec<_> = (0..50_i64)
        .map(|number| {
            let mut found = finding(&format!("many-{number:02}"), Severity::S3);
            found.outlet_uid = Some("outlet-many".to_owned());
            found.mn = Some("mn-many".to_owned());
            found.rule_id = format!("R{number:02}");
            found.rule_group = ["exceedance", "quality", "transmission", "process", "power"]
                [usize::try_from(number % 5).unwrap()]
            .to_owned();
            // Each begins within the one before.
            found.window_start += number * HOUR / 2;
            found.window_end = found.window_start + HOUR;
            found
        })
        .collect();
    let taken = bench.service.take_anomalies(&findings).await.unwrap();
    assert_eq!((taken.triage, taken.merged), (1, 49));
    let case = Case::id_of(&findings[0].anomaly_id);
    let shown = bench.service.show(&case).await.unwrap();
    assert_eq!(shown.case.fire_count, 50);
    assert_eq!(shown.merged.len(), 49, "the order lists every finding");
    assert_eq!(shown.case.window_end, findings[49].window_end);
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    let counts = bench.service.counts().await.unwrap();
    assert_eq!(
        counts,
        [("dispatched".to_owned(), 1), ("merged".to_owned(), 49)]
    );
    sound(&bench).await;
}

pub(super) async fn another_time_or_another_outlet_is_another_cause(bench: Bench) {
    let first = finding("one", Severity::S3);
    let mut later = finding("later", Severity::S3);
    later.outlet_uid = first.outlet_uid.clone();
    later.rule_group = "quality".to_owned();
    later.window_start = first.window_end;
    later.window_end = first.window_end + HOUR;
    let mut elsewhere = finding("elsewhere", Severity::S3);
    elsewhere.rule_group = "quality".to_owned();
    // A permit as a whole: only its own kind merges.
    let mut yearly = finding("yearly", Severity::S3);
    (yearly.outlet_uid, yearly.mn) = (None, None);
    let mut report = yearly.clone();
    report.anomaly_id = "anomaly-report".to_owned();
    report.rule_group = "permit".to_owned();
    let all = [first, later, elsewhere, yearly, report];
    let taken = bench.service.take_anomalies(&all).await.unwrap();
    assert_eq!((taken.triage, taken.merged), (5, 0));
}
