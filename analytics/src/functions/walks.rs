//! Aggregates that walk one sorted series: runs of equal values, gaps in time, sums in order.
//!
//! Each calls the plain functions of [`super::series`]. Copies of the same instant are resolved to
//! the latest received one, so they may be used on raw rows as well as on a view.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Builder, Int64Array, Int64Builder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int64Type};
use datafusion::common::Result;

use super::columns::{finite, instant, instants, list_type, lists, number, primitive};
use super::fold::{Cursor, Fold};
use super::series;

pub(super) const SECOND: i64 = 1_000_000;

pub(super) fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

pub(super) fn times(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    values
        .into_iter()
        .for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

pub(super) fn longs(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    let mut builder = Int64Builder::new();
    values
        .into_iter()
        .for_each(|value| builder.append_value(value));
    Arc::new(builder.finish())
}

pub(super) fn numbers(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    let mut builder = Float64Builder::new();
    values
        .into_iter()
        .for_each(|value| builder.append_option(finite(value)));
    Arc::new(builder.finish())
}

/// One point of a series; `limit` and `limit2` repeat the call's constant arguments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    time: i64,
    value: f64,
    limit: i64,
    limit2: i64,
}

fn encode_point(row: &Point, out: &mut Vec<u8>) {
    out.extend_from_slice(&row.time.to_le_bytes());
    out.extend_from_slice(&row.value.to_le_bytes());
    out.extend_from_slice(&row.limit.to_le_bytes());
    out.extend_from_slice(&row.limit2.to_le_bytes());
}

fn decode_point(bytes: &[u8]) -> Point {
    let mut cursor = Cursor(bytes);
    Point {
        time: cursor.i64(),
        value: cursor.f64(),
        limit: cursor.i64(),
        limit2: cursor.i64(),
    }
}

/// `constant_runs(time, value, min_points, max_step_s)`: list of runs of at least `min_points`
/// consecutive equal values; a missing value or a step longer than `max_step_s` (null: any) ends a
/// run. One row per instant is expected (use the view `readings`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ConstantRuns;

fn run_fields() -> Fields {
    Fields::from(vec![
        field("from_time", instant()),
        field("to_time", instant()),
        field("points", DataType::Int64),
        field("value", DataType::Float64),
    ])
}

impl Fold for ConstantRuns {
    type Row = Point;
    const WIDTH: usize = 32;

    fn name(&self) -> &'static str {
        "constant_runs"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![
            instant(),
            DataType::Float64,
            DataType::Int64,
            DataType::Int64,
        ]
    }

    fn answer(&self) -> DataType {
        list_type(&run_fields())
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Point>>> {
        let time = instants(&columns[0])?;
        let value = primitive::<Float64Type>(&columns[1])?;
        let min_points = primitive::<Int64Type>(&columns[2])?;
        let max_step = primitive::<Int64Type>(&columns[3])?;
        Ok((0..time.len())
            .map(|i| {
                time.is_valid(i).then(|| Point {
                    time: time.value(i),
                    value: number(value, i),
                    limit: min_points.value(i),
                    limit2: if max_step.is_valid(i) {
                        max_step.value(i)
                    } else {
                        i64::MAX
                    },
                })
            })
            .collect())
    }

    fn encode(row: &Point, out: &mut Vec<u8>) {
        encode_point(row, out);
    }

    fn decode(bytes: &[u8]) -> Point {
        decode_point(bytes)
    }

    fn finish(&self, series: Vec<Vec<Point>>) -> Result<ArrayRef> {
        let mut lengths = Vec::with_capacity(series.len());
        let mut found: Vec<(i64, i64, i64, f64)> = Vec::new();
        for mut points in series {
            points.sort_unstable_by_key(|point| (point.time, point.value.to_bits()));
            let min_points = points
                .first()
                .map_or(2, |point| usize::try_from(point.limit).unwrap_or(2));
            let values: Vec<Option<f64>> = points.iter().map(|point| finite(point.value)).collect();
            let breaks = |i: usize| {
                let step = points[i].time.saturating_sub(points[i - 1].time);
                step > points[i].limit2.saturating_mul(SECOND)
            };
            let runs = series::runs(&values, min_points, breaks);
            lengths.push(runs.len());
            found.extend(runs.iter().map(|run| {
                let (first, last) = (&points[run.start], &points[run.end - 1]);
                (
                    first.time,
                    last.time,
                    i64::try_from(run.points()).unwrap_or(i64::MAX),
                    first.value,
                )
            }));
        }
        let columns = vec![
            times(found.iter().map(|run| Some(run.0))),
            times(found.iter().map(|run| Some(run.1))),
            longs(found.iter().map(|run| run.2)),
            numbers(found.iter().map(|run| run.3)),
        ];
        lists(&run_fields(), columns, lengths)
    }
}

/// `time_gaps(time, min_seconds)`: list of steps longer than `min_seconds` between consecutive
/// distinct instants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TimeGaps;

fn gap_fields() -> Fields {
    Fields::from(vec![
        field("last_before", instant()),
        field("first_after", instant()),
        field("seconds", DataType::Int64),
    ])
}

impl Fold for TimeGaps {
    type Row = Point;
    const WIDTH: usize = 32;

    fn name(&self) -> &'static str {
        "time_gaps"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![instant(), DataType::Int64]
    }

    fn answer(&self) -> DataType {
        list_type(&gap_fields())
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Point>>> {
        let time = instants(&columns[0])?;
        let limit = primitive::<Int64Type>(&columns[1])?;
        Ok((0..time.len())
            .map(|i| {
                time.is_valid(i).then(|| Point {
                    time: time.value(i),
                    value: 0.0,
                    limit: limit.value(i),
                    limit2: 0,
                })
            })
            .collect())
    }

    fn encode(row: &Point, out: &mut Vec<u8>) {
        encode_point(row, out);
    }

    fn decode(bytes: &[u8]) -> Point {
        decode_point(bytes)
    }

    fn finish(&self, series: Vec<Vec<Point>>) -> Result<ArrayRef> {
        let mut lengths = Vec::with_capacity(series.len());
        let mut found: Vec<(i64, i64)> = Vec::new();
        for points in series {
            let limit = points
                .first()
                .map_or(0, |point| point.limit.saturating_mul(SECOND));
            let mut instants: Vec<i64> = points.iter().map(|point| point.time).collect();
            instants.sort_unstable();
            instants.dedup();
            let before = found.len();
            found.extend(series::gaps(&instants, limit).map(|i| (instants[i - 1], instants[i])));
            lengths.push(found.len() - before);
        }
        let columns = vec![
            times(found.iter().map(|gap| Some(gap.0))),
            times(found.iter().map(|gap| Some(gap.1))),
            longs(found.iter().map(|gap| (gap.1 - gap.0) / SECOND)),
        ];
        lists(&gap_fields(), columns, lengths)
    }
}

/// `ordered_sum(value, key)`: sum of the values in order of the key, so that the result has the
/// same bits however the rows were spread over threads. Missing values are left out; the sum of
/// nothing is null.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct OrderedSum;

impl Fold for OrderedSum {
    type Row = Point;
    const WIDTH: usize = 32;

    fn name(&self) -> &'static str {
        "ordered_sum"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![DataType::Float64, instant()]
    }

    fn answer(&self) -> DataType {
        DataType::Float64
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Point>>> {
        let value = primitive::<Float64Type>(&columns[0])?;
        let time = instants(&columns[1])?;
        Ok((0..time.len())
            .map(|i| {
                value.is_valid(i).then(|| Point {
                    time: time.value(i),
                    value: value.value(i),
                    limit: 0,
                    limit2: 0,
                })
            })
            .collect())
    }

    fn encode(row: &Point, out: &mut Vec<u8>) {
        encode_point(row, out);
    }

    fn decode(bytes: &[u8]) -> Point {
        decode_point(bytes)
    }

    fn finish(&self, series: Vec<Vec<Point>>) -> Result<ArrayRef> {
        Ok(numbers(series.into_iter().map(|mut points| {
            points.sort_unstable_by_key(|point| (point.time, point.value.to_bits()));
            if points.is_empty() {
                return f64::NAN;
            }
            points.iter().map(|point| point.value).sum()
        })))
    }
}

/// `usual_step(time)`: seconds between two values of a series as most steps have it; null unless
/// at least two steps were seen and half of them agree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct UsualStep;

impl Fold for UsualStep {
    type Row = i64;
    const WIDTH: usize = 8;

    fn name(&self) -> &'static str {
        "usual_step"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![instant()]
    }

    fn answer(&self) -> DataType {
        DataType::Int64
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<i64>>> {
        let time = instants(&columns[0])?;
        Ok((0..time.len())
            .map(|i| time.is_valid(i).then(|| time.value(i)))
            .collect())
    }

    fn encode(row: &i64, out: &mut Vec<u8>) {
        out.extend_from_slice(&row.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> i64 {
        Cursor(bytes).i64()
    }

    fn finish(&self, series: Vec<Vec<i64>>) -> Result<ArrayRef> {
        let each = series.into_iter().map(|mut times| {
            times.sort_unstable();
            times.dedup();
            let step = series::cadence(times.iter().copied())?;
            let agreeing = times.windows(2).filter(|pair| pair[1] - pair[0] == step);
            let steps = times.len() - 1;
            (steps >= 2 && agreeing.count() * 2 >= steps).then_some(step / SECOND)
        });
        Ok(Arc::new(Int64Array::from_iter(each)))
    }
}
