//! From a message to calls of a sink.
//!
//! Order of work for one packet: bounds (frame), header, decryption, CRC, command, content, times;
//! only then are rows handed over. So a packet is refused before the first call or not at all, and a
//! message is refused as a whole only if none of its packets could be used. In a message of several
//! packets the unusable ones come as bad parts.
//!
//! Nothing here allocates per field: text borrows from the message (or from a scratch buffer that
//! is used again, for decrypted and repaired text), groups live in vectors that are used again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::content::Parsed;
use super::frame::{Frame, frames};
use super::notes::Notes;
use super::open_splits::{OpenSplits, Place, Reread};
use super::split::SplitKey;
use super::stations::Stations;
use super::types::{Granularity, Head, Sink};
use super::unit::Unit;
use crate::reason::Reason;
use crate::time::DAY_MICROS;

/// Bounds of what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest data segment, bytes. HJ 212 allows 1024; up to 1623 have been seen.
    pub max_segment: usize,
    /// How far ahead of its arrival a time may be, microseconds.
    pub max_ahead_micros: i64,
    /// How long the parts of a split packet may be apart, microseconds.
    pub split_timeout_micros: i64,
    /// For how many split packets the time is remembered.
    pub max_splits: usize,
}

impl Default for Limits {
    /// 4,096 bytes, one day, five minutes, 10,000 split packets.
    fn default() -> Self {
        Self {
            max_segment: 4_096,
            max_ahead_micros: DAY_MICROS,
            split_timeout_micros: 300 * 1_000_000,
            max_splits: 10_000,
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was used: every packet went to the sink, as rows or as bad parts.
    Decoded(Decoded),
    /// It is a part of a split packet whose time is not known yet; nothing went to the sink. Hold
    /// the message in an [`Assembler`](super::Assembler).
    Pending(SplitKey),
    /// It could not be used; nothing went to the sink.
    Rejected(Rejected),
}

/// What went to the sink.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// Packets used.
    pub packets: u32,
    /// Calls of [`Sink::reading`].
    pub readings: u32,
    /// Calls of [`Sink::state`].
    pub states: u32,
    /// Calls of [`Sink::bad_part`].
    pub bad_parts: u32,
    /// Notes of all packets together.
    pub notes: Notes,
    /// Split packets of which a part told the time: release what waits under these keys.
    pub told: Vec<SplitKey>,
}

/// Why a message could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Stable reason.
    pub reason: Reason,
    /// One sentence: what, where, what to do.
    pub detail: String,
    /// Station number, if it could be read.
    pub mn: Option<String>,
}

/// Reads messages. Keeps scratch memory and the times of split packets; one per thread.
#[derive(Debug)]
pub struct Decoder {
    stations: Arc<Stations>,
    limits: Limits,
    splits: OpenSplits,
    parsed: Parsed<'static>,
    text: Vec<u8>,
}

/// Why one packet was not used.
pub(super) enum Unused {
    Pending(SplitKey),
    Refused(Box<Rejected>),
}

impl Decoder {
    /// A decoder for stations with these settings.
    pub fn new(stations: Arc<Stations>, limits: Limits) -> Self {
        Self {
            stations,
            limits,
            splits: OpenSplits::new(limits.split_timeout_micros, limits.max_splits),
            parsed: Parsed::default(),
            text: Vec::new(),
        }
    }

    /// Reads one message received at `received_at` (microseconds UTC) and hands its rows to `sink`.
    pub fn decode<S: Sink + ?Sized>(
        &mut self,
        message: &[u8],
        received_at: i64,
        sink: &mut S,
    ) -> Outcome {
        self.decode_at(Place::default(), message, received_at, sink)
    }

    /// From where each stream has to be read again so that parts still to come find the time of
    /// their packet. `now` says how far a stream has come, microseconds UTC: packets told longer
    /// ago than the timeout are forgotten.
    pub fn reread(&mut self, now: impl FnMut(u32) -> i64) -> BTreeMap<u32, Reread> {
        self.splits.reread(now)
    }

    /// Split packets that were given up while parts were missing, since the last call. The parts
    /// that came went to the sink; the missing ones count as not received (HJ 212).
    pub fn take_incomplete(&mut self) -> u64 {
        self.splits.take_incomplete()
    }

    /// Says that everything read so far of `stream` is settled: packets that are complete need
    /// not be read again.
    pub fn forget_closed(&mut self, stream: u32) {
        self.splits.forget_closed(stream);
    }

    /// As [`Decoder::decode`], remembering for split packets where the message lies.
    pub fn decode_at<S: Sink + ?Sized>(
        &mut self,
        place: Place,
        message: &[u8],
        received_at: i64,
        sink: &mut S,
    ) -> Outcome {
        let mut done = Decoded::default();
        let mut unused: Vec<(&[u8], Unused)> = Vec::new();
        // The segments used so far; a second one is rare, and equal ones are rarer.
        let (mut first, mut more): (Option<&[u8]>, Vec<&[u8]>) = (None, Vec::new());
        for frame in frames(message) {
            let mut earlier = first.iter().chain(&more);
            let repeated = first.is_some() && earlier.any(|segment| *segment == frame.segment);
            match self.packet(&frame, (place, received_at, repeated), sink, &mut done) {
                Ok(()) => {
                    done.packets += 1;
                    match first {
                        None => first = Some(frame.segment),
                        Some(_) if repeated => {}
                        Some(_) => more.push(frame.segment),
                    }
                }
                Err(reason) => unused.push((frame.raw, reason)),
            }
        }
        if unused.is_empty() && done.packets > 0 {
            return Outcome::Decoded(done);
        }
        Self::with_unused(message, received_at, sink, done, unused)
    }

    #[cold]
    fn with_unused<S: Sink + ?Sized>(
        message: &[u8],
        received_at: i64,
        sink: &mut S,
        mut done: Decoded,
        unused: Vec<(&[u8], Unused)>,
    ) -> Outcome {
        if done.packets > 0 {
            for (raw, reason) in unused {
                let rejected = reason.into_rejected();
                let head = Head {
                    mn: rejected.mn.as_deref().unwrap_or_default(),
                    st: None,
                    cn: None,
                    granularity: Granularity::Realtime,
                    data_time: received_at,
                    edition: None,
                    resend: false,
                    sent_at: None,
                    period_s: None,
                    note: Notes::NONE,
                };
                let part = String::from_utf8_lossy(raw);
                sink.bad_part(&head, &part, rejected.reason, &rejected.detail);
                done.bad_parts += 1;
            }
            return Outcome::Decoded(done);
        }
        let count = unused.len();
        let mut unused = unused.into_iter();
        match unused.next() {
            None => {
                let detail = format!("the message of {} bytes holds only blanks", message.len());
                Outcome::Rejected(Rejected {
                    reason: Reason::EmptyMessage,
                    detail,
                    mn: None,
                })
            }
            Some((_, Unused::Pending(key))) if count == 1 => Outcome::Pending(key),
            Some((_, reason)) => {
                let mut rejected = reason.into_rejected();
                if count > 1 {
                    rejected
                        .detail
                        .push_str(&format!(" (first of {count} packets, none usable)"));
                }
                Outcome::Rejected(rejected)
            }
        }
    }

    /// Reads one packet.
    fn packet<S: Sink + ?Sized>(
        &mut self,
        frame: &Frame<'_>,
        (place, received_at, repeated): (Place, i64, bool),
        sink: &mut S,
        done: &mut Decoded,
    ) -> Result<(), Unused> {
        // The scratch memory is taken out while text borrows from it.
        let mut text = std::mem::take(&mut self.text);
        let mut parsed = Parsed::reusing(std::mem::take(&mut self.parsed));
        let mut unit = Unit {
            stations: &self.stations,
            limits: &self.limits,
            splits: &mut self.splits,
            place,
            received_at,
            repeated,
        };
        let outcome = unit.read(frame, &mut text, &mut parsed, sink, done);
        self.parsed = Parsed::reusing(parsed);
        self.text = text;
        outcome
    }
}

impl Unused {
    fn into_rejected(self) -> Rejected {
        match self {
            Self::Refused(rejected) => *rejected,
            Self::Pending(key) => Rejected {
                reason: Reason::SplitIncomplete,
                detail: format!(
                    "no part with DataTime came before this part of {}",
                    key.parts
                ),
                mn: Some(key.mn),
            },
        }
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
