//! How large rows are when they are sent.
//!
//! In memory a text that is a view is a pointer: a join that writes it into a thousand rows has it once,
//! and a client gets it a thousand times. So the limit of a result counts what the views show, and a wire
//! that writes texts out does so a [slice](slices) at a time.

use arrow::array::{Array, AsArray, OffsetSizeTrait};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;

/// Bytes that say where a text or list ends.
const END: u64 = 4;
/// Bytes a word of a dictionary is taken for when it is no text.
const WORD: usize = 8;

/// Bytes of a batch as it is sent.
pub(super) fn bytes(batch: &RecordBatch) -> u64 {
    let columns = batch.columns().iter();
    columns.map(|column| size(column.as_ref())).sum()
}

/// The rows of a batch in parts that are no larger than this as they are sent, or one row.
pub(super) fn slices(batch: &RecordBatch, most: u64) -> Vec<RecordBatch> {
    let rows = batch.num_rows();
    if rows < 2 || bytes(batch) <= most {
        return vec![batch.clone()];
    }
    let half = rows / 2;
    let mut all = slices(&batch.slice(0, half), most);
    all.extend(slices(&batch.slice(half, rows - half), most));
    all
}

fn size(column: &dyn Array) -> u64 {
    let ends = END * column.len() as u64;
    match column.data_type() {
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            ends + elements(list.offsets(), list.values().as_ref())
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            ends + elements(list.offsets(), list.values().as_ref())
        }
        DataType::Map(..) => {
            let map = column.as_map();
            ends + elements(map.offsets(), map.entries())
        }
        DataType::FixedSizeList(..) => size(column.as_fixed_size_list().values().as_ref()),
        DataType::Struct(_) => {
            let parts = column.as_struct().columns().iter();
            parts.map(|part| size(part.as_ref())).sum()
        }
        DataType::Dictionary(..) => {
            let words = column.as_any_dictionary();
            if words.values().is_empty() {
                return ends;
            }
            let values: &dyn Array = words.values().as_ref();
            let lengths = lengths(values).unwrap_or_else(|| vec![WORD; values.len()]);
            let keys = words.normalized_keys().into_iter().enumerate();
            let each = keys
                .filter(|(row, _)| words.keys().is_valid(*row))
                .map(|(_, key)| lengths[key] as u64);
            ends + each.sum::<u64>()
        }
        _ => match lengths(column) {
            Some(lengths) => ends + lengths.into_iter().map(|bytes| bytes as u64).sum::<u64>(),
            None => {
                let data = column.to_data();
                let bytes = data.get_slice_memory_size();
                bytes.unwrap_or_else(|_| column.get_array_memory_size()) as u64
            }
        },
    }
}

/// Bytes of the elements of lists.
fn elements<O: OffsetSizeTrait>(ends: &OffsetBuffer<O>, elements: &dyn Array) -> u64 {
    let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
        return 0;
    };
    let (first, last) = (first.as_usize(), last.as_usize());
    size(elements.slice(first, last - first).as_ref())
}

/// Bytes of each text, if it is texts.
fn lengths(column: &dyn Array) -> Option<Vec<usize>> {
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().offsets().lengths().collect(),
        DataType::LargeUtf8 => column.as_string::<i64>().offsets().lengths().collect(),
        DataType::Binary => column.as_binary::<i32>().offsets().lengths().collect(),
        DataType::LargeBinary => column.as_binary::<i64>().offsets().lengths().collect(),
        DataType::Utf8View => {
            let lengths = column.as_string_view().lengths();
            lengths.map(|bytes| bytes as usize).collect()
        }
        DataType::BinaryView => {
            let lengths = column.as_binary_view().lengths();
            lengths.map(|bytes| bytes as usize).collect()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, DictionaryArray, Int32Array, Int64Array, ListArray, StringArray, StringViewArray,
        UInt32Array,
    };
    use arrow::compute::take;
    use arrow::datatypes::{Field, Int32Type};

    use super::*;

    /// A thousand views of one text of a thousand bytes.
    fn repeated() -> ArrayRef {
        let text = StringViewArray::from(vec!["x".repeat(1_000)]);
        take(&text, &UInt32Array::from(vec![0; 1_000]), None).expect("rows")
    }

    fn batch(column: ArrayRef) -> RecordBatch {
        RecordBatch::try_from_iter([("c", column)]).expect("a column")
    }

    #[test]
    fn a_text_counts_as_often_as_it_is_sent() {
        let views = repeated();
        assert!(views.get_array_memory_size() < 100_000);
        let offsets = OffsetBuffer::from_lengths([400, 600]);
        let item = Arc::new(Field::new_list_field(DataType::Utf8View, true));
        let lists: ArrayRef = Arc::new(ListArray::new(item, offsets, Arc::clone(&views), None));
        let word: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1_000)]));
        let keys = Int32Array::from_iter((0..1_000).map(|row| (row % 2 == 0).then_some(0)));
        let words = DictionaryArray::<Int32Type>::try_new(keys, word).expect("keys of words");
        let cases: [(ArrayRef, u64); 6] = [
            (Arc::clone(&views), 1_004_000),
            (views.slice(10, 5), 5 * 1_004),
            (lists.slice(1, 1), 4 + 600 * 1_004),
            (lists, 8 + 1_004_000),
            (Arc::new(words), 504_000),
            (Arc::new(Int64Array::from(vec![1; 100]).slice(50, 10)), 80),
        ];
        for (column, wanted) in cases {
            let kind = column.data_type().clone();
            assert_eq!(bytes(&batch(column)), wanted, "{kind}");
        }
    }

    #[test]
    fn slices_are_small_where_rows_are() {
        let all = batch(repeated());
        let parts = slices(&all, 100_000);
        let rows: usize = parts.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 1_000);
        assert!(parts.len() >= 10, "{}", parts.len());
        assert!(parts.iter().all(|part| bytes(part) <= 100_000));
        // A row is not cut.
        assert_eq!(slices(&all, 10).len(), 1_000);
        assert_eq!(slices(&all, u64::MAX).len(), 1);
        assert_eq!(slices(&all.slice(0, 0), 0).len(), 1);
    }
}
