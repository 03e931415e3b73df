//! One on-site investigation of a furnace, by the commands of the people who work on it: two clues, one visit,
//! one inspection (Order 10 of 2019).

use std::sync::Arc;

use nonsite_analytics::review::{Case, Config, Finding, Service, Severity};
use nonsite_schemas::time::ManualClock;
use serde_json::Value as Json;

use crate::harness::sandbox::{Output, Sandbox};

/// A Monday that is long over, 09:00 in Beijing; microseconds UTC.
const MONDAY: i64 = 1_767_574_800_000_000;
const HOUR: i64 = 3_600_000_000;
const PLANT: &str = "91370500MA3C000000001P";

/// An S1 on the furnace, of a kind of its own, about an hour that ended so long before Monday 09:00.
fn finding(id: &str, before: i64) -> Finding {
    Finding {
        anomaly_id: id.to_owned(),
        rule_id: "E07".to_owned(),
        rule_version: 1,
        rule_group: format!("group-{id}"),
        severity: Severity::S1,
        confirmed: true,
        withdrawn: None,
        exempt_code: None,
        permit_no: Some(PLANT.to_owned()),
        unit_name: Some("Plant".to_owned()),
        org_code: Some("370522".to_owned()),
        outlet_uid: Some(format!("{PLANT}DA001")),
        mn: None,
        factor: Some("a21026".to_owned()),
        window_start: MONDAY - before - HOUR,
        window_end: MONDAY - before,
        observed: Some(152.5),
        limit_value: Some(80.0),
        unit: Some("mg/m3".to_owned()),
        reason: "二氧化硫日均值超标 / daily SO2 above the limit".to_owned(),
        evidence_sha256: "00".repeat(32),
    }
}

fn officer(sandbox: &Sandbox, action: &str, case: &str, papers: &[&str]) -> Output {
    let who = ["--by", "o-1", "--role", "officer", "--officers", "o-1,o-2"];
    let at = ["--at", "2026-01-05 15:00"];
    sandbox.run(&[&["review", action, case][..], &who, &at, papers].concat())
}

#[test]
fn two_clues_on_a_furnace_are_one_visit_and_one_inspection() {
    let mut sandbox = Sandbox::without_broker("furnace");
    let database = sandbox.file("queue.sqlite");
    sandbox.set("review.database", database.to_str().unwrap());
    sandbox.set("review.incineration_units", vec![PLANT]);
    let config = Config {
        database,
        incineration_units: [PLANT.to_owned()].into(),
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let clock = Arc::new(ManualClock::at(MONDAY));
        let queue = Service::open(&config, clock).await.unwrap();
        let findings = [finding("one", 0), finding("two", 5 * HOUR)];
        assert_eq!(queue.take_anomalies(&findings).await.unwrap().triage, 2);
    });
    let (first, second) = (Case::id_of("one"), Case::id_of("two"));
    let escalate = [
        "review",
        "triage",
        &first,
        "--decision",
        "escalate",
        "--reason",
        "超标严重",
        "--by",
        "ana",
        "--role",
        "analyst",
        "--at",
        "2026-01-05 09:10",
    ];
    let sent = sandbox.run(&escalate).done().stdout;
    assert!(!sent.contains("merged"), "{sent}");
    // Whoever looks at the other clue is told before its two hours are over, and after.
    let notice = format!("already being investigated on site since 2026-01-05 under case {first}");
    let shown = sandbox.run(&["review", "show", &second, "--at", "2026-01-05 09:20"]);
    let shown = shown.done().stdout;
    assert!(
        shown.contains(&notice) && shown.contains("triage"),
        "{shown}"
    );
    sandbox
        .run(&["review", "tick", "--at", "2026-01-05 12:00"])
        .done();
    let shown = sandbox.run(&["review", "show", &second]).done().stdout;
    assert!(shown.contains(&format!("{notice}; merged")), "{shown}");
    assert!(shown.contains("join_onsite by engine"), "{shown}");

    let minutes = ["--field", "minutes=笔录 2026-1"];
    officer(&sandbox, "onsite", &second, &minutes)
        .exits(2)
        .complains(&[&notice, "own_visit"]);
    officer(&sandbox, "onsite", &first, &minutes).done();
    let json = |case: &str| -> Json {
        let shown = sandbox.run(&["review", "show", case, "--format", "json"]);
        shown.done().json()
    };
    let (lead, part) = (json(&first), json(&second));
    assert_eq!(lead["onsite"]["share"], "leads");
    assert_eq!(lead["onsite"]["cases"][0], second.as_str());
    assert_eq!(part["case"]["state"], "onsite_done");
    assert_eq!(part["case"]["investigation"]["lead"], first.as_str());
    assert_eq!(part["acts"].as_array().unwrap().len(), 0);
    let last = part["events"].as_array().unwrap().last().unwrap();
    assert_eq!(last["action"], "visited_jointly");
    assert_eq!(last["fields"]["joint_act"], lead["acts"][0]["act_id"]);

    // What is handed over on entering names both.
    let pages = ["review", "bundle", &first, "four_notices", "--out", "print"];
    sandbox.run(&pages).done();
    let page = std::fs::read_to_string(sandbox.file("print/01-identity_and_basis.html")).unwrap();
    assert!(
        page.contains(&second) && page.contains("合并案件"),
        "{page}"
    );

    // Nothing was ingested here, so the folder of tables is not there yet.
    std::fs::create_dir_all(sandbox.file("data/tables")).unwrap();
    sandbox
        .run(&["review", "acts", "--at", "2026-01-05 16:00"])
        .done();
    let counted = [
        "ratio",
        "--year",
        "2026",
        "--as-of",
        "2026-12-31",
        "--known-at",
        "2026-12-31",
        "--list",
        "counted",
        "--format",
        "json",
    ];
    let counted = sandbox.run(&counted).done().json();
    assert_eq!(counted.as_array().unwrap().len(), 1, "{counted}");
    sandbox.run(&["audit", "verify"]).done();
}

#[test]
fn more_days_than_the_order_allows_are_refused() {
    let mut sandbox = Sandbox::without_broker("furnace-days");
    sandbox.set("review.onsite_merge_days", 6);
    sandbox
        .run(&["review", "counts"])
        .exits(2)
        .complains(&["onsite_merge_days", "0 to 5"]);
}
