//! Records that the broker deleted before they were read: the partition stops and says so.

use crate::harness::packets::minute_packet;
use crate::harness::sandbox::Sandbox;
use crate::harness::topics;

#[test]
fn deleted_records_stop_the_partition_until_an_operator_resumes() {
    let mut sandbox = Sandbox::new("loss");
    let topic = sandbox.hj212(2);
    topics::produce(&topic, (0..40).map(|n| (n % 2, minute_packet("LOSS0001", n as u32))));
    sandbox.run(&["ingest", "--until-caught-up"]).done();

    // Offsets 20..50 of partition 0 arrive; the broker deletes 20..37 before they are read.
    topics::produce(&topic, (40..70).map(|n| (0, minute_packet("LOSS0001", n as u32))));
    topics::produce(&topic, (70..80).map(|n| (1, minute_packet("LOSS0001", n as u32))));
    topics::delete_before(&topic, 0, 37);

    let stopped = sandbox.run(&["ingest", "--until-caught-up"]).exits(1);
    let stopped = stopped.complains(&[&topic, "17"]);
    assert!(stopped.stderr.contains("resume"), "says what to do:\n{}", stopped.stderr);
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
}
