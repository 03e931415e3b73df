//! Which rows of given records are in a table already.

use std::collections::HashMap;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::error::ArrowError;
use datafusion::prelude::{Expr, col, lit};
use nonsite_schemas::wire::Origin;

use super::super::QuarantineError;
use super::super::read;
use crate::store::Store;

/// A record's place on Kafka.
type Place = (String, i32, i64);

/// Rows per record and key.
#[derive(Debug, Default)]
pub(super) struct Present {
    records: HashMap<Place, HashMap<String, usize>>,
}

/// The columns that tell the rows of one record apart; empty where they are only ever written
/// together.
fn key_columns(table: &str) -> &'static [&'static str] {
    match table {
        "readings_raw" => &["mn", "factor", "granularity", "data_time"],
        "device_states" => &["mn", "cn", "item", "data_time"],
        "quarantine" => &["quarantine_id"],
        _ => &[],
    }
}

fn place(origin: &Origin<'_>) -> Place {
    (origin.topic.to_owned(), origin.partition, origin.offset)
}

impl Present {
    /// Reads which rows of these records `table` holds in its latest version.
    pub(super) async fn read(
        store: &Store,
        table: &'static str,
        origins: &[Origin<'_>],
    ) -> Result<Self, QuarantineError> {
        let Some(frame) = read::table(store, table).await? else {
            return Ok(Self::default());
        };
        let Some(wanted) = condition(origins) else {
            return Ok(Self::default());
        };
        let failed = read::failed(table);
        let origin_columns = ["kafka_topic", "kafka_partition", "kafka_offset"];
        let mut columns: Vec<&str> = origin_columns.into_iter().collect();
        columns.extend(key_columns(table));
        let batches = frame
            .filter(wanted)
            .and_then(|frame| frame.select_columns(&columns))
            .map_err(&failed)?
            .collect()
            .await
            .map_err(&failed)?;
        let mut present = Self::default();
        for batch in &batches {
            present
                .add(table, batch)
                .map_err(|source| QuarantineError::Read {
                    table,
                    source: Box::new(source),
                })?;
        }
        Ok(present)
    }

    fn add(&mut self, table: &str, batch: &RecordBatch) -> Result<(), ArrowError> {
        let column =
            |name: &str, kind: &DataType| cast(batch.column(batch.schema().index_of(name)?), kind);
        let topics = column("kafka_topic", &DataType::Utf8)?;
        let partitions = column("kafka_partition", &DataType::Int32)?;
        let offsets = column("kafka_offset", &DataType::Int64)?;
        for (row, key) in keys(table, batch)?.into_iter().enumerate() {
            let place = (
                topics.as_string::<i32>().value(row).to_owned(),
                partitions.as_primitive::<Int32Type>().value(row),
                offsets.as_primitive::<Int64Type>().value(row),
            );
            *self
                .records
                .entry(place)
                .or_default()
                .entry(key)
                .or_insert(0) += 1;
        }
        Ok(())
    }

    /// Whether the table holds any row of the record.
    pub(super) fn has(&self, origin: &Origin<'_>) -> bool {
        self.records.contains_key(&place(origin))
    }

    /// The rows of `batch` (all of one record) that the table does not hold. In a table whose rows
    /// cannot be told apart only their number counts: they are written together or not at all.
    pub(super) fn missing(
        &self,
        origin: &Origin<'_>,
        table: &str,
        batch: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let Some(there) = self.records.get(&place(origin)) else {
            return Ok(batch.clone());
        };
        let mut left = there.clone();
        let wanted: BooleanArray = keys(table, batch)?
            .into_iter()
            .map(|key| {
                let known = left.get_mut(&key).filter(|count| **count > 0);
                Some(known.map(|count| *count -= 1).is_none())
            })
            .collect();
        filter_record_batch(batch, &wanted)
    }
}

/// One text per row that tells it from the other rows of its record.
fn keys(table: &str, batch: &RecordBatch) -> Result<Vec<String>, ArrowError> {
    let columns = key_columns(table)
        .iter()
        .map(|name| {
            let column = batch.column(batch.schema().index_of(name)?);
            // Instants by their number: as texts they would depend on how a zone is printed.
            match column.data_type() {
                DataType::Timestamp(_, _) => {
                    cast(&cast(column, &DataType::Int64)?, &DataType::Utf8)
                }
                _ => cast(column, &DataType::Utf8),
            }
        })
        .collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    Ok((0..batch.num_rows())
        .map(|row| {
            let parts: Vec<&str> = columns
                .iter()
                .map(|column| column.as_string::<i32>().value(row))
                .collect();
            parts.join("\u{1f}")
        })
        .collect())
}

fn condition(origins: &[Origin<'_>]) -> Option<Expr> {
    let mut partitions: HashMap<(&str, i32), Vec<Expr>> = HashMap::new();
    for origin in origins {
        partitions
            .entry((origin.topic, origin.partition))
            .or_default()
            .push(lit(origin.offset));
    }
    partitions
        .into_iter()
        .map(|((topic, partition), offsets)| {
            col("kafka_topic")
                .eq(lit(topic))
                .and(col("kafka_partition").eq(lit(partition)))
                .and(col("kafka_offset").in_list(offsets, false))
        })
        .reduce(Expr::or)
}
