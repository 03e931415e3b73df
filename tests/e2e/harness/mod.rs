//! What every test needs: the servers, a sandbox with commands and processes, topics, packets.

pub(crate) mod broker;
pub(crate) mod data;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod packets;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod sandbox;
pub(crate) mod topics;

use std::time::{Duration, Instant};

/// The longest a single step may take before the test is failed as hanging. Far above what any
/// step needs on a slow machine that compiles at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Asks `probe` until it has an answer; panics with `what` when patience runs out.
pub(crate) fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "gave up waiting for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
