//! What the broker says about offsets without rows.

use std::time::{Duration, Instant};

use nonsite_schemas::settings::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::ranges::{self, Range};
use super::{Proof, VerifyError};
use crate::config::Config;
use crate::consumer::{client_config, refused_setting};
use crate::start::WATERMARK_TIMEOUT;

/// Longest wait for the broker while a gap is read again.
const SILENCE: Duration = Duration::from_secs(20);

/// What the broker says about one partition.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// First offset it has.
    pub(super) low: i64,
    /// Offset after its last.
    pub(super) high: i64,
    /// Records in the gaps.
    pub(super) records: Vec<Range>,
    /// Number of offsets in the gaps that hold no record.
    pub(super) holes: u64,
    /// Gaps before `low`, of which nobody knows.
    pub(super) unknown: Vec<Range>,
}

fn fault(topic: &str, partition: i32, error: &KafkaError) -> VerifyError {
    match refused_setting(error) {
        Some(what) => VerifyError::Properties(what),
        None => VerifyError::Broker {
            place: format!("{topic}/{partition}"),
            detail: error.to_string(),
        },
    }
}

fn consumer(kafka: &KafkaSettings, config: &Config) -> Result<BaseConsumer, KafkaError> {
    let mut client = client_config(kafka, config);
    // Never joins a group: partitions are assigned by hand and nothing is committed.
    client.set("group.id", format!("{}-verify", config.group));
    client
        .set("enable.partition.eof", "true")
        .set("statistics.interval.ms", "0");
    client.create()
}

/// The partitions of a topic; none if there is no such topic.
pub(super) async fn partitions(
    kafka: &KafkaSettings,
    config: &Config,
    topic: &str,
) -> Result<Vec<i32>, VerifyError> {
    let (kafka, config, name) = (kafka.clone(), config.clone(), topic.to_owned());
    blocking(topic, -1, move || {
        let consumer = consumer(&kafka, &config)?;
        let metadata = consumer.fetch_metadata(None, WATERMARK_TIMEOUT)?;
        let found = metadata.topics().iter().find(|found| found.name() == name);
        Ok(found.map_or_else(Vec::new, |found| {
            found
                .partitions()
                .iter()
                .map(|partition| partition.id())
                .collect()
        }))
    })
    .await
}

/// Asks for the watermarks, and reads the gaps again.
pub(super) async fn look(
    kafka: &KafkaSettings,
    config: &Config,
    topic: &str,
    partition: i32,
    gaps: &[Range],
) -> Result<Seen, VerifyError> {
    let (kafka, config, gaps) = (kafka.clone(), config.clone(), gaps.to_vec());
    let name = topic.to_owned();
    blocking(topic, partition, move || {
        let consumer = consumer(&kafka, &config)?;
        let (low, high) = consumer.fetch_watermarks(&name, partition, WATERMARK_TIMEOUT)?;
        let mut seen = Seen {
            low,
            high,
            ..Seen::default()
        };
        let known = Range::new(low, high);
        for gap in gaps {
            let before = gap.within(Range::new(i64::MIN, low));
            if !before.is_empty() {
                seen.unknown.push(before);
            }
            let readable = gap.within(known);
            if !readable.is_empty() {
                let records = read_again(&consumer, &name, partition, readable)?;
                let count: u64 = records.iter().map(|range| range.len()).sum();
                seen.holes += readable.len() - count;
                seen.records.extend(records);
            }
        }
        Ok(seen)
    })
    .await
}

/// The offsets of `gap` that hold a record.
fn read_again(
    consumer: &BaseConsumer,
    topic: &str,
    partition: i32,
    gap: Range,
) -> Result<Vec<Range>, KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(gap.from))?;
    consumer.assign(&list)?;
    let mut records = Vec::new();
    let mut heard = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                if message.offset() >= gap.to {
                    break;
                }
                ranges::extend(&mut records, message.offset());
            }
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            Some(Err(error)) => return Err(error),
            None if heard.elapsed() > SILENCE => {
                return Err(KafkaError::MessageConsumption(
                    rdkafka::error::RDKafkaErrorCode::RequestTimedOut,
                ));
            }
            None => {}
        }
    }
    consumer.unassign()?;
    Ok(records)
}

async fn blocking<T: Send + 'static>(
    topic: &str,
    partition: i32,
    work: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, VerifyError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| fault(topic, partition, &error)),
        Err(error) => Err(VerifyError::Broker {
            place: format!("{topic}/{partition}"),
            detail: error.to_string(),
        }),
    }
}

impl Proof {
    /// Offsets that are accounted for.
    pub fn accounted(&self) -> u64 {
        self.accepted + self.quarantined + self.lost + self.holes
    }
}
