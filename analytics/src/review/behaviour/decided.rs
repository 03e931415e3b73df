//! What is found once a case was decided on.

use super::super::case::Case;
use super::super::intake::{Finding, Intake};
use super::super::parts::{Role, Severity};
use super::super::testing::{Bench, finding, monday};
use super::{DAY, HOUR, sound, state, submitted};

/// A further finding on the outlet of `id`, `days` after Monday.
fn again(id: &str, days: i64, severity: Severity) -> Finding {
    let mut found = finding(id, severity);
    found.anomaly_id = format!("anomaly-{id}-day-{days}-{}", severity.code());
    found.window_start = monday() + days * DAY;
    found.window_end = found.window_start + HOUR;
    found
}

async fn take(bench: &Bench, findings: &[Finding]) -> Intake {
    bench.service.take_anomalies(findings).await.unwrap()
}

async fn fired(bench: &Bench, id: &str) -> u32 {
    bench.service.show(id).await.unwrap().case.fire_count
}

pub(super) async fn what_is_found_after_a_dismissal_is_a_clue_of_its_own(bench: Bench) {
    let case = bench.open("alarm", Severity::S3).await;
    bench.act(&case, "dismiss", "ana", Role::Analyst).await;
    // The first signature decides nothing yet.
    assert_eq!(
        take(&bench, &[again("alarm", -2, Severity::S3)])
            .await
            .merged,
        1
    );
    for name in ["ana", "bo"] {
        bench.act(&case, "dismiss", name, Role::Analyst).await;
    }
    assert_eq!(state(&bench, &case).await, "dismissed");
    // Another rule on what was dismissed, the same kind the day after, and once more after that.
    let mut other_rule = finding("alarm", Severity::S3);
    other_rule.anomaly_id.push_str("-other");
    other_rule.rule_group = "quality".to_owned();
    let next = again("alarm", 1, Severity::S3);
    bench.clock.set(monday() + 3 * DAY);
    let taken = take(&bench, &[other_rule.clone(), next.clone()]).await;
    assert_eq!((taken.triage, taken.merged), (2, 0));
    let taken = take(&bench, &[again("alarm", 2, Severity::S3)]).await;
    assert_eq!(
        (taken.triage, taken.merged),
        (0, 1),
        "one open clue of a kind"
    );
    assert_eq!(
        (state(&bench, &case).await, fired(&bench, &case).await),
        ("dismissed".to_owned(), 2)
    );
    // Whoever decides on it sees what was decided, on file or not.
    let new = Case::id_of(&next.anomaly_id);
    let checked = bench.service.already_checked(&new, None).await.unwrap();
    assert_eq!(checked.len(), 1);
    assert_eq!(
        (checked[0].id.as_str(), checked[0].result.as_str()),
        (case.as_str(), "mismatch dismissed")
    );
    bench.act(&case, "close", "arch", Role::Archivist).await;
    let checked = bench.service.already_checked(&new, None).await.unwrap();
    assert_eq!(checked[0].result, "mismatch");
    sound(&bench).await;
}

/// What leads from triage to a decision; the last step is the decision.
type Way = (&'static str, &'static [(&'static str, &'static str, Role)]);

const DECISIONS: [Way; 3] = [
    (
        "no_penalty",
        &[
            ("verify", "ana", Role::Analyst),
            ("file", "o-1", Role::Officer),
            ("no_penalty", "law", Role::Legal),
        ],
    ),
    (
        "transferred",
        &[
            ("verify", "ana", Role::Analyst),
            ("file", "o-1", Role::Officer),
            ("accept_case", "law", Role::Legal),
            ("transfer", "law", Role::Legal),
        ],
    ),
    (
        "case",
        &[
            ("verify", "ana", Role::Analyst),
            ("file", "o-1", Role::Officer),
            ("accept_case", "law", Role::Legal),
            ("notify", "inv", Role::Investigator),
            ("waive_hearing", "plant", Role::Enterprise),
            ("decide", "law", Role::Legal),
        ],
    ),
];

pub(super) async fn what_is_found_after_a_decision_is_a_clue_of_its_own(bench: Bench) {
    for (decided, steps) in DECISIONS {
        let case = bench.open(decided, Severity::S3).await;
        let (last, before) = steps.split_last().unwrap();
        for (action, name, role) in before {
            bench.act(&case, action, name, *role).await;
        }
        // As long as it is investigated, what goes on is part of it.
        let taken = take(&bench, &[again(decided, -3, Severity::S3)]).await;
        assert_eq!((taken.triage, taken.merged), (0, 1), "{decided}");
        let (action, name, role) = last;
        assert_eq!(bench.act(&case, action, name, *role).await, decided);
        let taken = take(&bench, &[again(decided, -2, Severity::S3)]).await;
        assert_eq!((taken.triage, taken.merged), (1, 0), "{decided}");
        assert_eq!(fired(&bench, &case).await, 2, "{decided}");
    }
    sound(&bench).await;
}

pub(super) async fn what_is_worse_than_was_approved_is_a_clue_of_its_own(bench: Bench) {
    let case = submitted(&bench, "worse", Severity::S3).await;
    bench.act(&case, "approve", "rev", Role::Reviewer).await;
    bench.clock.set(monday() + 2 * DAY);
    // The old trouble, told late: the approval answers it, but not what is worse.
    let taken = take(&bench, &[again("worse", -3, Severity::S3)]).await;
    assert_eq!((taken.triage, taken.merged), (0, 1));
    let taken = take(&bench, &[again("worse", -3, Severity::S1)]).await;
    assert_eq!((taken.triage, taken.merged), (1, 0));
    let approved = bench.service.show(&case).await.unwrap().case;
    assert_eq!(
        (approved.state.as_str(), approved.severity),
        ("look_back", Severity::S3)
    );
    let new = Case::id_of(&again("worse", -3, Severity::S1).anomaly_id);
    let checked = bench.service.already_checked(&new, None).await.unwrap();
    assert_eq!(checked[0].result, "match look_back");
    // After the measures it is a relapse, however severe.
    let taken = take(&bench, &[again("worse", 1, Severity::S2)]).await;
    assert_eq!((taken.triage, taken.reopened), (0, 1));
    assert_eq!(state(&bench, &case).await, "reopened");
    sound(&bench).await;
}
