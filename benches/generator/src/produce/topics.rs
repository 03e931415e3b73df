//! Topics and partitions: where a message goes.

use std::time::Duration;

use nonsite_schemas::settings::KafkaSettings;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;

use super::ProduceError;
use crate::message::{Topic, Topics};

/// Number of partitions of a topic: documents are few and have one.
pub fn partitions_of(topic: Topic, partitions: i32) -> i32 {
    match topic {
        Topic::Hj212 | Topic::Readings => partitions.max(1),
        Topic::Permits | Topic::Inspections | Topic::Documents => 1,
    }
}

/// Partition of a key: FNV-1a modulo the number of partitions.
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ((hash >> 16) % partitions.max(1).unsigned_abs() as u64) as i32
}

/// Creates the topics that do not exist, with one replica, no retention, and timestamps as sent.
///
/// # Errors
/// The client cannot be made, or a topic cannot be created.
pub fn create_topics(
    settings: &KafkaSettings,
    topics: &Topics,
    partitions: i32,
) -> Result<(), ProduceError> {
    let brokers = || settings.brokers.clone();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.brokers);
    for (key, value) in &settings.properties {
        config.set(key, value);
    }
    let admin: AdminClient<DefaultClientContext> =
        config.create().map_err(|source| ProduceError::Client {
            brokers: brokers(),
            source,
        })?;
    let new: Vec<NewTopic<'_>> = Topic::ALL
        .iter()
        .map(|topic| {
            NewTopic::new(
                topics.name(*topic),
                partitions_of(*topic, partitions),
                TopicReplication::Fixed(1),
            )
            .set("retention.ms", "-1")
            .set("message.timestamp.type", "CreateTime")
            .set("message.timestamp.after.max.ms", "9223372036854775807")
        })
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(Duration::from_secs(30)))
        .operation_timeout(Some(Duration::from_secs(30)));
    let failed = |topic: &str, cause: String| ProduceError::Topic {
        topic: topic.to_owned(),
        brokers: brokers(),
        cause,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| failed(topics.name(Topic::Hj212), error.to_string()))?;
    let results = runtime
        .block_on(admin.create_topics(&new, &options))
        .map_err(|error| failed(topics.name(Topic::Hj212), error.to_string()))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(failed(&topic, code.to_string())),
        }
    }
    Ok(())
}
