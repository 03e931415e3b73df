//! The proof of N1 and N2: every record in exactly one place, and offsets that say so.
//!
//! For every partition that fed a table, the tables are read once (origin and key columns only)
//! and compared with their own offsets:
//!
//! - **N1, nothing missing**: from the first offset the pipeline read to the lowest of the tables'
//!   offsets, each offset has a row: in a data table, or as a whole record in `quarantine`.
//!   Offsets that an operator accepted as lost count as accounted for.
//! - **N1, never both**: no offset has rows in a data table and is a whole record in `quarantine`,
//!   unless it was redriven from there. A packet with readings and states has its rows in both
//!   data tables; a bad part of a good record is in `quarantine` with a part number. Both are one
//!   place in this sense.
//! - **N1, nothing twice**: no row of a record is in a table more than once, be it one copy too
//!   many or several, of all its rows or of some (see `copies`).
//! - **N2**: no row is at or after its table's offset, none before the first.
//!
//! Offsets without a row may be holes (transaction markers, aborted or compacted records). Only
//! the broker can tell, so without it they are findings; with `--against-broker` they are read
//! again, and those that hold no record are not.
//!
//! Memory: one byte per consumed record and two bytes per row, table by table.

mod broker;
mod copies;
mod places;
mod ranges;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nonsite_schemas::settings::KafkaSettings;
use nonsite_schemas::time::Clock;
use serde::Serialize;

use self::copies::Copies;
use self::places::Places;
pub use self::ranges::Range;
use crate::config::{Config, Topic};
use crate::log::{LogError, TableLog};
use crate::loss::{self, LossError};
use crate::pipeline::publish::START_SUFFIX;
use crate::store::{Store, StoreError};
use crate::target::Target;

/// Why the proof could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// No table of any configured topic is there: a proof would be about nothing.
    #[error(
        "{root} holds none of the tables that the topics in ingest.topics feed; name the folder of \
         the tables as store.path"
    )]
    Empty {
        /// Root of the store.
        root: String,
    },
    /// A table cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The accepted losses cannot be read.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// The rows cannot be read.
    #[error("table `{table}` cannot be read: {detail}")]
    Rows {
        /// Table name.
        table: &'static str,
        /// What was reported.
        detail: String,
    },
    /// The Kafka client does not take a setting.
    #[error("{0}")]
    Properties(String),
    /// The broker does not answer.
    #[error("{place}: the broker does not answer: {detail}; check kafka.brokers")]
    Broker {
        /// `topic/partition`.
        place: String,
        /// What was reported.
        detail: String,
    },
}

impl VerifyError {
    /// Whether the configuration is at fault.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Properties(_))
    }
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Offsets without any row; holes unless the broker says otherwise.
    Gap,
    /// Records on the broker that are in no table.
    Missing,
    /// Records that are rows and quarantined as a whole.
    Both,
    /// Records with rows that are in a table more than once.
    Double,
    /// Rows at or after their table's offset.
    BeyondOffset,
    /// Rows before the first offset.
    BeforeStart,
    /// Rows of a partition for which the table has no offset.
    NoOffset,
    /// Records that the broker deleted before they were read.
    Lost,
    /// The broker's partition ends before the tables' offset.
    Truncated,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub kind: Kind,
    /// Kafka topic.
    pub topic: String,
    /// Kafka partition.
    pub partition: i32,
    /// Table, where it is about one.
    pub table: Option<&'static str>,
    /// First offset.
    pub from: i64,
    /// Offset after the last.
    pub to: i64,
    /// One sentence: what, and what to do.
    pub detail: String,
}

/// What was proved of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Kafka topic.
    pub topic: String,
    /// Kafka partition.
    pub partition: i32,
    /// First offset the pipeline read.
    pub first: i64,
    /// Next offset: the lowest of the tables'.
    pub next: i64,
    /// Next offset by table.
    pub offsets: BTreeMap<&'static str, i64>,
    /// Offsets with rows in a data table.
    pub accepted: u64,
    /// Offsets quarantined as a whole.
    pub quarantined: u64,
    /// Offsets accepted as lost.
    pub lost: u64,
    /// Offsets that hold no record on the broker.
    pub holes: u64,
    /// Records on the broker that are not read yet; known with the broker only.
    pub lag: Option<i64>,
}

/// The proof of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// One proof per partition.
    pub partitions: Vec<Proof>,
    /// Configured topics of which nothing has come in: nothing is said about them. A name that is
    /// not what its sender uses shows here.
    pub untouched: Vec<String>,
    /// Everything that must not be; empty is good.
    pub findings: Vec<Finding>,
}

/// Proves N1 and N2 for every partition of the configured topics.
///
/// # Errors
/// [`VerifyError`]: the proof could not be made. What is wrong with the tables is a finding, not
/// an error.
pub async fn verify(
    config: &Config,
    store: &Store,
    clock: &Arc<dyn Clock>,
    broker: Option<&KafkaSettings>,
) -> Result<Verification, VerifyError> {
    let mut verification = Verification::default();
    let mut present = false;
    for topic in &config.topics {
        let mut tables = Vec::new();
        for table in Target::of(topic.content) {
            if store.exists(table.name()).await? {
                tables.push(*table);
            }
        }
        present |= !tables.is_empty();
        let mut places = BTreeMap::new();
        for table in &tables {
            places.insert(*table, Places::read(store, *table, &topic.name).await?);
        }
        let mut partitions: BTreeSet<i32> = places
            .values()
            .flat_map(|places: &Places| places.partitions())
            .collect();
        if let Some(kafka) = broker {
            partitions.extend(broker::partitions(kafka, config, &topic.name).await?);
        }
        let redriven = if tables.contains(&Target::Quarantine) {
            places::redriven(store, &topic.name).await?
        } else {
            BTreeSet::new()
        };
        let logs = logs(config, store, clock, topic, &tables, &partitions).await?;
        if partitions.is_empty() {
            verification.untouched.push(topic.name.clone());
        }
        for partition in partitions {
            let case = Case {
                config,
                store,
                topic,
                partition,
                places: &places,
                logs: &logs,
            };
            case.prove(&redriven, broker, &mut verification).await?;
        }
    }
    if !present {
        return Err(VerifyError::Empty {
            root: store.root().to_string(),
        });
    }
    verification.findings.sort_by(|a, b| {
        (&a.topic, a.partition, a.kind, a.from).cmp(&(&b.topic, b.partition, b.kind, b.from))
    });
    Ok(verification)
}

async fn logs(
    config: &Config,
    store: &Store,
    clock: &Arc<dyn Clock>,
    topic: &Topic,
    tables: &[Target],
    partitions: &BTreeSet<i32>,
) -> Result<BTreeMap<Target, TableLog>, VerifyError> {
    let mut logs = BTreeMap::new();
    for table in tables {
        let ids = partitions.iter().flat_map(|partition| {
            let app_id = config.app_id(&topic.name, *partition);
            [format!("{app_id}{START_SUFFIX}"), app_id]
        });
        let log = TableLog::open(store, table.name(), ids, Arc::clone(clock)).await?;
        logs.insert(*table, log);
    }
    Ok(logs)
}

/// One partition under proof.
struct Case<'c> {
    config: &'c Config,
    store: &'c Store,
    topic: &'c Topic,
    partition: i32,
    places: &'c BTreeMap<Target, Places>,
    logs: &'c BTreeMap<Target, TableLog>,
}

impl Case<'_> {
    async fn prove(
        &self,
        redriven: &BTreeSet<(i32, i64)>,
        broker: Option<&KafkaSettings>,
        verification: &mut Verification,
    ) -> Result<(), VerifyError> {
        let app_id = self.config.app_id(&self.topic.name, self.partition);
        let start = format!("{app_id}{START_SUFFIX}");
        let offsets: BTreeMap<&'static str, i64> = self
            .logs
            .iter()
            .filter_map(|(table, log)| Some((table.name(), log.txn(&app_id)?)))
            .collect();
        let first = self.logs.values().find_map(|log| log.txn(&start));
        let mut findings = Vec::new();
        for (table, places) in self.places {
            if places.rows(self.partition) > 0 && !offsets.contains_key(table.name()) {
                findings.push(self.finding(Kind::NoOffset, Some(*table), Range::new(0, 0), format!(
                    "{} rows of this partition, and the table has no offset for {app_id}: they were written by another pipeline or by hand",
                    places.rows(self.partition),
                )));
            }
        }
        let (Some(first), Some(next)) = (first, offsets.values().copied().min()) else {
            verification.findings.extend(findings);
            return Ok(());
        };
        self.check_bounds(&offsets, first, &mut findings);
        let lost: Vec<Range> = loss::accepted(self.store, &self.topic.name, self.partition)
            .await?
            .into_iter()
            .map(|(from, to)| Range::new(from, to))
            .collect();
        let whole = Range::new(first, next);
        let mut gaps = self.gaps(whole, &lost);
        self.check_both(redriven, &mut findings);
        let mut proof = Proof {
            topic: self.topic.name.clone(),
            partition: self.partition,
            first,
            next,
            offsets,
            accepted: self.accepted(whole),
            quarantined: self
                .places
                .get(&Target::Quarantine)
                .map_or(0, |places| places.count_whole(self.partition, whole)),
            lost: lost.iter().map(|range| range.within(whole).len()).sum(),
            holes: 0,
            lag: None,
        };
        if let Some(kafka) = broker {
            let seen =
                broker::look(kafka, self.config, &self.topic.name, self.partition, &gaps).await?;
            proof.lag = Some((seen.high - next).max(0));
            if seen.low > next && !lost.iter().any(|range| range.contains(next)) {
                let range = Range::new(next, seen.low);
                findings.push(self.finding(Kind::Lost, None, range, format!(
                    "{} records were deleted on the broker before they were read; recover them, or go on with `nonsite ingest --resume-after-loss`",
                    range.len(),
                )));
            }
            if seen.high < next {
                findings.push(self.finding(Kind::Truncated, None, Range::new(seen.high, next),
                    "the partition on the broker ends before the tables' offset: the topic was made anew or cut off".to_owned()));
            }
            for range in &seen.records {
                findings.push(self.finding(
                    Kind::Missing,
                    None,
                    *range,
                    format!("{} records are on the broker and in no table", range.len(),),
                ));
            }
            proof.holes = seen.holes;
            gaps = seen.unknown;
        }
        let detail = match broker {
            None => {
                "no row; holes of transactions or compaction look the same: ask the broker with --against-broker"
            }
            Some(_) => {
                "no row, and the broker has deleted these offsets since, so that they cannot be told from holes"
            }
        };
        let told = |gap: &Range| (*gap, detail.to_owned());
        for (range, detail) in ranges::listed(&gaps, "ranges without rows", told) {
            findings.push(self.finding(Kind::Gap, None, range, detail));
        }
        self.check_doubles(&mut findings);
        verification.partitions.push(proof);
        verification.findings.extend(findings);
        Ok(())
    }

    fn finding(&self, kind: Kind, table: Option<Target>, range: Range, detail: String) -> Finding {
        Finding {
            kind,
            topic: self.topic.name.clone(),
            partition: self.partition,
            table: table.map(Target::name),
            from: range.from,
            to: range.to,
            detail,
        }
    }

    /// N2: no row outside of first offset and table's offset.
    fn check_bounds(
        &self,
        offsets: &BTreeMap<&'static str, i64>,
        first: i64,
        findings: &mut Vec<Finding>,
    ) {
        for (table, places) in self.places {
            let Some((lowest, highest)) = places.bounds(self.partition) else {
                continue;
            };
            if let Some(next) = offsets.get(table.name())
                && highest >= *next
            {
                let range = Range::new(*next, highest + 1);
                let detail = "rows at or after the table's own offset".to_owned();
                findings.push(self.finding(Kind::BeyondOffset, Some(*table), range, detail));
            }
            if lowest < first {
                let range = Range::new(lowest, first);
                let detail = "rows before the first offset the pipeline read".to_owned();
                findings.push(self.finding(Kind::BeforeStart, Some(*table), range, detail));
            }
        }
    }

    fn accepted(&self, whole: Range) -> u64 {
        let data = || {
            self.places
                .iter()
                .filter(|(table, _)| **table != Target::Quarantine)
        };
        let mut accepted = 0;
        for offset in whole.from..whole.to {
            accepted += u64::from(data().any(|(_, places)| places.has(self.partition, offset)));
        }
        accepted
    }

    /// Offsets of `whole` with a row nowhere, that nobody accepted as lost.
    fn gaps(&self, whole: Range, lost: &[Range]) -> Vec<Range> {
        let mut gaps: Vec<Range> = Vec::new();
        for offset in whole.from..whole.to {
            let accounted = self
                .places
                .values()
                .any(|places| places.has(self.partition, offset))
                || lost.iter().any(|range| range.contains(offset));
            if !accounted {
                ranges::extend(&mut gaps, offset);
            }
        }
        gaps
    }

    /// N1: rows, or quarantined as a whole, never both.
    fn check_both(&self, redriven: &BTreeSet<(i32, i64)>, findings: &mut Vec<Finding>) {
        let Some(quarantine) = self.places.get(&Target::Quarantine) else {
            return;
        };
        let mut both: Vec<Range> = Vec::new();
        for offset in quarantine.whole(self.partition) {
            let rows = self.places.iter().any(|(table, places)| {
                *table != Target::Quarantine && places.has(self.partition, offset)
            });
            if rows && !redriven.contains(&(self.partition, offset)) {
                ranges::extend(&mut both, offset);
            }
        }
        let detail = "rows in a data table, and quarantined as a whole";
        let told = |range: &Range| (*range, detail.to_owned());
        for (range, detail) in ranges::listed(&both, "ranges in both places", told) {
            findings.push(self.finding(Kind::Both, None, range, detail));
        }
    }

    /// N1: no row of a record twice in a table.
    fn check_doubles(&self, findings: &mut Vec<Finding>) {
        for (table, places) in self.places {
            // Neighbours with the same fault are one finding.
            let mut doubles: Vec<(Range, Copies)> = Vec::new();
            for (offset, copies) in places.copies(self.partition) {
                match doubles.last_mut() {
                    Some((range, same)) if range.to == offset && *same == copies => range.to += 1,
                    _ => doubles.push((Range::new(offset, offset + 1), copies)),
                }
            }
            let told = |(range, copies): &(Range, Copies)| (*range, copies.to_string());
            for (range, detail) in ranges::listed(&doubles, "ranges with rows twice", told) {
                findings.push(self.finding(Kind::Double, Some(*table), range, detail));
            }
        }
    }
}
