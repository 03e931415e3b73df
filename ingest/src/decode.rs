//! One record to rows: which reader a topic needs, and what its verdict means.
//!
//! Every record ends in one of three ways: its rows (and bad parts) are in the builders; it is a
//! row of `quarantine` as a whole; or it is a part of a split packet that waits for its time.
//! There is no fourth (N1).
//!
//! Nothing here depends on when it runs: the same record gives the same rows, so that reading
//! again after a crash is harmless. The one exception is the memory of split packets, which is
//! why a waiting record holds back its partition's offset.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use nonsite_schemas::hj212::{Assembler, Decoder, Held, Limits, Outcome, SplitKey, Stations};
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

/// Most bytes of split packets kept waiting, per worker.
const WAITING_BYTES: usize = 4 << 20;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its rows are in the builders.
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
    Done { split: Option<SplitKey> },
    Waiting(SplitKey),
    Rejected(Rejected),
}

/// Place of a waiting record: slot and offset.
type Tag = (u32, i64);

/// The readers of one thread.
#[derive(Debug)]
pub(crate) struct Decoders {
    stations: Arc<Stations>,
    limits: Limits,
    hj212: Decoder,
    assembler: Assembler<Tag>,
    waiting: BTreeSet<Tag>,
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
        match self.read(&place.topic, message, origin, wanted, rows, metrics) {
            Read::Done { split: None } => Verdict::Accepted,
            Read::Done { split: Some(key) } => {
                for held in self.assembler.release(&key) {
                    self.again(assignment, &held, rows, metrics);
                }
                Verdict::Accepted
            }
            Read::Rejected(rejected) => {
                quarantine(&rejected, message, origin, place, rows, metrics);
                Verdict::Rejected
            }
            Read::Waiting(key) => {
                let tag = (slot, origin.offset);
                self.waiting.insert(tag);
                let received_at = origin.received_at;
                let held = Held {
                    message: message.to_vec(),
                    received_at,
                    tag,
                };
                for held in self.assembler.hold(key, held) {
                    self.give_up(assignment, &held, rows, metrics);
                }
                Verdict::Waiting
            }
        }
    }

    /// Gives up what has waited too long at `now` (microseconds UTC).
    pub(crate) fn expire(
        &mut self,
        now: i64,
        assignment: &Assignment,
        rows: &mut Rows,
        metrics: Option<&Metrics>,
    ) {
        for held in self.assembler.expire(now) {
            self.give_up(assignment, &held, rows, metrics);
        }
    }

    /// Reads a record again whose time is known by now.
    fn again(
        &mut self,
        assignment: &Assignment,
        held: &Held<Tag>,
        rows: &mut Rows,
        metrics: Option<&Metrics>,
    ) {
        let (slot, offset) = held.tag;
        let place = &assignment.slots[slot as usize];
        let origin = Origin {
            topic: &place.topic.name,
            partition: place.partition,
            offset,
            received_at: held.received_at,
        };
        let wanted = place.wanted(offset);
        match self.read(&place.topic, &held.message, origin, wanted, rows, metrics) {
            Read::Done { .. } => {
                self.waiting.remove(&held.tag);
            }
            Read::Rejected(rejected) => {
                self.waiting.remove(&held.tag);
                quarantine(&rejected, &held.message, origin, place, rows, metrics);
            }
            Read::Waiting(_) => self.give_up(assignment, held, rows, metrics),
        }
    }

    fn give_up(
        &mut self,
        assignment: &Assignment,
        held: &Held<Tag>,
        rows: &mut Rows,
        metrics: Option<&Metrics>,
    ) {
        self.waiting.remove(&held.tag);
        let (slot, offset) = held.tag;
        let place = &assignment.slots[slot as usize];
        let origin = Origin {
            topic: &place.topic.name,
            partition: place.partition,
            offset,
            received_at: held.received_at,
        };
        quarantine(&incomplete(), &held.message, origin, place, rows, metrics);
    }

    fn read(
        &mut self,
        topic: &Topic,
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
                match self.hj212.decode(message, origin.received_at, &mut sink) {
                    Outcome::Decoded(decoded) => Read::Done {
                        split: decoded.split,
                    },
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
                    Ok(_) => Read::Done { split: None },
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

fn incomplete() -> Rejected {
    Rejected {
        reason: Reason::SplitIncomplete,
        detail: "this part of a split packet has no DataTime and no part with one came in time; \
                 ask the station to send the data again"
            .to_owned(),
        mn: None,
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
    Read::Done { split: None }
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

/// Reads single records outside the pipeline, as redriving from quarantine does.
#[derive(Debug)]
pub struct RecordDecoder {
    decoders: Decoders,
    rows: Rows,
}

impl RecordDecoder {
    /// A reader with these per-station settings.
    ///
    /// # Errors
    /// A table definition has a column without a builder: a fault of the program.
    pub fn new(stations: Arc<Stations>) -> Result<Self, ArrowError> {
        let decoders = Decoders::new(stations, 1)?;
        Ok(Self {
            decoders,
            rows: Rows::new(),
        })
    }

    /// The rows of one record, by table; they carry `origin`. Bad parts of an otherwise good
    /// record come as rows of `quarantine`.
    ///
    /// # Errors
    /// [`Rejected`] if the record cannot be used as a whole; a part of a split packet without a
    /// time of its own is `split_incomplete`.
    pub fn decode(
        &mut self,
        topic: &Topic,
        message: &[u8],
        origin: Origin<'_>,
    ) -> Result<Vec<(&'static str, RecordBatch)>, Rejected> {
        let wanted = PerTable::all(true);
        match self
            .decoders
            .read(topic, message, origin, wanted, &mut self.rows, None)
        {
            Read::Done { .. } => {}
            Read::Rejected(rejected) => return Err(rejected),
            Read::Waiting(_) => return Err(incomplete()),
        }
        let finished = self.rows.finish().map_err(|error| Rejected {
            reason: Reason::JsonField,
            detail: unfit(&error),
            mn: None,
        })?;
        Ok(finished
            .into_iter()
            .map(|rows| (rows.table.name(), rows.batch))
            .collect())
    }
}

#[cfg(test)]
mod tests;
