//! Acts reach the table, or the topic, once: with two at it, and after an attempt that broke off.

use std::path::Path;
use std::time::Duration;

use nonsite_schemas::settings::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::Target;
use crate::review::parts::{Role, Severity};
use crate::review::settings::Config;
use crate::review::store::SendIntent;
use crate::review::testing::{Bench, papers, person};

const TOPIC: &str = "inspections";

/// Verifies cases off-site; one act each.
async fn acts(bench: &Bench, range: std::ops::Range<u32>) {
    let mut input = papers();
    input.fields.remove("act");
    let officer = person("o-1", Role::Officer);
    for number in range {
        let case = bench.open(&format!("d-{number}"), Severity::S3).await;
        bench.act(&case, "verify", "ana", Role::Analyst).await;
        bench
            .service
            .act(&case, "rectify", &officer, &input)
            .await
            .unwrap();
    }
}

async fn count(store: &Path, what: &str) -> i64 {
    let settings = crate::session::Config::default();
    let session = crate::session::open(store, &settings).await.unwrap();
    let sql = format!("SELECT {what} AS n FROM inspections");
    let rows = crate::fixtures::query(&session, &sql).await;
    rows[0]["n"].as_i64().unwrap()
}

#[tokio::test]
async fn two_that_deliver_at_the_same_time_double_nothing() {
    let bench = Bench::sqlite(&Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    for round in 0..4 {
        acts(&bench, round * 10..round * 10 + 5).await;
        let (one, two) = tokio::join!(
            bench.service.deliver_acts(store),
            bench.service.deliver_acts(store)
        );
        assert_eq!(one.unwrap() + two.unwrap(), 5);
    }
    assert_eq!(count(store, "count(*)").await, 20);
    assert_eq!(count(store, "count(DISTINCT act_id)").await, 20);
}

fn settings(cluster: &MockCluster<'_, rdkafka::producer::DefaultProducerContext>) -> KafkaSettings {
    KafkaSettings {
        brokers: cluster.bootstrap_servers(),
        ..KafkaSettings::default()
    }
}

/// Keys of all messages of the topic.
fn keys(kafka: &KafkaSettings, expected: usize) -> Vec<String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.brokers)
        .set("group.id", "test")
        .create()
        .unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..2 {
        partitions
            .add_partition_offset(TOPIC, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&partitions).unwrap();
    let mut keys = Vec::new();
    // One more than expected is waited for: it must not come.
    let mut patience = Duration::from_secs(20);
    while let Some(message) = consumer.poll(patience) {
        let message = message.unwrap();
        keys.push(String::from_utf8_lossy(message.key().unwrap()).into_owned());
        if keys.len() >= expected {
            patience = Duration::from_secs(1);
        }
    }
    keys.sort();
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_broke_off_is_looked_for_before_anything_is_sent() {
    let bench = Bench::sqlite(&Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 2, 1).unwrap();
    let kafka = settings(&cluster);
    let target = Target {
        kafka: &kafka,
        topic: TOPIC,
    };
    let publish = || bench.service.publish_acts(folder.path(), &target);
    acts(&bench, 0..3).await;
    // The first of three arrived, and then the program was gone: nothing was noted.
    let waiting = bench.service.store.acts_waiting(0).await.unwrap();
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.brokers)
        .create()
        .unwrap();
    let record = FutureRecord::to(TOPIC)
        .key(&waiting[0].act_id)
        .payload(&waiting[0].document);
    producer
        .send(record, Duration::from_secs(10))
        .await
        .unwrap();
    let now = bench.clock_now();
    let mut tx = bench.service.store.begin().await.unwrap();
    let intent = SendIntent {
        topic: TOPIC.to_owned(),
        last_seq: waiting[2].seq,
        marks: r#"{"0":0,"1":0}"#.to_owned(),
        until: now + 60_000_000,
        at: now,
    };
    tx.put_intent(&intent).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(publish().await.unwrap(), 0, "somebody may still be at it");
    bench.clock.advance(61_000_000);
    assert_eq!(publish().await.unwrap(), 3, "one was there, two were sent");
    assert_eq!(publish().await.unwrap(), 0);
    acts(&bench, 3..4).await;
    assert_eq!(publish().await.unwrap(), 1);
    let sent = keys(&kafka, 4);
    assert_eq!(sent.len(), 4, "{sent:?}");
    let mut different = sent.clone();
    different.dedup();
    assert_eq!(different, sent);
    // What went by the topic does not go into the table as well.
    assert_eq!(bench.service.deliver_acts(folder.path()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_acts_wait() {
    let bench = Bench::sqlite(&Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    acts(&bench, 0..1).await;
    let kafka = KafkaSettings {
        brokers: "127.0.0.1:9".to_owned(),
        ..KafkaSettings::default()
    };
    let target = Target {
        kafka: &kafka,
        topic: TOPIC,
    };
    let error = bench
        .service
        .publish_acts(folder.path(), &target)
        .await
        .unwrap_err();
    assert!(error.retry_helps());
    assert!(error.to_string().contains("`inspections`"), "{error}");
    assert_eq!(bench.service.deliver_acts(folder.path()).await.unwrap(), 1);
}
