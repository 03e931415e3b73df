//! What values weigh: their bytes with all that stands in them, lists in lists included.
//!
//! Texts that are views weigh what they show: a list that holds one of them a thousand times becomes a
//! text with a thousand copies.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::kernels::length::length;
use arrow::datatypes::DataType;
use datafusion::error::Result;

use super::made::{ELEMENT, place, whole};

/// Weights of the values of a column; none is less than [`ELEMENT`].
pub(super) struct Weights(Vec<i128>);

impl Weights {
    /// Weighs a column.
    pub(super) fn of(column: &ArrayRef) -> Result<Self> {
        weigh(column).map(Self)
    }

    /// What the value of a row weighs.
    pub(super) fn get(&self, row: usize) -> i128 {
        let place = place(self.0.len(), row);
        self.0.get(place).copied().unwrap_or(0)
    }
}

fn weigh(column: &ArrayRef) -> Result<Vec<i128>> {
    match column.data_type() {
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => {
            let lengths = whole(&length(column.as_ref())?)?;
            let each = (0..column.len()).map(|row| ELEMENT + lengths.size(row));
            Ok(each.collect())
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            let ends = list.offsets().iter().map(|end| end.unsigned_abs() as usize);
            stretches(ends, list.values())
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            let ends = list.offsets().iter().map(|end| end.unsigned_abs() as usize);
            stretches(ends, list.values())
        }
        DataType::FixedSizeList(_, size) => {
            let size = size.unsigned_abs() as usize;
            let ends = (0..=column.len()).map(|row| row * size);
            stretches(ends, column.as_fixed_size_list().values())
        }
        DataType::Map(..) => {
            let map = column.as_map();
            let ends = map.offsets().iter().map(|end| end.unsigned_abs() as usize);
            let entries: ArrayRef = Arc::new(map.entries().clone());
            stretches(ends, &entries)
        }
        DataType::ListView(_) => {
            let list = column.as_list_view::<i32>();
            let starts = list.offsets().iter().map(|at| at.unsigned_abs() as usize);
            let sizes = list.sizes().iter().map(|size| size.unsigned_abs() as usize);
            views(starts.zip(sizes), list.values())
        }
        DataType::LargeListView(_) => {
            let list = column.as_list_view::<i64>();
            let starts = list.offsets().iter().map(|at| at.unsigned_abs() as usize);
            let sizes = list.sizes().iter().map(|size| size.unsigned_abs() as usize);
            views(starts.zip(sizes), list.values())
        }
        DataType::Struct(_) => {
            let mut all = vec![ELEMENT; column.len()];
            for part in column.as_struct().columns() {
                for (sum, weight) in all.iter_mut().zip(weigh(part)?) {
                    *sum += weight;
                }
            }
            Ok(all)
        }
        DataType::Dictionary(..) => {
            let words = column.as_any_dictionary();
            if words.values().is_empty() {
                return Ok(vec![ELEMENT; column.len()]);
            }
            let weights = weigh(words.values())?;
            let keys = words.normalized_keys().into_iter();
            Ok(keys.map(|key| weights[key]).collect())
        }
        _ => Ok(vec![ELEMENT; column.len()]),
    }
}

/// Weights of lists that lie one after the other, by where each begins and the last one ends.
fn stretches(ends: impl Iterator<Item = usize>, elements: &ArrayRef) -> Result<Vec<i128>> {
    let ends: Vec<usize> = ends.collect();
    let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
        return Ok(Vec::new());
    };
    // Of a long column cut into batches only the elements of this batch.
    let weights = weigh(&elements.slice(*first, last - first))?;
    let each = ends.windows(2).map(|ends| {
        let elements = &weights[ends[0] - first..ends[1] - first];
        ELEMENT + elements.iter().sum::<i128>()
    });
    Ok(each.collect())
}

/// Weights of lists that lie anywhere among the elements, by where each begins and how long it is.
fn views(lists: impl Iterator<Item = (usize, usize)>, elements: &ArrayRef) -> Result<Vec<i128>> {
    // Sums of the weights up to each element: lists may overlap.
    let mut sums = vec![0];
    let mut sum = 0;
    for weight in weigh(elements)? {
        sum += weight;
        sums.push(sum);
    }
    let each = lists.map(|(start, size)| ELEMENT + sums[start + size] - sums[start]);
    Ok(each.collect())
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        DictionaryArray, Int64Array, ListArray, StringArray, StringViewArray, StructArray,
    };
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{Field, Int32Type};

    use super::*;

    fn list_of(lengths: &[usize], elements: ArrayRef) -> ArrayRef {
        let item = Arc::new(Field::new_list_field(elements.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
        Arc::new(ListArray::new(item, offsets, elements, None))
    }

    #[test]
    fn values_weigh_what_stands_in_them() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("abc"), None, Some("")]));
        let view = "a text that is not inlined";
        let views: ArrayRef = Arc::new(StringViewArray::from(vec![view]));
        let words: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::from_iter(["a", "bb", "a"]));
        let lists = list_of(&[1, 0, 2], Arc::clone(&texts));
        let nested = list_of(&[2, 1], Arc::clone(&lists));
        let field = Arc::new(Field::new("a", DataType::Utf8, true));
        let pairs: ArrayRef = Arc::new(StructArray::from(vec![(field, Arc::clone(&texts))]));
        let cases: [(&ArrayRef, &[i128]); 8] = [
            (&numbers, &[16, 16, 16]),
            (&texts, &[19, 16, 16]),
            (&views, &[42]),
            (&words, &[17, 18, 17]),
            (&lists, &[16 + 19, 16, 16 + 16 + 16]),
            (&lists.slice(2, 1), &[16 + 16 + 16]),
            (&nested, &[16 + 35 + 16, 16 + 48]),
            (&pairs, &[16 + 19, 16 + 16, 16 + 16]),
        ];
        for (column, wanted) in cases {
            assert_eq!(weigh(column).expect("weights"), wanted, "{column:?}");
        }
    }
}
