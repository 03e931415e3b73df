//! Reading `quarantine` less what became rows since.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::{JoinType, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::prelude::{Expr, SessionContext, col, lit};
use nonsite_schemas::tables::timestamp_type;

use super::{Entry, Filter, QuarantineError};
use crate::store::Store;

/// Table of the messages.
pub(super) const QUARANTINE: &str = "quarantine";
/// Table of what became of them.
pub(super) const REDRIVEN: &str = "quarantine_redriven";
/// The outcome that closes an entry.
pub(super) const BECAME_ROWS: &str = "rows";

/// The entries that match, oldest first.
pub(super) async fn entries(store: &Store, filter: &Filter) -> Result<Vec<Entry>, QuarantineError> {
    let Some(frame) = matching(store, filter).await? else {
        return Ok(Vec::new());
    };
    let order = [
        "received_at",
        "kafka_topic",
        "kafka_partition",
        "kafka_offset",
        "part",
    ];
    let batches = ordered(frame, &order, filter).await?;
    let mut entries = Vec::new();
    for batch in &batches {
        decode(batch, &mut entries).map_err(arrow_fault)?;
    }
    Ok(entries)
}

/// An entry's id and where its record is on Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) quarantine_id: String,
    topic: String,
    partition: i32,
    offset: i64,
}

impl Place {
    /// The record the entry belongs to.
    pub(super) fn record(&self) -> (&str, i32, i64) {
        (&self.topic, self.partition, self.offset)
    }
}

/// The places of the entries that match, record by record; without the messages, so that any
/// number of them fits into memory.
pub(super) async fn places(store: &Store, filter: &Filter) -> Result<Vec<Place>, QuarantineError> {
    let Some(frame) = matching(store, filter).await? else {
        return Ok(Vec::new());
    };
    let frame = frame
        .select_columns(&[
            "quarantine_id",
            "kafka_topic",
            "kafka_partition",
            "kafka_offset",
            "part",
        ])
        .map_err(failed(QUARANTINE))?;
    let order = ["kafka_topic", "kafka_partition", "kafka_offset", "part"];
    let mut places = Vec::new();
    for batch in ordered(frame, &order, filter).await? {
        let column =
            |name: &str, kind: &DataType| cast(batch.column(batch.schema().index_of(name)?), kind);
        let ids = column("quarantine_id", &DataType::Utf8).map_err(arrow_fault)?;
        let topics = column("kafka_topic", &DataType::Utf8).map_err(arrow_fault)?;
        let partitions = column("kafka_partition", &DataType::Int32).map_err(arrow_fault)?;
        let offsets = column("kafka_offset", &DataType::Int64).map_err(arrow_fault)?;
        places.extend((0..batch.num_rows()).map(|row| Place {
            quarantine_id: ids.as_string::<i32>().value(row).to_owned(),
            topic: topics.as_string::<i32>().value(row).to_owned(),
            partition: partitions.as_primitive::<Int32Type>().value(row),
            offset: offsets.as_primitive::<Int64Type>().value(row),
        }));
    }
    Ok(places)
}

/// The rows of `quarantine` that match, `None` when there is no such table yet.
async fn matching(store: &Store, filter: &Filter) -> Result<Option<DataFrame>, QuarantineError> {
    let Some(mut frame) = table(store, QUARANTINE).await? else {
        return Ok(None);
    };
    let failed = failed(QUARANTINE);
    if let Some(wanted) = condition(filter) {
        frame = frame.filter(wanted).map_err(&failed)?;
    }
    if !filter.with_redriven
        && let Some(done) = table(store, REDRIVEN).await?
    {
        let done = done
            .filter(col("outcome").eq(lit(BECAME_ROWS)))
            .and_then(|done| done.select(vec![col("quarantine_id").alias("done_id")]))
            .map_err(&failed)?;
        frame = frame
            .join(
                done,
                JoinType::LeftAnti,
                &["quarantine_id"],
                &["done_id"],
                None,
            )
            .map_err(&failed)?;
    }
    Ok(Some(frame))
}

async fn ordered(
    frame: DataFrame,
    order: &[&str],
    filter: &Filter,
) -> Result<Vec<RecordBatch>, QuarantineError> {
    let failed = failed(QUARANTINE);
    frame
        .sort(
            order
                .iter()
                .map(|column| col(*column).sort(true, true))
                .collect(),
        )
        .and_then(|frame| frame.limit(0, filter.limit))
        .map_err(&failed)?
        .collect()
        .await
        .map_err(&failed)
}

fn arrow_fault(source: arrow::error::ArrowError) -> QuarantineError {
    QuarantineError::Read {
        table: QUARANTINE,
        source: Box::new(source),
    }
}

fn condition(filter: &Filter) -> Option<Expr> {
    let equal = |column: &str, value: &Option<String>| {
        value
            .as_ref()
            .map(|value| col(column).eq(lit(value.as_str())))
    };
    let ids = (!filter.ids.is_empty()).then(|| {
        let ids = filter.ids.iter().map(|id| lit(id.as_str())).collect();
        col("quarantine_id").in_list(ids, false)
    });
    [
        equal("reason", &filter.reason),
        equal("kafka_topic", &filter.topic),
        equal("mn", &filter.mn),
        ids,
    ]
    .into_iter()
    .flatten()
    .reduce(Expr::and)
}

/// A record of the quarantine that may belong to the same split packet as another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Neighbour {
    pub(super) offset: i64,
    pub(super) received_at: i64,
    pub(super) raw: Vec<u8>,
}

/// Most neighbours that are read; the rest of a partition that is all garbage is left out.
const NEIGHBOURS: usize = 20_000;

/// The parts of split packets in a partition's quarantine, each record once, in the order of
/// their offsets, that were received from `from` to `to` (microseconds UTC, inclusive); closed
/// entries as well.
pub(super) async fn neighbours(
    store: &Store,
    topic: &str,
    partition: i32,
    (from, to): (i64, i64),
) -> Result<Vec<Neighbour>, QuarantineError> {
    let Some(frame) = table(store, QUARANTINE).await? else {
        return Ok(Vec::new());
    };
    let instant = |micros: i64| {
        let zone = Some("UTC".into());
        lit(ScalarValue::TimestampMicrosecond(Some(micros), zone))
    };
    let failed = failed(QUARANTINE);
    let wanted = col("kafka_topic")
        .eq(lit(topic))
        .and(col("kafka_partition").eq(lit(partition)))
        .and(col("received_at").gt_eq(instant(from)))
        .and(col("received_at").lt_eq(instant(to)));
    let batches = frame
        .filter(wanted)
        .and_then(|frame| frame.select_columns(&["kafka_offset", "received_at", "raw"]))
        .and_then(|frame| frame.sort(vec![col("kafka_offset").sort(true, true)]))
        .and_then(|frame| frame.limit(0, Some(NEIGHBOURS)))
        .map_err(&failed)?
        .collect()
        .await
        .map_err(&failed)?;
    let mut found: Vec<Neighbour> = Vec::new();
    for batch in batches {
        let column = |index: usize, kind: &DataType| cast(batch.column(index), kind);
        let offsets = column(0, &DataType::Int64).map_err(arrow_fault)?;
        let received = column(1, &timestamp_type()).map_err(arrow_fault)?;
        let raw = column(2, &DataType::Binary).map_err(arrow_fault)?;
        for row in 0..batch.num_rows() {
            let raw = raw.as_binary::<i32>().value(row);
            let offset = offsets.as_primitive::<Int64Type>().value(row);
            let known = found.last().is_some_and(|last| last.offset == offset);
            let mut words = raw.windows(4);
            if known || !words.any(|word| word.eq_ignore_ascii_case(b"PNUM")) {
                continue;
            }
            let received_at = received
                .as_primitive::<TimestampMicrosecondType>()
                .value(row);
            found.push(Neighbour {
                offset,
                received_at,
                raw: raw.to_vec(),
            });
        }
    }
    Ok(found)
}

/// A table as a data frame, `None` when it was never written.
pub(super) async fn table(
    store: &Store,
    name: &'static str,
) -> Result<Option<DataFrame>, QuarantineError> {
    if !store.exists(name).await? {
        return Ok(None);
    }
    let table = store.load(name).await?;
    let provider =
        table
            .table_provider()
            .build()
            .await
            .map_err(|source| QuarantineError::Read {
                table: name,
                source: Box::new(source),
            })?;
    let frame = SessionContext::new()
        .read_table(Arc::new(provider))
        .map_err(failed(name))?;
    Ok(Some(frame))
}

pub(super) fn failed(
    table: &'static str,
) -> impl Fn(datafusion::error::DataFusionError) -> QuarantineError {
    move |source| QuarantineError::Read {
        table,
        source: Box::new(source),
    }
}

fn decode(batch: &RecordBatch, entries: &mut Vec<Entry>) -> Result<(), arrow::error::ArrowError> {
    let column = |name: &str, kind: &DataType| {
        let index = batch.schema().index_of(name)?;
        // The engine may hand out views or dictionaries; the table's own types are easier.
        cast(batch.column(index), kind)
    };
    let text = |name: &str| column(name, &DataType::Utf8);
    let (id, reason, detail) = (text("quarantine_id")?, text("reason")?, text("detail")?);
    let (mn, part_raw, topic) = (text("mn")?, text("part_raw")?, text("kafka_topic")?);
    let part = column("part", &DataType::Int32)?;
    let raw = column("raw", &DataType::Binary)?;
    let received_at = column("received_at", &timestamp_type())?;
    let partition = column("kafka_partition", &DataType::Int32)?;
    let offset = column("kafka_offset", &DataType::Int64)?;
    for row in 0..batch.num_rows() {
        let text = |array: &arrow::array::ArrayRef| array.as_string::<i32>().value(row).to_owned();
        let maybe = |array: &arrow::array::ArrayRef| array.is_valid(row).then(|| text(array));
        entries.push(Entry {
            quarantine_id: text(&id),
            reason: text(&reason),
            detail: text(&detail),
            part: part
                .is_valid(row)
                .then(|| part.as_primitive::<Int32Type>().value(row)),
            mn: maybe(&mn),
            raw: raw.as_binary::<i32>().value(row).to_vec(),
            part_raw: maybe(&part_raw),
            received_at: received_at
                .as_primitive::<TimestampMicrosecondType>()
                .value(row),
            topic: text(&topic),
            partition: partition.as_primitive::<Int32Type>().value(row),
            offset: offset.as_primitive::<Int64Type>().value(row),
        });
    }
    Ok(())
}
