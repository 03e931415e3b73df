//! Query results as text: an aligned table, JSON, CSV.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value};

/// An aligned table.
pub fn table(batches: &[RecordBatch]) -> Result<String, ArrowError> {
    Ok(arrow::util::pretty::pretty_format_batches(batches)?.to_string())
}

/// One JSON array of objects; numbers and truth values keep their type, instants are RFC 3339
/// texts, a missing value is `null`.
pub fn json(batches: &[RecordBatch]) -> Result<String, ArrowError> {
    let mut rows = Vec::new();
    for batch in batches {
        let start = rows.len();
        rows.resize_with(start + batch.num_rows(), Map::new);
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            for (i, value) in values(column)?.into_iter().enumerate() {
                rows[start + i].insert(field.name().clone(), value);
            }
        }
    }
    serde_json::to_string_pretty(&rows).map_err(|error| ArrowError::ExternalError(Box::new(error)))
}

fn values(column: &ArrayRef) -> Result<Vec<Value>, ArrowError> {
    let each = |of: &dyn Fn(usize) -> Value| -> Vec<Value> {
        (0..column.len())
            .map(|i| {
                if column.is_null(i) {
                    Value::Null
                } else {
                    of(i)
                }
            })
            .collect()
    };
    let data_type = column.data_type();
    if data_type == &DataType::Boolean {
        let truths = column.as_boolean();
        return Ok(each(&|i| Value::from(truths.value(i))));
    }
    if data_type.is_integer() && data_type != &DataType::UInt64 {
        let whole = cast(column, &DataType::Int64)?;
        let whole = whole.as_primitive::<Int64Type>();
        return Ok(each(&|i| Value::from(whole.value(i))));
    }
    if data_type.is_numeric() {
        let numbers = cast(column, &DataType::Float64)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        return Ok(each(&|i| Value::from(numbers.value(i))));
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options)?;
    Ok(each(&|i| Value::from(formatter.value(i).to_string())))
}

/// Comma-separated values (RFC 4180) with a header line; a missing value is empty.
pub fn csv(batches: &[RecordBatch]) -> Result<String, ArrowError> {
    let mut text = String::new();
    let options = FormatOptions::default();
    for (n, batch) in batches.iter().enumerate() {
        if n == 0 {
            let schema = batch.schema();
            let names: Vec<String> = schema
                .fields()
                .iter()
                .map(|field| quoted(field.name()))
                .collect();
            text.push_str(&names.join(","));
            text.push('\n');
        }
        let formatters = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<Vec<_>, _>>()?;
        for i in 0..batch.num_rows() {
            let cells: Vec<String> = formatters
                .iter()
                .map(|column| quoted(&column.value(i).to_string()))
                .collect();
            text.push_str(&cells.join(","));
            text.push('\n');
        }
    }
    Ok(text)
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
