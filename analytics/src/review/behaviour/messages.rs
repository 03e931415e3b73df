//! What people and enterprises are told: once, whatever was down, and taken back when it no longer holds.

use std::collections::BTreeSet;

use super::super::caller::{Caller, Scope};
use super::super::messages::{Message, MessageKind};
use super::super::testing::{finding, monday};
use super::*;

/// The messages of a case after a row.
async fn told(bench: &Bench, case: &str, since: i64) -> Vec<Message> {
    let mut all = bench.service.messages(since, 0).await.unwrap();
    all.retain(|message| message.case_id == case);
    all
}

/// The repairs and revocations among them, with what is taken back.
async fn credit(bench: &Bench, case: &str) -> Vec<(MessageKind, i64, Option<i64>)> {
    let all = told(bench, case, 0).await.into_iter();
    let about = |message: &Message| {
        matches!(
            message.kind,
            MessageKind::CreditRepair | MessageKind::CreditRepairRevoked
        )
    };
    all.filter(about)
        .map(|message| (message.kind, message.seq, message.revokes))
        .collect()
}

async fn at(bench: &Bench, case: &str, action: &str) -> i64 {
    let events = bench.service.show(case).await.unwrap().events;
    let row = events.iter().rfind(|event| event.action == action);
    row.unwrap().seq
}

pub(super) async fn an_approval_repairs_the_credit_record_once(bench: Bench) {
    let case = submitted(&bench, "repair", Severity::S2).await;
    bench.act(&case, "approve", "rev", Role::Reviewer).await;
    assert_eq!(credit(&bench, &case).await, [], "one signature is none");
    bench.act(&case, "approve", "rev-2", Role::Reviewer).await;
    let approved = at(&bench, &case, "approve").await;
    let repaired = (MessageKind::CreditRepair, approved, None);
    assert_eq!(credit(&bench, &case).await, [repaired]);
    let all = told(&bench, &case, approved - 1).await;
    let [message] = &all[..] else {
        panic!("{all:?}");
    };
    let row = bench.service.store.events(approved - 1, 1).await.unwrap();
    assert_eq!(message.hash, row[0].hash);
    assert_eq!(message.addressee, Role::Enterprise);
    assert_eq!(message.measures.as_deref(), Some("pump replaced"));
    assert_eq!(message.permit_no, finding("any", Severity::S3).permit_no);
    assert!(message.text.contains("信用"), "{}", message.text);
    assert_eq!(told(&bench, &case, approved).await, [], "sent already");

    // Reopened: taken back once, and repaired again by the next approval.
    bench.act(&case, "reopen", "sup", Role::Supervisor).await;
    let reopened = at(&bench, &case, "reopen").await;
    let revoked = (MessageKind::CreditRepairRevoked, reopened, Some(approved));
    assert_eq!(credit(&bench, &case).await, [repaired, revoked]);
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "rectify", "o-1", Role::Officer).await;
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    bench.act(&case, "approve", "rev", Role::Reviewer).await;
    bench.act(&case, "approve", "rev-2", Role::Reviewer).await;
    let again = (
        MessageKind::CreditRepair,
        at(&bench, &case, "approve").await,
        None,
    );
    assert_eq!(credit(&bench, &case).await, [repaired, revoked, again]);

    // What was taken back is not taken back again.
    let other = submitted(&bench, "other", Severity::S3).await;
    bench.act(&other, "approve", "rev", Role::Reviewer).await;
    let mut relapse = finding("other", Severity::S3);
    relapse.anomaly_id.push_str("-again");
    relapse.window_start = monday() + 3 * DAY;
    relapse.window_end = relapse.window_start + HOUR;
    bench.clock.set(monday() + 4 * DAY);
    let taken = bench.service.take_anomalies(&[relapse]).await.unwrap();
    assert_eq!(taken.reopened, 1);
    for (action, name, role) in [
        ("verify", "ana", Role::Analyst),
        ("dismiss", "o-1", Role::Officer),
        ("dismiss", "o-2", Role::Officer),
        ("close", "arch", Role::Archivist),
        ("reopen", "sup", Role::Supervisor),
    ] {
        bench.act(&other, action, name, role).await;
    }
    let kinds: Vec<MessageKind> = credit(&bench, &other)
        .await
        .iter()
        .map(|(kind, ..)| *kind)
        .collect();
    assert_eq!(
        kinds,
        [MessageKind::CreditRepair, MessageKind::CreditRepairRevoked]
    );
    sound(&bench).await;
}

/// By when something has to be done is told whether somebody set a day or the usual time runs.
pub(super) async fn an_order_says_by_when(bench: Bench) {
    let case = submitted(&bench, "by-when", Severity::S3).await;
    let orders = async || -> Vec<(String, Option<String>)> {
        let all = told(&bench, &case, 0).await.into_iter();
        all.filter(|message| message.kind == MessageKind::Order)
            .map(|message| (message.action, message.due))
            .collect()
    };
    let of = |action: &str, due: Option<&str>| (action.to_owned(), due.map(str::to_owned));
    let first = [of("dispatch", None), of("rectify", Some("2026-03-09"))];
    assert_eq!(orders().await, first);
    // The row names the version of the text, and nobody else can.
    let all = told(&bench, &case, 0).await;
    let rows = bench.service.show(&case).await.unwrap().events;
    for message in &all {
        let row = rows.iter().find(|row| row.seq == message.seq).unwrap();
        assert_eq!(row.fields["text_template_version"], "2");
        assert_eq!(message.text_template_version, "2");
    }
    assert!(all[0].text.starts_with("请核实线索"), "{}", all[0].text);
    assert!(all[1].text.contains("限期整改"), "{}", all[1].text);
    let silent = rows.iter().find(|row| row.action == "answer").unwrap();
    assert_eq!(silent.fields.get("text_template_version"), None);
    let forged = papers().with("text_template_version", "9");
    let reviewer = person("rev", Role::Reviewer);
    let forged = bench.service.act(&case, "return", &reviewer, &forged).await;
    let forged = forged.unwrap_err().to_string();
    assert!(forged.contains("written by the program alone"), "{forged}");
    bench.clock.set(monday() + 2 * DAY);
    bench.act(&case, "return", "rev", Role::Reviewer).await;
    assert_eq!(
        orders().await.last(),
        Some(&of("return", Some("2026-03-11")))
    );
}

pub(super) async fn everyone_is_told_once_after_downtime(bench: Bench) {
    let asked = bench.open("asked", Severity::S3).await;
    bench.act(&asked, "dispatch", "ana", Role::Analyst).await;
    bench.act(&asked, "deliver", "ana", Role::Analyst).await;
    let fined = filed(&bench, "fined").await;
    for (action, name, role) in [
        ("notify", "inv", Role::Investigator),
        ("waive_hearing", "plant", Role::Enterprise),
        ("decide", "law", Role::Legal),
        ("serve_decision", "inv", Role::Investigator),
    ] {
        bench.act(&fined, action, name, role).await;
    }
    let waits = bench.open("waits", Severity::S3).await;
    bench.clock.set(monday() + DAY + 6 * HOUR);
    let analyst = person("ana", Role::Analyst);
    bench.service.claim(&waits, &analyst).await.unwrap();

    // Nothing runs for weeks.
    bench.clock.set(monday() + 40 * DAY);
    bench.service.tick().await.unwrap();
    let said = async |case: &str| -> Vec<(MessageKind, Role, String)> {
        let all = told(&bench, case, 0).await.into_iter();
        all.map(|message| (message.kind, message.addressee, message.state))
            .collect()
    };
    let (order, reminder, overdue) = (
        MessageKind::Order,
        MessageKind::Reminder,
        MessageKind::Overdue,
    );
    let of = |kind: MessageKind, role: Role, state: &str| (kind, role, state.to_owned());
    let expected = [
        of(order, Role::Enterprise, "dispatched"),
        of(reminder, Role::Enterprise, "self_check"),
        of(reminder, Role::Enterprise, "no_answer"),
        of(reminder, Role::Approver, "onsite_approval"),
        of(overdue, Role::Approver, "onsite_approval"),
    ];
    assert_eq!(said(&asked).await, expected);
    // A fine is for the unit to pay.
    assert_eq!(
        said(&fined).await,
        [
            of(reminder, Role::Enterprise, "case"),
            of(overdue, Role::Enterprise, "case"),
        ]
    );
    let of_triage = told(&bench, &waits, 0).await;
    let persons: Vec<Option<&str>> = of_triage
        .iter()
        .map(|message| message.person.as_deref())
        .collect();
    // Reminded while the claim held, overdue when it had run out.
    assert_eq!(persons, [Some("ana"), None]);
    assert_eq!(of_triage[1].due.as_deref(), Some("2026-03-04 00:00"));

    // Once: nothing new comes of ticking, and of reading on from the last one.
    bench.service.tick().await.unwrap();
    assert_eq!(said(&asked).await, expected);
    let all = bench.service.messages(0, 0).await.unwrap();
    let mut read = Vec::new();
    loop {
        let since = read.last().map_or(0, |last: &Message| last.seq);
        let page = bench.service.messages(since, 2).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    assert_eq!(read, all);
    let rows: BTreeSet<i64> = all.iter().map(|message| message.seq).collect();
    assert_eq!(rows.len(), all.len(), "a row gives one message");

    // The enterprise sees what is addressed to it, and another one sees nothing.
    let permits = |permit: &str| {
        bench.service.on_behalf(Caller {
            scope: Scope {
                org: None,
                permits: Some(BTreeSet::from([permit.to_owned()])),
            },
            ..Caller::default()
        })
    };
    let own = finding("any", Severity::S3).permit_no.unwrap();
    let own = permits(&own).messages(0, 0).await.unwrap();
    assert!(!own.is_empty());
    assert!(
        own.iter()
            .all(|message| message.addressee == Role::Enterprise)
    );
    assert_eq!(permits("other").messages(0, 0).await.unwrap(), []);
    sound(&bench).await;
}
