//! Where to start: the tables' own offsets, compared with what the broker still has.
//!
//! For every assigned partition, each of its tables is asked for its offset; consumption starts at
//! the lowest (N8). A table that has none yet starts where the pipeline first began with this
//! partition, which the other tables remember; only when no table knows the partition does the
//! broker's first offset decide.
//!
//! Reading may begin earlier than consumption: where the lowest table remembers a split packet
//! that lacked parts. What the broker no longer has of these settled records is no loss.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use tokio::sync::Mutex;

use crate::config::{Config, Topic};
use crate::log::LogError;
use crate::loss::{self, Loss, LossError};
use crate::pipeline::assignment::{Assignment, Settled, Slot};
use crate::pipeline::publish::{Logs, REREAD_SUFFIX, START_SUFFIX};
use crate::store::Store;
use crate::target::{PerTable, Target};

/// How long the broker may take to say where a partition begins and ends.
pub(crate) const WATERMARK_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the start could not be found out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A table's log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The accepted losses cannot be read.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// The broker does not say where a partition begins and ends.
    #[error("{topic}/{partition}: the broker does not say where it begins and ends: {source}")]
    Watermarks {
        /// Kafka topic.
        topic: String,
        /// Kafka partition.
        partition: i32,
        /// What the client reported.
        #[source]
        source: KafkaError,
    },
}

/// Partitions with their starts, and those that cannot go on.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    pub(crate) slots: Vec<Slot>,
    pub(crate) losses: Vec<Loss>,
}

/// Finds out where to start with `partitions`.
pub(crate) async fn find<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    config: &Config,
    store: &Store,
    logs: &Mutex<Logs>,
    partitions: &[(String, i32)],
) -> Result<Starts, StartError> {
    let topics: HashMap<&str, Arc<Topic>> = config
        .topics
        .iter()
        .map(|topic| (topic.name.as_str(), Arc::new(topic.clone())))
        .collect();
    let mut ours: Vec<(Arc<Topic>, i32, String)> = partitions
        .iter()
        .filter_map(|(topic, partition)| {
            let topic = topics.get(topic.as_str())?;
            Some((
                Arc::clone(topic),
                *partition,
                config.app_id(&topic.name, *partition),
            ))
        })
        .collect();
    ours.sort_by(|(a, p, _), (b, q, _)| (&a.name, p).cmp(&(&b.name, q)));
    let mut at: Vec<PerTable<Option<i64>>> = vec![PerTable::all(None); ours.len()];
    let mut marks = at.clone();
    let mut first: Vec<Option<i64>> = vec![None; ours.len()];
    let mut logs = logs.lock().await;
    for table in Target::ALL {
        let feeds = |topic: &Topic| Target::of(topic.content).contains(&table);
        let ids: Vec<String> = ours
            .iter()
            .filter(|(topic, ..)| feeds(topic))
            .map(|(_, _, app_id)| app_id.clone())
            .collect();
        if ids.is_empty() {
            continue;
        }
        let log = logs.watch(table, &ids).await?;
        for (index, (topic, _, app_id)) in ours.iter().enumerate() {
            if feeds(topic) {
                at[index][table] = log.txn(app_id);
                marks[index][table] = log.txn(&format!("{app_id}{REREAD_SUFFIX}"));
                first[index] = first[index].or(log.txn(&format!("{app_id}{START_SUFFIX}")));
            }
        }
    }
    drop(logs);
    let mut starts = Starts::default();
    for (index, (topic, partition, app_id)) in ours.into_iter().enumerate() {
        let (low, high) = consumer
            .fetch_watermarks(&topic.name, partition, WATERMARK_TIMEOUT)
            .map_err(|source| StartError::Watermarks {
                topic: topic.name.clone(),
                partition,
                source,
            })?;
        let (at, first) = (at[index], first[index].unwrap_or(low));
        let offsets: Vec<i64> = Target::of(topic.content)
            .iter()
            .map(|table| at[*table].unwrap_or(first))
            .collect();
        let lowest = offsets.iter().copied().min().unwrap_or(low);
        let highest = offsets.iter().copied().max().unwrap_or(low);
        if lowest < low {
            let accepted = loss::accepted(store, &topic.name, partition).await?;
            if !loss::covers(&accepted, lowest, low) {
                let topic = topic.name.clone();
                starts.losses.push(Loss::Deleted {
                    topic,
                    partition,
                    from: lowest,
                    to: low,
                });
                continue;
            }
            tracing::warn!(topic = %topic.name, partition, from = lowest, to = low,
                "going on after a loss that an operator accepted");
        }
        if highest > high {
            let topic = topic.name.clone();
            starts.losses.push(Loss::Truncated {
                topic,
                partition,
                next: highest,
                end: high,
            });
            continue;
        }
        let start = lowest.max(low);
        let all_lack_from = highest.max(start);
        let settled = settled(store, &topic, partition, start, &at).await?;
        // A mark belongs to the offset it was committed with: those of the lowest tables count.
        let mark = Target::of(topic.content)
            .iter()
            .filter(|table| at[**table] == Some(lowest))
            .filter_map(|table| marks[index][*table])
            .min();
        let read_from = mark.map_or(start, |mark| mark.clamp(low.min(start), start));
        starts.slots.push(Slot {
            read_from,
            marks: marks[index],
            topic,
            partition,
            app_id,
            start,
            first,
            all_lack_from,
            at,
            settled,
        });
    }
    Ok(starts)
}

/// What the tables that are ahead of `start` have of the records from there on. Empty but after a
/// crash between the commits of two tables.
async fn settled(
    store: &Store,
    topic: &Topic,
    partition: i32,
    start: i64,
    at: &PerTable<Option<i64>>,
) -> Result<HashMap<i64, Settled>, LossError> {
    let mut settled = HashMap::new();
    let targets = Target::of(topic.content);
    if targets.iter().all(|table| at[*table] == at[targets[0]]) {
        return Ok(settled);
    }
    for table in targets {
        let Some(next) = at[*table].filter(|next| *next > start) else {
            continue;
        };
        // A part in quarantine belongs to a record that is rows elsewhere.
        let (verdict, whole) = match table {
            Target::Quarantine => (Settled::Quarantined, "AND part IS NULL"),
            _ => (Settled::Rows, ""),
        };
        let sql = format!(
            "SELECT DISTINCT kafka_offset FROM {} WHERE kafka_topic = '{}' \
             AND kafka_partition = {partition} AND kafka_offset >= {start} \
             AND kafka_offset < {next} {whole}",
            table.name(),
            topic.name.replace('\'', "''"),
        );
        for batch in store.query(&[table.name()], &sql).await? {
            let offsets = batch.column(0).as_primitive::<Int64Type>();
            settled.extend(offsets.values().iter().map(|offset| (*offset, verdict)));
        }
    }
    Ok(settled)
}

impl Starts {
    /// The assignment of these partitions under `epoch`.
    pub(crate) fn assignment(self, epoch: u64) -> (Assignment, Vec<Loss>) {
        (
            Assignment {
                epoch,
                slots: self.slots,
            },
            self.losses,
        )
    }
}
