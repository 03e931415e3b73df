//! What became of the batches handed to the committer.

use std::time::Instant;

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::state::Batch;
use super::{Intake, Outcome};
use crate::invariants::{Invariant, record_violation};
use crate::pipeline::publish::Published;
use crate::service::ServiceError;

impl Intake {
    pub(super) fn take_outcomes(&mut self) -> Result<(), ServiceError> {
        while let Ok(outcome) = self.outcomes.try_recv() {
            self.settle(outcome)?;
        }
        Ok(())
    }

    /// What became of a batch.
    pub(super) fn settle(&mut self, (epoch, outcome): Outcome) -> Result<(), ServiceError> {
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
        let mut positions = state.committed.iter().zip(&state.next);
        if state.batch.is_none() && positions.any(|(committed, next)| committed < next) {
            let (opened, since) = (Instant::now(), self.clock.now_micros());
            state.batch = Some(Batch {
                opened,
                since,
                bytes: 0,
            });
        }
    }
}
