//! Records read outside the pipeline, as redriving from quarantine does.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use nonsite_schemas::hj212::{Held, Stations};
use nonsite_schemas::reason::Reason;
use nonsite_schemas::wire::Origin;

use super::{Decoders, Read, Rejected, Waiting, incomplete, unfit};
use crate::config::Topic;
use crate::pipeline::rows::Rows;
use crate::target::PerTable;

/// The rows of a record by table, or why it cannot be used.
pub type Decoded = Result<Vec<(&'static str, RecordBatch)>, Rejected>;

/// Reads records outside the pipeline.
#[derive(Debug)]
pub struct RecordDecoder {
    decoders: Decoders,
    rows: Rows,
}

impl RecordDecoder {
    /// A reader with these per-station settings and this patience for the parts of a split packet
    /// (seconds).
    ///
    /// # Errors
    /// A table definition has a column without a builder: a fault of the program.
    pub fn new(stations: Arc<Stations>, split_timeout_s: u64) -> Result<Self, ArrowError> {
        let decoders = Decoders::new(stations, split_timeout_s)?;
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
    pub fn decode(&mut self, topic: &Topic, message: &[u8], origin: Origin<'_>) -> Decoded {
        self.decode_all(topic, &[(message, origin)])
            .pop()
            .unwrap_or_else(|| Ok(Vec::new()))
    }

    /// The rows of each of these records of one partition, in the order of their offsets. Parts of
    /// a split packet find each other among them as they do in the pipeline; nothing is
    /// remembered from one call to the next.
    pub fn decode_all(&mut self, topic: &Topic, records: &[(&[u8], Origin<'_>)]) -> Vec<Decoded> {
        self.decoders.reset();
        // Each is replaced: a record is done, refused, or waits and is one of these in the end.
        let mut decoded: Vec<Decoded> = records.iter().map(|_| Ok(Vec::new())).collect();
        for (index, (message, origin)) in records.iter().enumerate() {
            match self.read(topic, index, message, *origin) {
                Read::Done(told) => {
                    decoded[index] = self.finish();
                    for key in &told {
                        for held in self.decoders.assembler.release(key) {
                            let index = index_of(&held);
                            decoded[index] =
                                match self.read(topic, index, &held.message, records[index].1) {
                                    Read::Done(_) => self.finish(),
                                    Read::Rejected(rejected) => Err(rejected),
                                    Read::Waiting(key) => Err(incomplete(&key)),
                                };
                        }
                    }
                }
                Read::Rejected(rejected) => decoded[index] = Err(rejected),
                Read::Waiting(key) => {
                    // The record's number stands where the pipeline has a partition's.
                    let tag = (stream(index), origin.offset);
                    let held = Held {
                        message: message.to_vec(),
                        received_at: origin.received_at,
                        tag: (tag, key.clone()),
                    };
                    for held in self.decoders.assembler.hold(key, held) {
                        decoded[index_of(&held)] = Err(incomplete(&held.tag.1));
                    }
                }
            }
        }
        for held in self.decoders.assembler.take_where(|_| true) {
            decoded[index_of(&held)] = Err(incomplete(&held.tag.1));
        }
        decoded
    }

    fn read(&mut self, topic: &Topic, index: usize, message: &[u8], origin: Origin<'_>) -> Read {
        let Self { decoders, rows } = self;
        let wanted = PerTable::all(true);
        decoders.read(topic, stream(index), message, origin, wanted, rows, None)
    }

    /// The rows of the record read last.
    fn finish(&mut self) -> Decoded {
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

fn stream(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn index_of(held: &Waiting) -> usize {
    held.tag.0.0 as usize
}
