//! Records that the broker deleted before they were read: the partition stops and says so.

use crate::harness::packets::minute_packet;
use crate::harness::sandbox::Sandbox;
use crate::harness::{topics, wait_for};

/// Header of the findings of a proof.
const HEADER: &str = "finding,topic,partition,table,from,to,detail";

/// N6: what is gone on the broker is an alarm, and only an operator's word goes on.
#[test]
fn deleted_records_stop_the_partition_until_an_operator_resumes() {
    let mut sandbox = Sandbox::new("loss");
    let topic = sandbox.hj212(2);
    topics::produce(
        &topic,
        (0..40).map(|n| (n % 2, minute_packet("LOSS0001", n as u32))),
    );
    sandbox.run(&["ingest", "--until-caught-up"]).done();

    // Offsets 20..50 of partition 0 arrive; the broker deletes 20..37 before they are read.
    topics::produce(
        &topic,
        (40..70).map(|n| (0, minute_packet("LOSS0001", n as u32))),
    );
    topics::produce(
        &topic,
        (70..80).map(|n| (1, minute_packet("LOSS0001", n as u32))),
    );
    topics::delete_before(&topic, 0, 37);

    let stopped = sandbox.run(&["ingest", "--until-caught-up"]).exits(1);
    stopped.complains(&[
        &format!("{topic}/0"),
        "17 records are gone",
        "--resume-after-loss",
    ]);
    let per_partition = || {
        sandbox.query(
            "SELECT kafka_partition AS p, count(DISTINCT kafka_offset) AS n \
             FROM readings_raw GROUP BY kafka_partition ORDER BY 1",
        )
    };
    let rows = per_partition();
    assert_eq!(rows[0]["n"], 20, "the partition with the loss stands still");
    assert_eq!(rows[1]["n"], 30, "the other one goes on");
    sandbox.run(&["verify", "--against-broker"]).exits(1);
    // As CSV one list under one header, with findings and without.
    let proof = ["verify", "--against-broker", "--format", "csv"];
    let found = sandbox.run(&proof).exits(1).stdout;
    let mut lines = found.lines();
    assert_eq!(lines.next(), Some(HEADER));
    let lines: Vec<&str> = lines.collect();
    assert!(
        !lines.is_empty() && lines.iter().all(|line| line.contains(&topic)),
        "{found}"
    );

    // Another run does not forget; only the operator's word makes it go on, and it is written down.
    sandbox.run(&["ingest", "--until-caught-up"]).exits(1);
    assert_eq!(sandbox.count("SELECT count(*) FROM operator_actions"), 0);
    let partition = format!("{topic}/0");
    let resume = [
        "ingest",
        "--until-caught-up",
        "--resume-after-loss",
        &partition,
    ];
    sandbox.run(&resume).exits(2).complains(&["--why"]);
    sandbox
        .run(
            &[
                &resume[..],
                &["--why", "retention was too short", "--by", "tester"],
            ]
            .concat(),
        )
        .done();
    let actions = sandbox.query(
        "SELECT action, topic, partition, from_offset, to_offset, records, by, why FROM operator_actions",
    );
    let expected = serde_json::json!([{
        "action": "resume_after_loss", "topic": topic, "partition": 0, "from_offset": 20,
        "to_offset": 37, "records": 17, "by": "tester", "why": "retention was too short"
    }]);
    assert_eq!(serde_json::Value::from(actions), expected);
    let rows = per_partition();
    assert_eq!(rows[0]["n"], 33, "20 before the hole, 13 after it");
    assert_eq!(rows[1]["n"], 30);
    sandbox.verify();
    assert_eq!(sandbox.run(&proof).done().stdout.trim_end(), HEADER);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
}

/// N6: a running process goes on by itself when an operator has accepted the loss elsewhere; nothing
/// else happens that would make it look at its partitions again.
#[test]
fn a_running_process_notices_that_a_loss_was_accepted() {
    let mut sandbox = Sandbox::new("loss-running");
    let topic = sandbox.hj212(1);
    let produce = |minutes: std::ops::Range<u32>| {
        let messages = minutes.map(|minute| (0, minute_packet("LOSS0002", minute)));
        topics::produce(&topic, messages);
    };
    produce(0..10);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    produce(10..30);
    topics::delete_before(&topic, 0, 25);

    let mut process = sandbox.spawn("running", &["ingest"]);
    wait_for("the partition to stop", || {
        assert_eq!(process.ended(), None, "{}", process.output());
        process
            .output()
            .contains("15 records are gone")
            .then_some(())
    });
    // The operator's command records the decision before anything else; an address it cannot
    // listen on keeps it from joining the group, which would be a reason to look again.
    let partition = format!("{topic}/0");
    let mut resume = sandbox.command(&[
        "ingest",
        "--resume-after-loss",
        &partition,
        "--why",
        "retention was too short",
        "--by",
        "tester",
    ]);
    resume.env("NONSITE__INGEST__LISTEN", "nowhere");
    sandbox
        .finish(resume)
        .exits(2)
        .complains(&["loss of 15 records"]);
    wait_for("the rows after the hole", || {
        assert_eq!(process.ended(), None, "{}", process.output());
        let there = sandbox.count("SELECT count(DISTINCT kafka_offset) FROM readings_raw");
        (there == 15).then_some(())
    });
    process.terminate();
    assert!(process.wait().success(), "{}", process.output());
    sandbox.verify();
}
