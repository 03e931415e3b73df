//! The whole service against librdkafka's in-process cluster.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use nonsite_schemas::hj212::encode::{PacketHead, PacketWriter};
use nonsite_schemas::settings::KafkaSettings;
use nonsite_schemas::time::{Clock, SystemClock};
use object_store::ObjectStore;
use prometheus::core::Collector;
use prometheus::{IntGaugeVec, Registry};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use tempfile::TempDir;
use url::Url;

use crate::config::{Config, Content, Format, Topic};
use crate::faults::{FaultPlan, FaultyStore};
use crate::store::DurableFiles;
use crate::{Metrics, Report, Service, ServiceError, Store};

const TOPIC: &str = "hj212";
const PARTITIONS: i32 = 3;
/// 2026-01-05 00:00:00 Beijing, milliseconds.
const MONDAY: i64 = 1_767_542_400_000;

struct Bed {
    cluster: MockCluster<'static, DefaultProducerContext>,
    folder: TempDir,
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Bed {
    fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, PARTITIONS, 1).unwrap();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("linger.ms", "5")
            .create()
            .unwrap();
        Self {
            cluster,
            folder: tempfile::tempdir().unwrap(),
            producer,
        }
    }

    fn kafka(&self) -> KafkaSettings {
        KafkaSettings {
            brokers: self.cluster.bootstrap_servers(),
            ..KafkaSettings::default()
        }
    }

    fn config(&self) -> Config {
        Config {
            commit_interval_s: 0.2,
            memory_budget_mb: 64,
            listen: String::new(),
            stations: self.folder.path().join("stations.toml"),
            topics: vec![Topic {
                name: TOPIC.to_owned(),
                format: Format::Hj212,
                content: Content::Readings,
            }],
            ..Config::default()
        }
    }

    fn store(&self, faults: &str) -> Store {
        let root = self.folder.path().join("tables");
        std::fs::create_dir_all(&root).unwrap();
        let files: Arc<dyn ObjectStore> = Arc::new(DurableFiles::new());
        let plan = FaultPlan::parse(faults).unwrap();
        let root = Url::from_directory_path(root).unwrap();
        Store::with_objects(Arc::new(FaultyStore::new(files, plan)), root)
    }

    fn service(&self, faults: &str) -> (Service, Metrics) {
        self.service_with(self.config(), faults)
    }

    fn service_with(&self, config: Config, faults: &str) -> (Service, Metrics) {
        let metrics = Metrics::new(&Registry::new()).unwrap();
        let service = Service::new(
            config,
            self.kafka(),
            self.store(faults),
            Arc::new(SystemClock),
            metrics.clone(),
        );
        (service.unwrap(), metrics)
    }

    async fn ingest(&self, faults: &str) -> Result<Report, ServiceError> {
        self.service(faults).0.run_until_caught_up().await
    }

    fn send(&self, partition: i32, message: &[u8]) {
        self.send_at(partition, MONDAY + 3_600_000, message);
    }

    /// Sends a message that is received at `timestamp`, milliseconds.
    fn send_at(&self, partition: i32, timestamp: i64, message: &[u8]) {
        let record = BaseRecord::<(), [u8]>::to(TOPIC)
            .partition(partition)
            .timestamp(timestamp)
            .payload(message);
        self.producer
            .send(record)
            .map_err(|(error, _)| error)
            .unwrap();
    }

    /// Sends `count` packets of two factors each, minute after minute from `first`.
    fn packets(&self, first: i64, count: i64) {
        for minute in first..first + count {
            let partition = i32::try_from(minute % i64::from(PARTITIONS)).unwrap();
            self.send(partition, &packet(minute));
        }
        self.producer.flush(Duration::from_secs(10)).unwrap();
    }

    async fn count(&self, table: &str, column: &str) -> (i64, i64) {
        let sql = format!("SELECT count(*), count(DISTINCT {column}) FROM {table}");
        let batches = self.store("").query(&[table], &sql).await.unwrap();
        let value = |column: usize| {
            batches[0]
                .column(column)
                .as_primitive::<Int64Type>()
                .value(0)
        };
        (value(0), value(1))
    }

    /// Every packet sent is there once: rows, and distinct times.
    async fn expect_packets(&self, packets: i64) {
        assert_eq!(
            self.count("readings_raw", "data_time").await,
            (2 * packets, packets)
        );
        assert_eq!(self.count("quarantine", "quarantine_id").await, (0, 0));
    }
}

fn packet(minute: i64) -> Vec<u8> {
    part(minute, None, true)
}

/// A packet of two factors, or one part of several, which may go without DataTime.
fn part(minute: i64, part: Option<(u16, u16)>, timed: bool) -> Vec<u8> {
    let mut message = Vec::new();
    let data_time = MONDAY * 1_000 + minute * 60_000_000;
    let head = PacketHead {
        sent_at: Some(data_time + 1_000_000),
        st: "31",
        cn: "2051",
        pw: "123456",
        mn: "88888880000000000000MOCK",
        flag: Some(4),
        part,
        resend: false,
    };
    let mut writer = PacketWriter::begin(&mut message, &head);
    if timed {
        writer.data_time(data_time);
    }
    writer
        .next_item()
        .number("a21026", "Avg", 12.5, 1)
        .text("a21026", "Flag", "N");
    writer
        .next_item()
        .number("a21002", "Avg", 40.25, 2)
        .text("a21002", "Flag", "N");
    writer.finish();
    message
}

/// N1, N2: every record once, and a restart goes on where the table stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_is_committed_once_and_found_again_after_a_restart() {
    let bed = Bed::new();
    bed.packets(0, 300);
    let report = bed.ingest("").await.unwrap();
    assert_eq!(report.records, 300);
    assert_eq!(report.rows["readings_raw"], 600);
    bed.expect_packets(300).await;
    let again = bed.ingest("").await.unwrap();
    assert_eq!((again.records, again.rows.len()), (0, 0));
    bed.packets(300, 60);
    assert_eq!(bed.ingest("").await.unwrap().records, 60);
    bed.expect_packets(360).await;
}

/// N1: a record that cannot be used is in quarantine, and nowhere else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_quarantined_with_its_bytes_and_nothing_else_is() {
    let bed = Bed::new();
    bed.packets(0, 30);
    for (partition, message) in [(0, "nonsense".as_bytes()), (1, b""), (2, b"##0003abc\r\n")] {
        bed.send(partition, message);
    }
    bed.packets(30, 30);
    assert_eq!(bed.ingest("").await.unwrap().records, 63);
    assert_eq!(bed.count("readings_raw", "data_time").await, (120, 60));
    assert_eq!(bed.count("quarantine", "quarantine_id").await, (3, 3));
}

/// N1, N2: what is read again for its time alone is neither a row nor an offset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_a_split_packet_find_each_other_over_restarts() {
    let bed = Bed::new();
    bed.packets(0, 30);
    bed.send(0, &part(30, Some((3, 1)), true));
    bed.packets(31, 9);
    assert_eq!(bed.ingest("").await.unwrap().records, 40);
    // Each process sees one part; what it reads again is neither counted nor stored.
    for number in [2, 3] {
        bed.send(0, &part(30, Some((3, number)), false));
        bed.packets(38 + i64::from(number), 1);
        assert_eq!(bed.ingest("").await.unwrap().records, 2);
    }
    assert_eq!(bed.count("quarantine", "quarantine_id").await, (0, 0));
    // 39 + 2 packets of their own time, and the three parts of one.
    assert_eq!(bed.count("readings_raw", "data_time").await, (2 * 44, 42));
    // Complete: nothing is read again any more.
    assert_eq!(bed.ingest("").await.unwrap().records, 0);
}

/// The part that came is in the table, what is missing counts as not received, and an operator can
/// see that something is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_packet_that_stays_incomplete_keeps_its_rows_and_is_counted() {
    let bed = Bed::new();
    bed.send(0, &part(0, Some((2, 1)), true));
    let after_the_timeout = MONDAY + 3_600_000 + 301_000;
    bed.send_at(0, after_the_timeout, &packet(1));
    bed.producer.flush(Duration::from_secs(10)).unwrap();
    let (service, metrics) = bed.service("");
    assert_eq!(service.run_until_caught_up().await.unwrap().records, 2);
    bed.expect_packets(2).await;
    assert_eq!(metrics.split_incomplete.get(), 1);
}

/// N4: the log decides what became of a commit without a clear answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_whose_answers_are_lost_or_fail_double_nothing() {
    let bed = Bed::new();
    bed.packets(0, 200);
    let faults = "lost_commit_response@1,failed_commit@2,late_commit@3,false_exists@5";
    let (service, metrics) = bed.service(faults);
    service.run_until_caught_up().await.unwrap();
    bed.expect_packets(200).await;
    let recognised: u64 = ["readings_raw", "device_states", "quarantine"]
        .iter()
        .map(|table| metrics.recognised.with_label_values(&[table]).get())
        .sum();
    assert!(recognised >= 1);
}

/// N8: each table has its own offset and skips what it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_behind_gets_what_it_lacks_and_no_more() {
    let bed = Bed::new();
    bed.packets(0, 90);
    // The first two of three tables get the batch; the third is refused for good.
    let failing: Vec<String> = (3..40).map(|n| format!("failed_commit@{n}")).collect();
    let outcome = bed.ingest(&failing.join(",")).await;
    assert!(outcome.is_err() || outcome.unwrap().records > 0);
    bed.send(0, b"garbage");
    bed.packets(90, 30);
    bed.ingest("").await.unwrap();
    assert_eq!(bed.count("readings_raw", "data_time").await, (240, 120));
    assert_eq!(bed.count("quarantine", "quarantine_id").await, (1, 1));
}

/// N9: its age commits it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partial_batch_is_committed_without_traffic() {
    let bed = Bed::new();
    bed.packets(0, 3);
    let (service, metrics) = bed.service("");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(service.run(async {
        let _ = stopped.await;
    }));
    let rows = metrics.rows.with_label_values(&["readings_raw"]);
    while rows.get() < 6 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.send(()).unwrap();
    assert_eq!(running.await.unwrap().unwrap().records, 3);
}

/// N3, N5: what a process loses it drops, and the heir begins where the tables stand.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_share_and_take_over_without_doubling() {
    let bed = Bed::new();
    bed.packets(0, 150);
    let (first, metrics) = bed.service("");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let first = tokio::spawn(first.run(async {
        let _ = stopped.await;
    }));
    while metrics.rows.with_label_values(&["readings_raw"]).get() < 150 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let second = tokio::spawn(bed.service("").0.run_until_caught_up());
    bed.packets(150, 150);
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.send(()).unwrap();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    bed.ingest("").await.unwrap();
    bed.expect_packets(300).await;
}

/// The partitions a gauge tells of.
fn partitions_of(gauge: &IntGaugeVec) -> usize {
    let families = gauge.collect();
    families[0].get_metric().len()
}

/// An operator sees how late the data are from the first record on, not from the first commit on,
/// and of each partition from one process only.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lag_is_told_before_the_first_commit_and_only_by_the_owner() {
    let bed = Bed::new();
    bed.packets(0, 30);
    let patient = Config {
        commit_interval_s: 3_600.0,
        ..bed.config()
    };
    let (first, metrics) = bed.service_with(patient, "");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let first = tokio::spawn(first.run(async {
        let _ = stopped.await;
    }));
    let seconds = |partition: &str| {
        let labels = [TOPIC, partition];
        metrics.lag_seconds.with_label_values(&labels).get()
    };
    while (0..PARTITIONS).any(|partition| seconds(&partition.to_string()) == 0) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        metrics.commits.with_label_values(&["readings_raw"]).get(),
        0
    );
    // The records carry times of January; the exact age is the machine's clock's business.
    let age = SystemClock.now_micros() / 1_000_000 - (MONDAY / 1_000 + 3_600);
    assert!((0..60).contains(&(age - seconds("0"))));

    let (second, others) = bed.service("");
    let (stop_second, stopped) = tokio::sync::oneshot::channel::<()>();
    let second = tokio::spawn(second.run(async {
        let _ = stopped.await;
    }));
    let told = || {
        let records = [&metrics.lag_records, &others.lag_records].map(partitions_of);
        let seconds = [&metrics.lag_seconds, &others.lag_seconds].map(partitions_of);
        (records, seconds)
    };
    while told() != ([1, 2], [1, 2]) && told() != ([2, 1], [2, 1]) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop_second.send(()).unwrap();
    stop.send(()).unwrap();
    second.await.unwrap().unwrap();
    first.await.unwrap().unwrap();
    bed.expect_packets(30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_is_named() {
    let bed = Bed::new();
    let mut config = bed.config();
    config.topics[0].name = "elsewhere".to_owned();
    let kafka = KafkaSettings {
        brokers: "127.0.0.1:9".to_owned(),
        ..bed.kafka()
    };
    let metrics = Metrics::new(&Registry::new()).unwrap();
    let service =
        Service::new(config, kafka, bed.store(""), Arc::new(SystemClock), metrics).unwrap();
    let error = service.run_until_caught_up().await.unwrap_err();
    assert!(
        error.is_unreachable() && error.to_string().contains("127.0.0.1:9"),
        "{error}"
    );
}
