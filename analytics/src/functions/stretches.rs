//! `runs_where(time, value, hit, max_gap_s)`: the unbroken stretches of points for which something
//! holds, each with what a rule tells about it.
//!
//! "For three consecutive hours", "for fifteen minutes", "one event per contiguous run" are all
//! this one walk; a rule says in SQL what a hit is and how long a stretch has to be.
//!
//! What ends a stretch: a point that is no hit; two hits more than `max_gap_s` apart (null: any
//! distance); a row without a verdict (`hit` null) between two hits that are further apart than the
//! series' usual step and a half. The last one tells a value that was due and is missing from the
//! rows of other instants that exports of many columns have in between.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Fields, Float64Type, Int64Type};
use datafusion::common::Result;

use super::columns::{finite, instant, instants, list_type, lists, number, primitive};
use super::fold::{Cursor, Fold};
use super::series;
use super::walks::{SECOND, field, longs, numbers, times};

/// A point with its verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judged {
    time: i64,
    value: f64,
    max_gap: i64,
    hit: Option<bool>,
}

/// One stretch.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    from: i64,
    to: i64,
    points: i64,
    least: f64,
    most: f64,
    sum: f64,
}

/// The fold behind `runs_where`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct RunsWhere;

fn fields() -> Fields {
    Fields::from(vec![
        field("from_time", instant()),
        field("to_time", instant()),
        field("points", DataType::Int64),
        field("least", DataType::Float64),
        field("most", DataType::Float64),
        field("mean", DataType::Float64),
    ])
}

impl Fold for RunsWhere {
    type Row = Judged;
    const WIDTH: usize = 25;

    fn name(&self) -> &'static str {
        "runs_where"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![
            instant(),
            DataType::Float64,
            DataType::Boolean,
            DataType::Int64,
        ]
    }

    fn answer(&self) -> DataType {
        list_type(&fields())
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Judged>>> {
        let time = instants(&columns[0])?;
        let value = primitive::<Float64Type>(&columns[1])?;
        let hit = columns[2].as_boolean();
        let max_gap = primitive::<Int64Type>(&columns[3])?;
        Ok((0..time.len())
            .map(|i| {
                time.is_valid(i).then(|| Judged {
                    time: time.value(i),
                    value: number(value, i),
                    max_gap: if max_gap.is_valid(i) {
                        max_gap.value(i).saturating_mul(SECOND)
                    } else {
                        i64::MAX
                    },
                    hit: hit.is_valid(i).then(|| hit.value(i)),
                })
            })
            .collect())
    }

    fn encode(row: &Judged, out: &mut Vec<u8>) {
        out.extend_from_slice(&row.time.to_le_bytes());
        out.extend_from_slice(&row.value.to_le_bytes());
        out.extend_from_slice(&row.max_gap.to_le_bytes());
        out.push(match row.hit {
            None => 2,
            Some(hit) => u8::from(hit),
        });
    }

    fn decode(bytes: &[u8]) -> Judged {
        let mut cursor = Cursor(bytes);
        Judged {
            time: cursor.i64(),
            value: cursor.f64(),
            max_gap: cursor.i64(),
            hit: match cursor.take::<1>()[0] {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            },
        }
    }

    fn finish(&self, series: Vec<Vec<Judged>>) -> Result<ArrayRef> {
        let mut lengths = Vec::with_capacity(series.len());
        let mut found = Vec::new();
        for points in series {
            let stretches = stretches(points);
            lengths.push(stretches.len());
            found.extend(stretches);
        }
        let columns = vec![
            times(found.iter().map(|run| Some(run.from))),
            times(found.iter().map(|run| Some(run.to))),
            longs(found.iter().map(|run| run.points)),
            numbers(found.iter().map(|run| run.least)),
            numbers(found.iter().map(|run| run.most)),
            numbers(found.iter().map(|run| run.sum / run.points as f64)),
        ];
        lists(&fields(), columns, lengths)
    }
}

/// The stretches of one series, in order of time.
fn stretches(mut points: Vec<Judged>) -> Vec<Stretch> {
    // Verdicts before rows without one, and among equal ones by value: a total order.
    points.sort_unstable_by_key(|point| (point.time, point.hit.is_none(), point.value.to_bits()));
    let judged = points.iter().filter(|point| point.hit.is_some());
    let usual = series::cadence(judged.map(|point| point.time));
    let mut found: Vec<Stretch> = Vec::new();
    let mut open = false;
    let mut unsure = false;
    let mut before = i64::MIN;
    for point in points {
        let Some(hit) = point.hit else {
            unsure = true;
            continue;
        };
        let step = point.time.saturating_sub(before);
        let missed = unsure && usual.is_none_or(|usual| step > usual + usual / 2);
        if !hit || missed || step > point.max_gap {
            open = false;
        }
        (before, unsure) = (point.time, false);
        if !hit {
            continue;
        }
        match found.last_mut() {
            Some(run) if open => {
                run.to = point.time;
                run.points += 1;
                run.least = run.least.min(point.value);
                run.most = run.most.max(point.value);
                run.sum += point.value;
            }
            _ => found.push(Stretch {
                from: point.time,
                to: point.time,
                points: 1,
                least: point.value,
                most: point.value,
                sum: point.value,
            }),
        }
        open = true;
    }
    // A value that is not a number has neither least nor most.
    for run in &mut found {
        if finite(run.sum).is_none() {
            (run.least, run.most) = (f64::NAN, f64::NAN);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(rows: &[(i64, f64, Option<bool>)], max_gap: i64) -> Vec<(i64, i64, i64)> {
        let rows = rows.iter().map(|(time, value, hit)| Judged {
            time: *time,
            value: *value,
            max_gap,
            hit: *hit,
        });
        stretches(rows.collect())
            .iter()
            .map(|run| (run.from, run.to, run.points))
            .collect()
    }

    const HIT: Option<bool> = Some(true);

    #[test]
    fn a_miss_and_a_long_gap_end_a_stretch() {
        let rows = [
            (0, 1.0, HIT),
            (10, 2.0, HIT),
            (20, 0.0, Some(false)),
            (30, 3.0, HIT),
            (40, 3.0, HIT),
            (90, 3.0, HIT),
        ];
        assert_eq!(points(&rows, 30), [(0, 10, 2), (30, 40, 2), (90, 90, 1)]);
        assert_eq!(points(&rows, i64::MAX), [(0, 10, 2), (30, 90, 3)]);
    }

    #[test]
    fn a_missing_value_ends_a_stretch_but_rows_of_other_instants_do_not() {
        let due = [
            (0, 1.0, HIT),
            (10, 1.0, HIT),
            (20, f64::NAN, None),
            (30, 1.0, HIT),
            (40, 1.0, HIT),
        ];
        assert_eq!(points(&due, i64::MAX), [(0, 10, 2), (30, 40, 2)]);
        let between = [
            (0, 1.0, HIT),
            (1, f64::NAN, None),
            (10, 1.0, HIT),
            (11, f64::NAN, None),
            (20, 1.0, HIT),
        ];
        assert_eq!(points(&between, i64::MAX), [(0, 20, 3)]);
        // Nothing at all in between is no statement about what was missing.
        let silent = [(0, 1.0, HIT), (10, 1.0, HIT), (500, 1.0, HIT)];
        assert_eq!(points(&silent, i64::MAX), [(0, 500, 3)]);
    }
}
