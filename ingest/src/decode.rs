//! One record to rows: which reader a topic needs, and what its verdict means.
//!
//! Every record ends in one of three ways: its rows (and bad parts) are in the builders; it is a
//! row of `quarantine` as a whole; or it is a part of a split packet that waits for its time.
//! There is no fourth (N1).
//!
//! Nothing here depends on when it runs: the same record gives the same rows, so that reading
//! again after a crash is harmless. The one exception is the memory of split packets. It has two
//! halves, and both survive a restart: a part that waits for its time holds back its partition's
//! offset, so that it is read again; and a time that parts still to come will need says from where
//! the partition has to be read again ([`Decoders::marks`]). Records that are read again only for
//! that reason lie before the partition's start: they feed this memory and give no row.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use nonsite_schemas::hj212::{
    Assembler, Decoder, Held, Limits, Outcome, Place, SplitKey, Stations,
};
use nonsite_schemas::reason::Reason;
use nonsite_schemas::wire::documents::{self, DocumentTables};
use nonsite_schemas::wire::inspection::{self, InspectionRows};
use nonsite_schemas::wire::permit::{self, PermitRows};
use nonsite_schemas::wire::{Origin, reading};

use crate::columns::QuarantineRow;
use crate::config::{Content, Format, Topic};
use crate::metrics::Metrics;
use crate::pipeline::assignment::{Assignment, Slot};
use crate::pipeline::rows::Rows;
use crate::target::{PerTable, Target};

mod alone;

pub use self::alone::{Decoded, RecordDecoder};

/// Most bytes of split packets kept waiting, per worker.
const WAITING_BYTES: usize = 4 << 20;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its rows are in the builders, as far as its tables lack them.
    Accepted,
    /// It is in quarantine.
    Rejected,
    /// It waits for another part of its packet.
    Waiting,
}

/// Why a record could not be used; it belongs into quarantine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Rejected {
    /// Stable reason code.
    pub reason: Reason,
    /// One sentence: what, where, what to do.
    pub detail: String,
    /// Station number, if it could be read.
    pub mn: Option<String>,
}

/// The way a single message went.
enum Read {
    /// Used; these split packets' times are known now.
    Done(Vec<SplitKey>),
    Waiting(SplitKey),
    Rejected(Rejected),
}

/// Place of a waiting record: slot and offset.
type Tag = (u32, i64);

/// A waiting record: its place, and the packet it is a part of.
type Waiting = Held<(Tag, SplitKey)>;

/// The readers of one thread.
#[derive(Debug)]
pub(crate) struct Decoders {
    stations: Arc<Stations>,
    limits: Limits,
    hj212: Decoder,
    assembler: Assembler<(Tag, SplitKey)>,
    /// Held records that hold back their partition; those read again do not.
    waiting: BTreeSet<Tag>,
    /// Latest time of receipt by slot, microseconds UTC.
    latest: HashMap<u32, i64>,
    permits: PermitRows,
    inspections: InspectionRows,
    documents: DocumentTables,
}

impl Decoders {
    /// Readers with these per-station settings and this patience for split packets (seconds).
    ///
    /// # Errors
    /// A table definition has a column without a builder: a fault of the program.
    pub(crate) fn new(stations: Arc<Stations>, split_timeout_s: u64) -> Result<Self, ArrowError> {
        let micros = i64::try_from(split_timeout_s)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000_000);
        let limits = Limits {
            split_timeout_micros: micros,
            ..Limits::default()
        };
        Ok(Self {
            hj212: Decoder::new(Arc::clone(&stations), limits),
            stations,
            limits,
            assembler: Assembler::new(WAITING_BYTES, micros),
            waiting: BTreeSet::new(),
            latest: HashMap::new(),
            permits: PermitRows::new()?,
            inspections: InspectionRows::new()?,
            documents: DocumentTables::new()?,
        })
    }

    /// Forgets everything of earlier records.
    pub(crate) fn reset(&mut self) {
        self.hj212 = Decoder::new(Arc::clone(&self.stations), self.limits);
        self.assembler = Assembler::new(WAITING_BYTES, self.limits.split_timeout_micros);
        self.waiting.clear();
        self.latest.clear();
    }

    /// Says that a slot was read up to a record received at `received_at`, microseconds UTC.
    pub(crate) fn reached(&mut self, slot: u32, received_at: i64) {
        let latest = self.latest.entry(slot).or_insert(received_at);
        *latest = (*latest).max(received_at);
    }

    /// The first waiting offset of every slot that has one.
    pub(crate) fn held_back(&self) -> BTreeMap<u32, i64> {
        let mut first = BTreeMap::new();
        for (slot, offset) in &self.waiting {
            first.entry(*slot).or_insert(*offset);
        }
        first
    }

    /// Takes one record into `rows`.
    pub(crate) fn record(
        &mut self,
        assignment: &Assignment,
        slot: u32,
        message: &[u8],
        origin: Origin<'_>,
        rows: &mut Rows,
        metrics: Option<&Metrics>,
    ) -> Verdict {
        let place = &assignment.slots[slot as usize];
        let wanted = place.wanted(origin.offset);
        match self.read(&place.topic, slot, message, origin, wanted, rows, metrics) {
            Read::Done(told) => {
                for key in &told {
                    for held in self.assembler.release(key) {
                        self.again(assignment, &held, rows, metrics);
                    }
                }
                Verdict::Accepted
            }
            Read::Rejected(rejected) => {
                quarantine(&rejected, message, origin, place, rows, metrics);
                Verdict::Rejected
            }
            Read::Waiting(key) => {
                let tag = (slot, origin.offset);
                // What is read again was decided long ago: it waits for nobody.
                if origin.offset >= place.start {
                    self.waiting.insert(tag);
                }
                let received_at = origin.received_at;
                let held = Held {
                    message: message.to_vec(),
                    received_at,
                    tag: (tag, key.clone()),
                };
                for held in self.assembler.hold(key, held) {
                    self.give_up(assignment, &held, rows, metrics);
                }
                Verdict::Waiting
            }
        }
    }

    /// Gives up what has waited too long. A partition that is read to its end (`at_end`, by slot)
    /// is as far as the clock, `now` in microseconds UTC; one that is behind is as far as its
    /// last record, since the missing part may be the next.
    pub(crate) fn expire(
        &mut self,
        now: i64,
        at_end: &[bool],
        assignment: &Assignment,
        rows: &mut Rows,
        metrics: Option<&Metrics>,
    ) {
        let latest = &self.latest;
        let expired = self
            .assembler
            .expire(|((slot, _), _)| reached(latest, *slot, now, at_end));
        for held in expired {
            self.give_up(assignment, &held, rows, metrics);
        }
    }

    /// Gives up everything that waits: what it holds back no longer fits into memory (N7).
    pub(crate) fn give_up_all(
        &mut self,
        assignment: &Assignment,
        rows: &mut Rows,
        metrics: Option<&Metrics>,
    ) {
        for held in self.assembler.take_where(|_| true) {
            self.give_up(assignment, &held, rows, metrics);
        }
    }

    /// From where each slot has to be read again after a restart, so that parts of split packets
    /// that come later find their time; only slots with such a packet. `held_back` is the answer
    /// of [`Decoders::held_back`], `now` the clock in microseconds UTC. What is too old is decided
    /// by the records' own times: a slot without traffic keeps its place.
    pub(crate) fn marks(&mut self, now: i64, held_back: &BTreeMap<u32, i64>) -> BTreeMap<u32, i64> {
        let latest = &self.latest;
        let places = self.hj212.reread(|slot| reached(latest, slot, now, &[]));
        let mut marks = BTreeMap::new();
        for (slot, place) in places {
            // Parts of a complete packet are read again if they lie after a waiting record.
            let closed = place.closed.filter(|_| held_back.contains_key(&slot));
            if closed.is_none() {
                self.hj212.forget_closed(slot);
            }
            if let Some(mark) = place.open.into_iter().chain(closed).min() {
                marks.insert(slot, mark);
            }
        }
        marks
    }

    /// Split packets that were given up while parts were missing, since the last call. The parts
    /// that came are rows.
    pub(crate) fn take_incomplete(&mut self) -> u64 {
        self.hj212.take_incomplete()
    }

    /// Reads a record again whose time is known by now.
    fn again(
        &mut self,
        assignment: &Assignment,
        held: &Waiting,
        rows: &mut Rows,
        metrics: Option<&Metrics>,
    ) {
        let (slot, offset) = held.tag.0;
        let place = &assignment.slots[slot as usize];
        let origin = Origin {
            topic: &place.topic.name,
            partition: place.partition,
            offset,
            received_at: held.received_at,
        };
        let wanted = place.wanted(offset);
        match self.read(
            &place.topic,
            slot,
            &held.message,
            origin,
            wanted,
            rows,
            metrics,
        ) {
            Read::Done(_) => {
                self.waiting.remove(&held.tag.0);
            }
            Read::Rejected(rejected) => {
                self.waiting.remove(&held.tag.0);
                quarantine(&rejected, &held.message, origin, place, rows, metrics);
            }
            Read::Waiting(_) => self.give_up(assignment, held, rows, metrics),
        }
    }

    fn give_up(
        &mut self,
        assignment: &Assignment,
        held: &Waiting,
        rows: &mut Rows,
        metrics: Option<&Metrics>,
    ) {
        self.waiting.remove(&held.tag.0);
        let (slot, offset) = held.tag.0;
        let place = &assignment.slots[slot as usize];
        let origin = Origin {
            topic: &place.topic.name,
            partition: place.partition,
            offset,
            received_at: held.received_at,
        };
        quarantine(
            &incomplete(&held.tag.1),
            &held.message,
            origin,
            place,
            rows,
            metrics,
        );
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a record, its place, and where its rows go"
    )]
    fn read(
        &mut self,
        topic: &Topic,
        stream: u32,
        message: &[u8],
        origin: Origin<'_>,
        wanted: PerTable<bool>,
        rows: &mut Rows,
        metrics: Option<&Metrics>,
    ) -> Read {
        let refused = |reason, detail: String| {
            Read::Rejected(Rejected {
                reason,
                detail,
                mn: None,
            })
        };
        match (topic.content, topic.format) {
            (Content::Readings, Format::Hj212) => {
                let mut sink = rows.sink(origin, message, wanted, metrics);
                let offset = origin.offset;
                let place = Place { stream, offset };
                let received_at = origin.received_at;
                match self.hj212.decode_at(place, message, received_at, &mut sink) {
                    Outcome::Decoded(decoded) => Read::Done(decoded.told),
                    Outcome::Pending(key) => Read::Waiting(key),
                    Outcome::Rejected(rejected) => Read::Rejected(Rejected {
                        reason: rejected.reason,
                        detail: rejected.detail,
                        mn: rejected.mn,
                    }),
                }
            }
            (Content::Readings, Format::Json) => {
                let mut sink = rows.sink(origin, message, wanted, metrics);
                match reading::decode_line(message, origin.received_at, &mut sink) {
                    Ok(_) => Read::Done(Vec::new()),
                    Err(rejected) => Read::Rejected(Rejected {
                        reason: rejected.reason,
                        detail: rejected.detail,
                        mn: rejected.mn,
                    }),
                }
            }
            (Content::Permits, _) => match permit::decode(message) {
                Ok(document) => {
                    self.permits.push(&document, &origin);
                    match self.permits.finish() {
                        Ok(tables) => keep(tables, wanted, rows),
                        Err(error) => refused(Reason::PermitFault, unfit(&error)),
                    }
                }
                Err(error) => refused(error.reason, error.detail),
            },
            (Content::Inspections, _) => match inspection::decode(message) {
                Ok(document) => {
                    self.inspections.push(&document, &origin);
                    match self.inspections.finish() {
                        Ok(tables) => keep(tables, wanted, rows),
                        Err(error) => refused(Reason::InspectionFault, unfit(&error)),
                    }
                }
                Err(error) => refused(error.reason, error.detail),
            },
            (Content::Documents, _) => {
                match documents::decode(message, &origin, &mut self.documents) {
                    Ok(()) => match self.documents.finish() {
                        Ok(tables) => keep(tables, wanted, rows),
                        Err(error) => refused(Reason::DocumentFault, unfit(&error)),
                    },
                    Err(error) => refused(error.reason, error.detail),
                }
            }
        }
    }
}

fn unfit(error: &ArrowError) -> String {
    format!("the document's rows do not fit their tables: {error}; report this as a fault")
}

fn incomplete(key: &SplitKey) -> Rejected {
    Rejected {
        reason: Reason::SplitIncomplete,
        detail: format!(
            "this part of a split packet (CN={}, {} parts) has no DataTime and no part with one \
             came in time; ask the station to send the data again",
            key.cn, key.parts
        ),
        mn: Some(key.mn.clone()),
    }
}

/// How far a slot was read, in time.
fn reached(latest: &HashMap<u32, i64>, slot: u32, now: i64, at_end: &[bool]) -> i64 {
    match latest.get(&slot) {
        // A sender's clock that is ahead must not cut the wait short.
        Some(latest) if !at_end.get(slot as usize).is_some_and(|at_end| *at_end) => {
            (*latest).min(now)
        }
        _ => now,
    }
}

fn keep(tables: Vec<(&'static str, RecordBatch)>, wanted: PerTable<bool>, rows: &mut Rows) -> Read {
    for (name, batch) in tables {
        match Target::by_name(name) {
            Some(table) if wanted[table] => rows.document(table, batch),
            Some(_) => {}
            None => debug_assert!(false, "documents became rows of the unknown table {name}"),
        }
    }
    Read::Done(Vec::new())
}

fn quarantine(
    rejected: &Rejected,
    message: &[u8],
    origin: Origin<'_>,
    place: &Slot,
    rows: &mut Rows,
    metrics: Option<&Metrics>,
) {
    if place.wanted(origin.offset)[Target::Quarantine] && place.may_refuse(origin.offset) {
        if let Some(metrics) = metrics {
            metrics
                .quarantined
                .with_label_values(&[rejected.reason.code()])
                .inc();
        }
        let row = QuarantineRow {
            reason: rejected.reason,
            detail: &rejected.detail,
            part: None,
            mn: rejected.mn.as_deref(),
            raw: message,
        };
        rows.quarantine(&row, origin);
    }
}

#[cfg(test)]
mod tests;
