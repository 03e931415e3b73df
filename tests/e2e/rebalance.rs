//! Several processes share a topic; partitions move between them while records arrive.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::harness::packets::minute_packet;
use crate::harness::process::Process;
use crate::harness::sandbox::Sandbox;
use crate::harness::{topics, wait_for};
use crate::kill::session;
use crate::ledger::assert_exactly_once;

const PARTITIONS: i32 = 4;

fn batch(from: u32, count: u32) -> impl Iterator<Item = (i32, Vec<u8>)> {
    (from..from + count).map(|n| {
        (
            n as i32 % PARTITIONS,
            minute_packet(&format!("MOVE{:04}", n % 11), n),
        )
    })
}

/// Packets in the table, by the highest offset of each partition.
fn rows(sandbox: &Sandbox) -> i64 {
    sandbox.count("SELECT count(*) FROM readings_raw")
}

#[test]
fn one_of_two_is_killed_and_another_joins() {
    let mut sandbox = Sandbox::new("rebalance");
    sandbox.set("kafka.properties", session(2_000));
    let topic = sandbox.hj212(PARTITIONS);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut minute = 0;
            while !done.load(Ordering::Relaxed) && minute < 40_000 {
                topics::produce(&topic, batch(minute, 200));
                minute += 200;
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let grows = |what: &str, processes: &mut [&mut Process]| {
            let before = rows(&sandbox);
            wait_for(what, || {
                for process in &mut *processes {
                    assert!(process.ended().is_none(), "{}", process.output());
                }
                (rows(&sandbox) > before + 1_000).then_some(())
            });
        };
        let mut first = sandbox.spawn("first", &["ingest"]);
        grows("rows of the first process", &mut [&mut first]);
        let mut second = sandbox.spawn("second", &["ingest"]);
        grows("rows of two processes", &mut [&mut first, &mut second]);
        first.kill_hard();
        grows("rows after one was killed", &mut [&mut second]);
        let mut third = sandbox.spawn("third", &["ingest"]);
        grows("rows after another joined", &mut [&mut second, &mut third]);
        done.store(true, Ordering::Relaxed);
        for process in [&mut second, &mut third] {
            process.terminate();
            assert!(process.wait().success(), "{}", process.output());
        }
    });
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    assert_exactly_once(&sandbox, &topic, PARTITIONS);
}

/// A frozen process holds rows it has not committed. While it is frozen, its partitions move and
/// another process commits the same records. When it wakes, its batch is overdue, so the first
/// thing it does is to try to commit it: the table must refuse.
#[test]
fn a_process_that_wakes_after_its_partitions_moved_cannot_commit() {
    let mut sandbox = Sandbox::new("zombie");
    sandbox.set("kafka.properties", session(2_000));
    let topic = sandbox.hj212(PARTITIONS);
    topics::produce(&topic, batch(0, 400));

    let mut slow = sandbox.command(&["ingest"]);
    slow.env("NONSITE__INGEST__COMMIT_INTERVAL_S", "6");
    let mut zombie = sandbox.spawn_command("zombie", slow);
    wait_for("the first commit of the process that will freeze", || {
        assert!(zombie.ended().is_none(), "{}", zombie.output());
        (sandbox.file("data/tables/readings_raw/_delta_log").is_dir() && rows(&sandbox) == 1_200)
            .then_some(())
    });
    // These it reads at once and holds for up to six seconds.
    topics::produce(&topic, batch(400, 400));
    std::thread::sleep(Duration::from_secs(1));
    zombie.freeze();

    let mut heir = sandbox.spawn("heir", &["ingest"]);
    wait_for("the other process to take over", || {
        assert!(heir.ended().is_none(), "{}", heir.output());
        (rows(&sandbox) == 2_400).then_some(())
    });
    // By now the zombie's batch is over age; then it wakes.
    std::thread::sleep(Duration::from_secs(5));
    zombie.thaw();
    topics::produce(&topic, batch(800, 400));
    wait_for("both to work on", || {
        (rows(&sandbox) >= 3_600).then_some(())
    });
    for process in [&mut heir, &mut zombie] {
        process.terminate();
        assert!(process.wait().success(), "{}", process.output());
    }
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    assert_exactly_once(&sandbox, &topic, PARTITIONS);
}
