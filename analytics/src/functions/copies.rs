//! `copied_days(time, value, min_share, max_days)`: days of a series that repeat an earlier day.
//!
//! A day counts as repeated when at least `min_share` of its points have the same value at the same
//! time of day as one of the `max_days` days before it. Only days with at least [`ENOUGH`] points and
//! [`VARIED`] different values are compared: an idle or coarse instrument repeats itself honestly.
//! The answer is a list of (`day`, `copied_from`, `share`, `points`), days as their first instant, the
//! nearest earlier day first found. Cost: a pair of days is given up after the first few points
//! that differ, so a series costs about its length times `max_days` over 24.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Fields, Float64Type, Int64Type};
use datafusion::common::Result;
use nonsite_schemas::time::{BEIJING_OFFSET_MICROS, beijing_day};

use super::columns::{instant, instants, list_type, lists, primitive};
use super::fold::{Cursor, Fold};
use super::walks::{field, longs, numbers, times};

/// Fewest points of a day that is compared.
const ENOUGH: usize = 20;
/// Fewest different values of such a day.
const VARIED: usize = 6;
/// Microseconds per day.
const DAY: i64 = 86_400_000_000;

/// A point with the call's settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    time: i64,
    value: f64,
    share: f64,
    days: i64,
}

/// One repeated day.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Copied {
    day: i64,
    from: i64,
    share: f64,
    points: i64,
}

/// The fold behind `copied_days`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CopiedDays;

fn fields() -> Fields {
    Fields::from(vec![
        field("day", instant()),
        field("copied_from", instant()),
        field("share", DataType::Float64),
        field("points", DataType::Int64),
    ])
}

impl Fold for CopiedDays {
    type Row = Point;
    const WIDTH: usize = 32;

    fn name(&self) -> &'static str {
        "copied_days"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![
            instant(),
            DataType::Float64,
            DataType::Float64,
            DataType::Int64,
        ]
    }

    fn answer(&self) -> DataType {
        list_type(&fields())
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Point>>> {
        let time = instants(&columns[0])?;
        let value = primitive::<Float64Type>(&columns[1])?;
        let share = primitive::<Float64Type>(&columns[2])?;
        let days = primitive::<Int64Type>(&columns[3])?;
        Ok((0..time.len())
            .map(|i| {
                (time.is_valid(i) && value.is_valid(i)).then(|| Point {
                    time: time.value(i),
                    value: value.value(i),
                    share: share.value(i),
                    days: days.value(i),
                })
            })
            .collect())
    }

    fn encode(row: &Point, out: &mut Vec<u8>) {
        out.extend_from_slice(&row.time.to_le_bytes());
        out.extend_from_slice(&row.value.to_le_bytes());
        out.extend_from_slice(&row.share.to_le_bytes());
        out.extend_from_slice(&row.days.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Point {
        let mut cursor = Cursor(bytes);
        Point {
            time: cursor.i64(),
            value: cursor.f64(),
            share: cursor.f64(),
            days: cursor.i64(),
        }
    }

    fn finish(&self, series: Vec<Vec<Point>>) -> Result<ArrayRef> {
        let mut lengths = Vec::with_capacity(series.len());
        let mut found = Vec::new();
        for points in series {
            let before = found.len();
            copied(points, &mut found);
            lengths.push(found.len() - before);
        }
        let columns = vec![
            times(found.iter().map(|copied: &Copied| Some(copied.day))),
            times(found.iter().map(|copied| Some(copied.from))),
            numbers(found.iter().map(|copied| copied.share)),
            longs(found.iter().map(|copied| copied.points)),
        ];
        lists(&fields(), columns, lengths)
    }
}

fn copied(mut points: Vec<Point>, found: &mut Vec<Copied>) {
    points.sort_unstable_by_key(|point| (point.time, point.value.to_bits()));
    let days: BTreeMap<i64, &[Point]> = points
        .chunk_by(|a, b| beijing_day(a.time) == beijing_day(b.time))
        .filter(|day| day.len() >= ENOUGH && varied(day))
        .map(|day| (i64::from(beijing_day(day[0].time)), day))
        .collect();
    for (date, day) in &days {
        let (share, back) = (day[0].share, day[0].days);
        let earlier = days.range(date - back..*date).rev();
        let hit = earlier
            .filter_map(|(from, other)| {
                Some((from, alike(day, other, (date - from) * DAY, share)?))
            })
            .next();
        if let Some((from, same)) = hit {
            let start = |date: i64| date * DAY - BEIJING_OFFSET_MICROS;
            found.push(Copied {
                day: start(*date),
                from: start(*from),
                share: same as f64 / day.len() as f64,
                points: i64::try_from(day.len()).unwrap_or(i64::MAX),
            });
        }
    }
}

fn varied(day: &[Point]) -> bool {
    let mut values: Vec<u64> = day.iter().map(|point| point.value.to_bits()).collect();
    values.sort_unstable();
    values.dedup();
    values.len() >= VARIED
}

/// How many points of a day are those of another one `shift` earlier, if enough of them are.
fn alike(day: &[Point], other: &[Point], shift: i64, share: f64) -> Option<usize> {
    let most = ((1.0 - share) * day.len() as f64 + 1e-9).floor() as usize;
    let (mut off, mut at) = (0, 0);
    for point in day {
        let time = point.time - shift;
        while at < other.len() && other[at].time < time {
            at += 1;
        }
        let same = other.get(at).is_some_and(|other| {
            other.time == time && (other.value - point.value).abs() <= 1e-9 * point.value.abs()
        });
        off += usize::from(!same);
        if off > most {
            return None;
        }
    }
    Some(day.len() - off)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(date: i64, value: impl Fn(i64) -> f64) -> Vec<Point> {
        let start = date * DAY - BEIJING_OFFSET_MICROS;
        let point = |hour: i64| Point {
            time: start + hour * DAY / 24,
            value: value(hour),
            share: 0.95,
            days: 31,
        };
        (0..24).map(point).collect()
    }

    fn found(days: &[Vec<Point>]) -> Vec<(i64, i64)> {
        let mut copies = Vec::new();
        copied(days.concat(), &mut copies);
        let date = |time: i64| i64::from(beijing_day(time));
        copies.iter().map(|c| (date(c.day), date(c.from))).collect()
    }

    #[test]
    fn a_day_played_back_is_found_with_one_point_changed() {
        let noise = |seed: i64| move |hour: i64| ((hour * 7 + seed * 13) % 23) as f64;
        let mut again = day(105, noise(1));
        again[3].value = 99.0;
        let days = [day(100, noise(1)), day(101, noise(2)), again];
        assert_eq!(found(&days), [(105, 100)]);
        let mut twice = day(105, noise(1));
        twice[3].value = 99.0;
        twice[4].value = 98.0;
        assert!(found(&[day(100, noise(1)), twice]).is_empty());
        assert!(
            found(&[day(60, noise(1)), day(105, noise(1))]).is_empty(),
            "45 days back"
        );
    }

    #[test]
    fn idle_days_are_not_compared() {
        let idle = |hour: i64| (hour % 3) as f64;
        assert!(found(&[day(100, idle), day(101, idle)]).is_empty());
    }
}
