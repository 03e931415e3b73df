//! Columns as every client of Flight knows them.
//!
//! The engine keeps texts and bytes as views, a form younger than many clients: Java's driver ends with an
//! error at the first of them. They are sent as plain texts and bytes, inside of lists and structs as well.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

/// The columns without views.
pub(super) fn plain(schema: &Schema) -> SchemaRef {
    let fields: Fields = schema.fields().iter().map(plain_field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The type without views.
pub(super) fn plain_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) => DataType::LargeList(plain_field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        DataType::Dictionary(key, value) => {
            DataType::Dictionary(key.clone(), Box::new(plain_type(value)))
        }
        other => other.clone(),
    }
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let kind = plain_type(field.data_type());
    if kind == *field.data_type() {
        return Arc::clone(field);
    }
    let plain = Field::new(field.name(), kind, field.is_nullable());
    Arc::new(plain.with_metadata(field.metadata().clone()))
}

/// Rows in the columns of [`plain`].
///
/// # Errors
/// Never in practice: every view can be cast.
pub(super) fn rows(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(Arc::clone(column))
            } else {
                cast(&narrowed(column)?, field.data_type())
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let count = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &count)
}

/// A column with no elements but those of its own rows: a cast of a few rows of lists casts all elements
/// the lists were cut from.
fn narrowed(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::List(item) => narrowed_list(column.as_list::<i32>(), item),
        DataType::LargeList(item) => narrowed_list(column.as_list::<i64>(), item),
        DataType::Struct(fields) if !fields.is_empty() => {
            let parts = column.as_struct();
            let columns = parts.columns().iter().map(narrowed);
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let nulls = parts.nulls().cloned();
            Ok(Arc::new(StructArray::try_new(
                fields.clone(),
                columns,
                nulls,
            )?))
        }
        _ => Ok(Arc::clone(column)),
    }
}

fn narrowed_list<O: OffsetSizeTrait>(
    list: &GenericListArray<O>,
    item: &FieldRef,
) -> Result<ArrayRef, ArrowError> {
    let ends = list.offsets();
    let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
        return Ok(Arc::new(list.clone()));
    };
    let (first, last) = (first.as_usize(), last.as_usize());
    let elements = narrowed(&list.values().slice(first, last - first))?;
    let ends = OffsetBuffer::from_lengths(ends.lengths());
    let nulls = list.nulls().cloned();
    let list = GenericListArray::<O>::try_new(Arc::clone(item), ends, elements, nulls)?;
    Ok(Arc::new(list))
}

#[cfg(test)]
mod tests {
    use arrow::array::{ListArray, StringViewArray};

    use super::*;

    #[test]
    fn views_become_texts_wherever_they_stand() {
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec![
            "a",
            "a text that is not inlined",
        ]));
        let item = Arc::new(Field::new_list_field(DataType::Utf8View, true));
        let list = ListArray::new(
            item,
            OffsetBuffer::from_lengths([1, 1]),
            Arc::clone(&texts),
            None,
        );
        let batch = RecordBatch::try_from_iter([("t", texts), ("l", Arc::new(list) as ArrayRef)])
            .expect("two columns");
        let schema = plain(&batch.schema());
        assert_eq!(schema.field(0).data_type(), &DataType::Utf8);
        let plain = rows(&batch, &schema).expect("cast");
        assert_eq!(
            plain.column(0).as_string::<i32>().value(1),
            "a text that is not inlined"
        );
        assert_eq!(
            plain
                .column(1)
                .as_list::<i32>()
                .value(0)
                .as_string::<i32>()
                .value(0),
            "a"
        );
    }

    #[test]
    fn a_few_rows_are_cast_without_the_others() {
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["a"; 1_000]));
        let item = Arc::new(Field::new_list_field(DataType::Utf8View, true));
        let ends = OffsetBuffer::from_lengths([400, 1, 599]);
        let list: ArrayRef = Arc::new(ListArray::new(item, ends, texts, None));
        let field = Arc::new(Field::new("l", list.data_type().clone(), true));
        let pair = StructArray::from(vec![(field, Arc::clone(&list))]);
        let batch = RecordBatch::try_from_iter([("l", list), ("s", Arc::new(pair) as ArrayRef)])
            .expect("two columns");
        let plain = rows(&batch.slice(1, 1), &plain(&batch.schema())).expect("cast");
        let lists = [plain.column(0), plain.column(1).as_struct().column(0)];
        for list in lists {
            let list = list.as_list::<i32>();
            assert_eq!(list.values().len(), 1);
            assert_eq!(list.value(0).as_string::<i32>().value(0), "a");
        }
    }
}
