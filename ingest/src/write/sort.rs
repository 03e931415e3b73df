//! The order of rows in a file: partition first, then the table's sort columns.
//!
//! Sorting rows of a million by comparing four columns is the slow way. Texts are ranked once per
//! batch (their dictionaries are small), numbers are taken relative to their smallest, and the
//! whole key with the row's number is packed into one 128-bit integer: one flat integer sort.
//! Keys that do not fit (never seen with real tables) go the slow way.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, lexsort_to_indices};
use arrow::datatypes::{DataType, Date32Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use nonsite_schemas::tables::TableDef;

/// Bits of a row's number within the packed key.
const ROW_BITS: u32 = 32;

/// The row numbers of `batch` in the order they are to be written.
pub(super) fn order(table: &TableDef, batch: &RecordBatch) -> Result<UInt32Array, ArrowError> {
    let mut columns = Vec::new();
    for name in table.partition_columns.iter().chain(table.sort_columns) {
        columns.push(batch.column_by_name(name).ok_or_else(|| {
            ArrowError::SchemaError(format!("the batch has no column `{name}` to sort by"))
        })?);
    }
    let keys: Option<Vec<Key>> = columns.iter().map(|column| Key::of(column)).collect();
    if let Some(keys) = keys
        && keys.iter().map(|key| key.bits).sum::<u32>() + ROW_BITS <= u128::BITS
    {
        return Ok(packed(batch.num_rows(), &keys));
    }
    let columns: Vec<SortColumn> = columns
        .into_iter()
        .map(|values| SortColumn {
            values: Arc::clone(values),
            options: None,
        })
        .collect();
    lexsort_to_indices(&columns, None)
}

fn packed(rows: usize, keys: &[Key]) -> UInt32Array {
    let mut packed: Vec<u128> = vec![0; rows];
    for key in keys {
        for (packed, value) in packed.iter_mut().zip(&key.values) {
            *packed = (*packed << key.bits) | u128::from(*value);
        }
    }
    for (row, packed) in packed.iter_mut().enumerate() {
        *packed = (*packed << ROW_BITS) | row as u128;
    }
    packed.sort_unstable();
    // The lowest 32 bits are the row's number.
    packed.into_iter().map(|key| key as u32).collect()
}

/// One column as small unsigned numbers in the same order.
struct Key {
    values: Vec<u64>,
    bits: u32,
}

impl Key {
    fn of(column: &dyn Array) -> Option<Self> {
        match column.data_type() {
            DataType::Dictionary(..) => Self::of_dictionary(column),
            DataType::Utf8 => Some(Self::of_texts(column)),
            DataType::Date32 => {
                let column = column.as_primitive::<Date32Type>();
                Some(Self::of_numbers(column.len(), |row| {
                    column.is_valid(row).then(|| i64::from(column.value(row)))
                }))
            }
            DataType::Int32 => {
                let column = column.as_primitive::<Int32Type>();
                Some(Self::of_numbers(column.len(), |row| {
                    column.is_valid(row).then(|| i64::from(column.value(row)))
                }))
            }
            DataType::Int64 => {
                let column = column.as_primitive::<Int64Type>();
                Some(Self::of_numbers(column.len(), |row| {
                    column.is_valid(row).then(|| column.value(row))
                }))
            }
            DataType::Timestamp(..) => {
                let column = column.as_primitive_opt::<TimestampMicrosecondType>()?;
                Some(Self::of_numbers(column.len(), |row| {
                    column.is_valid(row).then(|| column.value(row))
                }))
            }
            _ => None,
        }
    }

    /// Null first, then the value's distance to the smallest.
    fn of_numbers(rows: usize, value: impl Fn(usize) -> Option<i64>) -> Self {
        let smallest = (0..rows).filter_map(&value).min().unwrap_or(0);
        let distance = |value: i64| {
            value
                .wrapping_sub(smallest)
                .cast_unsigned()
                .saturating_add(1)
        };
        Self::new(
            (0..rows)
                .map(|row| value(row).map_or(0, distance))
                .collect(),
        )
    }

    fn of_dictionary(column: &dyn Array) -> Option<Self> {
        let column = column.as_dictionary_opt::<Int32Type>()?;
        let texts = column.values().as_string_opt::<i32>()?;
        let mut sorted: Vec<usize> = (0..texts.len()).collect();
        sorted.sort_unstable_by_key(|id| texts.value(*id));
        let mut ranks = vec![0_u64; texts.len()];
        let (mut rank, mut last) = (0, None);
        for id in sorted {
            // A text that is in the dictionary twice keeps one rank.
            if last != Some(texts.value(id)) {
                rank += 1;
                last = Some(texts.value(id));
            }
            ranks[id] = rank;
        }
        let keys = column.keys();
        let rank = |row| {
            usize::try_from(keys.value(row))
                .ok()
                .and_then(|id| ranks.get(id))
                .copied()
        };
        let values = (0..keys.len())
            .map(|row| {
                if keys.is_valid(row) {
                    rank(row).unwrap_or(0)
                } else {
                    0
                }
            })
            .collect();
        Some(Self::new(values))
    }

    fn of_texts(column: &dyn Array) -> Self {
        let texts = column.as_string::<i32>();
        let mut distinct: Vec<&str> = texts.iter().flatten().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let ranks: HashMap<&str, u64> = distinct.into_iter().zip(1..).collect();
        Self::new(
            texts
                .iter()
                .map(|text| text.map_or(0, |text| ranks[text]))
                .collect(),
        )
    }

    fn new(values: Vec<u64>) -> Self {
        let largest = values.iter().copied().max().unwrap_or(0);
        Self {
            values,
            bits: u64::BITS - largest.leading_zeros(),
        }
    }
}
