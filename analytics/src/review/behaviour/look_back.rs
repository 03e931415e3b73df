//! The look-back after approval: relapse, silence, and both found out late.

use super::super::calendar::beijing_text;
use super::super::case::Case;
use super::super::intake::{Finding, Intake};
use super::super::parts::{Role, Severity};
use super::super::recheck::Verdict;
use super::super::testing::{Bench, finding, monday, papers, person};
use super::{DAY, sound, state, submitted};

/// Opens a case and takes it into its look-back.
async fn looked_back_on(bench: &Bench, id: &str, severity: Severity) -> String {
    let case = submitted(bench, id, severity).await;
    bench.act(&case, "approve", "rev", Role::Reviewer).await;
    if severity <= Severity::S2 {
        bench.act(&case, "approve", "rev-2", Role::Reviewer).await;
    }
    assert_eq!(state(bench, &case).await, "look_back");
    case
}

/// A further finding on the outlet of `id`, `days` after Monday.
fn again(id: &str, days: i64) -> Finding {
    let mut found = finding(id, Severity::S3);
    found.anomaly_id = format!("anomaly-{id}-day-{days}");
    found.rule_id = "E03".to_owned();
    found.window_start = monday() + days * DAY;
    found.window_end = found.window_start + DAY / 24;
    found
}

async fn take(bench: &Bench, findings: &[Finding]) -> Intake {
    bench.service.take_anomalies(findings).await.unwrap()
}

pub(super) async fn a_relapse_reopens_its_case(bench: Bench) {
    let case = looked_back_on(&bench, "relapse", Severity::S3).await;
    bench.clock.set(monday() + 4 * DAY);
    let relapse = again("relapse", 3);
    let taken = take(&bench, std::slice::from_ref(&relapse)).await;
    assert_eq!((taken.reopened, taken.triage, taken.merged), (1, 0, 0));
    let shown = bench.service.show(&case).await.unwrap();
    assert_eq!(shown.case.state, "reopened");
    assert_eq!(shown.case.fire_count, 2);
    assert!(shown.case.due_at.is_some(), "the analyst has a deadline");
    let event = shown
        .events
        .iter()
        .find(|event| event.action == "relapse")
        .unwrap();
    assert_eq!(event.reason_code.as_deref(), Some("relapse"));
    assert_eq!(event.fields["relapse_at"], "2026-03-05 09:00");
    assert!(event.note.as_deref().unwrap().contains("E03"));
    let child = Case::id_of(&relapse.anomaly_id);
    let child = bench.service.show(&child).await.unwrap().case;
    assert_eq!(
        (child.state.as_str(), child.parent_id),
        ("merged", Some(case.clone()))
    );
    assert_eq!(take(&bench, &[relapse]).await.unchanged, 1, "once");

    // A later one is part of the reopened case; the deadline of the look-back no longer counts.
    assert_eq!(take(&bench, &[again("relapse", 4)]).await.merged, 1);
    bench.clock.set(monday() + 60 * DAY);
    bench.service.tick().await.unwrap();
    assert_eq!(state(&bench, &case).await, "reopened");
    sound(&bench).await;
}

pub(super) async fn silence_closes_when_the_look_back_is_over(bench: Bench) {
    let light = looked_back_on(&bench, "light", Severity::S3).await;
    let serious = looked_back_on(&bench, "serious", Severity::S2).await;
    bench.clock.set(monday() + 7 * DAY);
    assert_eq!(bench.service.tick().await.unwrap(), []);
    bench.clock.set(monday() + 20 * DAY);
    let fired = bench.service.tick().await.unwrap();
    assert!(
        fired.iter().all(|fired| fired.action == "check"),
        "{fired:?}"
    );
    assert_eq!(fired.len(), 2);
    let checked = bench.service.show(&light).await.unwrap();
    assert_eq!(checked.case.state, "look_back", "30 days");
    let row = checked.events.last().unwrap();
    assert_eq!(
        (row.action.as_str(), row.fields["check"].as_str()),
        ("check", "7")
    );
    assert_eq!(
        (
            row.fields["result"].as_str(),
            row.fields["recheck_hours"].as_str()
        ),
        ("passed", "48")
    );
    assert_eq!(
        beijing_text(row.effective_at),
        "2026-03-10 00:00",
        "as of the end of the seventh day, however late the engine was"
    );
    bench.clock.set(monday() + 40 * DAY);
    bench.service.tick().await.unwrap();
    for case in [&light, &serious] {
        let closed = bench.service.show(case).await.unwrap().case;
        assert_eq!(closed.state, "closed");
        assert_eq!(beijing_text(closed.closed_at.unwrap()), "2026-04-02 00:00");
        let days: Vec<u32> = closed.checks.iter().map(|check| check.day).collect();
        assert_eq!(days, [7, 30]);
        assert!(!closed.closed_unjudged());
    }

    // What comes after the look-back is a clue of its own.
    assert_eq!(take(&bench, &[again("light", 38)]).await.triage, 1);
    assert_eq!(state(&bench, &light).await, "closed");
    sound(&bench).await;
}

pub(super) async fn a_check_that_fires_reopens(bench: Bench) {
    let case = looked_back_on(&bench, "fires", Severity::S3).await;
    bench.tell(Some(Verdict::StillFailing));
    bench.clock.set(monday() + 9 * DAY);
    // A person who comes before the engine finds it reopened all the same.
    let refused = bench
        .refuses(&case, "relapse", "sup", Role::Supervisor)
        .await;
    assert!(refused.contains("`reopened`"), "{refused}");
    let shown = bench.service.show(&case).await.unwrap();
    let [.., check, relapse] = &shown.events[..] else {
        panic!("{:?}", shown.events);
    };
    assert_eq!(
        (check.action.as_str(), check.fields["result"].as_str()),
        ("check", "fired")
    );
    assert_eq!(
        (relapse.action.as_str(), relapse.role.as_str()),
        ("relapse", "engine")
    );
    assert_eq!(relapse.fields["relapse_at"], "2026-03-04 09:00");
    assert!(relapse.note.as_deref().unwrap().contains("day 7"));
    assert!(shown.case.due_at.is_some(), "the analyst has a deadline");
    sound(&bench).await;
}

pub(super) async fn what_nobody_could_judge_is_told(bench: Bench) {
    let case = looked_back_on(&bench, "unjudged", Severity::S3).await;
    bench.tell(Some(Verdict::NothingJudged));
    bench.clock.set(monday() + 40 * DAY);
    bench.service.tick().await.unwrap();
    let closed = bench.service.show(&case).await.unwrap().case;
    assert_eq!(closed.state, "closed");
    assert!(closed.closed_unjudged());
    sound(&bench).await;
}

pub(super) async fn a_check_waits_for_tables_and_holds_nothing_else_up(bench: Bench) {
    let case = looked_back_on(&bench, "waits", Severity::S3).await;
    let other = looked_back_on(&bench, "waits-too", Severity::S3).await;
    let clue = bench.open("waits-not", Severity::S3).await;
    bench.tell(None);
    bench.clock.set(monday() + 40 * DAY);
    let fired = bench.service.tick().await.unwrap();
    assert!(fired.iter().all(|fired| fired.case_id == clue), "{fired:?}");
    assert!(bench.service.show(&clue).await.unwrap().case.overdue);
    for case in [&case, &other] {
        assert_eq!(state(&bench, case).await, "look_back");
    }
    bench.tell(Some(Verdict::Silent));
    bench.service.tick().await.unwrap();
    for case in [&case, &other] {
        assert_eq!(state(&bench, case).await, "closed");
    }
    sound(&bench).await;
}

pub(super) async fn what_began_before_the_measures_is_no_relapse(bench: Bench) {
    let case = looked_back_on(&bench, "old", Severity::S3).await;
    bench.clock.set(monday() + 2 * DAY);
    let old = again("old", -2);
    assert_eq!(take(&bench, &[old]).await.merged, 1);
    assert_eq!(state(&bench, &case).await, "look_back");
    // The same outlet by another kind of rule, and the same rules on another outlet.
    let mut other_kind = again("old", 2);
    other_kind.anomaly_id.push_str("-kind");
    other_kind.rule_group = "quality".to_owned();
    let mut other_outlet = again("old", 2);
    other_outlet.anomaly_id.push_str("-outlet");
    other_outlet.outlet_uid = Some("outlet-elsewhere".to_owned());
    let mut not_sure = again("old", 2);
    not_sure.confirmed = false;
    let taken = take(&bench, &[other_kind, other_outlet, not_sure.clone()]).await;
    assert_eq!((taken.triage, taken.reminded, taken.reopened), (2, 1, 0));
    assert_eq!(state(&bench, &case).await, "look_back");
    // Confirmed, the provisional one is a relapse.
    not_sure.confirmed = true;
    assert_eq!(take(&bench, &[not_sure]).await.reopened, 1);
    assert_eq!(state(&bench, &case).await, "reopened");
    sound(&bench).await;
}

pub(super) async fn a_relapse_is_found_in_either_order_after_downtime(bench: Bench) {
    let findings_first = looked_back_on(&bench, "first", Severity::S3).await;
    let ticks_first = looked_back_on(&bench, "second", Severity::S3).await;
    let quiet = looked_back_on(&bench, "quiet", Severity::S3).await;
    bench.clock.set(monday() + 45 * DAY);
    // Nothing ran for weeks. On one case the findings come before the deadlines, on another after.
    let taken = take(&bench, &[again("first", 3), again("first", 40)]).await;
    assert_eq!((taken.reopened, taken.merged, taken.triage), (1, 1, 0));
    bench.service.tick().await.unwrap();
    assert_eq!(state(&bench, &ticks_first).await, "closed");
    let taken = take(&bench, &[again("second", 3), again("second", 40)]).await;
    assert_eq!((taken.reopened, taken.merged, taken.triage), (1, 1, 0));
    for case in [&findings_first, &ticks_first] {
        let case = bench.service.show(case).await.unwrap().case;
        assert_eq!((case.state.as_str(), case.fire_count), ("reopened", 3));
    }

    // Only after its end: the look-back was quiet, and ends before the new clue begins.
    let late = take(&bench, &[again("quiet", 40)]).await;
    assert_eq!((late.reopened, late.merged, late.triage), (0, 0, 1));
    assert_eq!(state(&bench, &quiet).await, "closed");
    sound(&bench).await;
}

pub(super) async fn measures_are_not_dated_in_the_future(bench: Bench) {
    let case = bench.open("future", Severity::S3).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "rectify", "o-1", Role::Officer).await;
    let tomorrow = papers().with("measure_date", "2026-03-03");
    let plant = person("plant", Role::Enterprise);
    let refused = bench
        .service
        .act(&case, "submit", &plant, &tomorrow)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("lies in the future"),
        "{refused}"
    );
}
