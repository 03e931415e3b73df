//! A file's statistics as Delta writes them, from what Parquet already knows.
//!
//! `minValues`/`maxValues` must be true bounds: readers skip files by them. Instants are written
//! to the millisecond, the minimum rounded down and the maximum up; a text whose bound Parquet
//! had to shorten is left out, as is everything whose bound is unknown.

use chrono::DateTime;
use parquet::basic::{LogicalType, TimeUnit, Type};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde_json::{Map, Value};

/// Which bound is meant; it decides the direction of rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Min,
    Max,
}

/// The `stats` text of an `add` action.
pub(crate) fn of(file: &ParquetMetaData) -> String {
    let schema = file.file_metadata().schema_descr();
    let (mut mins, mut maxs, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (index, column) in schema.columns().iter().enumerate() {
        let groups: Option<Vec<&Statistics>> = file
            .row_groups()
            .iter()
            .map(|group| group.column(index).statistics())
            .collect();
        let Some(groups) = groups else { continue };
        let name = column.name().to_owned();
        let count: Option<u64> = groups.iter().map(|group| group.null_count_opt()).sum();
        if let Some(count) = count {
            nulls.insert(name.clone(), count.into());
        }
        // A row group of nulls has no bounds and does not widen those of the others.
        let bounded: Vec<&Statistics> = groups
            .into_iter()
            .filter(|group| group.min_bytes_opt().is_some())
            .collect();
        let logical = column.logical_type_ref();
        let kind = column.physical_type();
        if let Some(value) = bound(&bounded, kind, logical, Bound::Min) {
            mins.insert(name.clone(), value);
        }
        if let Some(value) = bound(&bounded, kind, logical, Bound::Max) {
            maxs.insert(name, value);
        }
    }
    let mut stats = Map::new();
    stats.insert(
        "numRecords".to_owned(),
        file.file_metadata().num_rows().into(),
    );
    stats.insert("minValues".to_owned(), mins.into());
    stats.insert("maxValues".to_owned(), maxs.into());
    stats.insert("nullCount".to_owned(), nulls.into());
    Value::Object(stats).to_string()
}

/// The bound over all row groups, `None` if there is none or it cannot be told exactly.
fn bound(
    groups: &[&Statistics],
    kind: Type,
    logical: Option<&LogicalType>,
    bound: Bound,
) -> Option<Value> {
    let integer = |value: fn(&Statistics, Bound) -> Option<i64>| -> Option<i64> {
        let values: Option<Vec<i64>> = groups.iter().map(|group| value(group, bound)).collect();
        let values = values?;
        match bound {
            Bound::Min => values.into_iter().min(),
            Bound::Max => values.into_iter().max(),
        }
    };
    match kind {
        Type::INT32 => {
            let value = integer(int32)?;
            if matches!(logical, Some(LogicalType::Date)) {
                let days = i32::try_from(value).ok()?;
                let date = arrow::datatypes::Date32Type::to_naive_date_opt(days)?;
                return Some(date.to_string().into());
            }
            Some(value.into())
        }
        Type::INT64 => {
            let value = integer(int64)?;
            match logical {
                Some(LogicalType::Timestamp(timestamp)) => {
                    matches!(timestamp.unit, TimeUnit::MICROS).then(|| instant(value, bound))?
                }
                _ => Some(value.into()),
            }
        }
        Type::DOUBLE => {
            let values: Option<Vec<f64>> =
                groups.iter().map(|group| double(group, bound)).collect();
            let pick = match bound {
                Bound::Min => f64::min,
                Bound::Max => f64::max,
            };
            values?
                .into_iter()
                .reduce(pick)
                .filter(|value| value.is_finite())
                .map(Value::from)
        }
        Type::BYTE_ARRAY if matches!(logical, Some(LogicalType::String)) => {
            let texts: Option<Vec<&str>> = groups.iter().map(|group| text(group, bound)).collect();
            let texts = texts?;
            match bound {
                Bound::Min => texts.into_iter().min(),
                Bound::Max => texts.into_iter().max(),
            }
            .map(Value::from)
        }
        _ => None,
    }
}

fn int32(group: &Statistics, bound: Bound) -> Option<i64> {
    let Statistics::Int32(values) = group else {
        return None;
    };
    let value = if bound == Bound::Min {
        values.min_opt()
    } else {
        values.max_opt()
    };
    value.map(|value| i64::from(*value))
}

fn int64(group: &Statistics, bound: Bound) -> Option<i64> {
    let Statistics::Int64(values) = group else {
        return None;
    };
    if bound == Bound::Min {
        values.min_opt()
    } else {
        values.max_opt()
    }
    .copied()
}

fn double(group: &Statistics, bound: Bound) -> Option<f64> {
    let Statistics::Double(values) = group else {
        return None;
    };
    if bound == Bound::Min {
        values.min_opt()
    } else {
        values.max_opt()
    }
    .copied()
}

fn text(group: &Statistics, bound: Bound) -> Option<&str> {
    let (bytes, exact) = match bound {
        Bound::Min => (group.min_bytes_opt()?, group.min_is_exact()),
        Bound::Max => (group.max_bytes_opt()?, group.max_is_exact()),
    };
    exact.then(|| str::from_utf8(bytes).ok())?
}

/// RFC 3339 to the millisecond, rounded outwards.
fn instant(micros: i64, bound: Bound) -> Option<Value> {
    let millis = match bound {
        Bound::Min => micros.div_euclid(1_000),
        Bound::Max => micros.div_euclid(1_000) + i64::from(micros.rem_euclid(1_000) != 0),
    };
    let instant = DateTime::from_timestamp_millis(millis)?;
    Some(instant.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into())
}
