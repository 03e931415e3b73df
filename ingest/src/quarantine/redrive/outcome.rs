//! Rows of `quarantine_redriven`, and what a decoder says about parts that are still bad.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::{Outcome, Request};

/// The outcomes as a batch of the table.
pub(super) fn batch(
    outcomes: &[Outcome],
    redrive_id: &str,
    now: i64,
    request: &Request,
) -> Result<RecordBatch, ArrowError> {
    let same = |text: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(outcomes.iter().map(|_| text)))
    };
    let instants = TimestampMicrosecondArray::from_value(now, outcomes.len()).with_timezone("UTC");
    let rows = outcomes
        .iter()
        .map(|outcome| i64::try_from(outcome.rows).unwrap_or(i64::MAX));
    let ids = outcomes
        .iter()
        .map(|outcome| outcome.quarantine_id.as_str());
    RecordBatch::try_new(
        nonsite_schemas::tables::quarantine_redriven().schema,
        vec![
            Arc::new(StringArray::from_iter_values(ids)),
            same(redrive_id),
            Arc::new(instants),
            Arc::new(StringArray::from_iter_values(
                outcomes.iter().map(|outcome| outcome.outcome),
            )),
            Arc::new(Int64Array::from_iter_values(rows)),
            same(&request.by),
            same(&request.why),
        ],
    )
}

/// A part that is still bad.
pub(super) struct BadPart {
    pub(super) text: Option<String>,
    pub(super) reason: String,
    pub(super) detail: String,
}

/// The bad parts in a decoder's rows of `quarantine`.
pub(super) fn bad_parts(batch: &RecordBatch) -> Result<Vec<BadPart>, ArrowError> {
    let column = |name: &str| {
        let index = batch.schema().index_of(name)?;
        cast(batch.column(index), &DataType::Utf8)
    };
    let (texts, reasons, details) = (column("part_raw")?, column("reason")?, column("detail")?);
    let text = |array: &ArrayRef, row: usize| array.as_string::<i32>().value(row).to_owned();
    Ok((0..batch.num_rows())
        .map(|row| BadPart {
            text: texts.is_valid(row).then(|| text(&texts, row)),
            reason: text(&reasons, row),
            detail: text(&details, row),
        })
        .collect())
}
