//! Rows that have to wait because an earlier record of their partition is not settled.

use std::collections::BTreeMap;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch, not};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::error::ArrowError;

use super::assignment::Assignment;
use super::rows::TableRows;

/// Separates rows into those that may be committed and those at or after the first unsettled
/// offset of their partition (`held_back`: first offset per slot).
pub(super) fn separate(
    rows: Vec<TableRows>,
    assignment: &Assignment,
    held_back: &BTreeMap<u32, i64>,
) -> Result<(Vec<TableRows>, Vec<TableRows>), ArrowError> {
    let (mut settled, mut open) = (Vec::new(), Vec::new());
    for TableRows { table, batch } in rows {
        let waits = waiting(&batch, assignment, held_back)?;
        if waits.true_count() == 0 {
            settled.push(TableRows { table, batch });
            continue;
        }
        let rest = filter_record_batch(&batch, &not(&waits)?)?;
        if rest.num_rows() > 0 {
            settled.push(TableRows { table, batch: rest });
        }
        open.push(TableRows {
            table,
            batch: filter_record_batch(&batch, &waits)?,
        });
    }
    Ok((settled, open))
}

/// Which rows have to wait.
fn waiting(
    batch: &RecordBatch,
    assignment: &Assignment,
    held_back: &BTreeMap<u32, i64>,
) -> Result<BooleanArray, ArrowError> {
    let column = |name: &str| {
        batch
            .column_by_name(name)
            .ok_or_else(|| ArrowError::SchemaError(format!("the batch has no column `{name}`")))
    };
    let topics = cast(column("kafka_topic")?, &DataType::Utf8)?;
    let topics = topics.as_string::<i32>();
    let partitions = column("kafka_partition")?.as_primitive::<Int32Type>();
    let offsets = column("kafka_offset")?.as_primitive::<Int64Type>();
    let waits = (0..batch.num_rows()).map(|row| {
        held_back.iter().any(|(slot, first)| {
            let slot = &assignment.slots[*slot as usize];
            offsets.value(row) >= *first
                && partitions.value(row) == slot.partition
                && topics.value(row) == slot.topic.name
        })
    });
    Ok(waits.collect::<Vec<bool>>().into())
}
