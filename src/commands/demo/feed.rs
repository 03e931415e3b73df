//! The demo's input: a generated province, sent as fast as the tables take it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use nonsite_generator::message::{Topic, Topics};
use nonsite_generator::produce::partitions_of;
use nonsite_generator::truth::{Summary, TruthRow};
use nonsite_generator::{ProduceOptions, Province, Scale, produce};
use nonsite_schemas::settings::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, TopicPartitionList};

use super::broker::{HoldBack, PARTITIONS};

/// How often the tables' progress is asked for.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);
/// How long one question to the broker may take.
const WATCH_TIMEOUT: Duration = Duration::from_secs(2);

/// How far the input is.
#[derive(Debug, Default)]
pub(super) struct Fed {
    /// Readings sent.
    pub(super) readings: AtomicU64,
    /// Messages sent.
    pub(super) messages: AtomicU64,
    /// Bytes sent.
    pub(super) bytes: AtomicU64,
    /// Arrival time of the last message sent, milliseconds since the Unix epoch: the time it is in
    /// the generated province.
    pub(super) arrival_ms: AtomicI64,
    /// Everything was sent, or sending failed.
    pub(super) ended: AtomicBool,
}

/// What the generator knows about its output.
#[derive(Debug)]
pub(super) struct Generated {
    pub(super) summary: Summary,
    pub(super) truth: Vec<TruthRow>,
}

/// Sends the province on a thread of its own and writes the truth files when done.
pub(super) fn start(
    scale: Scale,
    kafka: &KafkaSettings,
    names: &Topics,
    hold_back: Option<HoldBack>,
    truth_dir: &Path,
) -> anyhow::Result<(Arc<Fed>, JoinHandle<anyhow::Result<Generated>>)> {
    let fed = Arc::new(Fed::default());
    let shared = Arc::clone(&fed);
    let kafka = kafka.clone();
    let names = names.clone();
    let truth_dir = truth_dir.to_owned();
    let mut province =
        Province::new(scale).map_err(|error| crate::exit::Usage(error.to_string()))?;
    let thread = std::thread::Builder::new()
        .name("demo-feed".to_owned())
        .spawn(move || {
            let options = ProduceOptions {
                topics: names,
                partitions: PARTITIONS,
                create: false,
                may_send: hold_back.map(|hold_back| {
                    let held: Box<dyn FnMut(&str, i32, u64) -> bool> =
                        Box::new(move |topic, partition, bytes| {
                            hold_back.may_send(topic, partition, bytes)
                        });
                    held
                }),
                ..ProduceOptions::default()
            };
            let sent = produce(&mut province, &kafka, options, |so_far| {
                shared.readings.store(so_far.readings, Ordering::Relaxed);
                shared.messages.store(so_far.messages, Ordering::Relaxed);
                shared.bytes.store(so_far.bytes, Ordering::Relaxed);
                shared
                    .arrival_ms
                    .store(so_far.last_timestamp_ms, Ordering::Relaxed);
            });
            let outcome = sent
                .context("the generated messages could not be sent")
                .and_then(|_| {
                    province
                        .write_truth(&truth_dir)
                        .with_context(|| format!("truth files in `{}`", truth_dir.display()))?;
                    Ok(Generated {
                        summary: province.summary(),
                        truth: province.truth(),
                    })
                });
            shared.ended.store(true, Ordering::Release);
            outcome
        })
        .context("the demo's input thread could not be started")?;
    Ok((fed, thread))
}

/// Tells the producer how far the tables are, from the offsets ingestion reports to the group.
///
/// Those offsets are written after each table commit and never trusted for anything else; for
/// holding a producer back they are just right.
pub(super) fn watch_progress(
    kafka: &KafkaSettings,
    group: &str,
    topics: &[(&str, i32)],
    hold_back: HoldBack,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &kafka.brokers)
        .set("group.id", group);
    let consumer: BaseConsumer = config.create().context("Kafka client of the demo")?;
    let mut asked = TopicPartitionList::new();
    for (topic, partitions) in topics {
        asked.add_partition_range(topic, 0, partitions - 1);
    }
    std::thread::Builder::new()
        .name("demo-watch".to_owned())
        .spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if let Ok(list) = consumer.committed_offsets(asked.clone(), WATCH_TIMEOUT) {
                    for element in list.elements() {
                        if let Some(next) = element.offset().to_raw().filter(|next| *next >= 0) {
                            hold_back.committed(element.topic(), element.partition(), next);
                        }
                    }
                }
                std::thread::sleep(WATCH_INTERVAL);
            }
        })
        .context("the demo's watching thread could not be started")?;
    Ok(())
}

/// Topics of the demo with their numbers of partitions.
pub(super) fn topics(names: &Topics, partitions: i32) -> Vec<(&str, i32)> {
    Topic::ALL
        .iter()
        .map(|topic| (names.name(*topic), partitions_of(*topic, partitions)))
        .collect()
}
