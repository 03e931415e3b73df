//! `kill -9` at any moment: nothing lost, nothing doubled.
//!
//! Records keep arriving while the process is killed and started over and over: at random moments,
//! with slow storage so that uploads and commits are hit as well, and at the exact steps between
//! upload and commit. The moments come from a fixed seed (`E2E_SEED` chooses another), so that a
//! failure can be repeated as far as a race can be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::harness::packets::minute_packet;
use crate::harness::sandbox::Sandbox;
use crate::harness::topics;
use crate::ledger::assert_exactly_once;

const PARTITIONS: i32 = 4;
const ROUNDS: u32 = 30;

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

#[test]
fn thirty_kills_lose_nothing_and_double_nothing() {
    let mut sandbox = Sandbox::new("kill");
    // A killed member must be noticed soon, or every round waits for Kafka and not for us.
    sandbox.set("kafka.properties", session(1_000));
    let topic = sandbox.hj212(PARTITIONS);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut minute = 0;
            while !done.load(Ordering::Relaxed) && minute < 30_000 {
                let batch = (minute..minute + 200).map(|n| {
                    (
                        n as i32 % PARTITIONS,
                        minute_packet(&format!("KILL{:04}", n % 11), n),
                    )
                });
                topics::produce(&topic, batch);
                minute += 200;
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let mut moments = Moments::new();
        for round in 0..ROUNDS {
            let mut command = sandbox.command(&["ingest"]);
            let faults = match moments.below(3) {
                0 => String::new(),
                1 => format!("slow_ms={}", 20 + moments.below(200)),
                _ => {
                    let step = ["upload", "before_commit", "after_commit"];
                    format!(
                        "abort@{}:{}",
                        step[moments.below(3) as usize],
                        1 + moments.below(2)
                    )
                }
            };
            command.env("NONSITE_FAULTS", &faults);
            let mut process = sandbox.spawn_command(&format!("round-{round}"), command);
            let moment = Instant::now() + Duration::from_millis(300 + moments.below(2_500));
            while Instant::now() < moment && process.ended().is_none() {
                std::thread::sleep(Duration::from_millis(5));
            }
            if !faults.starts_with("abort") {
                assert_eq!(
                    process.ended(),
                    None,
                    "ended by itself:\n{}",
                    process.output()
                );
            }
            process.kill_hard();
        }
        done.store(true, Ordering::Relaxed);
    });
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    assert_exactly_once(&sandbox, &topic, PARTITIONS);
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
