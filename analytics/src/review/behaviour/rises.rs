//! What other findings do to a case: raised, passed on, taken back, or not opened at all.

use std::collections::{BTreeMap, BTreeSet};

use super::super::case::Case;
use super::super::intake::{Finding, Intake};
use super::super::parts::{Role, Severity};
use super::super::testing::{Bench, finding};
use super::{sound, state};
use crate::detect::{Dispatch, Rise};

fn rise(rule: &str, levels: u8) -> Rise {
    Rise {
        anomaly_id: format!("{rule}-finding"),
        rule_id: rule.to_owned(),
        levels,
        reason: "建议现场检查 / an on-site inspection is proposed".to_owned(),
    }
}

fn raised(id: &str, rise: Rise) -> Dispatch {
    Dispatch {
        rises: [(format!("anomaly-{id}"), rise)].into_iter().collect(),
        kept: BTreeMap::new(),
    }
}

async fn take(bench: &Bench, findings: &[Finding], dispatch: &Dispatch) -> Intake {
    let none = BTreeSet::new();
    bench
        .service
        .take_with(findings, &none, dispatch)
        .await
        .unwrap()
}

async fn case(bench: &Bench, id: &str) -> Case {
    let id = Case::id_of(&format!("anomaly-{id}"));
    bench.service.show(&id).await.unwrap().case
}

pub(super) async fn a_rise_is_told_once_and_taken_back(bench: Bench) {
    let found = finding("rise", Severity::S3);
    let told = raised("rise", rise("A01", 1));
    let taken = take(&bench, std::slice::from_ref(&found), &told).await;
    assert_eq!((taken.triage, taken.raised), (1, 1));
    let clue = case(&bench, "rise").await;
    assert_eq!(
        (clue.severity, clue.severity_before),
        (Severity::S2, Some(Severity::S3))
    );
    let shown = bench.service.show(&clue.case_id).await.unwrap();
    let event = shown.events.last().unwrap();
    assert_eq!(event.action, "raise");
    assert_eq!(event.reason_code.as_deref(), Some("A01"));
    assert_eq!(event.fields["from"], "S3");
    assert_eq!(event.fields["to"], "S2");
    assert_eq!(event.fields["by_anomaly"], "A01-finding");
    assert!(event.note.as_deref().unwrap().contains("现场检查"));
    let again = take(&bench, std::slice::from_ref(&found), &told).await;
    assert_eq!((again.raised, again.unchanged), (0, 1), "once");

    // Stronger evidence comes, with the deadline of an S1.
    let due = clue.due_at.unwrap();
    let stronger = raised("rise", rise("A06", 3));
    take(&bench, std::slice::from_ref(&found), &stronger).await;
    let clue = case(&bench, "rise").await;
    assert_eq!(clue.severity, Severity::S1);
    assert!(clue.due_at.unwrap() < due);
    let short = clue.due_at;

    let taken = take(&bench, std::slice::from_ref(&found), &Dispatch::default()).await;
    assert_eq!(taken.raised, 1);
    let clue = case(&bench, "rise").await;
    assert_eq!((clue.severity, clue.severity_before), (Severity::S3, None));
    assert_eq!(clue.due_at, short, "somebody may be working by it");
    let shown = bench.service.show(&clue.case_id).await.unwrap();
    assert_eq!(shown.events.last().unwrap().action, "raise_taken_back");
    let again = take(&bench, &[found], &Dispatch::default()).await;
    assert_eq!(again.unchanged, 1);
    sound(&bench).await;
}

pub(super) async fn a_merged_case_passes_its_rise_on(bench: Bench) {
    let first = finding("pass", Severity::S3);
    let mut second = first.clone();
    second.anomaly_id = "anomaly-pass-2".to_owned();
    second.rule_id = "E02".to_owned();
    let both = [first, second];
    take(&bench, &both, &Dispatch::default()).await;
    assert_eq!(case(&bench, "pass-2").await.state, "merged");
    let told = raised("pass-2", rise("A01", 1));
    assert_eq!(take(&bench, &both, &told).await.raised, 1);
    let parent = case(&bench, "pass").await;
    assert_eq!(
        (parent.severity, parent.severity_before),
        (Severity::S2, None)
    );
    assert_eq!(take(&bench, &both, &told).await.unchanged, 2);
    sound(&bench).await;
}

pub(super) async fn reminders_and_closed_cases_are_not_raised(bench: Bench) {
    let mut early = finding("early", Severity::S3);
    early.confirmed = false;
    let told = raised("early", rise("A06", 3));
    let taken = take(&bench, std::slice::from_ref(&early), &told).await;
    assert_eq!((taken.reminded, taken.raised), (1, 0));
    early.confirmed = true;
    let taken = take(&bench, std::slice::from_ref(&early), &told).await;
    assert_eq!((taken.triage, taken.raised), (1, 1));
    assert_eq!(case(&bench, "early").await.severity, Severity::S1);

    let done = bench.open("done", Severity::S3).await;
    bench.act(&done, "dismiss", "ana", Role::Analyst).await;
    let over = state(&bench, &done).await;
    let told = raised("done", rise("A01", 1));
    let found = finding("done", Severity::S3);
    let taken = take(&bench, &[found], &told).await;
    let is_final = bench.service.machine().state(&over).unwrap().is_final;
    assert_eq!(taken.raised, u64::from(!is_final));
    // What two persons dismissed stays dismissed.
    for name in ["ana", "bo"] {
        bench.act(&done, "dismiss", name, Role::Analyst).await;
    }
    assert_eq!(state(&bench, &done).await, "dismissed");
    let told = raised("done", rise("A06", 3));
    let taken = take(&bench, &[finding("done", Severity::S3)], &told).await;
    assert_eq!(taken.raised, 0);
    sound(&bench).await;
}

pub(super) async fn what_is_held_opens_no_case(bench: Bench) {
    let held = finding("held", Severity::S2);
    let dispatch = Dispatch {
        kept: BTreeMap::from([(
            held.anomaly_id.clone(),
            "suspected platform fault".to_owned(),
        )]),
        ..Dispatch::default()
    };
    let taken = take(&bench, std::slice::from_ref(&held), &dispatch).await;
    assert_eq!((taken.held, taken.triage), (1, 0));
    let id = Case::id_of(&held.anomaly_id);
    assert!(bench.service.show(&id).await.is_err(), "no case");
    let taken = take(&bench, &[held], &Dispatch::default()).await;
    assert_eq!((taken.held, taken.triage), (0, 1), "released");
    sound(&bench).await;
}
