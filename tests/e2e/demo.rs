//! The demonstration: what its summary says is so, and what it leaves can be worked on with the
//! configuration it writes.

use serde_json::Value as Json;

use crate::harness::sandbox::Sandbox;
use crate::harness::{broker, topics};

/// Runs the demo to its end; its summary.
fn demo(sandbox: &Sandbox, further: &[&str]) -> Json {
    let args = [
        "demo",
        "--exit",
        "--json",
        "--days",
        "1",
        "--points",
        "12",
        "--data-dir",
        "demo",
    ];
    sandbox.run(&[&args[..], further].concat()).done().json()
}

fn number(value: &Json) -> i64 {
    value
        .as_i64()
        .unwrap_or_else(|| panic!("not a whole number: {value}"))
}

/// `nonsite verify` with the configuration that the demo wrote.
fn verified(sandbox: &Sandbox, further: &[&str]) -> Json {
    let args = ["-c", "demo/nonsite.toml", "verify", "--format", "json"];
    sandbox.run(&[&args[..], further].concat()).done().json()
}

/// Every record the summary counts is one that the proof is about.
fn proof_covers_the_run(summary: &Json, proof: &Json) {
    let partitions = proof["partitions"].as_array().unwrap();
    let proved: i64 = partitions
        .iter()
        .map(|partition| number(&partition["accepted"]) + number(&partition["quarantined"]))
        .sum();
    assert_eq!(proved, number(&summary["records_read"]), "{proof}");
    // So small a province may have no station that sends JSON; all others have something.
    for topic in proof["untouched"].as_array().unwrap() {
        assert!(topic.as_str().unwrap().ends_with(".readings"), "{proof}");
    }
}

#[test]
fn the_summary_adds_up_and_the_tables_can_be_worked_on() {
    let sandbox = Sandbox::without_broker("demo");
    let summary = demo(&sandbox, &[]);
    assert!(number(&summary["messages_sent"]) > 1_000, "{summary}");
    assert_eq!(summary["records_read"], summary["messages_sent"]);
    assert_eq!(summary["quarantined"], summary["quarantined_truth"]);
    assert!(!summary["quarantined"].as_object().unwrap().is_empty());
    let faults = &summary["faults"];
    assert!(number(&faults["found"]) > 0, "{faults}");
    assert_eq!(faults["missed"], serde_json::json!([]), "{faults}");
    assert_eq!(
        faults["look_alikes_flagged"],
        serde_json::json!([]),
        "{faults}"
    );
    let (alerts, sent) = (
        number(&summary["alerts"]),
        number(&summary["alerts_delivered"]),
    );
    assert!(0 < sent && sent <= alerts, "{sent} of {alerts} alerts sent");
    assert!(
        summary["ratio"]
            .as_str()
            .is_some_and(|text| text.contains('%'))
    );

    proof_covers_the_run(&summary, &verified(&sandbox, &[]));
    // What it left is found by the commands that it advises, from its own configuration.
    let with = |args: &[&str]| {
        let args = [&["-c", "demo/nonsite.toml"][..], args].concat();
        sandbox.run(&args).done().json()
    };
    let rows = &summary["rows"]["readings_raw"];
    let counted = with(&[
        "sql",
        "--format",
        "json",
        "-e",
        "SELECT count(*) AS n FROM readings_raw",
    ]);
    assert_eq!(&counted[0]["n"], rows);
    let cases = with(&["review", "list", "--limit", "0", "--format", "json"]);
    let queue: i64 = summary["queue"]
        .as_object()
        .unwrap()
        .values()
        .map(number)
        .sum();
    assert_eq!(cases.as_array().unwrap().len() as i64, queue, "{summary}");
    let published = with(&[
        "sql",
        "--format",
        "json",
        "-e",
        "SELECT count(*) AS n FROM alerts_published",
    ]);
    assert_eq!(number(&published[0]["n"]), sent);
    let config = std::fs::read_to_string(sandbox.file("demo/nonsite.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    let evidence = config["review"]["evidence_dir"].as_str().unwrap();
    assert_eq!(evidence, sandbox.file("demo/evidence").to_str().unwrap());
}

/// On a broker that others use: topics of its own, and a proof that is about those.
#[test]
fn on_a_real_broker_the_written_configuration_names_the_topics() {
    let sandbox = Sandbox::without_broker("demo-real");
    let summary = demo(&sandbox, &["--brokers", broker::bootstrap()]);
    let proof = verified(&sandbox, &["--against-broker"]);
    proof_covers_the_run(&summary, &proof);
    for partition in proof["partitions"].as_array().unwrap() {
        let topic = partition["topic"].as_str().unwrap();
        assert!(topic.starts_with("nonsite-demo-"), "{partition}");
        assert_eq!(partition["lag"], 0, "{partition}");
    }
    let config = std::fs::read_to_string(sandbox.file("demo/nonsite.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    let alerts = config["alerts"]["topic"].as_str().unwrap();
    let sent = topics::read_all(alerts, 1).len();
    assert_eq!(sent as i64, number(&summary["alerts_delivered"]));
    assert!(sent > 0, "{summary}");
}
