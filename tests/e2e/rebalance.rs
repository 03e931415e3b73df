//! Several processes share a topic; partitions move between them while records arrive.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::harness::files::Files;
use crate::harness::http::{metric, metrics_address};
use crate::harness::packets::numbered;
use crate::harness::process::Process;
use crate::harness::sandbox::Sandbox;
use crate::harness::{topics, wait_for};
use crate::kill::{Ends, session};
use crate::ledger::assert_exactly_once;

const PARTITIONS: i32 = 4;

fn batch(from: u32, count: u32) -> impl Iterator<Item = (i32, Vec<u8>)> {
    (from..from + count).map(|n| (n as i32 % PARTITIONS, numbered("MOVE", n)))
}

/// Readings in the table.
fn rows(sandbox: &Sandbox) -> i64 {
    sandbox.count("SELECT count(*) FROM readings_raw")
}

/// A process with the address of its metrics.
struct Member {
    process: Process,
    address: String,
}

impl Member {
    fn start(sandbox: &Sandbox, label: &str) -> Self {
        let mut process = sandbox.spawn(label, &["ingest"]);
        let address = metrics_address(&mut process);
        Self { process, address }
    }

    fn partitions(&self) -> f64 {
        metric(&self.address, "assigned_partitions").unwrap_or(0.0)
    }

    /// Readings this very process has committed.
    fn committed(&self) -> f64 {
        metric(&self.address, "rows_total{table=\"readings_raw\"}").unwrap_or(0.0)
    }
}

/// Waits until the members own all partitions, each at least one, and every one of them commits.
fn all_at_work(what: &str, members: &mut [&mut Member]) {
    wait_for(what, || {
        for member in &mut *members {
            let process = &mut member.process;
            assert!(process.ended().is_none(), "{}", process.output());
        }
        let owned: Vec<f64> = members.iter().map(|member| member.partitions()).collect();
        let all = owned.iter().sum::<f64>() == f64::from(PARTITIONS);
        (all && owned.iter().all(|own| *own >= 1.0)).then_some(())
    });
    for member in members {
        let before = member.committed();
        wait_for(what, || {
            let process = &mut member.process;
            assert!(process.ended().is_none(), "{}", process.output());
            (member.committed() > before + 300.0).then_some(())
        });
    }
}

/// N5: nothing of a partition that was taken away is published, and its heir misses nothing.
#[test]
fn one_of_two_is_killed_and_another_joins() {
    let mut sandbox = Sandbox::new("rebalance");
    sandbox.set("kafka.properties", session(2_000));
    let topic = sandbox.hj212(PARTITIONS);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !done.load(Ordering::Relaxed) {
                topics::produce(&topic, batch(number, 200));
                number += 200;
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        // However the test ends, the records end with it.
        let _ends = Ends(&done);
        let mut first = Member::start(&sandbox, "first");
        all_at_work("the first process", &mut [&mut first]);
        let mut second = Member::start(&sandbox, "second");
        all_at_work("two processes", &mut [&mut first, &mut second]);
        first.process.kill_hard();
        all_at_work("the one that is left", &mut [&mut second]);
        let mut third = Member::start(&sandbox, "third");
        all_at_work("another that joined", &mut [&mut second, &mut third]);
        for Member { process, .. } in [&mut second, &mut third] {
            process.terminate();
            assert!(process.wait().success(), "{}", process.output());
        }
    });
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    assert_exactly_once(&sandbox, &topic, PARTITIONS);
}

/// N3, N5: a frozen process holds a commit that it was permitted to put: its files are uploaded, the
/// check of its permit lies behind it. While it is frozen its partitions move and another process
/// commits the same records. When it wakes, the first thing it does is to put that commit: only the
/// table can refuse it, and must.
#[test]
fn a_process_that_wakes_after_its_partitions_moved_cannot_commit() {
    const HELD: Duration = Duration::from_secs(5);
    let mut sandbox = Sandbox::new("zombie");
    sandbox.set("kafka.properties", session(2_000));
    let topic = sandbox.hj212(PARTITIONS);
    topics::produce(&topic, batch(0, 400));

    let mut slow = sandbox.command(&["ingest"]);
    let held = format!("sleep_before_commit_ms={}", HELD.as_millis());
    slow.env("NONSITE_FAULTS", held);
    let mut zombie = sandbox.spawn_command("zombie", slow);
    let address = metrics_address(&mut zombie);
    wait_for("the first commit of the process that will freeze", || {
        assert!(zombie.ended().is_none(), "{}", zombie.output());
        (!Files::of(&sandbox).committed.is_empty() && rows(&sandbox) == 1_200).then_some(())
    });
    topics::produce(&topic, batch(400, 400));
    wait_for("files whose commit is held back", || {
        assert!(zombie.ended().is_none(), "{}", zombie.output());
        (!Files::of(&sandbox).orphans.is_empty()).then_some(())
    });
    zombie.freeze();
    let frozen = Instant::now();
    assert_eq!(rows(&sandbox), 1_200, "it froze before its commit");

    let mut heir = sandbox.spawn("heir", &["ingest"]);
    wait_for("the other process to take over", || {
        assert!(heir.ended().is_none(), "{}", heir.output());
        (rows(&sandbox) == 2_400).then_some(())
    });
    // By now the commit has been held back for long enough: it is put at the moment of waking.
    std::thread::sleep((HELD + Duration::from_secs(1)).saturating_sub(frozen.elapsed()));
    zombie.thaw();
    let refused = wait_for("the commit to be refused", || {
        assert!(zombie.ended().is_none(), "{}", zombie.output());
        metric(&address, "conflicts_total{table=\"readings_raw\"}")
    });
    assert!(refused >= 1.0, "{refused} refused commits");
    assert_eq!(
        rows(&sandbox),
        2_400,
        "nothing came in with the refused commit"
    );

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
