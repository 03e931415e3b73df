//! Deadlines of the case work pass while people are served, with nothing else running: no ingestion,
//! no detection, no broker.

use std::sync::Arc;

use nonsite_analytics::review::{Case, Config, Finding, Service, Severity};
use nonsite_schemas::time::ManualClock;
use serde_json::Value as Json;

use crate::harness::sandbox::Sandbox;
use crate::harness::wait_for;
use crate::rest::{address, caller};

/// A Monday that is long over, 09:00 in Beijing; microseconds UTC.
const MONDAY: i64 = 1_767_574_800_000_000;

fn finding(id: &str, severity: Severity) -> Finding {
    Finding {
        anomaly_id: id.to_owned(),
        rule_id: "E01".to_owned(),
        rule_version: 1,
        rule_group: "exceedance".to_owned(),
        severity,
        confirmed: true,
        withdrawn: None,
        exempt_code: None,
        permit_no: Some("91370500MA3C000000001P".to_owned()),
        unit_name: Some("Plant".to_owned()),
        org_code: Some("370522".to_owned()),
        outlet_uid: Some(format!("outlet-{id}")),
        mn: None,
        factor: Some("a21026".to_owned()),
        window_start: MONDAY - 3_600_000_000,
        window_end: MONDAY,
        observed: Some(52.5),
        limit_value: Some(35.0),
        unit: Some("mg/m3".to_owned()),
        reason: "二氧化硫小时均值超标 / hourly SO2 above the limit".to_owned(),
        evidence_sha256: "00".repeat(32),
    }
}

#[test]
fn deadlines_pass_while_people_are_served() {
    let mut sandbox = Sandbox::without_broker("deadlines");
    let database = sandbox.file("queue.sqlite");
    sandbox.set("review.database", database.to_str().unwrap());
    sandbox.set("review.tick_interval_s", 1);
    let config = Config {
        database,
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let clock = Arc::new(ManualClock::at(MONDAY));
        let queue = Service::open(&config, clock).await.unwrap();
        let findings = [finding("s1", Severity::S1), finding("s3", Severity::S3)];
        assert_eq!(queue.take_anomalies(&findings).await.unwrap().triage, 2);
    });
    let mut callers = Vec::new();
    caller(
        &sandbox,
        &mut callers,
        &["--name", "ana", "--role", "analyst"],
    );
    sandbox.set("serve.rest.callers", callers);
    sandbox.set("serve.http", "127.0.0.1:0");
    sandbox.set("serve.postgres", "");
    sandbox.set("serve.flight", "");
    let server = sandbox.spawn("serve", &["serve"]);
    address(&server);

    let case = |id: &str| -> Json {
        let id = Case::id_of(id);
        let shown = sandbox.run(&["review", "show", &id, "--format", "json"]);
        shown.done().json()["case"].clone()
    };
    // Nobody looked at the S1 for two hours, and at the other clue for a day.
    wait_for("the S1 to go on-site", || {
        (case("s1")["state"] == "to_onsite").then_some(())
    });
    wait_for("the clue to be overdue", || {
        (case("s3")["overdue"] == true).then_some(())
    });
    assert_eq!(case("s3")["state"], "triage");
    server.terminate();
    sandbox.run(&["audit", "verify"]).done();
}

#[test]
fn deadlines_of_a_file_are_those_of_the_workflow() {
    let mut sandbox = Sandbox::without_broker("deadline-file");
    let file = sandbox.file("deadlines.toml");
    sandbox.set("review.deadlines", file.to_str().unwrap());
    let wrong = "version = \"2026-12\"\n\n[[deadline]]\nclock = \"filing\"\ndays = 20\n";
    sandbox.write("deadlines.toml", wrong.as_bytes());
    for words in [&["review", "workflow"][..], &["review", "counts"]] {
        sandbox
            .run(words)
            .exits(2)
            .complains(&["[review] deadlines", "line 5", "lets 15 at most"]);
    }
    let right = wrong.replace("20", "10");
    sandbox.write("deadlines.toml", right.as_bytes());
    let shown = sandbox.run(&["review", "workflow"]).done();
    assert!(shown.stdout.contains("10 d +15 (reminded 72 h before)"));
    sandbox.run(&["review", "counts"]).done();
}
