//! A column whose value seldom changes from row to row.

use arrow::array::{ArrowPrimitiveType, BooleanBufferBuilder, PrimitiveArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;

/// A nullable column that stores a value only where it differs from the row before: everything
/// that the values of one packet have in common.
#[derive(Debug)]
pub(crate) struct Runs<T> {
    /// First row of each run, and its value.
    runs: Vec<(usize, Option<T>)>,
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self { runs: Vec::new() }
    }
}

impl<T: ArrowNativeType> Runs<T> {
    /// Sets the value of `row`; every row is set, in rising order.
    pub(crate) fn set(&mut self, row: usize, value: Option<T>) {
        if self.runs.last().is_none_or(|(_, last)| *last != value) {
            self.runs.push((row, value));
        }
    }

    /// The value of the last row set.
    pub(crate) fn last(&self) -> Option<T> {
        self.runs.last().and_then(|(_, value)| *value)
    }

    /// The column with `rows` rows; the builder is empty afterwards.
    pub(crate) fn finish<A>(&mut self, rows: usize) -> PrimitiveArray<A>
    where
        A: ArrowPrimitiveType<Native = T>,
    {
        let mut values: Vec<T> = Vec::with_capacity(rows);
        let mut valid = BooleanBufferBuilder::new(rows);
        let mut ends = self.runs.iter().skip(1).map(|(start, _)| *start);
        for (start, value) in &self.runs {
            let end = ends.next().unwrap_or(rows);
            values.resize(end, value.unwrap_or_default());
            valid.append_n(end - start, value.is_some());
        }
        if self.runs.is_empty() {
            values.resize(rows, T::default());
            valid.append_n(rows, false);
        }
        self.runs.clear();
        let nulls = Some(NullBuffer::new(valid.finish())).filter(|nulls| nulls.null_count() > 0);
        PrimitiveArray::new(ScalarBuffer::from(values), nulls)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.runs.len() * size_of::<(usize, Option<T>)>()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;
    use arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn runs_become_rows_again() {
        let mut runs = Runs::default();
        for (row, value) in [Some(7), Some(7), None, None, Some(8)]
            .into_iter()
            .enumerate()
        {
            runs.set(row, value);
        }
        assert_eq!(runs.bytes(), 3 * size_of::<(usize, Option<i64>)>());
        let column = runs.finish::<Int64Type>(5);
        let read: Vec<Option<i64>> = column.iter().collect();
        assert_eq!(read, [Some(7), Some(7), None, None, Some(8)]);
        assert_eq!(runs.finish::<Int64Type>(2).null_count(), 2);
        runs.set(0, Some(1));
        assert!(runs.finish::<Int64Type>(1).nulls().is_none());
    }
}
