//! Acts by way of the inspections topic, each version once.
//!
//! The rows of acts are the outbox. Before anything is sent, an intent is committed: up to which audit
//! row, and where the topic ended then. An attempt whose outcome is unknown (a crash, a lost answer)
//! leaves its intent open, and the next attempt first reads the topic from there on and notes what had
//! arrived; only the rest is sent. While an intent is younger than [`LEASE`] another process leaves it
//! alone, and one attempt takes less than that, so two never send the same act. From the topic into
//! the table ingestion is exactly-once by itself.
//!
//! Failure modes: the broker cannot be reached ([`Error::Acts`], trying again helps); the topic does
//! not exist ([`Error::Acts`], names it).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nonsite_schemas::settings::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde::Deserialize;

use super::super::error::Error;
use super::super::service::Service;
use super::super::store::{ActRow, SendIntent, SentRow};
use super::deliver::delivered_directly;

/// How long an attempt may be under way, microseconds.
const LEASE: i64 = 120_000_000;
/// How long a whole attempt may take; well below the lease.
const ATTEMPT: Duration = Duration::from_secs(60);
/// How long the broker may take to answer one question.
const ANSWER: Duration = Duration::from_secs(10);

/// Where acts are sent.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Broker and client properties.
    pub kafka: &'a KafkaSettings,
    /// The inspections topic, which ingestion reads.
    pub topic: &'a str,
}

/// End of every partition.
type Marks = BTreeMap<i32, i64>;
/// Where versions of acts are in the topic: partition and offset by act and version.
type Arrived = BTreeMap<(String, i32), (i32, i64)>;

#[derive(Deserialize)]
struct Identity {
    act_id: String,
    act_version: i32,
}

impl Service {
    /// Sends the acts that wait; how many versions arrived. Nothing when another process is at it.
    ///
    /// # Errors
    /// [`Error::Acts`], [`Error::Store`]; what arrived before is noted by the next call.
    pub async fn publish_acts(&self, store: &Path, target: &Target<'_>) -> Result<usize, Error> {
        let fault = |what: String| Error::Acts {
            topic: target.topic.to_owned(),
            what,
        };
        let direct = delivered_directly(store).await?;
        if self.store.acts_waiting(direct).await?.is_empty() {
            return Ok(0);
        }
        let marks = ask(target, ends).await.map_err(fault)?;
        let Some((waiting, open)) = self.intend(direct, target.topic, &marks).await? else {
            return Ok(0);
        };
        let attempt = async {
            let mut arrived = match open {
                Some(from) => {
                    let wanted: Vec<(String, i32)> = waiting
                        .iter()
                        .map(|act| (act.act_id.clone(), act.act_version))
                        .collect();
                    ask(target, move |consumer, topic| {
                        look(consumer, topic, &from, &wanted)
                    })
                    .await?
                }
                None => BTreeMap::new(),
            };
            let mut failure = None;
            let producer = producer(target)?;
            for act in &waiting {
                let key = (act.act_id.clone(), act.act_version);
                if arrived.contains_key(&key) {
                    continue;
                }
                match send(&producer, target.topic, act).await {
                    Ok(position) => {
                        arrived.insert(key, position);
                    }
                    Err(what) => {
                        failure = Some(what);
                        break;
                    }
                }
            }
            Ok::<_, String>((arrived, failure))
        };
        let (arrived, failure) = tokio::time::timeout(ATTEMPT, attempt)
            .await
            .unwrap_or_else(|_| Err("it took too long".to_owned()))
            .map_err(fault)?;
        let mut tx = self.store.begin().await?;
        let at = self.clock.now_micros();
        let mut sent = 0;
        for act in &waiting {
            if let Some((partition, offset)) = arrived.get(&(act.act_id.clone(), act.act_version)) {
                tx.put_sent(&SentRow {
                    seq: act.seq,
                    act_id: act.act_id.clone(),
                    topic: target.topic.to_owned(),
                    partition: i64::from(*partition),
                    offset: *offset,
                    at,
                })
                .await?;
                sent += 1;
            }
        }
        tx.commit().await?;
        failure.map_or(Ok(sent), |what| Err(fault(what)))
    }

    /// Commits what is about to be sent: the acts, and where to look for those of an open attempt.
    async fn intend(
        &self,
        direct: i64,
        topic: &str,
        marks: &Marks,
    ) -> Result<Option<(Vec<ActRow>, Option<Marks>)>, Error> {
        let mut tx = self.store.begin().await?;
        let now = self.clock.now_micros();
        let waiting = tx.acts_waiting(direct).await?;
        let Some((first, last)) = waiting.first().zip(waiting.last()) else {
            return Ok(None);
        };
        // An attempt that covers an act that still waits did not come to its end.
        let open = tx
            .last_intent(topic)
            .await?
            .filter(|intent| intent.last_seq >= first.seq);
        if open.as_ref().is_some_and(|intent| intent.until > now) {
            return Ok(None);
        }
        let from = open.map(|intent| {
            let marks: Marks = serde_json::from_str(&intent.marks).unwrap_or_default();
            marks
        });
        let intent = SendIntent {
            topic: topic.to_owned(),
            last_seq: last.seq,
            marks: serde_json::to_string(from.as_ref().unwrap_or(marks)).unwrap_or_default(),
            until: now + LEASE,
            at: now,
        };
        tx.put_intent(&intent).await?;
        tx.commit().await?;
        Ok(Some((waiting, from)))
    }
}

fn client(target: &Target<'_>) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &target.kafka.brokers);
    for (key, value) in &target.kafka.properties {
        client.set(key, value);
    }
    client
}

/// Asks the broker on a thread of its own: the library's questions block.
async fn ask<T: Send + 'static>(
    target: &Target<'_>,
    question: impl FnOnce(&BaseConsumer, &str) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let mut client = client(target);
    client
        .set("group.id", "nonsite-review-acts")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "false");
    let topic = target.topic.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = client.create().map_err(|error| error.to_string())?;
        question(&consumer, &topic)
    });
    asked.await.map_err(|error| error.to_string())?
}

/// Where every partition ends.
fn ends(consumer: &BaseConsumer, topic: &str) -> Result<Marks, String> {
    let metadata = consumer
        .fetch_metadata(Some(topic), ANSWER)
        .map_err(|error| error.to_string())?;
    let partitions = metadata
        .topics()
        .first()
        .map(|topic| topic.partitions())
        .unwrap_or_default();
    if partitions.is_empty() {
        return Err(
            "the topic does not exist: create it, or leave [review] acts_topic empty".to_owned(),
        );
    }
    let mut marks = Marks::new();
    for partition in partitions {
        let (_, high) = consumer
            .fetch_watermarks(topic, partition.id(), ANSWER)
            .map_err(|error| error.to_string())?;
        marks.insert(partition.id(), high);
    }
    Ok(marks)
}

/// Which of these acts the topic holds from the marks on, and where.
fn look(
    consumer: &BaseConsumer,
    topic: &str,
    from: &Marks,
    wanted: &[(String, i32)],
) -> Result<Arrived, String> {
    let ends = ends(consumer, topic)?;
    let mut left: Marks = ends;
    let mut list = TopicPartitionList::new();
    left.retain(|partition, end| *end > from.get(partition).copied().unwrap_or(0));
    for partition in left.keys() {
        let begin = from.get(partition).copied().unwrap_or(0);
        list.add_partition_offset(topic, *partition, Offset::Offset(begin))
            .map_err(|error| error.to_string())?;
    }
    consumer.assign(&list).map_err(|error| error.to_string())?;
    let mut found = BTreeMap::new();
    while !left.is_empty() {
        let message = match consumer.poll(ANSWER) {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err("the topic's messages do not arrive".to_owned()),
        };
        let identity: Option<Identity> = message
            .payload()
            .and_then(|payload| serde_json::from_slice(payload).ok());
        if let Some(identity) = identity {
            let key = (identity.act_id, identity.act_version);
            if wanted.contains(&key) {
                found
                    .entry(key)
                    .or_insert((message.partition(), message.offset()));
            }
        }
        if left
            .get(&message.partition())
            .is_some_and(|end| message.offset() + 1 >= *end)
        {
            left.remove(&message.partition());
        }
    }
    Ok(found)
}

fn producer(target: &Target<'_>) -> Result<FutureProducer, String> {
    let mut client = client(target);
    client
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", ANSWER.as_millis().to_string());
    client.create().map_err(|error| error.to_string())
}

async fn send(producer: &FutureProducer, topic: &str, act: &ActRow) -> Result<(i32, i64), String> {
    let record = FutureRecord::to(topic)
        .key(&act.act_id)
        .payload(&act.document);
    match producer.send(record, ANSWER).await {
        Ok(delivery) => Ok((delivery.partition, delivery.offset)),
        Err((error, _)) => Err(error.to_string()),
    }
}
