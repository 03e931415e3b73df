//! Every metric of ingestion: name, unit and help in one place.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// Handles of the metrics. Cheap to clone; a clone counts into the same metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// `nonsite_ingest_lag_records{topic,partition}`.
    pub lag_records: IntGaugeVec,
    /// `nonsite_ingest_lag_seconds{topic,partition}`.
    pub lag_seconds: IntGaugeVec,
    /// `nonsite_ingest_records_total{topic}`.
    pub records: IntCounterVec,
    /// `nonsite_ingest_bytes_total{topic}`.
    pub bytes: IntCounterVec,
    /// `nonsite_ingest_rows_total{table}`.
    pub rows: IntCounterVec,
    /// `nonsite_ingest_file_bytes_total{table}`.
    pub file_bytes: IntCounterVec,
    /// `nonsite_ingest_rewritten_bytes_total{table}`.
    pub rewritten_bytes: IntCounterVec,
    /// `nonsite_ingest_quarantined_total{reason}`.
    pub quarantined: IntCounterVec,
    /// `nonsite_ingest_split_incomplete_total`.
    pub split_incomplete: IntCounter,
    /// `nonsite_ingest_commits_total{table}`.
    pub commits: IntCounterVec,
    /// `nonsite_ingest_commit_seconds{table}`.
    pub commit_seconds: HistogramVec,
    /// `nonsite_ingest_conflicts_total{table}`.
    pub conflicts: IntCounterVec,
    /// `nonsite_ingest_recognised_commits_total{table}`.
    pub recognised: IntCounterVec,
    /// `nonsite_ingest_batch_age_seconds`.
    pub batch_age: Histogram,
    /// `nonsite_ingest_memory_bytes`.
    pub memory: IntGauge,
    /// `nonsite_ingest_memory_limit_bytes`.
    pub memory_limit: IntGauge,
    /// `nonsite_ingest_lost_records{topic,partition}`.
    pub lost: IntGaugeVec,
    /// `nonsite_ingest_assigned_partitions`.
    pub assigned: IntGauge,
    /// `nonsite_ingest_resets_total`.
    pub resets: IntCounter,
    /// `nonsite_ingest_assignments_total`.
    pub assignments: IntCounter,
    /// `nonsite_ingest_invariant_violations_total{invariant}`.
    pub violations: IntCounterVec,
}

/// Upper bounds of latency buckets, seconds. Those above 10 tell a batch of the default age from
/// one of twice that age.
const SECONDS: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0,
    60.0,
];

impl Metrics {
    /// Creates the metrics and registers them.
    ///
    /// # Errors
    /// A metric of the same name is registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let partition = &["topic", "partition"];
        let metrics = Self {
            lag_records: gauges(
                "lag_records",
                "Records between the table and the end of the partition",
                partition,
            )?,
            lag_seconds: gauges(
                "lag_seconds",
                "Age of the last committed record while there are newer ones (after an assignment, of the first that waits for a commit), seconds",
                partition,
            )?,
            records: counters("records_total", "Kafka records consumed", &["topic"])?,
            bytes: counters(
                "bytes_total",
                "Bytes of Kafka messages consumed",
                &["topic"],
            )?,
            rows: counters("rows_total", "Rows committed", &["table"])?,
            file_bytes: counters(
                "file_bytes_total",
                "Bytes of committed Parquet files",
                &["table"],
            )?,
            rewritten_bytes: counters(
                "rewritten_bytes_total",
                "Bytes of Parquet files that maintenance merged; over `file_bytes_total` it is how often a byte is rewritten",
                &["table"],
            )?,
            quarantined: counters(
                "quarantined_total",
                "Messages and parts put into quarantine, by reason code",
                &["reason"],
            )?,
            split_incomplete: IntCounter::new(
                name("split_incomplete_total"),
                "Split packets given up while parts were missing; the parts that came are in the tables",
            )?,
            commits: counters("commits_total", "Commits that landed", &["table"])?,
            commit_seconds: HistogramVec::new(
                HistogramOpts::new(
                    name("commit_seconds"),
                    "Latency of a commit of the log, seconds",
                )
                .buckets(SECONDS.to_vec()),
                &["table"],
            )?,
            conflicts: counters(
                "conflicts_total",
                "Commits refused because another writer owns a partition (N3)",
                &["table"],
            )?,
            recognised: counters(
                "recognised_commits_total",
                "Commits found in the log after an unclear answer (N4)",
                &["table"],
            )?,
            batch_age: Histogram::with_opts(
                HistogramOpts::new(
                    name("batch_age_seconds"),
                    "Age of a batch when it is committed, seconds",
                )
                .buckets(SECONDS.to_vec()),
            )?,
            memory: IntGauge::new(
                name("memory_bytes"),
                "Bytes in flight: messages, rows under construction, files being encoded (N7); without the Kafka client's own queue",
            )?,
            memory_limit: IntGauge::new(
                name("memory_limit_bytes"),
                "Bytes in flight at which consumption waits (N7): the budget without the Kafka client's share",
            )?,
            lost: gauges(
                "lost_records",
                "Records that were deleted on the broker before they were read; the partition is stopped (N6)",
                partition,
            )?,
            assigned: IntGauge::new(
                name("assigned_partitions"),
                "Partitions assigned to this process",
            )?,
            resets: IntCounter::new(
                name("resets_total"),
                "Times that buffers were dropped and offsets read again from the tables",
            )?,
            assignments: IntCounter::new(
                name("assignments_total"),
                "Times that the group assigned partitions to this process",
            )?,
            violations: counters(
                "invariant_violations_total",
                "Violations of the invariants that are watched at work (N1, N2); anything above 0 is a fault",
                &["invariant"],
            )?,
        };
        for collector in metrics.collectors() {
            registry.register(collector)?;
        }
        for invariant in crate::invariants::Invariant::WATCHED {
            metrics
                .violations
                .with_label_values(&[invariant.name()])
                .reset();
        }
        Ok(metrics)
    }

    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.lag_records.clone()),
            Box::new(self.lag_seconds.clone()),
            Box::new(self.records.clone()),
            Box::new(self.bytes.clone()),
            Box::new(self.rows.clone()),
            Box::new(self.file_bytes.clone()),
            Box::new(self.rewritten_bytes.clone()),
            Box::new(self.quarantined.clone()),
            Box::new(self.split_incomplete.clone()),
            Box::new(self.commits.clone()),
            Box::new(self.commit_seconds.clone()),
            Box::new(self.conflicts.clone()),
            Box::new(self.recognised.clone()),
            Box::new(self.batch_age.clone()),
            Box::new(self.memory.clone()),
            Box::new(self.memory_limit.clone()),
            Box::new(self.lost.clone()),
            Box::new(self.assigned.clone()),
            Box::new(self.resets.clone()),
            Box::new(self.assignments.clone()),
            Box::new(self.violations.clone()),
        ]
    }
}

fn name(name: &str) -> String {
    format!("nonsite_ingest_{name}")
}

fn counters(metric: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(name(metric), help), labels)
}

fn gauges(metric: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(Opts::new(name(metric), help), labels)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn file(path: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        std::fs::read_to_string(root.join(path)).unwrap()
    }

    /// Every metric there is, by its full name, with or without a value.
    fn existing() -> BTreeSet<String> {
        let metrics = Metrics::new(&Registry::new()).unwrap();
        let described = metrics.collectors();
        let names = described.iter().flat_map(|collector| collector.desc());
        names.map(|desc| desc.fq_name.clone()).collect()
    }

    /// The metrics that the alert rules ask for.
    fn asked() -> BTreeSet<String> {
        let rules = file("deploy/prometheus/nonsite.rules.yml");
        let no_name = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let words = rules.split(no_name);
        words
            .filter(|word| word.starts_with("nonsite_"))
            // A histogram is asked by its buckets.
            .map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned())
            .collect()
    }

    #[test]
    fn alerts_ask_for_metrics_that_exist() {
        let (existing, asked) = (existing(), asked());
        let unknown: Vec<&String> = asked.difference(&existing).collect();
        assert!(unknown.is_empty(), "not a metric: {unknown:?}");
    }

    /// Whatever the guide says to look at has an alert, and the guide names nothing else.
    #[test]
    fn what_is_to_be_looked_at_has_an_alert() {
        let guide = file("docs/operations.md");
        let (mut named, mut watched) = (BTreeSet::new(), BTreeSet::new());
        let (_, section) = guide.split_once("\n## Metrics\n").unwrap();
        for row in section.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [metric, _, _, when] = cells[..] else {
                panic!("{row}")
            };
            let metric = name(metric.trim_matches('`'));
            if !when.is_empty() {
                watched.insert(metric.clone());
            }
            named.insert(metric);
        }
        assert_eq!(named, existing());
        let without: Vec<String> = watched.difference(&asked()).cloned().collect();
        assert!(without.is_empty(), "without an alert: {without:?}");
    }
}
