//! `nonsite run`: everything in one process, for one machine.

use std::net::{TcpListener, TcpStream};

use nonsite_generator::Scale;

use crate::harness::http::{get, metric, metrics_address};
use crate::harness::process::Process;
use crate::harness::sandbox::Sandbox;
use crate::harness::{topics, wait_for};
use crate::pipeline::province;

/// Where a part of the process says that it listens.
fn address(process: &mut Process, part: &str) -> String {
    wait_for(&format!("the address of {part}"), || {
        assert!(process.ended().is_none(), "{}", process.output());
        let output = process.output();
        let line = output.lines().find(|line| line.starts_with(part))?;
        line.split_whitespace().nth(1).map(str::to_owned)
    })
}

/// From packets to cases, answered over HTTP and SQL, with tables that are tidied: one process, and
/// what it says it does, it does.
#[test]
fn one_process_ingests_judges_queues_serves_and_maintains() {
    let mut sandbox = Sandbox::new("run");
    let alerts = sandbox.topic_name("alerts");
    topics::create(&alerts, 1);
    sandbox.set("alerts.topic", alerts.as_str());
    sandbox.set("detect.interval_s", 5);
    sandbox.set("maintain.interval_s", 2);
    sandbox.set("maintain.checkpoint_every", 1);
    for key in ["postgres", "flight", "http"] {
        sandbox.set(&format!("serve.{key}"), "127.0.0.1:0");
    }
    let scale = Scale {
        points: 6,
        days: 1,
        factors: 4,
        ..Scale::default()
    };
    let (summary, _) = province(&mut sandbox, scale);
    let mut process = sandbox.spawn("run", &["run"]);
    let metrics = metrics_address(&mut process);
    let served = ["postgresql", "flight", "http"].map(|part| address(&mut process, part));
    for address in &served[..2] {
        TcpStream::connect(address).unwrap();
    }
    assert_eq!(get(&served[2], "/healthz").0, 200);

    let want = summary.counts.readings_rows as f64;
    wait_for("all readings", || {
        assert!(process.ended().is_none(), "{}", process.output());
        let rows = metric(&metrics, "rows_total{table=\"readings_raw\"}");
        (rows == Some(want)).then_some(())
    });
    // The server's own metrics tell of ingestion, too.
    assert_eq!(
        metric(&served[2], "rows_total{table=\"readings_raw\"}"),
        Some(want)
    );
    wait_for("cases and their alerts", || {
        assert!(process.ended().is_none(), "{}", process.output());
        let list = ["review", "list", "--limit", "1", "--format", "json"];
        let listed = sandbox.run(&list).done().json();
        let cases = !listed.as_array().unwrap().is_empty();
        (cases && topics::watermarks(&alerts, 0).1 > 0).then_some(())
    });
    wait_for("a checkpoint", || {
        let log = sandbox.file("data/tables/readings_raw/_delta_log");
        log.join("_last_checkpoint").is_file().then_some(())
    });
    process.terminate();
    assert!(process.wait().success(), "{}", process.output());
    sandbox.verify();
}

/// A part that cannot start ends the process before anything was read, and is named.
#[test]
fn an_address_that_is_taken_is_a_fault_of_the_whole_process() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let mut sandbox = Sandbox::new("run-taken");
    sandbox.set("serve.postgres", "");
    sandbox.set("serve.flight", "");
    sandbox.set("serve.http", taken.as_str());
    sandbox.hj212(1);
    sandbox.run(&["run"]).exits(2).complains(&[taken.as_str()]);
    assert!(!sandbox.file("data/tables/readings_raw").exists());
}
