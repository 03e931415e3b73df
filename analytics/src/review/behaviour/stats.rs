//! Targets over a few cases whose outcome is known.

use super::super::stats::{Figure, Rate};
use super::*;
use crate::ratio::Period;

/// The figures of the running year, as of now.
async fn figures(bench: &Bench) -> Vec<Figure> {
    let period = Period::year(2026).unwrap();
    bench
        .service
        .stats(&period, bench.clock_now())
        .await
        .unwrap()
}

fn rates(figures: &[Figure]) -> Vec<(&'static str, u64, u64, u64)> {
    figures
        .iter()
        .map(|figure| {
            (
                figure.code,
                figure.rate.hits,
                figure.rate.of,
                figure.undecided,
            )
        })
        .collect()
}

pub(super) async fn figures_count_decisions_and_lead_to_their_rows(bench: Bench) {
    // Right, returned once, then approved: its look-back runs.
    let good = submitted(&bench, "good", Severity::S3).await;
    bench.act(&good, "return", "rev", Role::Reviewer).await;
    bench.act(&good, "submit", "plant", Role::Enterprise).await;
    bench.act(&good, "approve", "rev", Role::Reviewer).await;
    // Wrong, by two persons.
    let wrong = bench.open("wrong", Severity::S3).await;
    bench.act(&wrong, "dismiss", "ana", Role::Analyst).await;
    bench.act(&wrong, "dismiss", "bo", Role::Analyst).await;
    // Asked and silent so far; asked and not yet delivered.
    let silent = bench.open("silent", Severity::S3).await;
    bench.act(&silent, "dispatch", "ana", Role::Analyst).await;
    bench.act(&silent, "deliver", "ana", Role::Analyst).await;

    let now = figures(&bench).await;
    assert_eq!(
        rates(&now),
        [
            ("answered_in_time", 1, 1, 1),
            ("clue_precision", 1, 2, 0),
            ("reviewed_in_time", 2, 2, 0),
            ("passed_first_time", 0, 1, 0),
            ("rectified_for_good", 0, 0, 1),
            ("chain_closed", 0, 1, 0),
            ("served_same_day", 0, 0, 0),
        ]
    );
    let precision = &now[1];
    assert_eq!(precision.percent.as_deref(), Some("50.00"));
    assert_eq!(precision.by_org["370522"], Rate { hits: 1, of: 2 });
    let rows: Vec<(&str, &str, bool)> = precision
        .rows
        .iter()
        .map(|row| (row.case_id.as_str(), row.action.as_str(), row.hit))
        .collect();
    assert_eq!(
        rows,
        [
            (good.as_str(), "rectify", true),
            (wrong.as_str(), "dismiss", false)
        ]
    );
    // Bench acts once a minute: delivered, answered.
    let minutes = now[0].median_hours.unwrap() * 60.0;
    assert!((minutes - 1.0).abs() < 1e-9, "{minutes}");

    // A submission nobody looks at, and time: the review is overdue, the look-back over.
    let late = submitted(&bench, "late", Severity::S3).await;
    bench.clock.advance(35 * DAY);
    bench.service.tick().await.unwrap();
    bench.act(&late, "approve", "rev", Role::Reviewer).await;
    let then = figures(&bench).await;
    assert_eq!(
        rates(&then),
        [
            ("answered_in_time", 2, 3, 0),
            ("clue_precision", 2, 3, 0),
            ("reviewed_in_time", 2, 3, 0),
            ("passed_first_time", 1, 2, 0),
            ("rectified_for_good", 1, 1, 1),
            ("chain_closed", 1, 2, 0),
            ("served_same_day", 0, 0, 0),
        ]
    );
    let before = Period::year(2025).unwrap();
    let none = bench
        .service
        .stats(&before, bench.clock_now())
        .await
        .unwrap();
    assert!(none.iter().all(|figure| figure.rate.of == 0));
    assert!(none.iter().all(|figure| figure.percent.is_none()));
}
