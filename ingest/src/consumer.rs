//! The Kafka client: its settings, and the callbacks it makes.
//!
//! librdkafka joins the group and fetches; everything that decides *where* to read is here. The
//! group protocol is eager: at every change all partitions are given back and assigned anew, so
//! there is one moment at which all buffers are dropped and all offsets are read from the tables,
//! and no partition can be half owned.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nonsite_schemas::settings::KafkaSettings;
use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, Statistics, TopicPartitionList};

use crate::config::Config;

/// How often the client reports where partitions end.
const STATISTICS: Duration = Duration::from_millis(500);

/// What the client last reported about a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionState {
    /// Offset after the last record that a reader may see.
    pub(crate) end: i64,
    /// End of the partition that the client has reached, if it has.
    pub(crate) reached: i64,
    /// Messages in the client's queue.
    pub(crate) queued: i64,
}

/// A change of the assignment that the callback hands to the loop that polls.
#[derive(Debug)]
pub(crate) enum Change {
    /// These partitions are ours now; nothing is read before they are assigned with offsets.
    Assigned(Vec<(String, i32)>),
    /// Nothing is ours any more.
    Revoked,
}

/// Decides what happens on a change; called within the callback, before it returns.
pub(crate) trait Rebalance: Send + Sync {
    /// Ends the epoch and, on assignment, gives the offsets to start at.
    fn change(
        &self,
        consumer: &BaseConsumer<Context>,
        change: Change,
    ) -> Option<TopicPartitionList>;
}

/// The client's context.
pub(crate) struct Context {
    rebalance: Arc<dyn Rebalance>,
    states: Mutex<HashMap<(String, i32), PartitionState>>,
}

impl Context {
    pub(crate) fn new(rebalance: Arc<dyn Rebalance>) -> Self {
        Self {
            rebalance,
            states: Mutex::new(HashMap::new()),
        }
    }

    /// What the client last reported about a partition.
    pub(crate) fn state(&self, topic: &str, partition: i32) -> Option<PartitionState> {
        self.states
            .lock()
            .get(&(topic.to_owned(), partition))
            .copied()
    }

    /// Forgets what was reported, so that nothing of an earlier assignment is believed.
    pub(crate) fn forget(&self) {
        self.states.lock().clear();
    }
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        let mut states = self.states.lock();
        for (topic, state) in statistics.topics {
            for (partition, state) in state.partitions {
                if partition >= 0 {
                    let state = PartitionState {
                        // Known once something was fetched; negative until then.
                        end: if state.ls_offset >= 0 {
                            state.ls_offset
                        } else {
                            state.hi_offset
                        },
                        reached: state.eof_offset,
                        queued: state.fetchq_cnt,
                    };
                    states.insert((topic.clone(), partition), state);
                }
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "Kafka client");
    }
}

impl ConsumerContext for Context {
    /// Everything is decided before this returns: on revoke nothing can be published any more
    /// (N5), on assign the offsets are in the assignment itself and no seek follows.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let outcome = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let list = partitions
                .elements()
                .iter()
                .map(|element| (element.topic().to_owned(), element.partition()))
                .collect();
            match self.rebalance.change(consumer, Change::Assigned(list)) {
                Some(list) => consumer.assign(&list),
                None => consumer.assign(&TopicPartitionList::new()),
            }
        } else {
            self.rebalance.change(consumer, Change::Revoked);
            consumer.unassign()
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "the client did not take the assignment");
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        // A courtesy to lag tools; the tables hold the truth.
        if let Err(error) = result {
            tracing::debug!(%error, "offsets for lag tools were not stored");
        }
    }
}

/// The client's settings. Those given by the user come first, so that what exactly-once needs
/// cannot be overridden.
pub(crate) fn client_config(kafka: &KafkaSettings, config: &Config) -> ClientConfig {
    let budget_kb = config.memory_budget_mb * 1024;
    let mut client = ClientConfig::new();
    client
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "1500")
        // An eighth of the budget belongs to the client's own queue (N7).
        .set(
            "queued.max.messages.kbytes",
            (budget_kb / PREFETCH_SHARE).to_string(),
        )
        .set("queued.min.messages", "50000")
        .set("fetch.message.max.bytes", "2097152")
        .set("fetch.max.bytes", "16777216")
        .set("message.max.bytes", "16000000")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.queue.backoff.ms", "20")
        .set("topic.metadata.refresh.interval.ms", "30000")
        .set("allow.auto.create.topics", "false");
    for (key, value) in &kafka.properties {
        client.set(key, value);
    }
    client
        .set("bootstrap.servers", &kafka.brokers)
        .set("group.id", &config.group)
        .set("partition.assignment.strategy", "range,roundrobin")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // N6: an offset that is gone is an alarm, never a jump.
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "false")
        .set("statistics.interval.ms", STATISTICS.as_millis().to_string());
    client
}

/// How long the client may be left alone: a quarter of the time after which the group takes this
/// member for dead.
pub(crate) fn longest_silence(kafka: &KafkaSettings) -> Duration {
    let configured = kafka.properties.get("max.poll.interval.ms");
    let millis = configured.and_then(|value| value.trim().parse().ok());
    Duration::from_millis(millis.unwrap_or(DEFAULT_MAX_POLL_INTERVAL_MS) / 4)
}

/// The client's default.
const DEFAULT_MAX_POLL_INTERVAL_MS: u64 = 300_000;

/// The client's queue gets one part in so many of the budget.
pub(crate) const PREFETCH_SHARE: u64 = 8;
