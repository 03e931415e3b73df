//! Parquet exports as rows of cells.
//!
//! Types are taken as they are: numbers stay numbers (a NaN is what pandas writes for a missing
//! value, so it is missing here), timestamps with a zone are instants, timestamps without one are
//! local wall-clock time of the mapping's zone. A column of another type (lists, structs) can only
//! be left out.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, SchemaRef, TimeUnit, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::error::ImportError;
use super::source::{Cell, Progress, Row, Visit};

/// Rows decoded at a time; small, because a row of an export may have a hundred columns.
const BATCH_ROWS: usize = 4_096;

/// An opened Parquet file.
pub(super) struct Table {
    path: PathBuf,
    schema: SchemaRef,
    reader: ParquetRecordBatchReader,
    rows: u64,
}

enum Column {
    Text(ArrayRef),
    Number(ArrayRef),
    Instant(ArrayRef),
    LocalTime(ArrayRef),
    Unusable,
}

impl Table {
    /// Opens the file and reads its footer.
    pub(super) fn open(path: &Path, file: File) -> Result<Self, ImportError> {
        let damaged = |error: parquet::errors::ParquetError| ImportError::Damaged {
            path: path.to_owned(),
            line: 0,
            what: error.to_string(),
        };
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
        let schema = std::sync::Arc::clone(builder.schema());
        let rows = builder.metadata().file_metadata().num_rows().unsigned_abs();
        let reader = builder
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(damaged)?;
        Ok(Self {
            path: path.to_owned(),
            schema,
            reader,
            rows,
        })
    }

    /// The column names.
    pub(super) fn headings(&self) -> Vec<String> {
        self.schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }

    /// Visits every row; progress is the share of rows scaled to the file's bytes.
    pub(super) fn visit(&mut self, bytes: u64, visit: &mut Visit<'_>) -> Result<(), ImportError> {
        let mut line = 0_u64;
        while let Some(batch) = self.reader.next() {
            let damaged = |what: String| ImportError::Damaged {
                path: self.path.clone(),
                line,
                what,
            };
            let batch = batch.map_err(|error| damaged(error.to_string()))?;
            let columns = columns(&batch).map_err(|error| damaged(error.to_string()))?;
            for row in 0..batch.num_rows() {
                line += 1;
                let cells: Vec<Cell<'_>> = columns.iter().map(|c| cell(c, row)).collect();
                let share = u128::from(bytes) * u128::from(line) / u128::from(self.rows.max(1));
                let done = u64::try_from(share).unwrap_or(bytes);
                visit(
                    Row::Cells {
                        line,
                        cells: &cells,
                    },
                    Progress { done, total: bytes },
                )?;
            }
        }
        Ok(())
    }
}

fn columns(batch: &RecordBatch) -> Result<Vec<Column>, arrow::error::ArrowError> {
    batch.columns().iter().map(typed).collect()
}

fn typed(array: &ArrayRef) -> Result<Column, arrow::error::ArrowError> {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    Ok(match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Column::Text(cast(array, &DataType::Utf8)?)
        }
        DataType::Dictionary(_, value) => {
            return typed(&cast(array, value)?);
        }
        DataType::Boolean => {
            Column::Number(cast(&cast(array, &DataType::Int8)?, &DataType::Float64)?)
        }
        DataType::Timestamp(unit, zone) => {
            // Dropping the zone of the type keeps the stored number, which is UTC.
            let bare = array
                .to_data()
                .into_builder()
                .data_type(DataType::Timestamp(*unit, None))
                .build()?;
            let plain = cast(&arrow::array::make_array(bare), &micros)?;
            if zone.is_some() {
                Column::Instant(plain)
            } else {
                Column::LocalTime(plain)
            }
        }
        DataType::Date32 | DataType::Date64 => Column::LocalTime(cast(array, &micros)?),
        kind if kind.is_numeric() => Column::Number(cast(array, &DataType::Float64)?),
        _ => Column::Unusable,
    })
}

fn cell(column: &Column, row: usize) -> Cell<'_> {
    match column {
        Column::Text(array) if array.is_valid(row) => {
            Cell::Text(array.as_string::<i32>().value(row))
        }
        Column::Number(array) if array.is_valid(row) => {
            let number = array.as_primitive::<Float64Type>().value(row);
            if number.is_nan() {
                Cell::Missing
            } else {
                Cell::Number(number)
            }
        }
        Column::Instant(array) if array.is_valid(row) => {
            Cell::Instant(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        Column::LocalTime(array) if array.is_valid(row) => {
            Cell::LocalTime(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        _ => Cell::Missing,
    }
}
