//! The loop that polls: messages into chunks, chunks into batches, batches to the committer.
//!
//! One thread. It alone talks to the client, so callbacks and messages never race; it alone
//! waits for memory (N7); it alone decides when a batch ends: by age even without any traffic
//! (N9), or by size. While it waits for memory it calls the client now and then all the same, for
//! one message, or the group would take a member for dead that only waits for a slow store. (To
//! pause the partitions instead would throw away what is fetched already.)

mod housekeeping;
mod settle;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use nonsite_schemas::time::Clock;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::oneshot;

pub(crate) use self::housekeeping::Progress;
pub(crate) use self::state::State;
use crate::budget::Budget;
use crate::caught_up::Ends;
use crate::consumer::Context;
use crate::http::Readiness;
use crate::pipeline::publish::{Job, PublishError, Published};
use crate::pipeline::worker::ToWorker;
use crate::service::ServiceError;
use crate::steering::Steering;

/// Bytes of a chunk: large enough that handing it over costs nothing, small against the budget.
const CHUNK_BYTES: usize = 1 << 20;
/// A chunk is handed over at this age although it is not full.
const CHUNK_LINGER: Duration = Duration::from_millis(50);
/// Longest wait for a message before the loop looks after other things.
const POLL: Duration = Duration::from_millis(20);
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
    /// How long the client may be left alone.
    pub(crate) longest_silence: Duration,
    pub(crate) state: State,
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
            // Another process tells of partitions that moved away; what stays is set again soon.
            let metrics = &self.steering.metrics;
            metrics.lag_records.reset();
            metrics.lag_seconds.reset();
            let state = &mut self.state;
            state.lookup.clear();
            state.last = None;
            state.next = assignment.slots.iter().map(|slot| slot.read_from).collect();
            state.committed = assignment.slots.iter().map(|slot| slot.start).collect();
            state.last_received.clear();
            state.oldest = vec![None; assignment.slots.len()];
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
        let room = self.budget.wait(POLL);
        if !self.is_due(room) {
            return Ok(());
        }
        let (limit, patience) = if room {
            (CHUNK_BYTES, POLL)
        } else {
            (1, Duration::ZERO)
        };
        let mut polled = 0_usize;
        let started = Instant::now();
        while polled < limit && started.elapsed() < POLL {
            match self.consumer.poll(patience) {
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

    /// Whether the client is to be called: always when there is `room`, and now and then when
    /// there is none, for a single message.
    fn is_due(&mut self, room: bool) -> bool {
        let state = &mut self.state;
        if room {
            state.full_since = None;
            return true;
        }
        let since = *state.full_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.longest_silence {
            return false;
        }
        // The next silence begins.
        state.full_since = Some(Instant::now());
        tracing::warn!("no room in the memory budget; waiting for the store to take files again");
        true
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
        let at_end = self.at_end();
        for (worker, slot) in self.state.chunks.iter_mut().enumerate() {
            if let Some((chunk, _)) = slot.take() {
                send(&self.workers[worker], ToWorker::Chunk(chunk))?;
            }
            let (reply, answer) = oneshot::channel();
            let assignment = Arc::clone(&self.state.assignment);
            let at_end = Arc::clone(&at_end);
            let order = ToWorker::Seal {
                assignment,
                at_end,
                reply,
            };
            send(&self.workers[worker], order)?;
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

fn send(worker: &SyncSender<ToWorker>, order: ToWorker) -> Result<(), ServiceError> {
    worker
        .send(order)
        .map_err(|_| ServiceError::Stopped("a decoding thread"))
}
