//! The loop that polls: messages into chunks, chunks into batches, batches to the committer.
//!
//! One thread. It alone talks to the client, so callbacks and messages never race; it alone
//! waits for memory (N7); it alone decides when a batch ends: by age even without any traffic
//! (N9), or by size.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use nonsite_schemas::time::Clock;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::oneshot;

use crate::budget::Budget;
use crate::caught_up::{self, Ends};
use crate::consumer::Context;
use crate::http::Readiness;
use crate::invariants::{Invariant, record_violation};
use crate::pipeline::assignment::Assignment;
use crate::pipeline::chunk::Chunk;
use crate::pipeline::publish::{Job, PublishError, Published};
use crate::pipeline::worker::ToWorker;
use crate::report::Totals;
use crate::service::ServiceError;
use crate::steering::Steering;

/// Bytes of a chunk: large enough that handing it over costs nothing, small against the budget.
const CHUNK_BYTES: usize = 1 << 20;
/// A chunk is handed over at this age although it is not full.
const CHUNK_LINGER: Duration = Duration::from_millis(50);
/// Longest wait for a message before the loop looks after other things.
const POLL: Duration = Duration::from_millis(20);
/// How often lag is shown and the end is looked for.
const HOUSEKEEPING: Duration = Duration::from_millis(250);
/// First pause after a failure that reading again may cure; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An outcome of the committer with the epoch it is about.
pub(crate) type Outcome = (u64, Result<Published, PublishError>);

/// When the loop ends by itself.
pub(crate) enum Until {
    /// Never.
    Stopped,
    /// When everything up to these ends is committed.
    CaughtUp(Ends),
}

/// A batch that is being filled.
#[derive(Debug)]
struct Batch {
    opened: Instant,
    since: i64,
    bytes: u64,
}

/// The polling loop.
pub(crate) struct Intake {
    pub(crate) consumer: BaseConsumer<Context>,
    pub(crate) steering: Arc<Steering>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) readiness: Readiness,
    pub(crate) workers: Vec<SyncSender<ToWorker>>,
    pub(crate) jobs: tokio::sync::mpsc::UnboundedSender<Job>,
    pub(crate) outcomes: Receiver<Outcome>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) state: State,
}

/// What the loop knows of the current epoch and so far.
#[derive(Default)]
pub(crate) struct State {
    assignment: Arc<Assignment>,
    /// Topic handle and partition to slot; comparing a pointer spares comparing a name.
    lookup: HashMap<(usize, i32), Option<u32>>,
    last: Option<((usize, i32), u32)>,
    /// Next offset to read, and next offset after the last commit, per slot.
    next: Vec<i64>,
    committed: Vec<i64>,
    last_received: BTreeMap<u32, i64>,
    chunks: Vec<Option<(Chunk, Instant)>>,
    batch: Option<Batch>,
    publishing: bool,
    failures: u32,
    housekeeping: Option<Instant>,
    /// Counts over all epochs.
    pub(crate) totals: Totals,
}

impl Intake {
    /// Polls until told to stop, or until the end is reached.
    pub(crate) fn run(&mut self, until: &Until) -> Result<(), ServiceError> {
        loop {
            self.follow_assignment()?;
            self.take_outcomes()?;
            if self.stop.load(Ordering::Relaxed) {
                self.finish()?;
                return Ok(());
            }
            self.poll()?;
            self.hand_over_old_chunks()?;
            let ended = self.housekeeping(until)?;
            self.seal_if_due(ended == Progress::Read)?;
            if ended == Progress::Committed {
                self.finish()?;
                return Ok(());
            }
        }
    }

    /// Starts anew when the callback has changed the assignment.
    fn follow_assignment(&mut self) -> Result<(), ServiceError> {
        let (assignment, failed, loss) = {
            let assigned = self.steering.assigned.lock();
            let failed = assigned.error.is_some();
            (
                Arc::clone(&assigned.assignment),
                failed,
                !assigned.losses.is_empty(),
            )
        };
        if !Arc::ptr_eq(&assignment, &self.state.assignment) {
            self.drop_chunks();
            let state = &mut self.state;
            state.lookup.clear();
            state.last = None;
            state.next = assignment.slots.iter().map(|slot| slot.start).collect();
            state.committed = state.next.clone();
            state.last_received.clear();
            state.batch = None;
            state.publishing = false;
            state.totals.enter(&assignment);
            self.readiness.set(!assignment.slots.is_empty() || loss);
            state.assignment = assignment;
        }
        if failed {
            self.pause();
            self.start_again()?;
        }
        Ok(())
    }

    fn drop_chunks(&mut self) {
        for (chunk, _) in self.state.chunks.iter_mut().filter_map(Option::take) {
            self.budget.free(chunk.held);
        }
        self.state.chunks.resize_with(self.workers.len(), || None);
    }

    /// Takes messages for a while.
    fn poll(&mut self) -> Result<(), ServiceError> {
        // N7: wait here and only here.
        if !self.budget.wait(POLL) {
            return Ok(());
        }
        let mut polled = 0_usize;
        let started = Instant::now();
        while polled < CHUNK_BYTES && started.elapsed() < POLL {
            match self.consumer.poll(POLL) {
                None => break,
                Some(Ok(message)) => {
                    polled += message.payload_len() + 64;
                    let assigned = Arc::clone(&self.steering.assigned.lock().assignment);
                    if !Arc::ptr_eq(&self.state.assignment, &assigned) {
                        // The client never answers a callback and a message at once. Should it
                        // ever, this message is of an epoch that is not entered yet: read again.
                        drop(message);
                        return self.start_again();
                    }
                    let metrics = &self.steering.metrics;
                    let now = self.clock.now_micros();
                    if let Some((worker, chunk)) =
                        self.state.take(&message, &self.budget, now, metrics)
                    {
                        send(&self.workers[worker], ToWorker::Chunk(chunk))?;
                    }
                }
                Some(Err(error)) => {
                    self.trouble(error)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// An error instead of a message.
    fn trouble(&mut self, error: KafkaError) -> Result<(), ServiceError> {
        match error {
            KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
            ) => {
                // N6: look at every partition again; those whose records are gone stop.
                tracing::warn!("an offset is no longer on the broker");
                self.start_again()
            }
            KafkaError::MessageConsumptionFatal(_) => Err(ServiceError::Kafka(error)),
            other => {
                tracing::warn!(error = %other, "Kafka client");
                Ok(())
            }
        }
    }

    fn hand_over_old_chunks(&mut self) -> Result<(), ServiceError> {
        for (worker, slot) in self.state.chunks.iter_mut().enumerate() {
            if let Some((chunk, _)) = slot.take_if(|(_, opened)| opened.elapsed() >= CHUNK_LINGER) {
                send(&self.workers[worker], ToWorker::Chunk(chunk))?;
            }
        }
        Ok(())
    }

    /// Ends the batch when it is old or large enough, or when `now` there is nothing to wait for.
    fn seal_if_due(&mut self, now: bool) -> Result<(), ServiceError> {
        let config = &self.steering.config;
        let due = self.state.batch.as_ref().is_some_and(|batch| {
            now || batch.opened.elapsed() >= config.commit_interval()
                || batch.bytes >= config.batch_bytes
        });
        if due && !self.state.publishing {
            self.seal()
        } else {
            Ok(())
        }
    }

    fn seal(&mut self) -> Result<(), ServiceError> {
        let Some(batch) = self.state.batch.take() else {
            return Ok(());
        };
        let mut sealed = Vec::with_capacity(self.workers.len());
        for (worker, slot) in self.state.chunks.iter_mut().enumerate() {
            if let Some((chunk, _)) = slot.take() {
                send(&self.workers[worker], ToWorker::Chunk(chunk))?;
            }
            let (reply, answer) = oneshot::channel();
            let assignment = Arc::clone(&self.state.assignment);
            send(&self.workers[worker], ToWorker::Seal { assignment, reply })?;
            sealed.push(answer);
        }
        let assignment = Arc::clone(&self.state.assignment);
        let job = Job {
            assignment,
            since: batch.since,
            sealed,
        };
        self.jobs
            .send(job)
            .map_err(|_| ServiceError::Stopped("the committer"))?;
        self.state.publishing = true;
        Ok(())
    }

    fn take_outcomes(&mut self) -> Result<(), ServiceError> {
        while let Ok(outcome) = self.outcomes.try_recv() {
            self.settle(outcome)?;
        }
        Ok(())
    }

    /// What became of a batch.
    fn settle(&mut self, (epoch, outcome): Outcome) -> Result<(), ServiceError> {
        let current = epoch == self.state.assignment.epoch;
        match outcome {
            Ok(published) => {
                self.state.totals.add(&published);
                if current {
                    self.committed(&published);
                }
                Ok(())
            }
            Err(_) if !current => Ok(()),
            Err(error) if error.is_retryable() => {
                tracing::warn!(%error, "batch dropped; reading again from the tables' offsets");
                self.readiness.set(false);
                self.pause();
                self.start_again()
            }
            Err(error) => Err(ServiceError::Publish(error.to_string())),
        }
    }

    fn committed(&mut self, published: &Published) {
        let state = &mut self.state;
        state.publishing = false;
        state.failures = 0;
        self.readiness.set(true);
        let mut list = TopicPartitionList::new();
        for (slot, end) in &published.positions {
            let index = *slot as usize;
            if *end < state.committed[index] || *end > state.next[index] {
                let detail = format!(
                    "{}: committed {} to {end}, read up to {}",
                    state.assignment.slots[index].name(),
                    state.committed[index],
                    state.next[index],
                );
                let metrics = &self.steering.metrics;
                record_violation(metrics, Invariant::OffsetsInTable, &detail);
            }
            state.committed[index] = *end;
            let slot = &state.assignment.slots[index];
            // A courtesy to lag tools; a failure here is of no consequence.
            let _ =
                list.add_partition_offset(&slot.topic.name, slot.partition, Offset::Offset(*end));
        }
        state.last_received.extend(&published.last_received);
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "offsets for lag tools were not stored");
        }
        // Something waits for another part of its packet: look again without traffic (N9).
        if state.batch.is_none() && state.committed != state.next {
            let (opened, since) = (Instant::now(), self.clock.now_micros());
            state.batch = Some(Batch {
                opened,
                since,
                bytes: 0,
            });
        }
    }

    /// Drops everything and reads again from the tables' offsets.
    fn start_again(&mut self) -> Result<(), ServiceError> {
        self.steering.metrics.resets.inc();
        let partitions = self.steering.assigned.lock().partitions.clone();
        self.consumer.context().forget();
        let list = self.steering.assign(&self.consumer, partitions);
        self.consumer.assign(&list).map_err(ServiceError::Kafka)
    }

    /// Waits a little longer after each failure in a row.
    fn pause(&mut self) {
        let pause = FIRST_PAUSE * 2_u32.pow(self.state.failures.min(10));
        self.state.failures += 1;
        let until = Instant::now() + pause.min(LONGEST_PAUSE);
        while Instant::now() < until && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(POLL);
        }
    }

    /// Shows lag, and tells whether the end is reached.
    fn housekeeping(&mut self, until: &Until) -> Result<Progress, ServiceError> {
        if self
            .state
            .housekeeping
            .is_some_and(|last| last.elapsed() < HOUSEKEEPING)
        {
            return Ok(Progress::Open);
        }
        self.state.housekeeping = Some(Instant::now());
        let now = self.clock.now_micros();
        let (context, state) = (self.consumer.context(), &self.state);
        for (index, slot) in state.assignment.slots.iter().enumerate() {
            let Some(reported) = context.state(&slot.topic.name, slot.partition) else {
                continue;
            };
            let labels = [slot.topic.name.as_str(), &slot.partition.to_string()];
            let lag = (reported.end - state.committed[index]).max(0);
            self.steering
                .metrics
                .lag_records
                .with_label_values(&labels)
                .set(lag);
            let last = u32::try_from(index)
                .ok()
                .and_then(|slot| state.last_received.get(&slot));
            let seconds = last
                .filter(|_| lag > 0)
                .map_or(0, |at| (now - at).max(0) / 1_000_000);
            self.steering
                .metrics
                .lag_seconds
                .with_label_values(&labels)
                .set(seconds);
        }
        let Until::CaughtUp(ends) = until else {
            return Ok(Progress::Open);
        };
        if state.failures > caught_up::MAX_FAILURES {
            return Err(ServiceError::Unreachable(
                "the store or the broker failed too often in a row; the log says why".to_owned(),
            ));
        }
        let view = caught_up::View {
            steering: &self.steering,
            context,
            assignment: &state.assignment,
            next: &state.next,
            committed: &state.committed,
        };
        let progress = view.progress(ends)?;
        // What is read but not handed over yet is not committed either.
        let buffered = state.batch.is_some() || state.publishing;
        Ok(if progress == Progress::Committed && buffered {
            Progress::Read
        } else {
            progress
        })
    }

    /// Commits what was read and gives the partitions back.
    fn finish(&mut self) -> Result<(), ServiceError> {
        let patience = Instant::now() + LONGEST_PAUSE;
        while Instant::now() < patience {
            if !self.state.publishing {
                if self.state.batch.is_none() || self.state.assignment.slots.is_empty() {
                    break;
                }
                self.seal()?;
            }
            let Ok((epoch, outcome)) = self.outcomes.recv_timeout(POLL) else {
                continue;
            };
            match outcome {
                // What was not committed is read again next time.
                Err(error) => {
                    tracing::warn!(%error, "the last batch was not committed");
                    break;
                }
                Ok(_) => {
                    self.settle((epoch, outcome))?;
                    // Only waiting parts of split packets are left: they are read again.
                    self.state.batch = None;
                }
            }
        }
        self.steering.permit.withdraw(Duration::ZERO);
        self.consumer.unsubscribe();
        Ok(())
    }
}

/// How far a run that ends by itself has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more to read.
    Open,
    /// Everything is read, not everything is committed.
    Read,
    /// Everything is committed.
    Committed,
}

impl State {
    /// Takes one message; a full chunk to hand over, with its worker.
    fn take(
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

fn send(worker: &SyncSender<ToWorker>, order: ToWorker) -> Result<(), ServiceError> {
    worker
        .send(order)
        .map_err(|_| ServiceError::Stopped("a decoding thread"))
}
