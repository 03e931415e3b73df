//! What the polling loop knows: positions, chunks and the batch being filled.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use rdkafka::message::{BorrowedMessage, Message};

use super::CHUNK_BYTES;
use crate::budget::Budget;
use crate::invariants::{Invariant, record_violation};
use crate::pipeline::assignment::Assignment;
use crate::pipeline::chunk::Chunk;
use crate::report::Totals;

/// A batch that is being filled.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) opened: Instant,
    pub(super) since: i64,
    pub(super) bytes: u64,
}

/// What the loop knows of the current epoch and so far.
#[derive(Default)]
pub(crate) struct State {
    pub(super) assignment: Arc<Assignment>,
    /// Topic handle and partition to slot; comparing a pointer spares comparing a name.
    pub(super) lookup: HashMap<(usize, i32), Option<u32>>,
    pub(super) last: Option<((usize, i32), u32)>,
    /// Next offset to read, and next offset after the last commit, per slot.
    pub(super) next: Vec<i64>,
    pub(super) committed: Vec<i64>,
    /// Timestamp of the last committed record, per slot that had a commit in this epoch.
    pub(super) last_received: BTreeMap<u32, i64>,
    /// Timestamp of the first record of this epoch that no commit holds yet, per slot.
    pub(super) oldest: Vec<Option<i64>>,
    pub(super) chunks: Vec<Option<(Chunk, Instant)>>,
    pub(super) batch: Option<Batch>,
    pub(super) publishing: bool,
    pub(super) failures: u32,
    /// Since when there is no room in the budget and the client was not called.
    pub(super) full_since: Option<Instant>,
    /// When accepted losses were looked for.
    pub(super) loss_look: Option<Instant>,
    pub(super) housekeeping: Option<Instant>,
    /// Counts over all epochs.
    pub(crate) totals: Totals,
}

impl State {
    /// Takes one message; a full chunk to hand over, with its worker.
    pub(super) fn take(
        &mut self,
        message: &BorrowedMessage<'_>,
        budget: &Budget,
        now: i64,
        metrics: &crate::metrics::Metrics,
    ) -> Option<(usize, Chunk)> {
        let slot = self.slot(message)?;
        let (index, offset) = (slot as usize, message.offset());
        if offset < self.next[index] {
            let name = self.assignment.slots[index].name();
            let detail = format!("{name}: offset {offset} came after {}", self.next[index]);
            record_violation(metrics, Invariant::Accounted, &detail);
            return None;
        }
        self.next[index] = offset + 1;
        let payload = message.payload().unwrap_or_default();
        let received_at = message
            .timestamp()
            .to_millis()
            .unwrap_or(0)
            .saturating_mul(1_000);
        if offset >= self.committed[index] {
            self.oldest[index].get_or_insert(received_at);
        }
        let batch = self.batch.get_or_insert_with(|| Batch {
            opened: Instant::now(),
            since: now,
            bytes: 0,
        });
        batch.bytes += payload.len() as u64;
        let worker = index % self.chunks.len();
        let (chunk, _) = self.chunks[worker].get_or_insert_with(|| {
            let mut chunk = Chunk::new(Arc::clone(&self.assignment), CHUNK_BYTES + CHUNK_BYTES / 4);
            chunk.held = CHUNK_BYTES;
            budget.hold(chunk.held);
            (chunk, Instant::now())
        });
        chunk.push(slot, offset, received_at, payload);
        if chunk.len() < CHUNK_BYTES {
            return None;
        }
        self.chunks[worker].take().map(|(chunk, _)| (worker, chunk))
    }

    /// The slot of a message; `None` if its partition is not ours any more.
    fn slot(&mut self, message: &BorrowedMessage<'_>) -> Option<u32> {
        let key = (message.topic_ptr() as usize, message.partition());
        if let Some((last, slot)) = self.last
            && last == key
        {
            return Some(slot);
        }
        let slots = &self.assignment.slots;
        let slot = *self.lookup.entry(key).or_insert_with(|| {
            let place = slots.iter().position(|slot| {
                slot.partition == message.partition() && slot.topic.name == message.topic()
            });
            place.and_then(|place| u32::try_from(place).ok())
        });
        self.last = slot.map(|slot| (key, slot));
        slot
    }
}
