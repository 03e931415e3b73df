//! Small helpers to read argument columns and to build lists of structs.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, PrimitiveArray, StringViewArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Fields, Float64Type, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, internal_datafusion_err};

/// The type of every instant.
pub(super) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// An argument column of a primitive type.
pub(super) fn primitive<T: ArrowPrimitiveType>(column: &ArrayRef) -> Result<&PrimitiveArray<T>> {
    column.as_primitive_opt::<T>().ok_or_else(|| {
        internal_datafusion_err!("expected {}, got {}", T::DATA_TYPE, column.data_type())
    })
}

/// An argument column of instants, microseconds UTC.
pub(super) fn instants(column: &ArrayRef) -> Result<&PrimitiveArray<TimestampMicrosecondType>> {
    primitive::<TimestampMicrosecondType>(column)
}

/// An argument column of texts.
pub(super) fn texts(column: &ArrayRef) -> Result<&StringViewArray> {
    column
        .as_string_view_opt()
        .ok_or_else(|| internal_datafusion_err!("expected Utf8View, got {}", column.data_type()))
}

/// A number, or not-a-number where it is missing.
pub(super) fn number(column: &PrimitiveArray<Float64Type>, i: usize) -> f64 {
    if column.is_valid(i) {
        column.value(i)
    } else {
        f64::NAN
    }
}

/// A number that is missing when it is not finite.
pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The type "list of structs with these fields".
pub(super) fn list_type(fields: &Fields) -> DataType {
    DataType::List(Arc::new(Field::new(
        "item",
        DataType::Struct(fields.clone()),
        true,
    )))
}

/// One list per series: `lengths` says how many of the entries belong to each.
pub(super) fn lists(
    fields: &Fields,
    columns: Vec<ArrayRef>,
    lengths: Vec<usize>,
) -> Result<ArrayRef> {
    let entries = StructArray::try_new(fields.clone(), columns, None)?;
    let item = Arc::new(Field::new("item", DataType::Struct(fields.clone()), true));
    let list = ListArray::try_new(
        item,
        OffsetBuffer::from_lengths(lengths),
        Arc::new(entries),
        None,
    )?;
    Ok(Arc::new(list))
}
