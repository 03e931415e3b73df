//! Topics on the shared broker: create, fill, delete records, count.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::{PATIENCE, broker, wait_for};

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker::bootstrap());
    config
}

fn admin<T>(work: impl AsyncFnOnce(&AdminClient<DefaultClientContext>) -> T) -> T {
    let admin = client().create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work(&admin))
}

/// Creates a topic and waits until its partitions have a leader.
pub(crate) fn create(name: &str, partitions: i32) {
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let results = admin(async |admin| admin.create_topics([&topic], &AdminOptions::new()).await);
    for result in results.unwrap() {
        result.unwrap();
    }
    let consumer: BaseConsumer = client().create().unwrap();
    wait_for(&format!("topic {name}"), || {
        let metadata = consumer.fetch_metadata(Some(name), PATIENCE).ok()?;
        let found = metadata.topics().first()?.partitions();
        (found.len() == partitions as usize && found.iter().all(|p| p.leader() >= 0)).then_some(())
    });
}

/// Deletes the records before `offset`, as retention would.
pub(crate) fn delete_before(topic: &str, partition: i32, offset: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset))
        .unwrap();
    admin(async |admin| admin.delete_records(&list, &AdminOptions::new()).await).unwrap();
    assert_eq!(watermarks(topic, partition).0, offset);
}

/// First offset and next offset of a partition.
pub(crate) fn watermarks(topic: &str, partition: i32) -> (i64, i64) {
    let consumer: BaseConsumer = client().create().unwrap();
    consumer
        .fetch_watermarks(topic, partition, PATIENCE)
        .unwrap()
}

/// Writes (partition, message) pairs and waits until the broker has them all.
pub(crate) fn produce(topic: &str, messages: impl IntoIterator<Item = (i32, Vec<u8>)>) {
    let producer: BaseProducer = client()
        .set("linger.ms", "5")
        .set("enable.idempotence", "true")
        .create()
        .unwrap();
    for (partition, message) in messages {
        loop {
            let record: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(topic).partition(partition).payload(&message);
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => panic!("producing to {topic}/{partition}: {error}"),
            }
        }
    }
    producer.flush(PATIENCE).unwrap();
}

/// Every message of a topic, read from the first offset to the next offset at the time of call.
pub(crate) fn read_all(topic: &str, partitions: i32) -> Vec<Vec<u8>> {
    let consumer: BaseConsumer = client()
        .set("group.id", "e2e-reader")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let mut messages = Vec::new();
    for partition in 0..partitions {
        let (first, next) = watermarks(topic, partition);
        if first == next {
            continue;
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(first))
            .unwrap();
        consumer.assign(&list).unwrap();
        loop {
            let message = wait_for(&format!("a message of {topic}/{partition}"), || {
                consumer.poll(Duration::from_millis(100))
            })
            .unwrap();
            messages.push(message.payload().unwrap_or_default().to_vec());
            if message.offset() + 1 >= next {
                break;
            }
        }
    }
    messages
}

#[test]
fn what_is_written_is_read_back_and_deleted_records_are_gone() {
    let name = format!("harness-{}", std::process::id());
    create(&name, 2);
    produce(&name, (0..10_u8).map(|n| (i32::from(n % 2), vec![n])));
    assert_eq!(watermarks(&name, 1), (0, 5));
    delete_before(&name, 1, 3);
    assert_eq!(watermarks(&name, 1), (3, 5));
    let read: Vec<u8> = read_all(&name, 2).concat();
    assert_eq!(read, [0, 2, 4, 6, 8, 7, 9]);
}
