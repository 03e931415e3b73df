//! Messages into Kafka, as fast as they come or at a set rate.
//!
//! Each message is keyed by MN (or by the number of its document) and put on the partition that key
//! hashes to, so that one MN stays in order; partitions are chosen here, the same on every client
//! and broker. A full queue waits for the broker. Whatever the broker refuses is counted and makes
//! the whole run fail at the end: a load that is short of a few messages would make every count
//! after it wrong.
//!
//! Record timestamps are the generated arrival times, which may be months old, so topics are
//! created without retention.

mod topics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nonsite_schemas::settings::KafkaSettings;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};

pub use self::topics::{create_topics, partition_of, partitions_of};
use crate::message::{Message, Topic, Topics};

/// Asks whether a message may be sent now: topic, partition, and the bytes (keys and payloads)
/// this partition would then have got in all.
pub type MaySend<'a> = dyn FnMut(&str, i32, u64) -> bool + 'a;

/// How messages are produced.
pub struct ProduceOptions<'a> {
    /// Names of the topics.
    pub topics: Topics,
    /// Partitions of the two reading topics; documents have one partition.
    pub partitions: i32,
    /// Create topics that do not exist (one replica).
    pub create: bool,
    /// Most readings per second; a message without readings counts as one.
    pub rate: Option<u64>,
    /// Holds the producer back, e.g. while a broker in this process is full.
    pub may_send: Option<Box<MaySend<'a>>>,
    /// How long the broker may take for the last messages.
    pub flush_timeout: Duration,
}

impl std::fmt::Debug for ProduceOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProduceOptions")
            .field("topics", &self.topics)
            .field("partitions", &self.partitions)
            .field("create", &self.create)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

impl Default for ProduceOptions<'_> {
    fn default() -> Self {
        Self {
            topics: Topics::default(),
            partitions: 12,
            create: true,
            rate: None,
            may_send: None,
            flush_timeout: Duration::from_secs(120),
        }
    }
}

/// What was produced.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Produced {
    /// Messages handed to the client.
    pub messages: u64,
    /// Readings in them.
    pub readings: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Seconds since the first message.
    pub seconds: f64,
    /// Arrival time of the last message, milliseconds since the Unix epoch.
    pub last_timestamp_ms: i64,
}

/// Why messages could not be produced.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// The settings are not accepted by the Kafka client.
    #[error("Kafka client for {brokers} cannot be made, check the properties: {source}")]
    Client {
        /// Bootstrap brokers.
        brokers: String,
        /// Cause.
        source: KafkaError,
    },
    /// A topic cannot be created.
    #[error(
        "topic {topic} cannot be created at {brokers}: {cause}; create it by hand or check the address and rights"
    )]
    Topic {
        /// Name.
        topic: String,
        /// Bootstrap brokers.
        brokers: String,
        /// Cause.
        cause: String,
    },
    /// The client refuses a message.
    #[error("message for topic {topic} cannot be queued: {source}")]
    Queue {
        /// Name.
        topic: String,
        /// Cause.
        source: KafkaError,
    },
    /// The broker did not take every message.
    #[error(
        "{count} messages were not taken by {brokers}, the first with: {cause}; the topics hold an incomplete load, delete them before the next run"
    )]
    Refused {
        /// How many.
        count: u64,
        /// Bootstrap brokers.
        brokers: String,
        /// Cause of the first.
        cause: String,
    },
}

/// Delivery reports: only failures matter.
#[derive(Debug, Default)]
struct Reports {
    failed: AtomicU64,
    first: Mutex<Option<String>>,
}

#[derive(Debug, Clone)]
struct Context(Arc<Reports>);

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            self.0.failed.fetch_add(1, Ordering::Relaxed);
            let mut first = self.0.first.lock();
            if first.is_none() {
                *first = Some(format!(
                    "{error} (topic {}, partition {})",
                    message.topic(),
                    message.partition()
                ));
            }
        }
    }
}

fn client_config(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("batch.size", "1000000")
        .set("batch.num.messages", "10000")
        .set("compression.type", "lz4")
        .set("queue.buffering.max.messages", "500000")
        .set("queue.buffering.max.kbytes", "131072");
    for (key, value) in &settings.properties {
        config.set(key, value);
    }
    config
}

/// Produces all messages and waits until the broker has them.
///
/// `progress` is called about ten times a second and once at the end. Blocks; in asynchronous code
/// call it on a thread for blocking work.
///
/// # Errors
/// The client cannot be made, a topic cannot be created, or the broker refuses messages.
pub fn produce(
    messages: impl IntoIterator<Item = Message>,
    settings: &KafkaSettings,
    mut options: ProduceOptions<'_>,
    mut progress: impl FnMut(&Produced),
) -> Result<Produced, ProduceError> {
    if options.create {
        create_topics(settings, &options.topics, options.partitions)?;
    }
    let reports = Arc::new(Reports::default());
    let producer: ThreadedProducer<Context> = client_config(settings)
        .create_with_context(Context(Arc::clone(&reports)))
        .map_err(|source| ProduceError::Client {
            brokers: settings.brokers.clone(),
            source,
        })?;
    let mut sent_bytes = vec![0_u64; Topic::ALL.len() * options.partitions.max(1) as usize];
    let mut pace = Pace::new(options.rate);
    let mut produced = Produced::default();
    let began = Instant::now();
    let mut shown = began;
    for message in messages {
        let topic = options.topics.name(message.topic);
        let partitions = partitions_of(message.topic, options.partitions);
        let partition = partition_of(&message.key, partitions);
        let slot = message.topic as usize * options.partitions.max(1) as usize + partition as usize;
        sent_bytes[slot] += (message.key.len() + message.payload.len()) as u64;
        if let Some(may_send) = options.may_send.as_mut() {
            while !may_send(topic, partition, sent_bytes[slot]) {
                std::thread::sleep(Duration::from_millis(5));
                tick(&mut produced, began, &mut shown, &mut progress);
            }
        }
        pace.wait(u64::from(message.readings.max(1)));
        send(&producer, topic, partition, &message, || {
            tick(&mut produced, began, &mut shown, &mut progress);
        })?;
        produced.messages += 1;
        produced.readings += u64::from(message.readings);
        produced.bytes += message.payload.len() as u64;
        produced.last_timestamp_ms = message.timestamp_ms;
        if produced.messages % 256 == 0 {
            tick(&mut produced, began, &mut shown, &mut progress);
        }
    }
    let flushed = producer.flush(options.flush_timeout);
    produced.seconds = began.elapsed().as_secs_f64();
    progress(&produced);
    let left = u64::try_from(producer.in_flight_count()).unwrap_or(0);
    let failed = reports.failed.load(Ordering::Relaxed);
    if failed > 0 || flushed.is_err() {
        let first = reports.first.lock().take();
        return Err(ProduceError::Refused {
            count: failed + left,
            brokers: settings.brokers.clone(),
            cause: first
                .or_else(|| flushed.err().map(|error| error.to_string()))
                .unwrap_or_default(),
        });
    }
    Ok(produced)
}

fn tick(
    produced: &mut Produced,
    began: Instant,
    shown: &mut Instant,
    progress: &mut impl FnMut(&Produced),
) {
    let now = Instant::now();
    if now.duration_since(*shown) >= Duration::from_millis(100) {
        *shown = now;
        produced.seconds = now.duration_since(began).as_secs_f64();
        progress(produced);
    }
}

/// Queues one message, waiting while the queue is full.
fn send(
    producer: &ThreadedProducer<Context>,
    topic: &str,
    partition: i32,
    message: &Message,
    mut waiting: impl FnMut(),
) -> Result<(), ProduceError> {
    let mut record = BaseRecord::to(topic)
        .partition(partition)
        .key(message.key.as_ref())
        .payload(message.payload.as_ref())
        .timestamp(message.timestamp_ms);
    loop {
        record = match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), record)) => record,
            Err((source, _)) => {
                return Err(ProduceError::Queue {
                    topic: topic.to_owned(),
                    source,
                });
            }
        };
        std::thread::sleep(Duration::from_millis(2));
        waiting();
    }
}

/// Holds a rate in readings per second.
#[derive(Debug)]
struct Pace {
    rate: Option<u64>,
    began: Instant,
    taken: u64,
}

impl Pace {
    fn new(rate: Option<u64>) -> Self {
        Self {
            rate: rate.filter(|rate| *rate > 0),
            began: Instant::now(),
            taken: 0,
        }
    }

    fn wait(&mut self, readings: u64) {
        if let Some(early) = self.early(readings, self.began.elapsed()) {
            std::thread::sleep(early);
        }
    }

    /// How much too early a message of so many readings is after this time, if it is worth a wait.
    fn early(&mut self, readings: u64, elapsed: Duration) -> Option<Duration> {
        let due = Duration::from_secs_f64(self.taken as f64 / self.rate? as f64);
        self.taken += readings;
        // Short waits are saved up: sleeping costs more than a millisecond is worth.
        due.checked_sub(elapsed).filter(|early| *early > SAVED_UP)
    }
}

/// Waits up to this one are saved up.
const SAVED_UP: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_over_all_partitions_and_stay() {
        let mut used = [0; 12];
        for number in 0..600 {
            let key = format!("37050{}Y{number:07}", number % 7);
            let partition = partition_of(key.as_bytes(), 12);
            assert_eq!(partition, partition_of(key.as_bytes(), 12));
            used[partition as usize] += 1;
        }
        assert!(used.iter().all(|count| *count > 20), "{used:?}");
        assert_eq!(partition_of(b"x", 1), 0);
    }

    /// Each message has to wait until those before it fit the rate, whatever their sizes.
    #[test]
    fn a_rate_is_held_from_the_first_message_to_the_last() {
        const RATE: u64 = 1_000;
        let mut pace = Pace::new(Some(RATE));
        let (mut elapsed, mut before) = (Duration::ZERO, 0);
        for readings in [1, 40, 1, 1, 500, 3, 1_000, 1].repeat(20) {
            elapsed += pace.early(readings, elapsed).unwrap_or_default();
            let due = Duration::from_secs_f64(before as f64 / RATE as f64);
            assert!(
                elapsed + SAVED_UP >= due,
                "{before} readings in {elapsed:?}"
            );
            assert!(
                elapsed <= due,
                "waited without need: {elapsed:?} for {due:?}"
            );
            before += readings;
        }
        // A broker that was slow is made up for, at once.
        assert_eq!(pace.early(1, elapsed + Duration::from_secs(60)), None);
    }

    #[test]
    fn waiting_takes_the_time_that_is_missing() {
        let began = Instant::now();
        let mut pace = Pace::new(Some(1_000));
        for _ in 0..6 {
            pace.wait(10);
        }
        assert!(began.elapsed() + SAVED_UP >= Duration::from_millis(50));
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        for rate in [None, Some(0)] {
            let mut pace = Pace::new(rate);
            for _ in 0..10 {
                assert_eq!(pace.early(1_000_000, Duration::ZERO), None);
            }
        }
    }

    #[test]
    fn a_broker_that_is_not_there_is_named() {
        let settings = KafkaSettings {
            brokers: "127.0.0.1:1".to_owned(),
            properties: [("message.timeout.ms".to_owned(), "300".to_owned())].into(),
        };
        let options = ProduceOptions {
            create: false,
            flush_timeout: Duration::from_secs(5),
            ..ProduceOptions::default()
        };
        let message = Message {
            topic: Topic::Hj212,
            key: bytes::Bytes::from_static(b"k"),
            timestamp_ms: 0,
            payload: bytes::Bytes::from_static(b"p"),
            readings: 1,
        };
        let error = produce([message], &settings, options, |_| {}).unwrap_err();
        assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    }
}
