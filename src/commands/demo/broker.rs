//! The demo's broker: librdkafka's in-process cluster, or a real one when `--brokers` names it.
//!
//! The in-process cluster keeps about 5 MB or 100,000 records per partition and silently drops the
//! oldest beyond that, which ingestion would rightly report as loss. So the producer is held back:
//! a partition never holds more than [`PARTITION_BYTES`] or [`PARTITION_RECORDS`] that are not
//! committed into the tables yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::exit::Unreachable;

/// Partitions of each reading topic; enough to show that order is kept per MN only.
pub(crate) const PARTITIONS: i32 = 4;
/// Bytes a partition may hold that are not in the tables yet; the cluster drops beyond 5 MB.
const PARTITION_BYTES: u64 = 3 << 20;
/// Records likewise; the cluster drops beyond 100,000.
const PARTITION_RECORDS: usize = 60_000;

/// Where the demo's messages go through.
pub(crate) enum Broker {
    /// In this process; lives as long as this value.
    Embedded(MockCluster<'static, DefaultProducerContext>),
    /// Somewhere else.
    External(String),
}

impl Broker {
    /// Starts the in-process cluster with these topics (name, partitions), or takes `brokers`.
    pub(crate) fn start(brokers: Option<&str>, topics: &[(&str, i32)]) -> anyhow::Result<Self> {
        if let Some(brokers) = brokers {
            return Ok(Self::External(brokers.to_owned()));
        }
        let cannot = |what: &str, error: rdkafka::error::KafkaError| {
            Unreachable(format!("the in-process broker cannot {what}: {error}"))
        };
        let cluster = MockCluster::new(1).map_err(|error| cannot("start", error))?;
        for (name, partitions) in topics {
            cluster
                .create_topic(name, *partitions, 1)
                .map_err(|error| cannot(&format!("create topic {name}"), error))?;
        }
        Ok(Self::Embedded(cluster))
    }

    /// Bootstrap address.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Embedded(cluster) => cluster.bootstrap_servers(),
            Self::External(brokers) => brokers.clone(),
        }
    }

    /// Whether it runs in this process.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }
}

/// Bytes sent up to and including each offset of a partition.
type Sent = HashMap<(String, i32), Vec<u64>>;

/// Says when the producer has to wait for the tables.
#[derive(Debug, Clone, Default)]
pub(crate) struct HoldBack {
    sent: Arc<Mutex<Sent>>,
    committed: Arc<Mutex<HashMap<(String, i32), i64>>>,
}

impl HoldBack {
    /// Notes the next offset the tables want from a partition.
    pub(crate) fn committed(&self, topic: &str, partition: i32, next_offset: i64) {
        lock(&self.committed).insert((topic.to_owned(), partition), next_offset);
    }

    /// Records the tables have, over all partitions that were asked for.
    pub(crate) fn committed_records(&self) -> u64 {
        lock(&self.committed)
            .values()
            .map(|next| u64::try_from(*next).unwrap_or(0))
            .sum()
    }

    /// Whether a message may go to a partition that would then have got `bytes` in all.
    pub(crate) fn may_send(&self, topic: &str, partition: i32, bytes: u64) -> bool {
        let key = (topic.to_owned(), partition);
        let next = lock(&self.committed).get(&key).copied().unwrap_or(0);
        let mut sent = lock(&self.sent);
        let sent = sent.entry(key).or_default();
        let done = usize::try_from(next).unwrap_or(0).min(sent.len());
        let done_bytes = if done == 0 { 0 } else { sent[done - 1] };
        let free = sent.len() - done < PARTITION_RECORDS && bytes - done_bytes <= PARTITION_BYTES;
        if free {
            sent.push(bytes);
        }
        free
    }
}

/// A poisoned lock still holds offsets that are true.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_held_back_until_its_bytes_are_committed() {
        let hold_back = HoldBack::default();
        let step = PARTITION_BYTES / 2;
        assert!(hold_back.may_send("t", 0, step));
        assert!(hold_back.may_send("t", 0, 2 * step));
        assert!(!hold_back.may_send("t", 0, 3 * step));
        assert!(
            hold_back.may_send("t", 1, step),
            "partitions do not hold each other back"
        );
        hold_back.committed("t", 0, 1);
        assert!(hold_back.may_send("t", 0, 3 * step));
        assert!(!hold_back.may_send("t", 0, 4 * step));
    }
}
