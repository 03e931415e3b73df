//! From the logger to the topic: delays, copies, broken copies, and what they count.
//!
//! An [`Outbox`] takes the packets of one point and decides when each arrives: usually seconds
//! after it was sent, now and then much later (overtaken by later ones), some twice, some with a
//! broken copy behind. It counts what a reader has to find, for each message at the moment it is
//! put in.

use crate::layout::Point;
use crate::malformed::{Fate, Flaw, damage};
use crate::message::Topic;
use crate::noise::{Domain, Noise};
use crate::scale::Scale;
use crate::stamp::SECOND;
use crate::truth::{Counts, add};

/// One message in a buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Arrival, microseconds UTC.
    pub(crate) arrival: i64,
    /// Position of the point.
    pub(crate) point: u32,
    /// Order within the point.
    pub(crate) sequence: u32,
    pub(crate) start: usize,
    pub(crate) length: usize,
    pub(crate) readings: u32,
    pub(crate) topic: Topic,
}

/// What a packet holds, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Readings: how many factors, and their granularity.
    Readings(u32, &'static str),
    /// Readings of a time that was sent before: rows, but no new readings.
    Again(u32, &'static str),
    /// Rows of device states.
    States(u32),
}

/// Outgoing messages of one point.
#[derive(Debug)]
pub(crate) struct Outbox {
    noise: Noise,
    point: u32,
    topic: Topic,
    resend_rate: f64,
    malformed_rate: f64,
    /// MODBUS dialect of this logger, if it has one.
    modbus: Option<Flaw>,
    /// Broken copies that have to happen, so that every kind does.
    due: Vec<Flaw>,
    next_flaw: usize,
    sequence: u32,
    /// Messages of later hours: their bytes are kept here.
    pending: Vec<(Entry, Vec<u8>)>,
}

impl Outbox {
    pub(crate) fn new(scale: &Scale, point: &Point) -> Self {
        let broken = scale.malformed_rate > 0.0 && !point.json;
        let modbus = (broken && point.modbus).then_some(Flaw::modbus_of(point.index));
        // Each kind of flaw is due at one point at least; small provinces take several each.
        let due = (0..if broken { Flaw::COMMON.len() } else { 0 })
            .filter(|at| at % scale.points.min(Flaw::COMMON.len()) == point.index)
            .map(|at| Flaw::COMMON[at])
            .chain(modbus)
            .collect();
        Self {
            noise: Noise::new(scale.seed, Domain::Delivery, point.index as u64),
            point: point.index as u32,
            topic: if point.json {
                Topic::Readings
            } else {
                Topic::Hj212
            },
            resend_rate: scale.resend_rate,
            malformed_rate: if broken { scale.malformed_rate } else { 0.0 },
            modbus,
            due,
            next_flaw: point.index,
            sequence: 0,
            pending: Vec::new(),
        }
    }

    /// Moves what arrives before `until` from earlier hours into the buffer.
    pub(crate) fn release(&mut self, until: i64, buffer: &mut Vec<u8>, entries: &mut Vec<Entry>) {
        self.pending.retain(|(entry, bytes)| {
            if entry.arrival >= until {
                return true;
            }
            entries.push(Entry {
                start: buffer.len(),
                ..*entry
            });
            buffer.extend_from_slice(bytes);
            false
        });
    }

    /// A duration between `low` and `high` seconds, in whole milliseconds.
    pub(crate) fn seconds(&mut self, low: f64, high: f64) -> i64 {
        (self.noise.between(low, high) * 1_000.0) as i64 * (SECOND / 1_000)
    }

    /// Takes the last `length` bytes of the buffer as one message sent at `sent_at`. What arrives
    /// from `until` on is kept for a later hour.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call site per kind of packet"
    )]
    pub(crate) fn send(
        &mut self,
        cn: &'static str,
        content: Content,
        sent_at: i64,
        length: usize,
        until: i64,
        buffer: &mut Vec<u8>,
        entries: &mut Vec<Entry>,
        counts: &mut Counts,
    ) {
        let start = buffer.len() - length;
        let mut arrival = sent_at + self.seconds(0.2, 2.0);
        let draw = self.noise.unit();
        let minute = cn == "2051";
        if minute && draw > 0.99 {
            arrival += self.seconds(120.0, 1_800.0);
            counts.out_of_order += 1;
        }
        let readings = match content {
            Content::Readings(readings, granularity) => {
                counts.distinct_readings += u64::from(readings);
                count_rows(counts, u64::from(readings), granularity);
                readings
            }
            Content::Again(readings, granularity) => {
                counts.resent += 1;
                count_rows(counts, u64::from(readings), granularity);
                readings
            }
            Content::States(rows) => {
                counts.device_state_rows += u64::from(rows);
                0
            }
        };
        add(&mut counts.packets, cn, 1);
        self.push(
            arrival, start, length, readings, until, buffer, entries, counts,
        );
        if let Content::Readings(readings, granularity) = content {
            if draw < self.resend_rate {
                let again = buffer.len();
                buffer.extend_from_within(start..start + length);
                let later = arrival + self.seconds(10.0, 30.0);
                counts.resent += 1;
                add(&mut counts.packets, cn, 1);
                count_rows(counts, u64::from(readings), granularity);
                self.push(
                    later, again, length, readings, until, buffer, entries, counts,
                );
            }
            if minute && let Some(flaw) = self.flaw() {
                let good = buffer[start..start + length].to_vec();
                let broken = buffer.len();
                let length = damage(flaw, &good, buffer, &mut self.noise);
                count_flaw(counts, flaw, readings, granularity);
                let later = arrival + self.seconds(1.0, 5.0);
                self.push(
                    later, broken, length, readings, until, buffer, entries, counts,
                );
            }
        }
    }

    /// Whether this packet gets a broken copy, and how it is broken.
    fn flaw(&mut self) -> Option<Flaw> {
        if self.malformed_rate == 0.0 {
            return None;
        }
        if let Some(flaw) = self.due.pop() {
            return Some(flaw);
        }
        let draw = self.noise.unit();
        if draw < self.malformed_rate {
            self.next_flaw += 1;
            return Some(Flaw::COMMON[self.next_flaw % Flaw::COMMON.len()]);
        }
        // A MODBUS logger errs five times as often.
        self.modbus.filter(|_| draw < self.malformed_rate * 6.0)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one entry and where it goes"
    )]
    fn push(
        &mut self,
        arrival: i64,
        start: usize,
        length: usize,
        readings: u32,
        until: i64,
        buffer: &[u8],
        entries: &mut Vec<Entry>,
        counts: &mut Counts,
    ) {
        add(&mut counts.messages, self.topic.as_str(), 1);
        add(&mut counts.bytes, self.topic.as_str(), length as u64);
        let sequence = self.sequence;
        self.sequence += 1;
        let entry = Entry {
            arrival,
            point: self.point,
            sequence,
            start,
            length,
            readings,
            topic: self.topic,
        };
        if arrival < until {
            entries.push(entry);
        } else {
            self.pending
                .push((entry, buffer[start..start + length].to_vec()));
        }
    }
}

fn count_rows(counts: &mut Counts, rows: u64, granularity: &'static str) {
    counts.readings_rows += rows;
    add(&mut counts.rows_by_granularity, granularity, rows);
}

fn count_flaw(counts: &mut Counts, flaw: Flaw, readings: u32, granularity: &'static str) {
    add(&mut counts.flaws, flaw.as_str(), 1);
    add(&mut counts.packets, "broken", 1);
    match flaw.fate() {
        Fate::Quarantined(reason) => add(&mut counts.quarantined, reason.code(), 1),
        Fate::PartQuarantined(reason) => {
            add(&mut counts.bad_parts, reason.code(), 1);
            count_rows(counts, u64::from(readings) - 1, granularity);
        }
        Fate::Repaired => count_rows(counts, u64::from(readings), granularity),
    }
    if matches!(flaw, Flaw::Modbus | Flaw::ModbusSwapped) {
        counts.redrivable_rows += u64::from(readings);
    }
}
