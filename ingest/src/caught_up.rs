//! When a run that is to end by itself has reached the end.
//!
//! The ends are the partitions' high watermarks when the run began. A partition is done when its
//! committed offset has reached its end. It may never do so exactly: what lies between the last
//! record and the watermark can be transaction markers or compacted away. Then it is done when
//! the client has fetched up to the end, nothing of it waits in the client's queue, and everything
//! that came out of it is committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

use crate::config::{Config, Topic};
use crate::consumer::Context;
use crate::intake::Progress;
use crate::log::TableLog;
use crate::pipeline::assignment::Assignment;
use crate::service::ServiceError;
use crate::start::WATERMARK_TIMEOUT;
use crate::steering::Steering;
use crate::target::Target;

/// Failures in a row after which a run that is to end by itself gives up.
pub(crate) const MAX_FAILURES: u32 = 8;
/// How long the broker may take to list its topics.
const METADATA_TIMEOUT: Duration = Duration::from_secs(15);

/// High watermark by topic and partition, only of partitions that hold something.
pub(crate) type Ends = BTreeMap<(String, i32), i64>;

/// The ends of all configured topics now.
pub(crate) fn ends<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    config: &Config,
    brokers: &str,
) -> Result<Ends, ServiceError> {
    let unreachable = |what: String| ServiceError::Unreachable(what);
    let metadata = consumer
        .fetch_metadata(None, METADATA_TIMEOUT)
        .map_err(|error| {
            unreachable(format!(
                "no broker of kafka.brokers = `{brokers}` answers: {error}"
            ))
        })?;
    let mut ends = Ends::new();
    for topic in &config.topics {
        let Some(found) = metadata
            .topics()
            .iter()
            .find(|found| found.name() == topic.name)
        else {
            tracing::warn!(topic = %topic.name, "the broker has no such topic");
            continue;
        };
        for partition in found.partitions() {
            let (low, high) = consumer
                .fetch_watermarks(&topic.name, partition.id(), WATERMARK_TIMEOUT)
                .map_err(|error| {
                    unreachable(format!(
                        "{}/{}: the broker does not say where it ends: {error}",
                        topic.name,
                        partition.id()
                    ))
                })?;
            if high > low {
                ends.insert((topic.name.clone(), partition.id()), high);
            }
        }
    }
    Ok(ends)
}

/// What the polling loop knows.
pub(crate) struct View<'v> {
    pub(crate) steering: &'v Steering,
    pub(crate) context: &'v Arc<Context>,
    pub(crate) assignment: &'v Assignment,
    pub(crate) next: &'v [i64],
    pub(crate) committed: &'v [i64],
}

impl View<'_> {
    /// How far it has come.
    pub(crate) fn progress(&self, ends: &Ends) -> Result<Progress, ServiceError> {
        let mut all_committed = true;
        let mut elsewhere = Vec::new();
        for ((topic, partition), end) in ends {
            match self.slot(topic, *partition) {
                Some(index) if self.committed[index] >= *end => {}
                Some(index) if self.is_read(topic, *partition, index, *end) => {
                    all_committed &= self.committed[index] >= self.next[index];
                }
                Some(_) => return Ok(Progress::Open),
                None if self.is_lost(topic, *partition) => {}
                None => elsewhere.push((topic.as_str(), *partition, *end)),
            }
        }
        if !elsewhere.is_empty() && !self.reached_by_others(&elsewhere)? {
            return Ok(Progress::Open);
        }
        Ok(if all_committed {
            Progress::Committed
        } else {
            Progress::Read
        })
    }

    fn slot(&self, topic: &str, partition: i32) -> Option<usize> {
        self.assignment
            .slots
            .iter()
            .position(|slot| slot.partition == partition && slot.topic.name == topic)
    }

    fn is_read(&self, topic: &str, partition: i32, index: usize, end: i64) -> bool {
        self.next[index] >= end
            || self
                .context
                .state(topic, partition)
                .is_some_and(|state| state.reached >= end && state.queued == 0)
    }

    fn is_lost(&self, topic: &str, partition: i32) -> bool {
        let assigned = self.steering.assigned.lock();
        assigned
            .losses
            .iter()
            .any(|loss| loss.place() == (topic, partition))
    }

    /// Whether the tables say that partitions of other processes have reached their ends.
    fn reached_by_others(&self, ends: &[(&str, i32, i64)]) -> Result<bool, ServiceError> {
        let Steering {
            config,
            store,
            runtime,
            ..
        } = self.steering;
        let content = |name: &str| {
            let topic: Option<&Topic> = config.topics.iter().find(|topic| topic.name == name);
            topic.map(|topic| Target::of(topic.content)[0])
        };
        for table in Target::ALL {
            let ids: Vec<(String, i64)> = ends
                .iter()
                .filter(|(topic, ..)| content(topic) == Some(table))
                .map(|(topic, partition, end)| (config.app_id(topic, *partition), *end))
                .collect();
            if ids.is_empty() {
                continue;
            }
            let clock = Arc::new(nonsite_schemas::time::SystemClock);
            let names = ids.iter().map(|(app_id, _)| app_id.clone());
            let log = runtime
                .block_on(TableLog::open(store, table.name(), names, clock))
                .map_err(|error| ServiceError::Unreachable(error.to_string()))?;
            if ids
                .iter()
                .any(|(app_id, end)| log.txn(app_id).is_none_or(|next| next < *end))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
