//! N7: bytes in flight under one budget.
//!
//! Only the source waits. The thread that takes messages from Kafka asks for room before it
//! starts a chunk; everything downstream reports what it holds and what it let go, and never
//! waits, so no two stages can wait for each other.
//!
//! What is held may therefore exceed the limit by what was taken before: the rows that the chunks
//! in the threads' queues become, and what encoding adds per row (see `pipeline::worker`). Ordinary
//! messages become rows of about their own size. Garbage may not: a bad part of a message is kept
//! with the whole message. So there is no bound that only a fault of this program could exceed, and
//! N7 is watched by the metrics `memory_bytes` and `memory_limit_bytes`, not counted as a violation.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use prometheus::IntGauge;

/// Bytes in flight and their limit.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    held: Mutex<usize>,
    freed: Condvar,
    gauge: IntGauge,
}

impl Budget {
    pub(crate) fn new(limit: usize, gauge: IntGauge) -> Self {
        Self {
            limit,
            held: Mutex::new(0),
            freed: Condvar::new(),
            gauge,
        }
    }

    /// Upper limit in bytes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Waits until there is room, at most `timeout`. Whether there is.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let mut held = self.held.lock();
        if *held >= self.limit {
            self.freed.wait_for(&mut held, timeout);
        }
        *held < self.limit
    }

    /// Reports bytes that are held from now on.
    pub(crate) fn hold(&self, bytes: usize) {
        let mut held = self.held.lock();
        *held += bytes;
        self.gauge.set(i64::try_from(*held).unwrap_or(i64::MAX));
    }

    /// Reports bytes that were let go.
    pub(crate) fn free(&self, bytes: usize) {
        let mut held = self.held.lock();
        *held = held.saturating_sub(bytes);
        self.gauge.set(i64::try_from(*held).unwrap_or(i64::MAX));
        self.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N7: the source waits, and is told when there is room.
    #[test]
    fn the_source_waits_until_something_is_freed() {
        let gauge = IntGauge::new("bytes", "bytes").unwrap();
        let budget = Budget::new(10, gauge.clone());
        assert!(budget.wait(Duration::ZERO));
        budget.hold(12);
        assert_eq!(gauge.get(), 12);
        assert!(!budget.wait(Duration::from_millis(1)));
        std::thread::scope(|scope| {
            scope.spawn(|| budget.free(5));
            while !budget.wait(Duration::from_millis(5)) {}
        });
        assert_eq!(gauge.get(), 7);
    }
}
