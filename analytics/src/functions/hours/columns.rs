//! The hours of a series as Arrow columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int32Builder, StringViewBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Fields};

use super::super::columns::{finite, instant};
use super::Hour;

/// Names and types of the columns.
pub(super) fn fields() -> Fields {
    let field = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    Fields::from(vec![
        field("hour", instant()),
        field("source", DataType::Utf8View),
        field("interval_s", DataType::Int32),
        field("n_due", DataType::Int32),
        field("n_received", DataType::Int32),
        field("n_used", DataType::Int32),
        field("n_valid", DataType::Int32),
        field("n_dropped", DataType::Int32),
        field("dropped", DataType::Utf8View),
        field("mark", DataType::Utf8View),
        field("valid", DataType::Boolean),
        field("value", DataType::Float64),
        field("zs_value", DataType::Float64),
        field("min", DataType::Float64),
        field("max", DataType::Float64),
        field("cou", DataType::Float64),
        field("uploaded_value", DataType::Float64),
        field("uploaded_zs", DataType::Float64),
        field("copies", DataType::Int32),
        field("changed", DataType::Int32),
    ])
}

/// The columns, in the order of [`fields`].
pub(super) fn columns(hours: &[Hour]) -> Vec<ArrayRef> {
    let count = |pick: fn(&Hour) -> i32| -> ArrayRef {
        let mut builder = Int32Builder::with_capacity(hours.len());
        hours
            .iter()
            .for_each(|hour| builder.append_value(pick(hour)));
        Arc::new(builder.finish())
    };
    let number = |pick: fn(&Hour) -> f64| -> ArrayRef {
        let mut builder = Float64Builder::with_capacity(hours.len());
        hours
            .iter()
            .for_each(|hour| builder.append_option(finite(pick(hour))));
        Arc::new(builder.finish())
    };
    let text = |pick: fn(&Hour) -> &str| -> ArrayRef {
        let mut builder = StringViewBuilder::with_capacity(hours.len());
        for hour in hours {
            let text = pick(hour);
            builder.append_option((!text.is_empty()).then_some(text));
        }
        Arc::new(builder.finish())
    };
    let mut start = TimestampMicrosecondBuilder::with_capacity(hours.len()).with_timezone("UTC");
    let mut valid = BooleanBuilder::with_capacity(hours.len());
    for hour in hours {
        start.append_value(hour.start);
        valid.append_value(hour.valid);
    }
    vec![
        Arc::new(start.finish()),
        text(|hour| hour.source.text()),
        count(|hour| i32::try_from(hour.interval_s).unwrap_or(i32::MAX)),
        count(|hour| hour.due),
        count(|hour| hour.received),
        count(|hour| hour.used),
        count(|hour| hour.good),
        count(|hour| hour.dropped),
        text(|hour| &hour.why),
        text(|hour| &hour.mark),
        Arc::new(valid.finish()),
        number(|hour| hour.value),
        number(|hour| hour.zs),
        number(|hour| hour.min),
        number(|hour| hour.max),
        number(|hour| hour.cou),
        number(|hour| hour.uploaded_value),
        number(|hour| hour.uploaded_zs),
        count(|hour| hour.copies),
        count(|hour| hour.changed),
    ]
}
