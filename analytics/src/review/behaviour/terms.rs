//! Lengths of a file of the operator's: what starts under them, and what runs already.

use super::super::calendar::beijing_text;
use super::super::case::Case;
use super::super::deadline_file::parse;
use super::super::machine::Machine;
use super::super::parts::{Role, Severity};
use super::super::service::Service;
use super::super::testing::{Bench, finding, monday};
use super::{DAY, HOUR, sound, state, submitted};

/// The same queue under this file.
fn under(bench: &Bench, entries: &str) -> Service {
    let text = format!("version = \"t\"\n{entries}");
    bench.service.clone().with_machine(parse(&text).unwrap())
}

async fn case(bench: &Bench, id: &str) -> Case {
    bench.service.show(id).await.unwrap().case
}

/// A further finding on the outlet of `id`, S1.
async fn worse(bench: &Bench, id: &str) {
    let mut found = finding(id, Severity::S1);
    found.anomaly_id.push_str("-worse");
    let taken = bench.service.take_anomalies(&[found]).await.unwrap();
    assert_eq!(taken.merged, 1);
}

pub(super) async fn a_running_deadline_keeps_its_lengths(mut bench: Bench) {
    let entries = "[[deadline]]\nstate = \"triage\"\nworking_days = 2\n\
                   [[deadline]]\nstate = \"triage\"\nseverity = \"S1\"\nminutes = 90\n\
                   remind_minutes = 30";
    let own = bench.service.clone();
    let changed = under(&bench, entries);
    let old = bench.open("old", Severity::S3).await;
    let before = case(&bench, &old).await;
    let terms = before.terms.clone().unwrap();
    let built_in = Machine::built_in();
    assert_eq!(
        (terms.version.as_str(), terms.sha256.as_str()),
        built_in.lengths()
    );
    assert_eq!(beijing_text(before.due_at.unwrap()), "2026-03-04 00:00");

    bench.service = changed;
    let new = bench.open("new", Severity::S3).await;
    let case_of_file = case(&bench, &new).await;
    assert_eq!(
        beijing_text(case_of_file.due_at.unwrap()),
        "2026-03-05 00:00"
    );
    let terms = case_of_file.terms.unwrap();
    assert_eq!(
        (terms.version.as_str(), terms.sha256.as_str()),
        bench.service.machine().lengths()
    );
    assert_eq!(terms.version, "t");
    // The file moves no deadline that runs, nor what becomes of it.
    assert_eq!(case(&bench, &old).await.due_at, before.due_at);
    worse(&bench, "old").await;
    assert_eq!(case(&bench, &old).await.due_at, Some(monday() + 2 * HOUR));

    // Nor does taking the file away.
    bench.service = own;
    worse(&bench, "new").await;
    let raised = case(&bench, &new).await;
    assert_eq!(raised.due_at, Some(monday() + 90 * HOUR / 60));
    assert_eq!(raised.remind_at, Some(monday() + HOUR));
    assert_eq!(raised.terms.unwrap().version, "t");
    bench.clock.advance(90 * HOUR / 60);
    bench.service.tick().await.unwrap();
    let visited = case(&bench, &new).await;
    assert_eq!(visited.state, "to_onsite");
    assert_eq!(
        visited.terms.unwrap().version,
        built_in.version(),
        "what starts now"
    );
    assert_eq!(state(&bench, &old).await, "triage");
    sound(&bench).await;
}

pub(super) async fn a_running_clock_keeps_its_extensions(mut bench: Bench) {
    let own = bench.service.clone();
    bench.service = under(
        &bench,
        "[[deadline]]\nclock = \"filing\"\ndays = 10\nextensions = [5]",
    );
    let id = bench.open("filed", Severity::S3).await;
    bench.act(&id, "verify", "ana", Role::Analyst).await;
    bench.act(&id, "file", "o-1", Role::Officer).await;
    let filed = case(&bench, &id).await;
    assert_eq!(beijing_text(filed.due_at.unwrap()), "2026-03-13 00:00");
    assert_eq!(filed.clocks[0].terms.as_ref().unwrap().version, "t");
    assert_eq!(filed.terms, None, "the state has no deadline of its own");
    bench.service = own;
    bench
        .act(&id, "extend_filing", "boss", Role::Approver)
        .await;
    let longer = case(&bench, &id).await;
    assert_eq!(beijing_text(longer.due_at.unwrap()), "2026-03-18 00:00");
    let again = bench
        .refuses(&id, "extend_filing", "boss", Role::Approver)
        .await;
    assert!(again.contains("prolonged 1 times"), "{again}");
    sound(&bench).await;
}

pub(super) async fn a_look_back_keeps_its_checks(mut bench: Bench) {
    let own = bench.service.clone();
    bench.service = under(
        &bench,
        "[[deadline]]\nstate = \"look_back\"\nchecks = [3, 17]",
    );
    let id = submitted(&bench, "looked", Severity::S3).await;
    bench.act(&id, "approve", "rev", Role::Reviewer).await;
    bench.service = own;
    bench.clock.set(monday() + 5 * DAY);
    bench.service.tick().await.unwrap();
    assert_eq!(case(&bench, &id).await.checks.len(), 1);
    bench.clock.set(monday() + 20 * DAY);
    bench.service.tick().await.unwrap();
    let closed = case(&bench, &id).await;
    assert_eq!(closed.state, "closed");
    assert_eq!(beijing_text(closed.closed_at.unwrap()), "2026-03-20 00:00");
    let days: Vec<u32> = closed.checks.iter().map(|check| check.day).collect();
    assert_eq!(days, [3, 17]);
    sound(&bench).await;
}
