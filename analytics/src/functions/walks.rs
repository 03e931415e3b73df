//! Aggregates that walk one sorted series: runs of equal values, gaps in time, contact with a logger.
//!
//! Each calls the plain functions of [`super::series`]. Copies of the same instant are resolved to
//! the latest received one, so they may be used on raw rows as well as on a view.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Builder, Int64Builder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int32Type, Int64Type};
use datafusion::common::Result;

use super::columns::{finite, instant, instants, list_type, lists, number, primitive, texts};
use super::fold::{Cursor, Fold};
use super::series;

const SECOND: i64 = 1_000_000;

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn times(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    values.into_iter().for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

fn longs(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    let mut builder = Int64Builder::new();
    values.into_iter().for_each(|value| builder.append_value(value));
    Arc::new(builder.finish())
}

fn numbers(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    let mut builder = Float64Builder::new();
    values.into_iter().for_each(|value| builder.append_option(finite(value)));
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
        vec![instant(), DataType::Float64, DataType::Int64, DataType::Int64]
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
                    limit2: if max_step.is_valid(i) { max_step.value(i) } else { i64::MAX },
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
            let min_points =
                points.first().map_or(2, |point| usize::try_from(point.limit).unwrap_or(2));
            let values: Vec<Option<f64>> = points.iter().map(|point| finite(point.value)).collect();
            let breaks = |i: usize| {
                let step = points[i].time.saturating_sub(points[i - 1].time);
                step > points[i].limit2.saturating_mul(SECOND)
            };
            let runs = series::runs(&values, min_points, breaks);
            lengths.push(runs.len());
            found.extend(runs.iter().map(|run| {
                let (first, last) = (&points[run.start], &points[run.end - 1]);
                (first.time, last.time, i64::try_from(run.points()).unwrap_or(i64::MAX), first.value)
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
            let limit = points.first().map_or(0, |point| point.limit.saturating_mul(SECOND));
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

/// One sign of life of a logger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contact {
    time: i64,
    period_s: i32,
    rank: i32,
}

/// `contact_islands(time, granularity, period_s)`: list of stretches of time in which a logger was
/// heard without a break of more than five minutes, for one logger and day.
///
/// A value covers its interval: the stated one, else the usual step of its kind that day. Real-time
/// and minute rows say when a logger was connected; hour rows only count on a day without finer
/// ones. Grouped by logger and day, the stretches of several days are put together by ordering
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ContactIslands;

/// Breaks up to this long do not end a stretch: 5 minutes.
const BREAK: i64 = 300 * SECOND;

fn island_fields() -> Fields {
    Fields::from(vec![
        field("from_time", instant()),
        field("to_time", instant()),
        field("last_data", instant()),
    ])
}

impl Fold for ContactIslands {
    type Row = Contact;
    const WIDTH: usize = 16;

    fn name(&self) -> &'static str {
        "contact_islands"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![instant(), DataType::Utf8View, DataType::Int32]
    }

    fn answer(&self) -> DataType {
        list_type(&island_fields())
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Contact>>> {
        let time = instants(&columns[0])?;
        let granularity = texts(&columns[1])?;
        let period = primitive::<Int32Type>(&columns[2])?;
        Ok((0..time.len())
            .map(|i| {
                let rank = match granularity.value(i) {
                    "realtime" => 0,
                    "minute" => 1,
                    "hour" => 2,
                    _ => return None,
                };
                let period_s = if period.is_valid(i) { period.value(i) } else { 0 };
                Some(Contact { time: time.value(i), period_s, rank })
            })
            .collect())
    }

    fn encode(row: &Contact, out: &mut Vec<u8>) {
        out.extend_from_slice(&row.time.to_le_bytes());
        out.extend_from_slice(&row.period_s.to_le_bytes());
        out.extend_from_slice(&row.rank.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Contact {
        let mut cursor = Cursor(bytes);
        Contact { time: cursor.i64(), period_s: cursor.i32(), rank: cursor.i32() }
    }

    fn finish(&self, series: Vec<Vec<Contact>>) -> Result<ArrayRef> {
        let mut lengths = Vec::with_capacity(series.len());
        let mut found = Vec::new();
        for contacts in series {
            let islands = islands(contacts);
            lengths.push(islands.len());
            found.extend(islands);
        }
        let columns = vec![
            times(found.iter().map(|island| Some(island.0))),
            times(found.iter().map(|island| Some(island.1))),
            times(found.iter().map(|island| Some(island.2))),
        ];
        lists(&island_fields(), columns, lengths)
    }
}

/// Stretches as (from, to, last data).
fn islands(mut contacts: Vec<Contact>) -> Vec<(i64, i64, i64)> {
    if contacts.iter().any(|contact| contact.rank < 2) {
        contacts.retain(|contact| contact.rank < 2);
    }
    contacts.sort_unstable_by_key(|contact| (contact.rank, contact.time, contact.period_s));
    contacts.dedup_by_key(|contact| (contact.rank, contact.time));
    // How long a value without a stated length lasts: the usual step of its kind.
    let usual: Vec<i64> = (0..3)
        .map(|rank| {
            let own = contacts.iter().filter(|contact| contact.rank == rank);
            series::cadence(own.map(|contact| contact.time)).unwrap_or(0).min(3_600 * SECOND)
        })
        .collect();
    contacts.sort_unstable_by_key(|contact| (contact.time, contact.rank));
    let mut found: Vec<(i64, i64, i64)> = Vec::new();
    for contact in contacts {
        let length = if contact.period_s > 0 {
            i64::from(contact.period_s) * SECOND
        } else {
            usual[usize::try_from(contact.rank).unwrap_or(0).min(2)]
        };
        let end = contact.time + length;
        match found.last_mut() {
            Some((_, covered, last)) if contact.time - *covered <= BREAK => {
                *covered = end.max(*covered);
                *last = contact.time;
            }
            _ => found.push((contact.time, end, contact.time)),
        }
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * SECOND;

    fn contact(minute: i64, rank: i32) -> Contact {
        Contact { time: minute * MINUTE, period_s: if rank == 2 { 3_600 } else { 0 }, rank }
    }

    #[test]
    fn a_stretch_ends_where_the_last_interval_ends() {
        let contacts: Vec<Contact> =
            [20, 0, 10, 10, 70, 80].iter().map(|&minute| contact(minute, 1)).collect();
        assert_eq!(
            islands(contacts),
            [(0, 30 * MINUTE, 20 * MINUTE), (70 * MINUTE, 90 * MINUTE, 80 * MINUTE)]
        );
    }

    #[test]
    fn hours_do_not_hide_a_break_in_finer_data() {
        let mut contacts: Vec<Contact> = (0..6).map(|i| contact(i * 10, 1)).collect();
        contacts.push(contact(60, 2));
        assert_eq!(islands(contacts), [(0, 60 * MINUTE, 50 * MINUTE)]);
    }

    #[test]
    fn an_hourly_logger_is_heard_all_the_time() {
        let contacts: Vec<Contact> = (0..5).map(|i| contact(i * 60, 2)).collect();
        assert_eq!(islands(contacts), [(0, 300 * MINUTE, 240 * MINUTE)]);
    }
}
