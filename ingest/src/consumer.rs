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
/// cannot be overridden, nor what the client's own queue may hold be raised (N7).
pub(crate) fn client_config(kafka: &KafkaSettings, config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "1500")
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
    for (key, most) in prefetch(config) {
        bound(&mut client, key, most);
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

/// What the client may fetch ahead: KiB in its queue, an eighth of the budget, and messages of one
/// partition. The client counts the queue before it asks for more, so that the answers under way
/// come on top.
fn prefetch(config: &Config) -> [(&'static str, u64); 2] {
    let budget_kb = config.memory_budget_mb.saturating_mul(1024);
    let queue_kb = (budget_kb / PREFETCH_SHARE).min(MAX_QUEUE_KB);
    [
        ("queued.max.messages.kbytes", queue_kb),
        ("queued.min.messages", MAX_QUEUED_MESSAGES),
    ]
}

/// Sets `key` to `most` unless the user has asked for less. (The client reads other forms of
/// numbers as well, so that what is not a plain one may be any.)
fn bound(client: &mut ClientConfig, key: &str, most: u64) {
    if let Some(own) = client.get(key) {
        if own.trim().parse::<u64>().is_ok_and(|own| own <= most) {
            return;
        }
        tracing::warn!(
            key,
            value = own,
            most,
            "kafka.properties: not within what ingest.memory_budget_mb leaves to the client; cut"
        );
    }
    client.set(key, most.to_string());
}

/// What the client has against its settings, with the key in question; `None` if `error` is about
/// something else. A client is made without asking any broker.
pub(crate) fn refused_setting(error: &KafkaError) -> Option<String> {
    match error {
        KafkaError::ClientConfig(_, what, key, _) => {
            Some(format!("kafka.properties.\"{key}\": {}", what.trim()))
        }
        // Settings that do not go together, or name a file that cannot be read.
        KafkaError::ClientCreation(what) => Some(format!("kafka.properties: {}", what.trim())),
        _ => None,
    }
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
/// Largest queue that the client can be given, KiB.
const MAX_QUEUE_KB: u64 = 2_097_151;
/// Messages of one partition that the client fetches ahead.
const MAX_QUEUED_MESSAGES: u64 = 50_000;

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    fn with(properties: &[(&str, &str)]) -> KafkaSettings {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        KafkaSettings {
            properties: properties.iter().map(own).collect(),
            ..KafkaSettings::default()
        }
    }

    fn budget(memory_budget_mb: u64) -> Config {
        Config {
            memory_budget_mb,
            ..Config::default()
        }
    }

    /// N7: what the client fetches ahead can be lowered by the user and not raised.
    #[test]
    fn the_clients_queue_stays_within_its_share_of_the_budget() {
        const KEYS: [&str; 2] = ["queued.max.messages.kbytes", "queued.min.messages"];
        for (own, expected) in [
            (None, ["12288", "50000"]),
            (Some("12288"), ["12288", "12288"]),
            (Some("4096"), ["4096", "4096"]),
            (Some("50001"), ["12288", "50000"]),
            (Some("1000000"), ["12288", "50000"]),
            // The client would read these as 65,535 and as 70,000.
            (Some("0xffff"), ["12288", "50000"]),
            (Some("70000 or so"), ["12288", "50000"]),
        ] {
            let own = own.map_or_else(Vec::new, |own| KEYS.map(|key| (key, own)).to_vec());
            let client = client_config(&with(&own), &budget(96));
            let found = KEYS.map(|key| client.get(key).unwrap());
            assert_eq!(found, expected, "{own:?}");
        }
    }

    #[test]
    fn a_budget_of_any_size_is_accepted_by_the_client() {
        for mb in [64, 20_000, u64::MAX] {
            let client = client_config(&with(&[]), &budget(mb));
            client.create_native_config().unwrap();
        }
    }

    #[test]
    fn what_the_user_asks_for_cannot_undo_exactly_once() {
        let own = [("enable.auto.commit", "true"), ("fetch.wait.max.ms", "7")];
        let client = client_config(&with(&own), &budget(96));
        assert_eq!(client.get("enable.auto.commit"), Some("false"));
        assert_eq!(client.get("fetch.wait.max.ms"), Some("7"));
    }

    #[test]
    fn a_setting_that_the_client_refuses_is_named() {
        for (key, value) in [
            ("securty.protocol", "plaintext"),
            ("security.protocol", "telepathy"),
            ("fetch.wait.max.ms", "soon"),
            ("fetch.wait.max.ms", "-5"),
            // Taken one by one, refused together.
            ("session.timeout.ms", "3000000"),
        ] {
            let client = client_config(&with(&[(key, value)]), &budget(96));
            let made = client.create::<BaseConsumer>();
            let told = refused_setting(&made.err().unwrap()).unwrap();
            assert!(
                told.starts_with("kafka.properties") && told.contains(key),
                "{told}"
            );
        }
        let away = KafkaError::MessageConsumption(RDKafkaErrorCode::AllBrokersDown);
        assert_eq!(refused_setting(&away), None);
    }
}
