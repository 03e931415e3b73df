//! Clues that no rule found, put in at the machine of the queue: no broker, no tables.

use crate::harness::sandbox::Sandbox;

#[test]
fn a_complaint_becomes_one_case() {
    let mut sandbox = Sandbox::without_broker("reported");
    let database = sandbox.file("queue.sqlite");
    sandbox.set("review.database", database.to_str().unwrap());
    let clue = |source: &str, role: &str| {
        let words = [
            "review",
            "report",
            "--source",
            source,
            "--ref",
            "12345-7",
            "--permit",
            "91370500MA3C000000001P",
            "--from",
            "2026-03-01 22:00:00",
            "--text",
            "夜间有异味",
            "--by",
            "ana",
            "--role",
            role,
            "--at",
            "2026-03-02 09:00:00",
            "--format",
            "json",
        ];
        sandbox.run(&words)
    };
    let made = clue("complaint", "analyst").done().json();
    assert_eq!(made["state"], "triage");
    assert_eq!(made["source_ref"], "12345-7");
    let again = clue("complaint", "officer").done().json();
    assert_eq!(again["case_id"], made["case_id"]);
    assert_eq!(again["version"], made["version"], "it is left as it is");
    clue("transfer", "enterprise")
        .exits(2)
        .complains(&["analyst, officer, supervisor"]);
    clue("rule", "analyst")
        .exits(2)
        .complains(&["complaint, transfer, platform"]);
    let id = made["case_id"].as_str().unwrap();
    let shown = sandbox.run(&["review", "show", id]).done();
    assert!(
        shown.stdout.contains("信访投诉 complaint 12345-7"),
        "{}",
        shown.stdout
    );
}
