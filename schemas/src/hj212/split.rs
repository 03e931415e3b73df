//! Split packets: the parts share one DataTime, and some loggers write it in the first part only.
//!
//! A part with its own DataTime is complete in itself and decoded at once; the decoder remembers the
//! time under the [`SplitKey`] (see `open_splits`). A later part without one takes it from there.
//! Only a part that comes *before* any part with the time has to wait: the decoder answers
//! [`Outcome::Pending`], the caller holds the message in an [`Assembler`], decodes it again when a
//! part with the time was seen ([`Assembler::release`]), and refuses it as `split_incomplete` when
//! none came in time ([`Assembler::expire`]) or room ran out. Time is always an argument; both
//! memories are bounded.
//!
//! [`Outcome::Pending`]: super::Outcome::Pending

use std::collections::BTreeMap;

/// What the parts of one split packet have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SplitKey {
    /// Station number.
    pub mn: String,
    /// Command code.
    pub cn: String,
    /// Number of parts, PNUM.
    pub parts: u16,
}

/// A message waiting for the time of its split packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<T> {
    /// The message as received.
    pub message: Vec<u8>,
    /// When it was received, microseconds UTC.
    pub received_at: i64,
    /// What the caller needs to place it, such as topic, partition and offset.
    pub tag: T,
}

/// Messages that wait for another part; bounded in bytes and time.
#[derive(Debug)]
pub struct Assembler<T> {
    held: BTreeMap<u64, (SplitKey, Held<T>)>,
    next: u64,
    bytes: usize,
    max_bytes: usize,
    timeout_micros: i64,
}

/// Bookkeeping per held message that counts against the bound, bytes.
const OVERHEAD: usize = 256;

impl<T> Assembler<T> {
    /// Holds at most `max_bytes` (messages and bookkeeping), each for `timeout_micros` at most.
    pub const fn new(max_bytes: usize, timeout_micros: i64) -> Self {
        Self {
            held: BTreeMap::new(),
            next: 0,
            bytes: 0,
            max_bytes,
            timeout_micros,
        }
    }

    /// Bytes held now.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages held now.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Holds a message. Returns what has to leave for lack of room, oldest first; that may be the
    /// message itself. The caller refuses it as `split_incomplete`.
    #[must_use]
    pub fn hold(&mut self, key: SplitKey, message: Held<T>) -> Vec<Held<T>> {
        self.bytes += message.message.len() + OVERHEAD;
        self.held.insert(self.next, (key, message));
        self.next += 1;
        let mut leaving = Vec::new();
        while self.bytes > self.max_bytes
            && let Some((_, (_, oldest))) = self.held.pop_first()
        {
            self.bytes -= oldest.message.len() + OVERHEAD;
            leaving.push(oldest);
        }
        leaving
    }

    /// Takes out the messages of a split packet whose time is now known, in order of arrival.
    #[must_use]
    pub fn release(&mut self, key: &SplitKey) -> Vec<Held<T>> {
        self.take(|held_key, _| held_key == key)
    }

    /// Takes out the messages that have waited longer than the timeout. `now` says by the tag how
    /// far the messages of its source have come, microseconds UTC: a reader that is behind must not
    /// give up a message whose other parts it has not read yet.
    #[must_use]
    pub fn expire(&mut self, mut now: impl FnMut(&T) -> i64) -> Vec<Held<T>> {
        let timeout = self.timeout_micros;
        self.take(|_, held| now(&held.tag).saturating_sub(held.received_at) > timeout)
    }

    /// Takes out everything a predicate on the tag chooses, such as a partition that moved away.
    #[must_use]
    pub fn take_where(&mut self, mut chosen: impl FnMut(&T) -> bool) -> Vec<Held<T>> {
        self.take(|_, held| chosen(&held.tag))
    }

    fn take(&mut self, mut chosen: impl FnMut(&SplitKey, &Held<T>) -> bool) -> Vec<Held<T>> {
        let taken: Vec<Held<T>> = self
            .held
            .extract_if(.., |_, (key, held)| chosen(key, held))
            .map(|(_, (_, held))| held)
            .collect();
        for held in &taken {
            self.bytes -= held.message.len() + OVERHEAD;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(mn: &str) -> SplitKey {
        SplitKey {
            mn: mn.to_owned(),
            cn: "2051".to_owned(),
            parts: 2,
        }
    }

    fn held(length: usize, received_at: i64, tag: i64) -> Held<i64> {
        Held {
            message: vec![b'x'; length],
            received_at,
            tag,
        }
    }

    fn tags(taken: &[Held<i64>]) -> Vec<i64> {
        taken.iter().map(|held| held.tag).collect()
    }

    #[test]
    fn release_takes_one_packets_parts_in_order() {
        let mut assembler = Assembler::new(10_000, 100);
        for (mn, tag) in [("a", 1), ("b", 2), ("a", 3)] {
            assert!(assembler.hold(key(mn), held(10, 0, tag)).is_empty());
        }
        assert_eq!(tags(&assembler.release(&key("a"))), [1, 3]);
        assert_eq!(tags(&assembler.release(&key("a"))), [0; 0]);
        assert_eq!(assembler.len(), 1);
        assert_eq!(tags(&assembler.take_where(|tag| *tag == 2)), [2]);
        assert_eq!((assembler.bytes(), assembler.is_empty()), (0, true));
    }

    #[test]
    fn waiting_ends_with_the_timeout() {
        let mut assembler = Assembler::new(10_000, 100);
        assert!(assembler.hold(key("a"), held(10, 0, 1)).is_empty());
        assert!(assembler.hold(key("a"), held(10, 50, 2)).is_empty());
        assert!(assembler.expire(|_| 100).is_empty());
        assert_eq!(tags(&assembler.expire(|_| 101)), [1]);
        assert_eq!(tags(&assembler.expire(|_| 151)), [2]);
        assert_eq!(assembler.bytes(), 0);
    }

    #[test]
    fn room_is_bounded() {
        let mut assembler = Assembler::new(2 * (100 + OVERHEAD), 100);
        assert!(assembler.hold(key("a"), held(100, 0, 1)).is_empty());
        assert!(assembler.hold(key("b"), held(100, 0, 2)).is_empty());
        assert_eq!(tags(&assembler.hold(key("c"), held(100, 0, 3))), [1]);
        assert_eq!(
            tags(&assembler.hold(key("d"), held(5_000, 0, 4))),
            [2, 3, 4]
        );
        assert_eq!(assembler.bytes(), 0);
    }
}
