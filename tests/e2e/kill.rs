//! `kill -9` at any moment: nothing lost, nothing doubled, also while the tables are maintained.
//!
//! Records keep arriving while the process is killed and started over and over: at random moments,
//! with slow storage so that uploads and commits are hit as well, from outside while a commit is
//! held back, and by itself at the exact steps around the commit. What every kill left behind is
//! looked at, so that a run in which none fell between upload and commit fails. The moments come
//! from a fixed seed (`E2E_SEED` chooses another), so that a failure can be repeated as far as a
//! race can be.

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::harness::files::{Files, names};
use crate::harness::packets::numbered;
use crate::harness::process::Process;
use crate::harness::sandbox::Sandbox;
use crate::harness::{topics, wait_for};
use crate::ledger::assert_exactly_once;

const PARTITIONS: i32 = 4;
const ROUNDS: u32 = 30;
/// How a process that called abort() ends.
const SIGABRT: i32 = 6;

/// A small generator of moments (xorshift); statistical quality does not matter here.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let seed = std::env::var("E2E_SEED")
            .ok()
            .map_or(20_260_301, |text| text.parse().unwrap());
        eprintln!("E2E_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// When a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// At a moment that knows nothing of what the process does.
    AnyTime,
    /// The same, with a store that makes it spend most of its time in uploads and commits.
    SlowStore,
    /// From outside, when a file is uploaded and its commit is held back.
    BeforeCommit,
    /// By itself at a step.
    At(&'static str),
}

impl Death {
    /// All of them in turn, so that none is left to chance.
    fn of_round(round: u32) -> Self {
        match round % 4 {
            0 => Self::AnyTime,
            1 => Self::SlowStore,
            2 => Self::BeforeCommit,
            _ => Self::At(["upload", "before_commit", "after_commit"][(round / 4) as usize % 3]),
        }
    }

    fn faults(self, moments: &mut Moments) -> String {
        match self {
            Self::AnyTime => String::new(),
            Self::SlowStore => format!("slow_ms={}", 20 + moments.below(200)),
            Self::BeforeCommit => "sleep_before_commit_ms=600000".to_owned(),
            Self::At(step) => format!("abort@{step}"),
        }
    }

    /// Whether it surely falls between upload and commit.
    fn is_between(self) -> bool {
        matches!(
            self,
            Self::BeforeCommit | Self::At("upload" | "before_commit")
        )
    }
}

/// N1, N2: however the process dies, every record is in one place, once, and the offsets say so.
#[test]
fn thirty_kills_lose_nothing_and_double_nothing() {
    let mut sandbox = Sandbox::new("kill");
    // A killed member must be noticed soon, or every round waits for Kafka and not for us.
    sandbox.set("kafka.properties", session(1_000));
    sandbox.set("maintain.interval_s", 1);
    sandbox.set("maintain.small_file_count", 2);
    sandbox.set("maintain.checkpoint_every", 5);
    let topic = sandbox.hj212(PARTITIONS);
    let done = AtomicBool::new(false);
    let mut maintenance = sandbox.spawn("maintain", &["maintain"]);
    let (mut between, mut by_chance, mut worked) = (0, 0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !done.load(Ordering::Relaxed) {
                let batch =
                    (number..number + 80).map(|n| (n as i32 % PARTITIONS, numbered("KILL", n)));
                topics::produce(&topic, batch);
                number += 80;
                std::thread::sleep(Duration::from_millis(150));
            }
        });
        // However a round fails, the records end with it.
        let _ends = Ends(&done);
        let mut moments = Moments::new();
        for round in 0..ROUNDS {
            let death = Death::of_round(round);
            let before = Files::of(&sandbox);
            let mut command = sandbox.command(&["ingest"]);
            command.env("NONSITE_FAULTS", death.faults(&mut moments));
            let mut process = sandbox.spawn_command(&format!("round-{round}"), command);
            die(&sandbox, death, &mut process, &before, &mut moments);
            let after = Files::of(&sandbox);
            let left = after.orphans.difference(&before.orphans).count();
            let committed = after.committed.difference(&before.committed).count();
            let told = format!("round {round}, {death:?}: {left} orphans, {committed} committed");
            eprintln!("{told}");
            if death.is_between() {
                assert!(left > 0, "{told}");
                between += 1;
            } else if left > 0 {
                by_chance += 1;
            }
            if death == Death::BeforeCommit {
                assert_eq!(committed, 0, "{told}");
            }
            worked += u32::from(left + committed > 0);
        }
    });
    // Two of every four rounds, but one in three of the deaths by step comes after the commit.
    assert!(between >= 12, "{between} kills between upload and commit");
    assert!(worked > ROUNDS / 2, "{worked} rounds that wrote anything");
    eprintln!("{between} kills between upload and commit, {by_chance} more by chance");
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    maintained(&sandbox, &mut maintenance);
    assert_exactly_once(&sandbox, &topic, PARTITIONS);
}

/// Ends the records when dropped.
pub(crate) struct Ends<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets the process live until its moment.
fn die(
    sandbox: &Sandbox,
    death: Death,
    process: &mut Process,
    before: &Files,
    moments: &mut Moments,
) {
    let goes_on = |process: &mut Process| {
        assert_eq!(
            process.ended(),
            None,
            "ended by itself:\n{}",
            process.output()
        );
    };
    match death {
        Death::At(_) => {
            let status = process.wait();
            assert_eq!(status.signal(), Some(SIGABRT), "{}", process.output());
        }
        Death::BeforeCommit => wait_for("a file whose commit is held back", || {
            goes_on(process);
            let uploaded = Files::of(sandbox).orphans.len() > before.orphans.len();
            uploaded.then_some(())
        }),
        Death::AnyTime | Death::SlowStore => {
            let moment = Instant::now() + Duration::from_millis(300 + moments.below(4_000));
            while Instant::now() < moment {
                goes_on(process);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
    process.kill_hard();
}

/// Maintenance was at work all the time: it merged files and wrote checkpoints.
fn maintained(sandbox: &Sandbox, maintenance: &mut Process) {
    let table = sandbox.file("data/tables/readings_raw");
    wait_for("files to be merged and a checkpoint", || {
        assert!(maintenance.ended().is_none(), "{}", maintenance.output());
        let merged = names(&table)
            .iter()
            .flat_map(|day| names(&table.join(day)))
            .any(|name| name.starts_with("current-"));
        let checkpoint = table.join("_delta_log/_last_checkpoint").is_file();
        (merged && checkpoint).then_some(())
    });
    maintenance.terminate();
    assert!(maintenance.wait().success(), "{}", maintenance.output());
    let report = sandbox
        .run(&[
            "maintain",
            "--once",
            "--dry-run",
            "--table",
            "readings_raw",
            "--format",
            "json",
        ])
        .done()
        .json();
    assert_eq!(report[0]["table"], "readings_raw", "{report}");
    assert_eq!(report[0]["version_before"], report[0]["version_after"]);
}

/// Kafka client properties with a short session, in milliseconds.
pub(crate) fn session(timeout: i64) -> toml::Table {
    [
        ("session.timeout.ms", timeout),
        ("heartbeat.interval.ms", timeout / 4),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), toml::Value::from(value.to_string())))
    .collect()
}
