//! Into a broker and back: librdkafka's in-process cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nonsite_generator::produce::{partition_of, partitions_of};
use nonsite_generator::{ProduceOptions, Produced, Province, Scale, Topic, Topics, produce};
use nonsite_schemas::settings::KafkaSettings;
use rdkafka::Message as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

#[test]
fn everything_arrives_keyed_in_order_and_held_back_when_asked() {
    let cluster = MockCluster::new(1).unwrap();
    let topics = Topics::with_prefix("t");
    let partitions = 3;
    for topic in Topic::ALL {
        let count = partitions_of(topic, partitions);
        cluster.create_topic(topics.name(topic), count, 1).unwrap();
    }
    let settings = KafkaSettings {
        brokers: cluster.bootstrap_servers(),
        ..KafkaSettings::default()
    };
    let scale = Scale {
        points: 12,
        days: 1,
        json_rate: 0.2,
        ..Scale::default()
    };
    let mut province = Province::new(scale).unwrap();
    let mut refused = 0_u32;
    let mut most: BTreeMap<(String, i32), u64> = BTreeMap::new();
    let options = ProduceOptions {
        topics: topics.clone(),
        partitions,
        create: false,
        may_send: Some(Box::new(|topic: &str, partition, bytes| {
            refused += 1;
            most.insert((topic.to_owned(), partition), bytes);
            // Every fiftieth question is answered with "not yet".
            !refused.is_multiple_of(50)
        })),
        ..ProduceOptions::default()
    };
    let mut last = Produced::default();
    let produced = produce(&mut province, &settings, options, |progress| {
        last = progress.clone()
    })
    .unwrap();
    assert_eq!(produced, last);
    let counts = province.summary().counts;
    assert_eq!(produced.messages, counts.messages.values().sum::<u64>());
    assert_eq!(produced.bytes, counts.bytes.values().sum::<u64>());
    assert!(u64::from(refused) > produced.messages);

    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &settings.brokers)
        .set("group.id", "test")
        .create()
        .unwrap();
    let mut assignment = TopicPartitionList::new();
    for topic in Topic::ALL {
        for partition in 0..partitions_of(topic, partitions) {
            let name = topics.name(topic);
            assignment
                .add_partition_offset(name, partition, Offset::Beginning)
                .unwrap();
        }
    }
    consumer.assign(&assignment).unwrap();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut bytes: BTreeMap<(String, i32), u64> = BTreeMap::new();
    let mut last_of_key: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    let mut used = BTreeSet::new();
    while seen.values().sum::<u64>() < produced.messages {
        let message = consumer
            .poll(Duration::from_secs(30))
            .expect("the cluster has all messages")
            .unwrap();
        let (key, payload) = (
            message.key().unwrap(),
            message.payload().unwrap_or_default(),
        );
        let place = (message.topic().to_owned(), message.partition());
        *seen.entry(message.topic().to_owned()).or_default() += 1;
        *bytes.entry(place).or_default() += (key.len() + payload.len()) as u64;
        if message.topic() == topics.hj212 {
            assert_eq!(message.partition(), partition_of(key, partitions));
            used.insert(message.partition());
        }
        let time = message.timestamp().to_millis().unwrap();
        let before = last_of_key.insert(key.to_vec(), time);
        assert!(before.is_none_or(|before| before <= time));
    }
    let expected: BTreeMap<String, u64> = Topic::ALL
        .into_iter()
        .filter_map(|topic| {
            let count = counts.messages.get(topic.as_str())?;
            Some((topics.name(topic).to_owned(), *count))
        })
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(used.len(), 3);
    // The gate was told exactly the bytes that a partition then had.
    assert_eq!(bytes, most);
}
