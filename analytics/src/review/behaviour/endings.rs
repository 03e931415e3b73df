//! What ends, or goes on-site, without anybody deciding.

use super::super::calendar::beijing_text;
use super::super::case::Case;
use super::super::testing::{finding, monday, papers_for};
use super::*;
use nonsite_schemas::wire::inspection::Conclusion;

pub(super) async fn reminders_end_by_themselves(bench: Bench) {
    let mut early = finding("early", Severity::S3);
    early.confirmed = false;
    let mut gone = finding("gone", Severity::S3);
    gone.confirmed = false;
    bench
        .service
        .take_anomalies(&[early.clone(), gone.clone()])
        .await
        .unwrap();
    let ids = [&early, &gone].map(|found| Case::id_of(&found.anomaly_id));
    gone.withdrawn = Some("marked as maintenance".to_owned());
    let taken = bench.service.take_anomalies(&[gone.clone()]).await.unwrap();
    assert_eq!(taken.withdrawn, 1);
    assert_eq!(
        state(&bench, &ids[1]).await,
        "closed",
        "there is nothing to remind of"
    );
    bench.clock.set(monday() + 29 * DAY);
    assert_eq!(bench.service.tick().await.unwrap(), []);
    bench.clock.set(monday() + 40 * DAY);
    let fired = bench.service.tick().await.unwrap();
    assert_eq!((fired.len(), fired[0].action.as_str()), (1, "lapse"));
    assert_eq!(state(&bench, &ids[0]).await, "closed");

    // Nobody decided on them: what turns out to be right is a clue after all.
    early.confirmed = true;
    assert_eq!(
        bench
            .service
            .take_anomalies(&[early.clone()])
            .await
            .unwrap()
            .triage,
        1
    );
    assert_eq!(state(&bench, &ids[0]).await, "triage");
    gone.withdrawn = None;
    gone.confirmed = true;
    bench.service.take_anomalies(&[gone.clone()]).await.unwrap();
    let taken = bench.service.take_anomalies(&[gone]).await.unwrap();
    assert_eq!(taken.triage, 1);
    assert_eq!(state(&bench, &ids[1]).await, "triage");
    // Not what was read and is still a reminder.
    let mild = finding("mild", Severity::S4);
    bench
        .service
        .take_anomalies(std::slice::from_ref(&mild))
        .await
        .unwrap();
    let read = Case::id_of(&mild.anomaly_id);
    bench
        .act(&read, "acknowledge", "plant", Role::Enterprise)
        .await;
    assert_eq!(
        bench
            .service
            .take_anomalies(&[mild])
            .await
            .unwrap()
            .unchanged,
        1
    );
    assert_eq!(state(&bench, &read).await, "closed");
    sound(&bench).await;
}

pub(super) async fn finished_cases_are_filed_in_ten_working_days(bench: Bench) {
    let case = bench.open("file", Severity::S3).await;
    bench.act(&case, "dismiss", "ana", Role::Analyst).await;
    bench.act(&case, "dismiss", "bo", Role::Analyst).await;
    let due = bench
        .service
        .show(&case)
        .await
        .unwrap()
        .case
        .due_at
        .unwrap();
    assert_eq!(beijing_text(due), "2026-03-17 00:00");
    bench.clock.set(due);
    bench.service.tick().await.unwrap();
    assert!(bench.service.show(&case).await.unwrap().case.overdue);
    bench.act(&case, "close", "arch", Role::Archivist).await;
    sound(&bench).await;
}

pub(super) async fn an_s1_goes_on_site_by_itself(bench: Bench) {
    // Nobody looks at it.
    let left = bench.open("left", Severity::S1).await;
    bench.clock.set(monday() + 3 * HOUR);
    let fired = bench.service.tick().await.unwrap();
    let actions: Vec<&str> = fired.iter().map(|fired| fired.action.as_str()).collect();
    assert_eq!(actions, ["reminder", "escalate_s1"]);
    let shown = bench.service.show(&left).await.unwrap();
    assert_eq!(shown.case.state, "to_onsite");
    let row = shown.events.last().unwrap();
    assert_eq!(
        beijing_text(row.effective_at),
        "2026-03-02 11:00",
        "after two hours"
    );

    // What waits for triage becomes an S1 by a merge, after its own two hours would have been over.
    let merged = bench.open("merged", Severity::S3).await;
    bench.clock.advance(5 * HOUR);
    worse(&bench, "merged").await;
    let case = bench.service.show(&merged).await.unwrap().case;
    assert_eq!(case.state, "triage");
    assert_eq!(
        case.due_at,
        Some(bench.clock_now() + 2 * HOUR),
        "nobody is late for what is new"
    );
    bench.clock.advance(2 * HOUR);
    bench.service.tick().await.unwrap();
    assert_eq!(state(&bench, &merged).await, "to_onsite");

    // So does what was overdue already.
    let late = bench.open("late", Severity::S3).await;
    bench.clock.advance(5 * DAY);
    bench.service.tick().await.unwrap();
    assert!(bench.service.show(&late).await.unwrap().case.overdue);
    worse(&bench, "late").await;
    bench.clock.advance(2 * HOUR);
    bench.service.tick().await.unwrap();
    assert_eq!(state(&bench, &late).await, "to_onsite");
    sound(&bench).await;
}

pub(super) async fn an_s1_is_neither_asked_nor_verified_off_site(bench: Bench) {
    let case = bench.open("s1", Severity::S1).await;
    for action in ["dispatch", "verify"] {
        let why = bench.refuses(&case, action, "ana", Role::Analyst).await;
        assert!(
            why.contains("S1 须转现场核查") && why.contains("escalate it"),
            "{why}"
        );
    }
    assert_eq!(
        bench.act(&case, "escalate", "ana", Role::Analyst).await,
        "to_onsite"
    );
    // An S1 that comes back is no other.
    bench.act(&case, "onsite", "o-1", Role::Officer).await;
    bench
        .act(&case, "approve_onsite", "boss", Role::Approver)
        .await;
    bench.act(&case, "rectify", "o-1", Role::Officer).await;
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    bench.act(&case, "approve", "rev", Role::Reviewer).await;
    bench.act(&case, "approve", "rev-2", Role::Reviewer).await;
    bench.act(&case, "reopen", "sup", Role::Supervisor).await;
    let why = bench.refuses(&case, "verify", "ana", Role::Analyst).await;
    assert!(why.contains("S1 须转现场核查"), "{why}");
    assert_eq!(
        bench.act(&case, "escalate", "ana", Role::Analyst).await,
        "to_onsite",
        "nor does it wait for an approval"
    );
    sound(&bench).await;
}

/// A state, and who does what to get a case there from triage.
type Reached = (&'static str, &'static [(&'static str, &'static str, Role)]);

/// States in which a case waits for what is milder than S1.
const WAITING: [Reached; 9] = [
    ("dispatched", &[("dispatch", "ana", Role::Analyst)]),
    (
        "self_check",
        &[
            ("dispatch", "ana", Role::Analyst),
            ("deliver", "ana", Role::Analyst),
        ],
    ),
    (
        "answered",
        &[
            ("dispatch", "ana", Role::Analyst),
            ("deliver", "ana", Role::Analyst),
            ("answer", "plant", Role::Enterprise),
        ],
    ),
    ("verify_off", &[("verify", "ana", Role::Analyst)]),
    (
        "onsite_approval",
        &[
            ("verify", "ana", Role::Analyst),
            ("escalate", "o-1", Role::Officer),
        ],
    ),
    (
        "rectify",
        &[
            ("verify", "ana", Role::Analyst),
            ("rectify", "o-1", Role::Officer),
        ],
    ),
    (
        "extended",
        &[
            ("verify", "ana", Role::Analyst),
            ("rectify", "o-1", Role::Officer),
            ("request_extension", "plant", Role::Enterprise),
        ],
    ),
    (
        "submitted",
        &[
            ("verify", "ana", Role::Analyst),
            ("rectify", "o-1", Role::Officer),
            ("submit", "plant", Role::Enterprise),
        ],
    ),
    (
        "returned",
        &[
            ("verify", "ana", Role::Analyst),
            ("rectify", "o-1", Role::Officer),
            ("submit", "plant", Role::Enterprise),
            ("return", "rev", Role::Reviewer),
        ],
    ),
];

/// The case has become an S1 and is on its way to a visit.
async fn gone_on_site(bench: &Bench, case: &str) {
    let shown = bench.service.show(case).await.unwrap();
    assert_eq!(shown.case.state, "to_onsite");
    let due = beijing_text(shown.case.due_at.unwrap());
    let today = beijing_text(bench.clock_now() + DAY);
    assert_eq!(due[..10], today[..10], "the same day");
    let [.., absorb, escalated] = &shown.events[..] else {
        panic!("{:?}", shown.events);
    };
    assert_eq!(
        (absorb.action.as_str(), escalated.action.as_str()),
        ("absorb", "escalate_s1")
    );
}

pub(super) async fn what_becomes_an_s1_goes_on_site_at_once(bench: Bench) {
    for (waiting, steps) in WAITING {
        let case = bench.open(waiting, Severity::S3).await;
        for (action, name, role) in steps {
            let input = papers_for(action).with("due", "2026-03-12");
            bench.clock.advance(60_000_000);
            let done = bench
                .service
                .act(&case, action, &person(name, *role), &input)
                .await;
            assert!(done.is_ok(), "{action}: {done:?}");
        }
        assert_eq!(state(&bench, &case).await, waiting);
        worse(&bench, waiting).await;
        gone_on_site(&bench, &case).await;
        if waiting == "verify_off" {
            // The check that was going on is on record with how it ended, and does not count.
            let acts = bench.service.show(&case).await.unwrap().acts;
            assert_eq!(acts[0].conclusion, Some(Conclusion::ConvertToOnsite));
            assert!(!acts[0].counts && acts[0].lacking.join("; ").contains("officers"));
        }
    }
    let silent = bench.open("silent", Severity::S3).await;
    bench.act(&silent, "dispatch", "ana", Role::Analyst).await;
    bench.act(&silent, "deliver", "ana", Role::Analyst).await;
    bench.clock.advance(49 * HOUR);
    bench.service.tick().await.unwrap();
    assert_eq!(state(&bench, &silent).await, "no_answer");
    worse(&bench, "silent").await;
    gone_on_site(&bench, &silent).await;
    // Who is on the way already is not sent again.
    let mut more = finding("silent", Severity::S1);
    more.anomaly_id.push_str("-more");
    bench.service.take_anomalies(&[more]).await.unwrap();
    let shown = bench.service.show(&silent).await.unwrap();
    assert_eq!(shown.events.last().unwrap().action, "absorb");
    sound(&bench).await;
}

/// Another finding on the same outlet, S1.
async fn worse(bench: &Bench, id: &str) {
    let mut found = finding(id, Severity::S1);
    found.anomaly_id.push_str("-worse");
    assert_eq!(
        bench.service.take_anomalies(&[found]).await.unwrap().merged,
        1
    );
}
