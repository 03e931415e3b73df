//! Decodes chunks into rows and cuts files out of them.
//!
//! One thread per worker; a partition always goes to the same worker, so its records stay in
//! order. Rows of all partitions share the builders, and a file is cut when they are large enough
//! or the batch is sealed. Files are encoded and uploaded on other threads while decoding goes on.
//!
//! What a split packet holds back: while a part waits for its time, rows of its partition at or
//! after it are carried over to the next file, and the batch ends before it for that partition.
//! Nothing is committed whose fate is open (N1). Carried rows count against the budget; when they
//! take too much of it, waiting ends early (N7).
//!
//! What it leaves behind: a mark with the batch, from where its partition has to be read again
//! after a restart so that parts still to come find their time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use arrow::error::ArrowError;
use deltalake::kernel::Add;
use nonsite_schemas::time::Clock;
use nonsite_schemas::wire::Origin;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::assignment::Assignment;
use super::chunk::Chunk;
use super::rows::{Rows, TableRows};
use super::split;
use crate::budget::Budget;
use crate::decode::Decoders;
use crate::metrics::Metrics;
use crate::permit::Permit;
use crate::store::Store;
use crate::target::Target;
use crate::write::{self, WriteError};

/// Rows at which a file is cut: large enough for dictionaries to pay, small enough that two of
/// them in encoding fit the budget.
const FILE_ROWS: usize = 1 << 18;
/// A file is cut when its rows take this share of the budget, whatever their number.
const FILE_SHARE: usize = 6;
/// What encoding takes for a row beside the batch: sort keys, and the row in the file.
const ENCODING_ROW_BYTES: usize = 80;
/// Rows that wait for a split packet may take this share of the budget.
const CARRIED_SHARE: usize = 4;

/// What a worker is told.
pub(crate) enum ToWorker {
    /// Messages to decode.
    Chunk(Chunk),
    /// End of a batch: everything so far goes into files.
    Seal {
        /// The assignment the batch belongs to.
        assignment: Arc<Assignment>,
        /// Which slots are read to the end of their partition.
        at_end: Arc<[bool]>,
        /// Where the answer goes.
        reply: oneshot::Sender<Sealed>,
    },
}

/// A worker's share of a batch.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    /// Next offset per slot; only slots that moved.
    pub(crate) ends: BTreeMap<u32, i64>,
    /// Offset to read again from after a restart, per slot in `ends` that has an open split
    /// packet.
    pub(crate) marks: BTreeMap<u32, i64>,
    /// Timestamp of the last record per slot, microseconds UTC.
    pub(crate) last_received: BTreeMap<u32, i64>,
    /// Records decoded for it.
    pub(crate) records: u64,
    /// Its files, some of which are still being made.
    pub(crate) files: Vec<JoinHandle<Result<Written, WriteError>>>,
}

/// Files of one table that are uploaded.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) table: Target,
    pub(crate) rows: u64,
    pub(crate) adds: Vec<Add>,
}

/// What every worker shares.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) store: Store,
    pub(crate) runtime: Handle,
    pub(crate) encoders: Arc<Semaphore>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) permit: Arc<Permit>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What a chunk holds of one slot.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    records: u64,
    bytes: u64,
    /// Next offset and timestamp after its last record.
    last: Option<(i64, i64)>,
}

/// Bytes held of the budget until dropped.
#[derive(Debug)]
struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    /// Holds another number of bytes from now on.
    fn set(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.budget.hold(bytes - self.bytes);
        } else {
            self.budget.free(self.bytes - bytes);
        }
        self.bytes = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.free(self.bytes);
    }
}

/// One decoding thread.
pub(crate) struct Worker {
    tools: Tools,
    decoders: Decoders,
    assignment: Arc<Assignment>,
    rows: Rows,
    /// Bytes of `rows` that are reported to the budget.
    held: usize,
    /// Rows that wait for the fate of an earlier record.
    carried: Vec<TableRows>,
    /// Bytes of `carried` that are reported to the budget.
    carried_bytes: usize,
    sealed: Sealed,
    /// Next offset per slot, also of what is carried over.
    next: BTreeMap<u32, i64>,
}

impl Worker {
    pub(crate) fn new(tools: Tools, decoders: Decoders) -> Self {
        Self {
            tools,
            decoders,
            assignment: Arc::default(),
            rows: Rows::new(),
            held: 0,
            carried: Vec::new(),
            carried_bytes: 0,
            sealed: Sealed::default(),
            next: BTreeMap::new(),
        }
    }

    /// Works until the sender is gone.
    pub(crate) fn run(mut self, orders: &Receiver<ToWorker>) {
        while let Ok(order) = orders.recv() {
            match order {
                ToWorker::Chunk(chunk) => self.chunk(&chunk),
                ToWorker::Seal {
                    assignment,
                    at_end,
                    reply,
                } => {
                    self.enter(&assignment);
                    let sealed = self.seal(&at_end);
                    // Nobody listens when the batch was given up meanwhile; its files are orphans.
                    let _ = reply.send(sealed);
                }
            }
        }
    }

    /// Moves to the epoch of `assignment`, dropping what belongs to an earlier one (N5).
    fn enter(&mut self, assignment: &Arc<Assignment>) {
        if self.assignment.epoch != assignment.epoch {
            self.assignment = Arc::clone(assignment);
            self.rows = Rows::new();
            self.report();
            self.carry(Vec::new());
            self.sealed = Sealed::default();
            self.next.clear();
            self.decoders.reset();
        }
    }

    fn chunk(&mut self, chunk: &Chunk) {
        let _held = Held {
            budget: Arc::clone(&self.tools.budget),
            bytes: chunk.held,
        };
        if !self.tools.permit.allows(chunk.assignment.epoch) {
            return;
        }
        self.enter(&chunk.assignment);
        let assignment = Arc::clone(&self.assignment);
        let mut seen = vec![Seen::default(); assignment.slots.len()];
        for (record, message) in chunk.records() {
            let slot = &assignment.slots[record.slot as usize];
            let origin = Origin {
                topic: &slot.topic.name,
                partition: slot.partition,
                offset: record.offset,
                received_at: record.received_at,
            };
            self.decoders.record(
                &assignment,
                record.slot,
                message,
                origin,
                &mut self.rows,
                Some(&self.tools.metrics),
            );
            let seen = &mut seen[record.slot as usize];
            if record.offset < slot.start {
                continue;
            }
            seen.records += 1;
            seen.bytes += message.len() as u64;
            seen.last = Some((record.offset + 1, record.received_at));
        }
        for (slot, seen) in (0..).zip(seen) {
            let Some((next, received_at)) = seen.last else {
                continue;
            };
            self.decoders.reached(slot, received_at);
            self.next.insert(slot, next);
            self.sealed.last_received.insert(slot, received_at);
            self.sealed.records += seen.records;
            let topic = [assignment.slots[slot as usize].topic.name.as_str()];
            self.tools
                .metrics
                .records
                .with_label_values(&topic)
                .inc_by(seen.records);
            self.tools
                .metrics
                .bytes
                .with_label_values(&topic)
                .inc_by(seen.bytes);
        }
        self.report();
        if self.rows.len() >= FILE_ROWS || self.held >= self.tools.budget.limit() / FILE_SHARE {
            self.cut();
        }
    }

    /// Reports the size of the builders to the budget.
    fn report(&mut self) {
        let bytes = self.rows.bytes();
        if bytes > self.held {
            self.tools.budget.hold(bytes - self.held);
        } else {
            self.tools.budget.free(self.held - bytes);
        }
        self.held = bytes;
    }

    /// Ends a batch.
    fn seal(&mut self, at_end: &[bool]) -> Sealed {
        let now = self.tools.clock.now_micros();
        let (rows, metrics) = (&mut self.rows, &self.tools.metrics);
        self.decoders
            .expire(now, at_end, &self.assignment, rows, Some(metrics));
        self.cut();
        let held_back = self.decoders.held_back();
        let marks = self.decoders.marks(now, &held_back);
        let incomplete = self.decoders.take_incomplete();
        self.tools.metrics.split_incomplete.inc_by(incomplete);
        for (slot, next) in &self.next {
            let end = held_back
                .get(slot)
                .map_or(*next, |first| (*first).min(*next));
            if end > self.assignment.slots[*slot as usize].start {
                self.sealed.ends.insert(*slot, end);
                if let Some(mark) = marks.get(slot) {
                    self.sealed.marks.insert(*slot, *mark);
                }
            }
        }
        std::mem::take(&mut self.sealed)
    }

    /// Makes files of all rows whose fate is settled and carries the others over.
    fn cut(&mut self) {
        let outcome = self.separate().and_then(|ready| {
            if self.carried_bytes < self.tools.budget.limit() / CARRIED_SHARE {
                return Ok(ready);
            }
            tracing::warn!(
                bytes = self.carried_bytes,
                "split packets hold back too many rows; their parts are given up"
            );
            let (rows, metrics) = (&mut self.rows, &self.tools.metrics);
            self.decoders
                .give_up_all(&self.assignment, rows, Some(metrics));
            let mut ready = ready;
            ready.extend(self.separate()?);
            Ok(ready)
        });
        self.report();
        match outcome {
            Ok(ready) => {
                for rows in ready {
                    let file = self.write(rows);
                    self.sealed.files.push(file);
                }
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    /// Takes out all rows whose fate is settled.
    fn separate(&mut self) -> Result<Vec<TableRows>, ArrowError> {
        let mut ready = std::mem::take(&mut self.carried);
        self.carry(Vec::new());
        ready.extend(self.rows.finish()?);
        let held_back = self.decoders.held_back();
        if held_back.is_empty() {
            return Ok(ready);
        }
        let (settled, open) = split::separate(ready, &self.assignment, &held_back)?;
        self.carry(open);
        Ok(settled)
    }

    /// Carries these rows over, and no others.
    fn carry(&mut self, rows: Vec<TableRows>) {
        let size = |rows: &TableRows| rows.batch.get_array_memory_size();
        let bytes = rows.iter().map(size).sum();
        self.tools.budget.free(self.carried_bytes);
        self.tools.budget.hold(bytes);
        (self.carried, self.carried_bytes) = (rows, bytes);
    }

    /// Rows that cannot be put together are a fault of this program; the batch must not be
    /// committed without them, so it gets a file that fails.
    fn fail(&mut self, detail: String) {
        let error = WriteError::Encode {
            table: "(all)".to_owned(),
            detail,
        };
        self.sealed
            .files
            .push(self.tools.runtime.spawn(async { Err(error) }));
    }

    fn write(&self, rows: TableRows) -> JoinHandle<Result<Written, WriteError>> {
        let Tools {
            store,
            encoders,
            budget,
            clock,
            ..
        } = self.tools.clone();
        let TableRows { table, batch } = rows;
        // What a file in the making holds changes: the batch while it waits; the order of its rows
        // and the file beside it while it is encoded; the file alone until it is uploaded.
        let bytes = batch.get_array_memory_size();
        budget.hold(bytes);
        let mut held = Held { budget, bytes };
        self.tools.runtime.spawn(async move {
            let count = batch.num_rows() as u64;
            let encoder = encoders.acquire_owned().await;
            held.set(bytes + batch.num_rows() * ENCODING_ROW_BYTES);
            let now_millis = clock.now_micros().div_euclid(1_000);
            let def = table.def();
            let files = tokio::task::spawn_blocking(move || {
                let name = uuid::Uuid::new_v4().to_string();
                write::encode(&def, &batch, &name, now_millis)
            })
            .await
            .map_err(|error| WriteError::Encode {
                table: table.name().to_owned(),
                detail: format!("the encoder stopped: {error}"),
            })??;
            drop(encoder);
            held.set(files.iter().map(|file| file.bytes.len()).sum());
            let objects = store.table_objects(table.name());
            let adds = write::upload(objects.as_ref(), table.name(), files).await?;
            Ok(Written {
                table,
                rows: count,
                adds,
            })
        })
    }
}
