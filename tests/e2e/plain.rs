//! The plain run: what is on the topics comes into the tables, once.

use crate::harness::packets::{READINGS_PER_PACKET, minute_packet};
use crate::harness::sandbox::Sandbox;
use crate::harness::{topics, wait_for};
use crate::ledger::assert_exactly_once;

#[test]
fn packets_arrive_once_and_a_second_run_adds_nothing() {
    let mut sandbox = Sandbox::new("plain");
    let topic = sandbox.hj212(3);
    let packets = (0..600).map(|n| {
        (
            n % 3,
            minute_packet(&format!("PLAIN{:05}", n % 7), n as u32),
        )
    });
    topics::produce(&topic, packets);

    sandbox.run(&["ingest", "--until-caught-up"]).done();
    assert_exactly_once(&sandbox, &topic, 3);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    assert_exactly_once(&sandbox, &topic, 3);

    // One row in full: what the packet says is what the table holds.
    let rows = sandbox.query(
        "SELECT mn, factor, granularity, CAST(data_time AS VARCHAR) AS t, value, flag, \
         CAST(date AS VARCHAR) AS d FROM readings_raw \
         WHERE kafka_partition = 0 AND kafka_offset = 0 ORDER BY factor",
    );
    assert_eq!(rows.len(), READINGS_PER_PACKET);
    assert_eq!(rows[0]["mn"], "PLAIN00000");
    assert_eq!(rows[0]["factor"], "a21002");
    assert_eq!(rows[0]["granularity"], "minute");
    assert_eq!(rows[0]["value"], 90.0);
    assert_eq!(rows[0]["flag"], "N");
    // 2026-03-01 00:00 in Beijing is the evening before in UTC; the date is the Beijing day.
    assert!(
        rows[0]["t"]
            .as_str()
            .unwrap()
            .starts_with("2026-02-28T16:00:00"),
        "{}",
        rows[0]
    );
    assert_eq!(rows[0]["d"], "2026-03-01");
}

#[test]
fn json_readings_and_packets_feed_the_same_table() {
    let mut sandbox = Sandbox::new("json");
    let packets = sandbox.hj212(1);
    let lines = sandbox.topic("readings", 1, "json", "readings");
    topics::produce(&packets, [(0, minute_packet("BOTH0001", 1))]);
    let message = r#"{"mn":"BOTH0002","factor":"w01018","granularity":"hour","data_time":"2026-03-01T08:00:00+08:00","value":31.5,"flag":"N"}"#;
    topics::produce(&lines, [(0, message.as_bytes().to_vec())]);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    let rows = sandbox.query(
        "SELECT mn, factor, value, kafka_topic, CAST(data_time AS VARCHAR) AS t \
         FROM readings_raw WHERE mn = 'BOTH0002'",
    );
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["value"], 31.5);
    assert_eq!(rows[0]["kafka_topic"], lines);
    assert!(
        rows[0]["t"]
            .as_str()
            .unwrap()
            .starts_with("2026-03-01T00:00:00"),
        "{}",
        rows[0]
    );
    assert_eq!(
        sandbox.count("SELECT count(*) FROM readings_raw WHERE mn = 'BOTH0001'"),
        3
    );
}

#[test]
fn a_resend_is_kept_and_the_view_shows_the_latest() {
    let mut sandbox = Sandbox::new("resend");
    let topic = sandbox.hj212(1);
    let first = minute_packet("AGAIN001", 5);
    let text = String::from_utf8(first.clone()).unwrap();
    let segment = &text[6..text.len() - 6];
    let changed = segment.replace("a21026-Avg=20.50", "a21026-Avg=21.75");
    assert_ne!(segment, changed);
    let second = crate::harness::packets::frame(&changed).into_bytes();
    topics::produce(&topic, [(0, first), (0, second)]);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    assert_eq!(
        sandbox.count("SELECT count(*) FROM readings_raw WHERE factor = 'a21026'"),
        2
    );
    let rows = sandbox.query("SELECT value FROM readings WHERE factor = 'a21026'");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["value"], 21.75);
}

/// N9: the batch is far from its size limit and no further record arrives to push it.
#[test]
fn a_quiet_topic_does_not_hold_back_its_last_batch() {
    let mut sandbox = Sandbox::new("quiet");
    sandbox.set("ingest.commit_interval_s", 2);
    let topic = sandbox.hj212(1);
    let mut service = sandbox.spawn("ingest", &["ingest"]);
    topics::produce(&topic, (0..5).map(|n| (0, minute_packet("QUIET001", n))));
    wait_for("the rows of the last packets", || {
        assert!(service.ended().is_none(), "{}", service.output());
        let rows = sandbox.run(&[
            "sql",
            "--format",
            "json",
            "-e",
            "SELECT count(*) AS n FROM readings_raw",
        ]);
        (rows.code == 0 && rows.json()[0]["n"] == 15).then_some(())
    });
    assert_eq!(service.ended(), None, "it goes on waiting for records");
    service.terminate();
    assert!(service.wait().success(), "{}", service.output());
    assert_exactly_once(&sandbox, &topic, 1);
}

#[test]
fn an_unreachable_broker_and_a_missing_topic_are_named() {
    let mut sandbox = Sandbox::without_broker("unreachable");
    sandbox.set("kafka.brokers", "127.0.0.1:1");
    sandbox
        .run(&["ingest", "--until-caught-up"])
        .exits(3)
        .complains(&["127.0.0.1:1"]);

    let mut sandbox = Sandbox::new("no-topic");
    let topic = sandbox.hj212(1);
    let missing = format!("{topic}-missing");
    let entry: toml::Table = toml::from_str(&format!(
        "name = '{missing}'\nformat = 'hj212'\ncontent = 'readings'"
    ))
    .unwrap();
    sandbox.set("ingest.topics", vec![toml::Value::Table(entry)]);
    // It may be created later; then there is nothing to catch up with yet.
    sandbox
        .run(&["ingest", "--until-caught-up"])
        .done()
        .complains(&[&missing]);
}
