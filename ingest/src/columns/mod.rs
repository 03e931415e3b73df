//! Rows under construction, column by column.
//!
//! The hot path appends a reading per call, so an absent value must cost nothing and a repeated
//! text next to nothing: [`Sparse`] does not store nulls it has not been asked about, [`Runs`]
//! stores what all values of a packet have in common once per packet, and [`Texts`] keeps each
//! distinct text once and an integer per row ([`TextRuns`]: per packet).

mod documents;
mod quarantine;
mod readings;
mod runs;
mod states;
mod texts;

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

pub(crate) use self::documents::DocumentRows;
pub(crate) use self::quarantine::{QuarantineRow, QuarantineRows};
pub(crate) use self::readings::ReadingRows;
pub(crate) use self::runs::Runs;
pub(crate) use self::states::{State, StateRows};
pub(crate) use self::texts::{TextRuns, Texts};

/// Up to here a column grows by doubling; most tables never get there.
const SMALL_ROWS: usize = 1 << 14;
/// Rows for which room is made at once: what a file of the hot path has, and a chunk more.
const EXPECTED_ROWS: usize = (1 << 18) + (1 << 14);

/// A nullable column of fixed-width values that costs nothing for rows without a value.
#[derive(Debug)]
pub(crate) struct Sparse<T> {
    values: Vec<T>,
    valid: Vec<bool>,
}

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            valid: Vec::new(),
        }
    }
}

impl<T: ArrowNativeType> Sparse<T> {
    /// Sets the value of `row`; rows are set in rising order, and those left out are null.
    pub(crate) fn set(&mut self, row: usize, value: Option<T>) {
        if let Some(value) = value {
            if self.values.len() < row {
                self.values.resize(row, T::default());
                self.valid.resize(row, false);
            }
            self.make_room();
            self.values.push(value);
            self.valid.push(true);
        }
    }

    /// A column that has become large gets all the room it will need at once: growing on by
    /// doubling would copy it over and over and keep up to twice its size.
    fn make_room(&mut self) {
        let length = self.values.len();
        if length == self.values.capacity() && (SMALL_ROWS..EXPECTED_ROWS).contains(&length) {
            self.values.reserve_exact(EXPECTED_ROWS - length);
            self.valid.reserve_exact(EXPECTED_ROWS - self.valid.len());
        }
    }

    /// The column with `rows` rows; the builder is empty afterwards.
    pub(crate) fn finish<A>(&mut self, rows: usize) -> PrimitiveArray<A>
    where
        A: ArrowPrimitiveType<Native = T>,
    {
        if self.values.is_empty() {
            return PrimitiveArray::new_null(rows);
        }
        self.values.resize(rows, T::default());
        self.valid.resize(rows, false);
        let valid = BooleanBuffer::from(self.valid.as_slice());
        self.valid.clear();
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        PrimitiveArray::new(values, Some(NullBuffer::new(valid)))
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.values.len() * (size_of::<T>() + 1)
    }
}

/// Puts finished columns under the table's schema, in which text columns may be dictionaries.
pub(crate) fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| {
            field
                .as_ref()
                .clone()
                .with_data_type(column.data_type().clone())
        })
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
