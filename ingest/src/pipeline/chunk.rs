//! Messages of many partitions in one growing buffer.
//!
//! A message is copied once, at the moment it comes out of the client, and given back at once, so
//! that the client's own memory is free again. No allocation per message.

use std::sync::Arc;

use super::assignment::Assignment;

/// One message within a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    /// Place of its partition in the assignment.
    pub(crate) slot: u32,
    start: u32,
    len: u32,
    /// Kafka offset.
    pub(crate) offset: i64,
    /// Timestamp of the record, microseconds UTC.
    pub(crate) received_at: i64,
}

/// Messages in the order in which they were read.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The assignment they belong to.
    pub(crate) assignment: Arc<Assignment>,
    /// Bytes held of the budget for this chunk.
    pub(crate) held: usize,
    bytes: Vec<u8>,
    records: Vec<Record>,
}

impl Chunk {
    /// An empty chunk with room for `capacity` bytes.
    pub(crate) fn new(assignment: Arc<Assignment>, capacity: usize) -> Self {
        Self {
            assignment,
            held: 0,
            bytes: Vec::with_capacity(capacity),
            records: Vec::with_capacity(capacity / 512),
        }
    }

    /// Appends a message. The caller keeps chunks far below 4 GiB.
    pub(crate) fn push(&mut self, slot: u32, offset: i64, received_at: i64, message: &[u8]) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(message);
        let len = message.len() as u32;
        self.records.push(Record {
            slot,
            start,
            len,
            offset,
            received_at,
        });
    }

    /// Bytes of messages.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The messages with their bytes.
    pub(crate) fn records(&self) -> impl Iterator<Item = (Record, &[u8])> {
        self.records.iter().map(|record| {
            let start = record.start as usize;
            (*record, &self.bytes[start..start + record.len as usize])
        })
    }
}
