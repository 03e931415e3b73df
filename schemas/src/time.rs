//! Time: injected, UTC inside, Beijing for business days.
//!
//! Loggers write local time without a zone; it is always China Standard Time (UTC+8, no daylight
//! saving), converted once at the edge. Everything past the edge is microseconds since the Unix
//! epoch in UTC. Logic never reads the wall clock: it takes a [`Clock`] or an instant.

use std::sync::atomic::{AtomicI64, Ordering};

/// Microseconds between UTC and China Standard Time (8 h).
pub const BEIJING_OFFSET_MICROS: i64 = 8 * 3_600 * 1_000_000;
/// Microseconds in a day.
pub const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// Source of the current instant, microseconds since the Unix epoch (UTC).
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The current instant in microseconds since the Unix epoch.
    fn now_micros(&self) -> i64;
}

/// The machine's clock; the only place that reads it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the wall clock enters"
    )]
    fn now_micros(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |elapsed| {
                i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
            })
    }
}

/// A clock that stands still until it is moved; for tests, replays and `--as-of`.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock showing `micros`.
    pub fn at(micros: i64) -> Self {
        Self(AtomicI64::new(micros))
    }

    /// Moves the clock by `micros` (may be negative).
    pub fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// Sets the clock to `micros`.
    pub fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The Beijing calendar day an instant falls on, as days since 1970-01-01 (Arrow `Date32`).
pub fn beijing_day(micros: i64) -> i32 {
    i32::try_from((micros + BEIJING_OFFSET_MICROS).div_euclid(DAY_MICROS)).unwrap_or(i32::MAX)
}

/// The instant at which a Beijing day (days since 1970-01-01) begins, microseconds UTC.
pub fn beijing_day_start(day: i32) -> i64 {
    i64::from(day) * DAY_MICROS - BEIJING_OFFSET_MICROS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beijing_day_begins_at_16_utc_the_day_before() {
        assert_eq!(beijing_day(0), 0);
        assert_eq!(beijing_day(16 * 3_600 * 1_000_000 - 1), 0);
        assert_eq!(beijing_day(16 * 3_600 * 1_000_000), 1);
        assert_eq!(beijing_day(beijing_day_start(19_000)), 19_000);
        assert_eq!(beijing_day(beijing_day_start(19_000) - 1), 18_999);
    }
}
