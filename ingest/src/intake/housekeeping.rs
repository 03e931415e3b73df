//! What the loop looks after now and then: lag, the end of a run that ends by itself, and whether
//! an operator has accepted a loss.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;

use super::{Intake, Until};
use crate::caught_up;
use crate::loss::{self, Loss};
use crate::service::ServiceError;

/// How often lag is shown and the end is looked for.
const HOUSEKEEPING: Duration = Duration::from_millis(250);
/// How often a stopped partition asks whether an operator has accepted its loss.
const LOSS_LOOK: Duration = Duration::from_secs(5);

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

impl Intake {
    /// Shows lag, and tells whether the end is reached.
    pub(super) fn housekeeping(&mut self, until: &Until) -> Result<Progress, ServiceError> {
        if self
            .state
            .housekeeping
            .is_some_and(|last| last.elapsed() < HOUSEKEEPING)
        {
            return Ok(Progress::Open);
        }
        self.state.housekeeping = Some(Instant::now());
        self.look_for_accepted_losses()?;
        let now = self.clock.now_micros();
        let (context, state) = (self.consumer.context(), &self.state);
        for (index, slot) in state.assignment.slots.iter().enumerate() {
            let reported = context.state(&slot.topic.name, slot.partition);
            // Nothing is known of the end before something was fetched.
            let Some(reported) = reported.filter(|reported| reported.end >= 0) else {
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
                .and_then(|slot| state.last_received.get(&slot).copied());
            // Before the first commit of an epoch the record that waits longest tells.
            let since = match lag {
                0 => Some(now),
                _ => last.or(state.oldest[index]),
            };
            if let Some(since) = since {
                self.steering
                    .metrics
                    .lag_seconds
                    .with_label_values(&labels)
                    .set((now - since).max(0) / 1_000_000);
            }
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

    /// Which slots are read to where the client last saw the end of their partition.
    pub(super) fn at_end(&self) -> Arc<[bool]> {
        let (context, state) = (self.consumer.context(), &self.state);
        let slots = state.assignment.slots.iter().zip(&state.next);
        slots
            .map(|(slot, next)| {
                let seen = context.state(&slot.topic.name, slot.partition);
                seen.is_some_and(|seen| seen.end >= 0 && *next >= seen.end)
            })
            .collect()
    }

    /// N6: a stopped partition goes on when an operator has accepted its loss, without waiting
    /// for a rebalance.
    fn look_for_accepted_losses(&mut self) -> Result<(), ServiceError> {
        let due = self
            .state
            .loss_look
            .is_none_or(|last| last.elapsed() >= LOSS_LOOK);
        let losses = self.steering.assigned.lock().losses.clone();
        if losses.is_empty() || !due {
            return Ok(());
        }
        self.state.loss_look = Some(Instant::now());
        for loss in &losses {
            let Loss::Deleted {
                topic,
                partition,
                from,
                to,
            } = loss
            else {
                continue;
            };
            let store = &self.steering.store;
            let accepted = loss::accepted(store, topic, *partition);
            match self.steering.runtime.block_on(accepted) {
                Ok(accepted) if loss::covers(&accepted, *from, *to) => {
                    tracing::info!(%topic, partition, "an operator accepted the loss; reading on");
                    return self.start_again();
                }
                Ok(_) => {}
                // Asked again soon; the partition stands still until then.
                Err(error) => tracing::warn!(%error, "accepted losses cannot be read"),
            }
        }
        Ok(())
    }
}
