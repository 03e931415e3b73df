//! N6: records that were gone before they were read, and the operator's word to go on.
//!
//! When the broker no longer has the next offset of a table, nothing decides by itself: the
//! partition stops, and says how many records are gone. An operator who accepts the loss records
//! it (who, why, which offsets) in `operator_actions`; only then does consumption go on, and
//! `verify` counts those offsets as accounted for.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use nonsite_schemas::tables;
use nonsite_schemas::time::Clock;

use crate::log::{Append, CommitError, LogError, TableLog};
use crate::store::{Store, StoreError};
use crate::write::{self, WriteError};

/// `operator_actions.action` of an accepted loss.
pub const RESUME_AFTER_LOSS: &str = "resume_after_loss";

/// Why a partition stopped.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Loss {
    /// The broker deleted records that were not read yet.
    Deleted {
        /// Kafka topic.
        topic: String,
        /// Kafka partition.
        partition: i32,
        /// Next offset according to the tables.
        from: i64,
        /// First offset the broker still has.
        to: i64,
    },
    /// The partition ends before the next offset: the topic was made anew or cut off.
    Truncated {
        /// Kafka topic.
        topic: String,
        /// Kafka partition.
        partition: i32,
        /// Next offset according to the tables.
        next: i64,
        /// End of the partition on the broker.
        end: i64,
    },
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deleted {
                topic,
                partition,
                from,
                to,
            } => write!(
                f,
                "{topic}/{partition} stopped: {} records are gone (offsets {from} to {}), the \
                 broker starts at {to}; if they cannot be recovered, go on with `nonsite ingest \
                 --resume-after-loss {topic}/{partition} --why TEXT --by NAME`",
                to - from,
                to - 1,
            ),
            Self::Truncated {
                topic,
                partition,
                next,
                end,
            } => write!(
                f,
                "{topic}/{partition} stopped: the table is at offset {next} but the partition \
                 ends at {end}; the topic was made anew or cut off: restore it, or consume it \
                 under another name"
            ),
        }
    }
}

impl Loss {
    /// Topic and partition it is about.
    pub fn place(&self) -> (&str, i32) {
        match self {
            Self::Deleted {
                topic, partition, ..
            }
            | Self::Truncated {
                topic, partition, ..
            } => (topic, *partition),
        }
    }

    /// Number of records that are gone, as far as it is known.
    pub fn records(&self) -> i64 {
        match self {
            Self::Deleted { from, to, .. } => to - from,
            Self::Truncated { next, end, .. } => next - end,
        }
    }
}

/// Why an accepted loss could not be recorded or read.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    /// The table could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The row could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The row could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The rows could not be put together: a fault of the program.
    #[error("operator_actions: {0}")]
    Rows(#[from] ArrowError),
}

/// An operator's decision to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// Kafka topic.
    pub topic: String,
    /// Kafka partition.
    pub partition: i32,
    /// First offset that is gone.
    pub from: i64,
    /// First offset that is not.
    pub to: i64,
    /// Who decided.
    pub by: String,
    /// Why.
    pub why: String,
}

/// Records the decision. Recording the same twice does no harm: it is a set of offsets.
///
/// # Errors
/// See [`LossError`].
pub async fn accept(
    store: &Store,
    clock: &Arc<dyn Clock>,
    acceptance: &Acceptance,
) -> Result<(), LossError> {
    let def = tables::operator_actions();
    store.ensure_tables(std::slice::from_ref(&def)).await?;
    let now = clock.now_micros();
    let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values([text])) };
    let columns: Vec<ArrayRef> = vec![
        text(RESUME_AFTER_LOSS),
        text(&acceptance.topic),
        Arc::new(Int32Array::from(vec![acceptance.partition])),
        Arc::new(Int64Array::from(vec![acceptance.from])),
        Arc::new(Int64Array::from(vec![acceptance.to])),
        Arc::new(Int64Array::from(vec![acceptance.to - acceptance.from])),
        Arc::new(TimestampMicrosecondArray::from(vec![now]).with_timezone("UTC")),
        text(&acceptance.by),
        text(&acceptance.why),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&def.schema), columns)?;
    let objects = store.table_objects(def.name);
    let adds = write::write_parquet(objects.as_ref(), &def, batch, now.div_euclid(1_000)).await?;
    let mut log = TableLog::open(store, def.name, [], Arc::clone(clock)).await?;
    let append = Append {
        adds,
        operation: "WRITE",
        ..Append::default()
    };
    log.commit(append, &|| true).await?;
    Ok(())
}

/// The offsets of a partition whose loss was accepted, as ranges `from..to`.
///
/// # Errors
/// The table cannot be read.
pub async fn accepted(
    store: &Store,
    topic: &str,
    partition: i32,
) -> Result<Vec<(i64, i64)>, LossError> {
    if !store.exists("operator_actions").await? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT from_offset, to_offset FROM operator_actions WHERE action = '{RESUME_AFTER_LOSS}' \
         AND topic = '{}' AND partition = {partition} ORDER BY from_offset",
        topic.replace('\'', "''"),
    );
    let mut ranges = Vec::new();
    for batch in store.query(&["operator_actions"], &sql).await? {
        let from = batch.column(0).as_primitive::<Int64Type>();
        let to = batch.column(1).as_primitive::<Int64Type>();
        ranges.extend((0..from.len()).map(|row| (from.value(row), to.value(row))));
    }
    Ok(ranges)
}

/// Whether `ranges` (ordered by start) leave no offset of `from..to` out.
pub(crate) fn covers(ranges: &[(i64, i64)], from: i64, to: i64) -> bool {
    let mut next = from;
    for (start, end) in ranges {
        if *start <= next {
            next = next.max(*end);
        }
    }
    next >= to
}

#[cfg(test)]
mod tests {
    use nonsite_schemas::time::ManualClock;

    use super::*;

    #[test]
    fn ranges_cover_without_gaps_only() {
        assert!(covers(&[(0, 5), (5, 9)], 2, 9));
        assert!(!covers(&[(0, 5), (6, 9)], 2, 9));
        assert!(covers(&[], 3, 3));
    }

    #[tokio::test]
    async fn an_accepted_loss_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(accepted(&store, "t", 0).await.unwrap(), []);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(1));
        let acceptance = Acceptance {
            topic: "t".to_owned(),
            partition: 0,
            from: 10,
            to: 25,
            by: "op".to_owned(),
            why: "retention".to_owned(),
        };
        accept(&store, &clock, &acceptance).await.unwrap();
        assert_eq!(accepted(&store, "t", 0).await.unwrap(), [(10, 25)]);
        assert_eq!(accepted(&store, "t", 1).await.unwrap(), []);
    }

    #[test]
    fn the_message_says_how_many_are_gone_and_what_to_do() {
        let loss = Loss::Deleted {
            topic: "t".to_owned(),
            partition: 3,
            from: 10,
            to: 25,
        };
        let text = loss.to_string();
        assert!(text.contains("15 records are gone"), "{text}");
        assert!(text.contains("--resume-after-loss t/3"), "{text}");
    }
}
