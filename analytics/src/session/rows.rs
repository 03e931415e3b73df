//! Rows of the small tables as plain values: JSON objects to Arrow and back.
//!
//! Anomalies, runs, outcomes and alerts are thousands, not billions; they are handled as typed
//! Rust structs and pass through here. Instants are microseconds UTC (RFC 3339 texts are accepted
//! too), days are days since 1970-01-01 (or `YYYY-MM-DD`).

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value};

/// Builds a batch of `schema` from objects; a key that is no column is an error, a missing one is
/// null.
pub fn batch(schema: &SchemaRef, rows: &[Map<String, Value>]) -> Result<RecordBatch, ArrowError> {
    for row in rows {
        if let Some(unknown) = row.keys().find(|key| schema.field_with_name(key).is_err()) {
            return Err(ArrowError::SchemaError(format!(
                "there is no column `{unknown}`"
            )));
        }
    }
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            let values = rows
                .iter()
                .map(|row| row.get(field.name()).filter(|value| !value.is_null()));
            column(field.data_type(), values)
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn column<'a>(
    data_type: &DataType,
    values: impl Iterator<Item = Option<&'a Value>>,
) -> Result<ArrayRef, ArrowError> {
    let integer = |value: Option<&Value>| value.and_then(Value::as_i64);
    Ok(match data_type {
        DataType::Utf8 => Arc::new(
            values
                .map(|v| v.and_then(Value::as_str))
                .collect::<StringArray>(),
        ),
        DataType::Float64 => Arc::new(
            values
                .map(|v| v.and_then(Value::as_f64))
                .collect::<Float64Array>(),
        ),
        DataType::Boolean => Arc::new(
            values
                .map(|v| v.and_then(Value::as_bool))
                .collect::<BooleanArray>(),
        ),
        DataType::Int64 => Arc::new(values.map(integer).collect::<Int64Array>()),
        DataType::Int32 => Arc::new(
            values
                .map(|v| integer(v).and_then(|x| i32::try_from(x).ok()))
                .collect::<Int32Array>(),
        ),
        DataType::Int16 => Arc::new(
            values
                .map(|v| integer(v).and_then(|x| i16::try_from(x).ok()))
                .collect::<Int16Array>(),
        ),
        DataType::Date32 => Arc::new(values.map(|v| v.and_then(day)).collect::<Date32Array>()),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Arc::new(
            values
                .map(|v| v.and_then(instant))
                .collect::<TimestampMicrosecondArray>()
                .with_data_type(data_type.clone()),
        ),
        DataType::Binary => Arc::new(
            values
                .map(|v| v.and_then(Value::as_str).map(str::as_bytes))
                .collect::<BinaryArray>(),
        ),
        other => {
            return Err(ArrowError::NotYetImplemented(format!(
                "rows of type {other}"
            )));
        }
    })
}

/// The text of a row's column, if it has one.
pub fn text(row: &Map<String, Value>, column: &str) -> Option<String> {
    row.get(column)?.as_str().map(str::to_owned)
}

fn instant(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let time = chrono::DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
        Some(time.timestamp_micros())
    })
}

fn day(value: &Value) -> Option<i32> {
    if let Some(days) = value.as_i64() {
        return i32::try_from(days).ok();
    }
    let date = chrono::NaiveDate::parse_from_str(value.as_str()?, "%Y-%m-%d").ok()?;
    i32::try_from(
        date.signed_duration_since(chrono::NaiveDate::default())
            .num_days(),
    )
    .ok()
}

/// Reads batches back into objects; nulls are left out.
pub fn objects(batches: &[RecordBatch]) -> Result<Vec<Map<String, Value>>, ArrowError> {
    let mut rows = Vec::new();
    for batch in batches {
        let start = rows.len();
        rows.resize_with(start + batch.num_rows(), Map::new);
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            put(field.name(), column, &mut rows[start..])?;
        }
    }
    Ok(rows)
}

fn put(name: &str, column: &ArrayRef, rows: &mut [Map<String, Value>]) -> Result<(), ArrowError> {
    let mut set = |i: usize, value: Value| {
        if column.is_valid(i) {
            rows[i].insert(name.to_owned(), value);
        }
    };
    match column.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            let texts = cast(column, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            (0..texts.len()).for_each(|i| set(i, Value::from(texts.value(i))));
        }
        DataType::Boolean => {
            let truths = column.as_boolean();
            (0..truths.len()).for_each(|i| set(i, Value::from(truths.value(i))));
        }
        DataType::Float64 | DataType::Float32 => {
            let numbers = cast(column, &DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            (0..numbers.len()).for_each(|i| set(i, Value::from(numbers.value(i))));
        }
        DataType::Timestamp(_, zone) => {
            let micros = cast(
                column,
                &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
            )?;
            let micros = micros.as_primitive::<TimestampMicrosecondType>();
            (0..micros.len()).for_each(|i| set(i, Value::from(micros.value(i))));
        }
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>();
            (0..days.len()).for_each(|i| set(i, Value::from(days.value(i))));
        }
        DataType::Null => {}
        _ => {
            let integers = cast(column, &DataType::Int64)?;
            let integers = integers.as_primitive::<Int64Type>();
            (0..integers.len()).for_each(|i| set(i, Value::from(integers.value(i))));
        }
    }
    Ok(())
}
