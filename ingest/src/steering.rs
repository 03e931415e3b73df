//! The rebalance callback: ends epochs, reads offsets, hands out assignments.
//!
//! Runs on the thread that polls, inside the client's callback. When it returns, nothing of the
//! old epoch can be published (N5), and what is assigned starts at the tables' offsets.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::consumer::BaseConsumer;
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use crate::config::Config;
use crate::consumer::{Change, Context, Rebalance};
use crate::loss::Loss;
use crate::metrics::Metrics;
use crate::permit::Permit;
use crate::pipeline::assignment::Assignment;
use crate::pipeline::publish::Logs;
use crate::start::{self, StartError};
use crate::store::Store;

/// How long a revoke waits for a commit that is being put. Long enough for a slow store, short
/// against the group's own limits (max.poll.interval.ms is five minutes).
const PATIENCE: Duration = Duration::from_secs(10);

/// What is assigned and what went wrong, shared with the polling loop.
#[derive(Debug, Default)]
pub(crate) struct Assigned {
    /// The current assignment; empty while there is none.
    pub(crate) assignment: Arc<Assignment>,
    /// Partitions the group gave to this process, also those that cannot be read.
    pub(crate) partitions: Vec<(String, i32)>,
    /// Partitions that stopped.
    pub(crate) losses: Vec<Loss>,
    /// Why nothing is assigned though the group gave partitions.
    pub(crate) error: Option<StartError>,
}

/// Decides what is read from where.
pub(crate) struct Steering {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) logs: Arc<tokio::sync::Mutex<Logs>>,
    pub(crate) permit: Arc<Permit>,
    pub(crate) runtime: Handle,
    pub(crate) metrics: Metrics,
    pub(crate) assigned: Mutex<Assigned>,
}

impl Steering {
    /// Ends the epoch and finds out where `partitions` start; the list to assign.
    pub(crate) fn assign(
        &self,
        consumer: &BaseConsumer<Context>,
        partitions: Vec<(String, i32)>,
    ) -> TopicPartitionList {
        let epoch = self.permit.withdraw(PATIENCE);
        let found = self.runtime.block_on(start::find(
            consumer,
            &self.config,
            &self.store,
            &self.logs,
            &partitions,
        ));
        let mut list = TopicPartitionList::new();
        let mut assigned = Assigned {
            partitions,
            ..Assigned::default()
        };
        match found {
            Ok(starts) => {
                let (assignment, losses) = starts.assignment(epoch);
                for slot in &assignment.slots {
                    let offset = Offset::Offset(slot.read_from);
                    if let Err(error) =
                        list.add_partition_offset(&slot.topic.name, slot.partition, offset)
                    {
                        tracing::error!(partition = slot.name(), %error, "offset refused");
                    }
                }
                assigned.assignment = Arc::new(assignment);
                assigned.losses = losses;
            }
            Err(error) => {
                tracing::warn!(%error, "partitions cannot be started; trying again");
                assigned.assignment = Arc::new(Assignment {
                    epoch,
                    slots: Vec::new(),
                });
                assigned.error = Some(error);
            }
        }
        self.show(&assigned);
        *self.assigned.lock() = assigned;
        list
    }

    /// Puts what is assigned and what is lost into log and metrics.
    fn show(&self, assigned: &Assigned) {
        self.metrics.lost.reset();
        for loss in &assigned.losses {
            tracing::error!("{loss}");
            let (topic, partition) = loss.place();
            let labels = [topic, &partition.to_string()];
            self.metrics
                .lost
                .with_label_values(&labels)
                .set(loss.records());
        }
        let count = assigned.assignment.slots.len();
        self.metrics
            .assigned
            .set(i64::try_from(count).unwrap_or(i64::MAX));
        for slot in &assigned.assignment.slots {
            let reread = slot.start - slot.read_from;
            tracing::info!(
                partition = slot.name(),
                start = slot.start,
                reread,
                "assigned"
            );
        }
    }
}

impl Rebalance for Steering {
    fn change(
        &self,
        consumer: &BaseConsumer<Context>,
        change: Change,
    ) -> Option<TopicPartitionList> {
        match change {
            Change::Assigned(partitions) => {
                self.metrics.assignments.inc();
                Some(self.assign(consumer, partitions))
            }
            Change::Revoked => {
                let epoch = self.permit.withdraw(PATIENCE);
                let assignment = Arc::new(Assignment {
                    epoch,
                    slots: Vec::new(),
                });
                let nothing = Assigned {
                    assignment,
                    ..Assigned::default()
                };
                self.show(&nothing);
                *self.assigned.lock() = nothing;
                tracing::info!("partitions revoked");
                None
            }
        }
    }
}
