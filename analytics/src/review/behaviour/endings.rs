//! What ends, or goes on-site, without anybody deciding.

use super::super::calendar::beijing_text;
use super::super::case::Case;
use super::super::testing::{finding, monday};
use super::*;

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
    assert_eq!((fired.len(), fired[0].action.as_str()), (1, "escalate_s1"));
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

    // What the enterprise was asked about goes at once.
    let asked = bench.open("asked", Severity::S3).await;
    bench.act(&asked, "dispatch", "ana", Role::Analyst).await;
    bench.act(&asked, "deliver", "ana", Role::Analyst).await;
    worse(&bench, "asked").await;
    let shown = bench.service.show(&asked).await.unwrap();
    assert_eq!(shown.case.state, "to_onsite");
    let actions: Vec<&str> = shown
        .events
        .iter()
        .map(|event| event.action.as_str())
        .collect();
    assert_eq!(actions[actions.len() - 2..], ["absorb", "escalate_s1"]);
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
