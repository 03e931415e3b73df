//! The documents say what is: configuration, reason codes and metrics named in them exist, and
//! those that exist are named.

use std::collections::BTreeSet;
use std::path::Path;

use nonsite_schemas::reason::Reason;

use crate::harness::http::{get, metrics_address};
use crate::harness::packets::minute_packet;
use crate::harness::sandbox::Sandbox;
use crate::harness::{topics, wait_for};

fn operations() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    std::fs::read_to_string(path).unwrap()
}

/// Fenced TOML blocks in the order of the document.
fn toml_blocks(document: &str) -> Vec<&str> {
    document
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("a block has an end"))
        .collect()
}

#[test]
fn the_documented_configuration_is_accepted() {
    let sandbox = Sandbox::without_broker("documented");
    let document = operations();
    let blocks = toml_blocks(&document);
    sandbox.write("nonsite.toml", blocks[0]);
    sandbox.write("stations.toml", blocks[1]);
    sandbox
        .run_with_input(&["packet", "check", "-"], b"")
        .done();
    // A key that is documented but does not exist would have been refused; prove that it is.
    sandbox.write(
        "nonsite.toml",
        blocks[0].replace("commit_interval_s", "commit_interval"),
    );
    sandbox
        .run_with_input(&["packet", "check", "-"], b"")
        .exits(2);
}

/// A unit that does not start would be noticed when it is needed.
#[test]
fn the_service_file_starts_a_command_that_there_is() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd/nonsite-ingest.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .unwrap();
    let words: Vec<&str> = start.split(' ').skip(1).chain(["--help"]).collect();
    assert!(words.contains(&"ingest"), "{start}");
    let help = Sandbox::without_broker("service-file").run(&words).done();
    assert!(
        help.stdout.contains("--resume-after-loss"),
        "{}",
        help.stdout
    );
}

#[test]
fn every_reason_code_is_documented() {
    let document = operations();
    let missing: Vec<&str> = Reason::ALL
        .iter()
        .map(|reason| reason.code())
        .filter(|code| !document.contains(&format!("| `{code}` |")))
        .collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
}

#[test]
fn every_metric_is_documented_and_no_invariant_is_violated() {
    let mut sandbox = Sandbox::new("metrics");
    let topic = sandbox.hj212(1);
    topics::produce(
        &topic,
        [(0, minute_packet("METRIC01", 1)), (0, b"garbage".to_vec())],
    );
    let mut service = sandbox.spawn("ingest", &["ingest"]);
    let address = metrics_address(&mut service);
    let text = wait_for("a commit in the metrics", || {
        let (_, text) = get(&address, "/metrics");
        let committed = text.contains("nonsite_ingest_rows_total{table=\"readings_raw\"} 3");
        let kept = text.contains("nonsite_ingest_quarantined_total{reason=\"frame_no_header\"} 1");
        (committed && kept).then_some(text)
    });
    let names: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE nonsite_ingest_"))
        .filter_map(|rest| rest.split(' ').next())
        .collect();
    assert!(names.len() > 10, "{text}");
    let document = operations();
    let missing: Vec<&&str> = names
        .iter()
        .filter(|name| !document.contains(&format!("| `{name}` |")))
        .collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
    for line in text
        .lines()
        .filter(|line| line.starts_with("nonsite_ingest_invariant_violations"))
    {
        assert!(line.ends_with(" 0"), "{line}");
    }
}
