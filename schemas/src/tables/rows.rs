//! Rows of a table, appended cell by cell and finished as one Arrow batch.
//!
//! For tables whose rows are built one at a time (documents, quarantine, audit); readings have
//! their own path. Each cell is named, so that a column that was added or moved in the definition
//! is noticed by the first test that writes a row, not by a reader of the table.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Float64Builder, Int16Builder,
    Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::TableDef;

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// Text (Utf8).
    Text(&'a str),
    /// Floating-point number.
    Number(f64),
    /// 64-bit integer.
    Long(i64),
    /// 32-bit integer.
    Int(i32),
    /// 16-bit integer.
    Short(i16),
    /// Truth value.
    Truth(bool),
    /// Instant, microseconds UTC.
    Instant(i64),
    /// Beijing day, days since 1970-01-01.
    Day(i32),
    /// Bytes.
    Bytes(&'a [u8]),
}

macro_rules! from {
    ($($source:ty => $variant:ident($value:ident) $convert:expr;)*) => {
        $(
            impl<'a> From<$source> for Cell<'a> {
                fn from($value: $source) -> Self {
                    Self::$variant($convert)
                }
            }
        )*
    };
}

from! {
    &'a str => Text(value) value;
    &'a String => Text(value) value.as_str();
    f64 => Number(value) value;
    i64 => Long(value) value;
    i32 => Int(value) value;
    i16 => Short(value) value;
    bool => Truth(value) value;
    &'a [u8] => Bytes(value) value;
    crate::wire::Instant => Instant(value) value.0;
    crate::wire::Day => Day(value) value.0;
}

impl<'a, T> From<Option<T>> for Cell<'a>
where
    Cell<'a>: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

impl<'a> From<&'a Option<String>> for Cell<'a> {
    fn from(value: &'a Option<String>) -> Self {
        value.as_deref().map_or(Self::Null, Self::Text)
    }
}

#[derive(Debug)]
enum Column {
    Text(StringBuilder),
    Number(Float64Builder),
    Long(Int64Builder),
    Int(Int32Builder),
    Short(Int16Builder),
    Truth(BooleanBuilder),
    Instant(TimestampMicrosecondBuilder),
    Day(Date32Builder),
    Bytes(BinaryBuilder),
}

impl Column {
    fn new(data_type: &DataType) -> Result<Self, ArrowError> {
        Ok(match data_type {
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Float64 => Self::Number(Float64Builder::new()),
            DataType::Int64 => Self::Long(Int64Builder::new()),
            DataType::Int32 => Self::Int(Int32Builder::new()),
            DataType::Int16 => Self::Short(Int16Builder::new()),
            DataType::Boolean => Self::Truth(BooleanBuilder::new()),
            DataType::Timestamp(..) => {
                Self::Instant(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            DataType::Date32 => Self::Day(Date32Builder::new()),
            DataType::Binary => Self::Bytes(BinaryBuilder::new()),
            other => {
                return Err(ArrowError::SchemaError(format!(
                    "no table has columns of type {other}"
                )));
            }
        })
    }

    /// Appends the cell; false when it is of another type.
    fn append(&mut self, cell: Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Text(column), Cell::Text(value)) => column.append_value(value),
            (Self::Text(column), Cell::Null) => column.append_null(),
            (Self::Number(column), Cell::Number(value)) => column.append_value(value),
            (Self::Number(column), Cell::Null) => column.append_null(),
            (Self::Long(column), Cell::Long(value)) => column.append_value(value),
            (Self::Long(column), Cell::Null) => column.append_null(),
            (Self::Int(column), Cell::Int(value)) => column.append_value(value),
            (Self::Int(column), Cell::Null) => column.append_null(),
            (Self::Short(column), Cell::Short(value)) => column.append_value(value),
            (Self::Short(column), Cell::Null) => column.append_null(),
            (Self::Truth(column), Cell::Truth(value)) => column.append_value(value),
            (Self::Truth(column), Cell::Null) => column.append_null(),
            (Self::Instant(column), Cell::Instant(value)) => column.append_value(value),
            (Self::Instant(column), Cell::Null) => column.append_null(),
            (Self::Day(column), Cell::Day(value)) => column.append_value(value),
            (Self::Day(column), Cell::Null) => column.append_null(),
            (Self::Bytes(column), Cell::Bytes(value)) => column.append_value(value),
            (Self::Bytes(column), Cell::Null) => column.append_null(),
            _ => return false,
        }
        true
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Number(column) => Arc::new(column.finish()),
            Self::Long(column) => Arc::new(column.finish()),
            Self::Int(column) => Arc::new(column.finish()),
            Self::Short(column) => Arc::new(column.finish()),
            Self::Truth(column) => Arc::new(column.finish()),
            Self::Instant(column) => Arc::new(column.finish()),
            Self::Day(column) => Arc::new(column.finish()),
            Self::Bytes(column) => Arc::new(column.finish()),
        }
    }
}

/// Collects rows of one table.
#[derive(Debug)]
pub struct Rows {
    table: TableDef,
    columns: Vec<Column>,
    rows: usize,
    /// The first cell that did not fit, told by [`Rows::finish`].
    misfit: Option<String>,
}

impl Rows {
    /// No rows yet of `table`.
    ///
    /// # Errors
    /// When the table has a column of a type no table has.
    pub fn new(table: TableDef) -> Result<Self, ArrowError> {
        let columns = table
            .schema
            .fields()
            .iter()
            .map(|field| Column::new(field.data_type()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            table,
            columns,
            rows: 0,
            misfit: None,
        })
    }

    /// The table the rows are for.
    pub const fn table(&self) -> &TableDef {
        &self.table
    }

    /// Number of rows appended since the last finish.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Appends one row: every column of the table by name, in the table's order.
    pub fn append(&mut self, cells: &[(&str, Cell<'_>)]) {
        if cells.len() != self.columns.len() && self.misfit.is_none() {
            self.misfit = Some(format!(
                "a row of {} cells for the {} columns of {}",
                cells.len(),
                self.columns.len(),
                self.table.name
            ));
        }
        let fields = self.table.schema.fields();
        for ((column, field), (name, cell)) in self.columns.iter_mut().zip(fields).zip(cells) {
            let fits = field.name() == name && column.append(*cell);
            if !fits && self.misfit.is_none() {
                self.misfit = Some(format!(
                    "cell {name} = {cell:?} does not fit {}.{}",
                    self.table.name,
                    field.name()
                ));
            }
        }
        self.rows += 1;
    }

    /// The rows as one batch; the collector is empty afterwards.
    ///
    /// # Errors
    /// When a cell did not fit its column, or a required one was null: a fault of the program.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        self.rows = 0;
        if let Some(misfit) = self.misfit.take() {
            return Err(ArrowError::InvalidArgumentError(misfit));
        }
        RecordBatch::try_new(Arc::clone(&self.table.schema), columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables;

    #[test]
    fn rows_become_a_batch_and_the_collector_starts_again() {
        let mut rows = Rows::new(tables::quarantine_redriven()).unwrap();
        rows.append(&[
            ("quarantine_id", "t/0/7".into()),
            ("redrive_id", "r1".into()),
            ("redriven_at", Cell::Instant(5)),
            ("outcome", "rows".into()),
            ("rows", 3_i64.into()),
            ("by", "op".into()),
            ("why", "crc allowed".into()),
        ]);
        assert_eq!(rows.len(), 1);
        let batch = rows.finish().unwrap();
        assert_eq!((batch.num_rows(), rows.len()), (1, 0));
        assert_eq!(batch.schema(), tables::quarantine_redriven().schema);
    }

    #[test]
    fn a_cell_under_the_wrong_name_is_told() {
        let mut rows = Rows::new(tables::alerts_published()).unwrap();
        rows.append(&[
            ("alert_id", "a".into()),
            ("published_at", "kafka:x".into()),
            ("target", Cell::Instant(1)),
            ("target_position", Cell::Null),
        ]);
        let message = rows.finish().unwrap_err().to_string();
        assert!(message.contains("alerts_published.target"), "{message}");
    }
}
