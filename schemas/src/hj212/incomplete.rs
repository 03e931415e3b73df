//! Split packets of which a part never came.
//!
//! HJ 212: a missing part counts as not received. The parts that came were used and stay so, which
//! is why nobody would notice: the packets are counted here.
//!
//! A station may send two packets by turns, as when it catches up while it goes on measuring; the
//! time of only one of them is remembered. The other one is kept here with the parts it had, until
//! it goes on or its time is over.
//!
//! Bounded: at most a configured number of packets; what finds no room counts as given up. Packets
//! of more than 64 parts are not counted: there is no bit for each of their parts.

use std::collections::HashMap;

use super::split::SplitKey;

/// A packet that made way for another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    /// Part numbers seen; bit 0 is part 1.
    pub(super) seen: u64,
    /// When its time was told last, microseconds UTC.
    pub(super) received_at: i64,
    /// Where it came from.
    pub(super) stream: u32,
}

/// Packets that lack parts: those that may still go on, and the number of those given up.
#[derive(Debug)]
pub(super) struct Incomplete {
    left: HashMap<(SplitKey, i64), Left>,
    given_up: u64,
    timeout_micros: i64,
    max_entries: usize,
}

impl Incomplete {
    pub(super) fn new(timeout_micros: i64, max_entries: usize) -> Self {
        Self {
            left: HashMap::new(),
            given_up: 0,
            timeout_micros,
            max_entries,
        }
    }

    /// The packet with this time makes way for another one.
    pub(super) fn leave(&mut self, key: &SplitKey, data_time: i64, left: Left) {
        if !lacks(left.seen, key.parts) {
            return;
        }
        if self.left.len() < self.max_entries {
            self.left.insert((key.clone(), data_time), left);
        } else {
            self.given_up += 1;
        }
    }

    /// The parts that the packet with this time has had, if it goes on with one received at
    /// `received_at`.
    pub(super) fn go_on(&mut self, key: &SplitKey, data_time: i64, received_at: i64) -> u64 {
        if self.left.is_empty() {
            return 0;
        }
        let Some(left) = self.left.remove(&(key.clone(), data_time)) else {
            return 0;
        };
        let apart = received_at.saturating_sub(left.received_at);
        if apart.saturating_abs() <= self.timeout_micros {
            return left.seen;
        }
        self.given_up += 1;
        0
    }

    /// The time of a packet with these parts is over.
    pub(super) fn end(&mut self, key: &SplitKey, seen: u64) {
        self.given_up += u64::from(lacks(seen, key.parts));
    }

    /// Gives up whose time is over by `now`, which says how far a stream has come, microseconds
    /// UTC.
    pub(super) fn expire(&mut self, mut now: impl FnMut(u32) -> i64) {
        let before = self.left.len();
        let timeout = self.timeout_micros;
        self.left
            .retain(|_, left| now(left.stream).saturating_sub(left.received_at) <= timeout);
        self.given_up += (before - self.left.len()) as u64;
    }

    /// Number of packets given up since the last call.
    pub(super) fn take(&mut self) -> u64 {
        std::mem::take(&mut self.given_up)
    }
}

/// Whether the parts in `seen` are known not to be all.
fn lacks(seen: u64, parts: u16) -> bool {
    u32::from(parts) <= u64::BITS && seen.count_ones() < u32::from(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: u16) -> SplitKey {
        SplitKey {
            mn: "a".to_owned(),
            cn: "2051".to_owned(),
            parts,
        }
    }

    fn left(seen: u64, received_at: i64) -> Left {
        Left {
            seen,
            received_at,
            stream: 0,
        }
    }

    #[test]
    fn a_packet_that_goes_on_is_not_given_up() {
        let mut incomplete = Incomplete::new(100, 10);
        incomplete.leave(&key(3), 7, left(0b101, 0));
        assert_eq!(incomplete.go_on(&key(3), 8, 50), 0);
        assert_eq!(incomplete.go_on(&key(2), 7, 50), 0);
        assert_eq!(incomplete.go_on(&key(3), 7, 100), 0b101);
        assert_eq!(incomplete.go_on(&key(3), 7, 100), 0);
        incomplete.expire(|_| 1_000);
        assert_eq!(incomplete.take(), 0);
    }

    #[test]
    fn a_packet_whose_time_is_over_is_given_up_once() {
        let mut incomplete = Incomplete::new(100, 10);
        incomplete.leave(&key(3), 7, left(0b101, 0));
        incomplete.leave(&key(3), 8, left(0b100, 50));
        incomplete.expire(|_| 100);
        assert_eq!(incomplete.take(), 0);
        incomplete.expire(|_| 101);
        assert_eq!((incomplete.take(), incomplete.take()), (1, 0));
        assert_eq!(incomplete.go_on(&key(3), 8, 151), 0, "too late");
        assert_eq!(incomplete.take(), 1);
        incomplete.end(&key(2), 0b10);
        assert_eq!(incomplete.take(), 1);
    }

    #[test]
    fn complete_packets_and_those_of_very_many_parts_are_not_counted() {
        let mut incomplete = Incomplete::new(100, 10);
        for (parts, seen) in [(2, 0b11), (64, u64::MAX), (65, 1)] {
            incomplete.leave(&key(parts), 7, left(seen, 0));
            incomplete.end(&key(parts), seen);
        }
        incomplete.expire(|_| 1_000);
        assert_eq!(incomplete.take(), 0);
    }

    #[test]
    fn what_finds_no_room_is_given_up() {
        let mut incomplete = Incomplete::new(100, 2);
        for data_time in 0..5 {
            incomplete.leave(&key(2), data_time, left(1, 0));
        }
        assert_eq!(incomplete.take(), 3);
    }
}
