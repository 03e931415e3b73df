//! The times of split packets seen lately, and which of those packets still lack parts.
//!
//! The first part that tells its time opens a packet; every part that is used is ticked off by its
//! number. Two questions are answered from that:
//!
//! - what time a part without one belongs to ([`OpenSplits::recall`]); asked for as long as the
//!   timeout, also of a complete packet, since gateways deliver parts twice;
//! - from where a reader has to read again so that it knows the same afterwards
//!   ([`OpenSplits::reread`]): the first told part of the oldest packet that is not complete. A
//!   caller that commits in steps keeps that place with each step.
//!
//! What is given up while parts are missing is counted (see `incomplete`).
//!
//! Bounded: at most a configured number of packets, the oldest half making room; forgetting early
//! costs a part its time, never a row its place.

use std::collections::{BTreeMap, HashMap};

use super::incomplete::{Incomplete, Left};
use super::split::SplitKey;

/// Where a message lies in its source, for callers that may have to read it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The caller's number for the source, such as a partition.
    pub stream: u32,
    /// Offset in it.
    pub offset: i64,
}

/// From where a stream has to be read again so that parts still to come find their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reread {
    /// First told part of the oldest packet that lacks parts.
    pub open: Option<i64>,
    /// First told part of the oldest packet that was completed, replaced or forgotten since the
    /// last [`Decoder::forget_closed`](super::Decoder::forget_closed): it matters to a caller that
    /// has not settled the parts after it yet.
    pub closed: Option<i64>,
}

/// One part as its header names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// PNO, from 1.
    pub(super) number: u16,
    /// QN as microseconds UTC, if it is one: the same in all parts of a packet.
    pub(super) sent_at: Option<i64>,
    /// When it was received, microseconds UTC.
    pub(super) received_at: i64,
    /// Where it lies.
    pub(super) place: Place,
}

#[derive(Debug)]
struct Split {
    data_time: i64,
    sent_at: Option<i64>,
    /// When its time was told last, microseconds UTC.
    received_at: i64,
    first: Place,
    /// Part numbers seen; bit 0 is part 1.
    seen: u64,
    /// Those seen before it was sent again, or another packet of the station came in between.
    earlier: u64,
}

impl Split {
    /// What is known of it when another one takes its place.
    fn left(&self) -> Left {
        Left {
            seen: self.seen | self.earlier,
            received_at: self.received_at,
            stream: self.first.stream,
        }
    }

    fn has(&self, number: u16) -> bool {
        bit(number).is_some_and(|bit| self.seen & bit != 0)
    }

    /// Packets of more parts than there are bits are never complete; time ends them.
    fn lacks_parts(&self, parts: u16) -> bool {
        u32::from(parts) > u64::BITS || self.seen.count_ones() < u32::from(parts)
    }
}

fn bit(number: u16) -> Option<u64> {
    1_u64.checked_shl(u32::from(number).checked_sub(1)?)
}

/// The split packets whose time is known.
#[derive(Debug)]
pub(super) struct OpenSplits {
    splits: HashMap<SplitKey, Split>,
    /// First told part of the oldest packet closed lately, by stream.
    closed: BTreeMap<u32, i64>,
    incomplete: Incomplete,
    timeout_micros: i64,
    max_entries: usize,
}

impl OpenSplits {
    pub(super) fn new(timeout_micros: i64, max_entries: usize) -> Self {
        let max_entries = max_entries.max(2);
        Self {
            splits: HashMap::new(),
            closed: BTreeMap::new(),
            incomplete: Incomplete::new(timeout_micros, max_entries),
            timeout_micros,
            max_entries,
        }
    }

    /// A part told the time of its packet.
    pub(super) fn told(&mut self, key: &SplitKey, part: Part, data_time: i64) {
        let same = self.splits.get(key).is_some_and(|split| {
            // Sent again as a whole: its other parts will come again, too.
            let again = !split.lacks_parts(key.parts) && split.has(part.number);
            split.data_time == data_time && self.is_near(split, &part) && !again
        });
        if !same {
            let mut earlier = 0;
            if let Some(before) = self.splits.remove(key) {
                close(&mut self.closed, &before);
                if before.data_time == data_time && self.is_near(&before, &part) {
                    earlier = before.left().seen;
                } else {
                    self.incomplete.leave(key, before.data_time, before.left());
                }
            }
            self.make_room();
            earlier |= self.incomplete.go_on(key, data_time, part.received_at);
            let split = Split {
                data_time,
                sent_at: part.sent_at,
                received_at: part.received_at,
                first: part.place,
                seen: 0,
                earlier,
            };
            self.splits.insert(key.clone(), split);
        } else if let Some(split) = self.splits.get_mut(key) {
            split.received_at = split.received_at.max(part.received_at);
        }
        self.joined(key, part.number);
    }

    /// A part without a time of its own was used.
    pub(super) fn joined(&mut self, key: &SplitKey, number: u16) {
        let Some(split) = self.splits.get_mut(key) else {
            return;
        };
        let lacked = split.lacks_parts(key.parts);
        split.seen |= bit(number).unwrap_or(0);
        if lacked && !split.lacks_parts(key.parts) {
            close(&mut self.closed, split);
        }
    }

    /// The time of the packet that a part belongs to, if a part with it was received within the
    /// timeout. A part number that is there already under another QN is of another packet.
    pub(super) fn recall(&self, key: &SplitKey, part: Part) -> Option<i64> {
        let split = self.splits.get(key)?;
        let another = split.has(part.number) && split.sent_at != part.sent_at;
        (self.is_near(split, &part) && !another).then_some(split.data_time)
    }

    fn is_near(&self, split: &Split, part: &Part) -> bool {
        let apart = part.received_at.saturating_sub(split.received_at);
        apart.saturating_abs() <= self.timeout_micros
    }

    fn make_room(&mut self) {
        if self.splits.len() < self.max_entries {
            return;
        }
        let mut ages: Vec<i64> = self
            .splits
            .values()
            .map(|split| split.received_at)
            .collect();
        let middle = ages.len() / 2;
        let newest_to_go = *ages.select_nth_unstable(middle).1;
        // Many of one instant would all go: what counts is that there is room.
        self.splits.retain(|key, split| {
            let stays = split.received_at > newest_to_go;
            if !stays && split.lacks_parts(key.parts) {
                close(&mut self.closed, split);
                self.incomplete.leave(key, split.data_time, split.left());
            }
            stays
        });
    }

    /// Per stream, from where to read again. `now` says how far a stream has come, microseconds
    /// UTC; what is older than the timeout by then is forgotten.
    pub(super) fn reread(&mut self, mut now: impl FnMut(u32) -> i64) -> BTreeMap<u32, Reread> {
        let Self {
            splits,
            closed,
            incomplete,
            timeout_micros,
            ..
        } = self;
        incomplete.expire(&mut now);
        let mut places: BTreeMap<u32, Reread> = BTreeMap::new();
        splits.retain(|key, split| {
            let age = now(split.first.stream).saturating_sub(split.received_at);
            let stays = age <= *timeout_micros;
            if split.lacks_parts(key.parts) {
                if stays {
                    let open = &mut places.entry(split.first.stream).or_default().open;
                    lower(open, split.first.offset);
                } else {
                    close(closed, split);
                    incomplete.end(key, split.left().seen);
                }
            }
            stays
        });
        for (stream, offset) in closed {
            places.entry(*stream).or_default().closed = Some(*offset);
        }
        places
    }

    /// Packets given up while parts were missing, since the last call.
    pub(super) fn take_incomplete(&mut self) -> u64 {
        self.incomplete.take()
    }

    /// Forgets the closed packets of a stream.
    pub(super) fn forget_closed(&mut self, stream: u32) {
        self.closed.remove(&stream);
    }
}

fn close(closed: &mut BTreeMap<u32, i64>, split: &Split) {
    let first = closed
        .entry(split.first.stream)
        .or_insert(split.first.offset);
    *first = (*first).min(split.first.offset);
}

fn lower(place: &mut Option<i64>, offset: i64) {
    *place = Some(place.map_or(offset, |place| place.min(offset)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(mn: &str, parts: u16) -> SplitKey {
        SplitKey {
            mn: mn.to_owned(),
            cn: "2051".to_owned(),
            parts,
        }
    }

    fn part(number: u16, received_at: i64, offset: i64) -> Part {
        Part {
            number,
            sent_at: None,
            received_at,
            place: Place { stream: 0, offset },
        }
    }

    fn reread(splits: &mut OpenSplits, now: i64) -> Reread {
        splits.reread(|_| now).remove(&0).unwrap_or_default()
    }

    #[test]
    fn a_packet_is_open_until_its_last_part() {
        let mut splits = OpenSplits::new(100, 10);
        splits.told(&key("a", 3), part(1, 0, 7), 1_000);
        splits.told(&key("b", 2), part(1, 0, 8), 1_000);
        assert_eq!(reread(&mut splits, 10).open, Some(7));
        splits.joined(&key("a", 3), 3);
        splits.joined(&key("a", 3), 3);
        assert_eq!(reread(&mut splits, 10).open, Some(7));
        splits.joined(&key("a", 3), 2);
        let found = reread(&mut splits, 10);
        assert_eq!((found.open, found.closed), (Some(8), Some(7)));
        splits.forget_closed(0);
        // Delivered twice: its time is still known.
        assert_eq!(splits.recall(&key("a", 3), part(2, 50, 0)), Some(1_000));
        // The next packet takes the place of one that never became complete.
        splits.told(&key("b", 2), part(1, 20, 9), 2_000);
        let found = reread(&mut splits, 20);
        assert_eq!((found.open, found.closed), (Some(9), Some(8)));
    }

    #[test]
    fn packets_that_are_given_up_without_a_part_are_counted() {
        let mut splits = OpenSplits::new(100, 10);
        splits.told(&key("a", 2), part(1, 0, 7), 1_000);
        splits.told(&key("b", 2), part(1, 0, 8), 1_000);
        splits.told(&key("c", 2), part(1, 0, 9), 1_000);
        splits.joined(&key("c", 2), 2);
        // The station's next packet does not wait for the rest of the one before.
        splits.told(&key("b", 2), part(1, 60, 10), 2_000);
        splits.joined(&key("b", 2), 2);
        let _ = reread(&mut splits, 100);
        assert_eq!(splits.take_incomplete(), 0, "they may still come");
        let _ = reread(&mut splits, 101);
        assert_eq!(splits.take_incomplete(), 2, "a, and the first of b");
        let _ = reread(&mut splits, 1_000);
        assert_eq!(splits.take_incomplete(), 0, "nothing is counted twice");
    }

    #[test]
    fn packets_that_come_by_turns_are_complete_all_the_same() {
        let mut splits = OpenSplits::new(100, 10);
        for (n, (number, data_time)) in (0..).zip([(1, 7), (1, 8), (2, 7), (2, 8), (3, 8), (3, 7)])
        {
            splits.told(&key("a", 3), part(number, n, n), data_time);
        }
        let _ = reread(&mut splits, 1_000);
        assert_eq!(splits.take_incomplete(), 0);
    }

    #[test]
    fn a_packet_that_is_sent_again_is_open_again() {
        let mut splits = OpenSplits::new(100, 10);
        splits.told(&key("a", 2), part(1, 0, 7), 1_000);
        splits.told(&key("a", 2), part(1, 5, 8), 1_000);
        splits.joined(&key("a", 2), 2);
        assert_eq!(reread(&mut splits, 10).open, None);
        splits.told(&key("a", 2), part(1, 20, 9), 1_000);
        assert_eq!(reread(&mut splits, 20).open, Some(9));
        splits.joined(&key("a", 2), 2);
        assert_eq!(reread(&mut splits, 20).open, None);
        // A single part that is delivered twice does not make the packet incomplete.
        splits.told(&key("a", 2), part(1, 30, 10), 1_000);
        assert_eq!(reread(&mut splits, 200).open, None);
        assert_eq!(splits.take_incomplete(), 0);
    }

    #[test]
    fn a_part_that_is_there_under_another_number_is_of_another_packet() {
        let sent = |number, sent_at| Part {
            sent_at: Some(sent_at),
            ..part(number, 0, 0)
        };
        let mut splits = OpenSplits::new(100, 10);
        splits.told(&key("a", 2), sent(1, 5), 1_000);
        assert_eq!(
            splits.recall(&key("a", 2), sent(2, 6)),
            Some(1_000),
            "each part may have its own"
        );
        splits.joined(&key("a", 2), 2);
        assert_eq!(splits.recall(&key("a", 2), sent(2, 5)), Some(1_000));
        assert_eq!(splits.recall(&key("a", 2), sent(2, 65)), None);
    }

    #[test]
    fn times_are_forgotten() {
        let mut splits = OpenSplits::new(100, 10);
        splits.told(&key("a", 2), part(1, 0, 3), 7);
        assert_eq!(splits.recall(&key("a", 2), part(2, 100, 4)), Some(7));
        assert_eq!(splits.recall(&key("a", 2), part(2, 101, 4)), None);
        assert_eq!(splits.recall(&key("b", 2), part(2, 0, 4)), None);
        assert_eq!(reread(&mut splits, 100).open, Some(3));
        let found = reread(&mut splits, 101);
        assert_eq!((found.open, found.closed), (None, Some(3)));
        assert_eq!(splits.recall(&key("a", 2), part(2, 0, 4)), None);
    }

    #[test]
    fn the_oldest_half_makes_room() {
        let mut splits = OpenSplits::new(1_000, 4);
        for (n, mn) in (0..).zip(["a", "b", "c", "d", "e"]) {
            splits.told(&key(mn, 2), part(1, n * 10, n), n);
        }
        let known = |mn: &str| splits.recall(&key(mn, 2), part(2, 40, 9)).is_some();
        assert_eq!(
            ["a", "b", "c", "d", "e"].map(known),
            [false, false, false, true, true]
        );
        let found = reread(&mut splits, 40);
        assert_eq!((found.open, found.closed), (Some(3), Some(0)));
        // Those without room go on waiting to be counted.
        assert_eq!(splits.take_incomplete(), 0);
        let _ = reread(&mut splits, 2_000);
        assert_eq!(splits.take_incomplete(), 5);
    }

    #[test]
    fn packets_of_very_many_parts_end_by_time() {
        let mut splits = OpenSplits::new(100, 10);
        for number in 1..=70 {
            splits.told(&key("a", 70), part(number, 0, i64::from(number)), 5);
        }
        assert_eq!(reread(&mut splits, 100).open, Some(1));
        assert_eq!(reread(&mut splits, 101).open, None);
    }
}
