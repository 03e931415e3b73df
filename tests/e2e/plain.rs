//! The plain run: what is on the topics comes into the tables, once.

use crate::harness::http::{get, metric, metrics_address};
use crate::harness::packets::{READINGS_PER_PACKET, minute_packet, numbered};
use crate::harness::sandbox::Sandbox;
use crate::harness::{broker, topics, wait_for};
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
///
/// The age limit is far above what a loaded machine adds, so that its measured age tells a commit
/// by age from any other: not before the limit, and soon after it.
#[test]
fn a_quiet_topic_does_not_hold_back_its_last_batch() {
    const AGE: f64 = 8.0;
    let mut sandbox = Sandbox::new("quiet");
    sandbox.set("ingest.commit_interval_s", AGE);
    let topic = sandbox.hj212(1);
    let mut service = sandbox.spawn("ingest", &["ingest"]);
    let address = metrics_address(&mut service);
    wait_for("its partition", || {
        (metric(&address, "assigned_partitions") == Some(1.0)).then_some(())
    });
    topics::produce(&topic, (0..5).map(|n| (0, minute_packet("QUIET001", n))));
    wait_for("the rows of the last packets", || {
        assert!(service.ended().is_none(), "{}", service.output());
        let rows = metric(&address, "rows_total{table=\"readings_raw\"}");
        let told = metric(&address, "batch_age_seconds_count");
        (rows == Some(15.0) && told >= Some(1.0)).then_some(())
    });
    let batches = metric(&address, "batch_age_seconds_count").unwrap();
    let age = metric(&address, "batch_age_seconds_sum").unwrap() / batches;
    assert!(
        (AGE..2.0 * AGE).contains(&age),
        "{batches} batches were {age} s old when they were committed, the limit is {AGE} s"
    );
    assert_eq!(service.ended(), None, "it goes on waiting for records");
    service.terminate();
    assert!(service.wait().success(), "{}", service.output());
    assert_exactly_once(&sandbox, &topic, 1);
}

/// A batch that is large enough does not wait for its age.
#[test]
fn a_full_batch_is_committed_before_its_age_limit() {
    let mut sandbox = Sandbox::new("full");
    sandbox.set("ingest.commit_interval_s", 3_600);
    sandbox.set("ingest.batch_bytes", 20_000);
    let topic = sandbox.hj212(1);
    let packets: Vec<Vec<u8>> = (0..1_000).map(|n| minute_packet("FULL0001", n)).collect();
    let bytes: usize = packets.iter().map(Vec::len).sum();
    topics::produce(&topic, packets.into_iter().map(|packet| (0, packet)));
    let mut service = sandbox.spawn("ingest", &["ingest"]);
    let address = metrics_address(&mut service);
    // All but the last, part-filled batch: that one would wait for an hour.
    let packet = bytes / 1_000;
    let sure = ((bytes - 20_000) / packet * READINGS_PER_PACKET) as f64;
    let rows = wait_for("the batches that are full", || {
        assert!(service.ended().is_none(), "{}", service.output());
        metric(&address, "rows_total{table=\"readings_raw\"}").filter(|rows| *rows >= sure)
    });
    let commits = metric(&address, "commits_total{table=\"readings_raw\"}").unwrap();
    assert!(
        commits >= 1.0 && rows <= 3_000.0,
        "{commits} commits, {rows} rows"
    );
    service.terminate();
    assert!(service.wait().success(), "{}", service.output());
    assert_exactly_once(&sandbox, &topic, 1);
}

/// What a supervisor asks: alive from the start, ready once there are partitions to work on.
#[test]
fn health_and_readiness_are_told_apart() {
    let mut sandbox = Sandbox::new("ready");
    sandbox.set("kafka.brokers", "127.0.0.1:1");
    let topic = sandbox.hj212(1);
    let mut lost = sandbox.spawn("lost", &["ingest"]);
    let address = metrics_address(&mut lost);
    assert_eq!(get(&address, "/healthz"), (200, "ok\n".to_owned()));
    let (status, why) = get(&address, "/readyz");
    assert_eq!(status, 503, "{why}");
    assert!(why.contains("no partition"), "{why}");
    lost.terminate();
    lost.wait();

    sandbox.set("kafka.brokers", broker::bootstrap());
    let mut service = sandbox.spawn("ingest", &["ingest"]);
    let address = metrics_address(&mut service);
    wait_for("readiness", || {
        assert!(service.ended().is_none(), "{}", service.output());
        (get(&address, "/readyz").0 == 200).then_some(())
    });
    assert_eq!(get(&address, "/healthz").0, 200);
    assert_eq!(get(&address, "/nowhere").0, 404);
    // A second one on the only partition's topic is alive, and has nothing to do.
    let mut idle = sandbox.spawn("idle", &["ingest"]);
    let addresses = [address, metrics_address(&mut idle)];
    wait_for("one of two to be without partition", || {
        let ready = addresses.iter().filter(|a| get(a, "/readyz").0 == 200);
        let assigned: f64 = addresses
            .iter()
            .filter_map(|a| metric(a, "assigned_partitions"))
            .sum();
        (ready.count() == 1 && assigned == 1.0).then_some(())
    });
    for process in [&mut service, &mut idle] {
        process.terminate();
        assert!(process.wait().success(), "{}", process.output());
    }
    assert_eq!(topics::watermarks(&topic, 0), (0, 0));
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

/// N7: while the store is slow, records wait on the broker and not in memory.
#[test]
fn a_slow_store_fills_the_memory_budget_and_no_more() {
    const BUDGET: f64 = 64.0 * 1024.0 * 1024.0;
    /// What one chunk of a MiB per decoding thread expands to may be held beyond the limit.
    const BEYOND: f64 = 16.0 * 1024.0 * 1024.0;
    let mut sandbox = Sandbox::new("slow");
    sandbox.set("ingest.memory_budget_mb", 64);
    sandbox.set("ingest.decoders", 1);
    let topic = sandbox.hj212(2);
    // Making the tables is many small writes: not at the slow store's pace.
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    let sent = 450_000_u32;
    topics::produce(
        &topic,
        (0..sent).map(|n| ((n % 2) as i32, numbered("SLOW", n))),
    );
    let mut command = sandbox.command(&["ingest"]);
    command.env("NONSITE_FAULTS", "slow_ms=4000");
    let mut service = sandbox.spawn_command("ingest", command);
    let address = metrics_address(&mut service);
    let rows = f64::from(sent) * READINGS_PER_PACKET as f64;
    let mut most = 0.0_f64;
    // How long all of it takes is the slow store's and the machine's affair: what would be a hang is
    // a service that commits nothing more.
    let mut committed = 0.0;
    while committed < rows {
        committed = wait_for("the next commit", || {
            assert!(service.ended().is_none(), "{}", service.output());
            let held = metric(&address, "memory_bytes").unwrap();
            assert!(held <= BUDGET + BEYOND, "{held} bytes in flight");
            most = most.max(held);
            metric(&address, "rows_total{table=\"readings_raw\"}").filter(|now| *now > committed)
        });
    }
    assert_eq!(committed, rows, "rows committed");
    // Without this the test would pass on an input that never reached the limit.
    assert!(most > BUDGET * 0.75, "at most {most} bytes were in flight");
    service.terminate();
    assert!(service.wait().success(), "{}", service.output());
    assert_exactly_once(&sandbox, &topic, 2);
}
