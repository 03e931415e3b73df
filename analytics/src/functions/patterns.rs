//! Shapes within one series that rules look for: jumps that end in a flat stretch, spikes that
//! return, steep drops near a limit. Each is found in one walk over the sorted series.
//!
//! `jumps_then_flat(time, value, change, flat, flat_points, max_step_s)`: a point that differs from
//! the one before by at least the share `change`, followed by `flat_points` points within the share
//! `flat` of it. `spikes(time, value, sigmas, medians, window_s, max_step_s)`: a point further from
//! the median of the window before it than `sigmas` standard deviations and `medians` times that
//! median, while its neighbours on both sides are not: what stays is a level, and its last point is
//! no spike either. `steep_drops(time, value, limit, margin, fall, within_s)`: a
//! point within the share `margin` of the limit that falls by at least the share `fall` within the
//! time.
//!
//! All answer a list of (`at`, `done`, `before`, `after`): when it happened, the last point needed to
//! know, the value before (of a spike: the median) and after. A step longer than `max_step_s` ends a
//! pattern; missing values have to be left out.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Fields, Float64Type};
use datafusion::common::Result;

use super::columns::{instant, instants, list_type, lists, number, primitive};
use super::fold::{Cursor, Fold};
use super::trailing::median;
use super::walks::{SECOND, field, numbers, times};

/// Fewest points before a spike that say what is usual.
const ENOUGH: usize = 12;

/// A point with the call's four settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    time: i64,
    value: f64,
    set: [f64; 4],
}

/// One occurrence.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Found {
    at: i64,
    done: i64,
    before: f64,
    after: f64,
}

/// The folds behind the three functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pattern {
    /// `jumps_then_flat`.
    JumpThenFlat,
    /// `spikes`.
    Spike,
    /// `steep_drops`.
    SteepDrop,
}

fn fields() -> Fields {
    Fields::from(vec![
        field("at", instant()),
        field("done", instant()),
        field("before", DataType::Float64),
        field("after", DataType::Float64),
    ])
}

impl Fold for Pattern {
    type Row = Point;
    const WIDTH: usize = 48;

    fn name(&self) -> &'static str {
        match self {
            Self::JumpThenFlat => "jumps_then_flat",
            Self::Spike => "spikes",
            Self::SteepDrop => "steep_drops",
        }
    }

    fn arguments(&self) -> Vec<DataType> {
        let mut arguments = vec![instant()];
        arguments.extend(std::iter::repeat_n(DataType::Float64, 5));
        arguments
    }

    fn answer(&self) -> DataType {
        list_type(&fields())
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Point>>> {
        let time = instants(&columns[0])?;
        let value = primitive::<Float64Type>(&columns[1])?;
        let set = [
            primitive::<Float64Type>(&columns[2])?,
            primitive::<Float64Type>(&columns[3])?,
            primitive::<Float64Type>(&columns[4])?,
            primitive::<Float64Type>(&columns[5])?,
        ];
        Ok((0..time.len())
            .map(|i| {
                (time.is_valid(i) && value.is_valid(i)).then(|| Point {
                    time: time.value(i),
                    value: value.value(i),
                    set: set.map(|column| number(column, i)),
                })
            })
            .collect())
    }

    fn encode(row: &Point, out: &mut Vec<u8>) {
        out.extend_from_slice(&row.time.to_le_bytes());
        for number in [row.value].iter().chain(&row.set) {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn decode(bytes: &[u8]) -> Point {
        let mut cursor = Cursor(bytes);
        Point {
            time: cursor.i64(),
            value: cursor.f64(),
            set: [cursor.f64(), cursor.f64(), cursor.f64(), cursor.f64()],
        }
    }

    fn finish(&self, series: Vec<Vec<Point>>) -> Result<ArrayRef> {
        let mut lengths = Vec::with_capacity(series.len());
        let mut found: Vec<Found> = Vec::new();
        for mut points in series {
            points.sort_unstable_by_key(|point| (point.time, point.value.to_bits()));
            let before = found.len();
            match self {
                Self::JumpThenFlat => jumps_then_flat(&points, &mut found),
                Self::Spike => spikes(&points, &mut found),
                Self::SteepDrop => steep_drops(&points, &mut found),
            }
            lengths.push(found.len() - before);
        }
        let columns = vec![
            times(found.iter().map(|found| Some(found.at))),
            times(found.iter().map(|found| Some(found.done))),
            numbers(found.iter().map(|found| found.before)),
            numbers(found.iter().map(|found| found.after)),
        ];
        lists(&fields(), columns, lengths)
    }
}

/// Seconds as microseconds; not a number stands for any time.
fn micros(seconds: f64) -> i64 {
    if seconds.is_nan() {
        i64::MAX
    } else {
        (seconds * SECOND as f64) as i64
    }
}

fn jumps_then_flat(points: &[Point], found: &mut Vec<Found>) {
    for at in 1..points.len() {
        let [change, flat, count, step] = points[at].set;
        let (before, now) = (points[at - 1].value, points[at].value);
        let step = micros(step);
        let last = at + count as usize;
        if before <= 0.0 || (now - before).abs() / before < change || last >= points.len() {
            continue;
        }
        let together = points[at - 1..=last]
            .windows(2)
            .all(|pair| pair[1].time - pair[0].time <= step);
        let level = points[at + 1..=last]
            .iter()
            .all(|point| (point.value - now).abs() <= flat * now.abs());
        if together && level {
            found.push(Found {
                at: points[at].time,
                done: points[last].time,
                before,
                after: now,
            });
        }
    }
}

fn spikes(points: &[Point], found: &mut Vec<Found>) {
    let mut first = 0;
    let mut window = Vec::new();
    for at in 1..points.len().saturating_sub(1) {
        let [sigmas, medians, back, step] = points[at].set;
        let time = points[at].time;
        while points[first].time < time.saturating_sub(micros(back)) {
            first += 1;
        }
        window.clear();
        window.extend(points[first..at].iter().map(|point| point.value));
        let alone =
            points[at + 1].time - time > micros(step) || time - points[at - 1].time > micros(step);
        if window.len() < ENOUGH || alone {
            continue;
        }
        let count = window.len() as f64;
        let mean = window.iter().sum::<f64>() / count;
        let spread = window.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let usual = median(&mut window);
        let far = (sigmas * spread.sqrt()).max(medians * usual);
        // A series of equal values has no measure of what is far.
        let off = |value: f64| far <= 0.0 || (value - usual).abs() > far;
        if off(points[at].value) && !off(points[at - 1].value) && !off(points[at + 1].value) {
            found.push(Found {
                at: time,
                done: points[at + 1].time,
                before: usual,
                after: points[at].value,
            });
        }
    }
}

fn steep_drops(points: &[Point], found: &mut Vec<Found>) {
    for pair in points.windows(2) {
        let [limit, margin, fall, within] = pair[0].set;
        let (before, after) = (pair[0].value, pair[1].value);
        let near = limit > 0.0 && (before - limit).abs() <= margin * limit;
        if near && before - after >= fall * before && pair[1].time - pair[0].time <= micros(within)
        {
            found.push(Found {
                at: pair[1].time,
                done: pair[1].time,
                before,
                after,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64], set: [f64; 4]) -> Vec<Point> {
        let point = |(i, value): (usize, &f64)| Point {
            time: i as i64 * 3_600 * SECOND,
            value: *value,
            set,
        };
        values.iter().enumerate().map(point).collect()
    }

    fn positions(found: &[Found]) -> Vec<i64> {
        found.iter().map(|f| f.at / (3_600 * SECOND)).collect()
    }

    #[test]
    fn a_jump_counts_only_when_it_ends_flat() {
        let set = [0.6, 0.05, 3.0, 3_600.0];
        let mut found = Vec::new();
        jumps_then_flat(
            &series(
                &[10.0, 16.0, 16.1, 15.9, 16.0, 6.0, 9.0, 6.0, 6.0, 6.0],
                set,
            ),
            &mut found,
        );
        assert_eq!(positions(&found), [1]);
        assert_eq!(found[0].done / (3_600 * SECOND), 4);
    }

    #[test]
    fn a_spike_returns_and_a_new_level_is_none() {
        let set = [3.0, 3.0, 86_400.0, 3_600.0];
        let mut values: Vec<f64> = (0..20).map(|i| 10.0 + f64::from(i % 3)).collect();
        values.extend([60.0, 11.0, 60.0, 60.0, 60.0, 11.0, 10.0]);
        let mut found = Vec::new();
        spikes(&series(&values, set), &mut found);
        assert_eq!(positions(&found), [20]);
    }

    #[test]
    fn a_spike_needs_both_neighbours_and_a_measure() {
        let set = [3.0, 3.0, 86_400.0, 3_600.0];
        let mut values: Vec<f64> = (0..20).map(|i| 10.0 + f64::from(i % 3)).collect();
        values.extend([11.0, 60.0, 11.0]);
        let mut points = series(&values, set);
        // The hour before is missing: it may have been as high.
        points.remove(20);
        let mut found = Vec::new();
        spikes(&points, &mut found);
        assert_eq!(found, []);
        let mut equal = vec![5.0; 20];
        equal.extend([60.0, 5.0]);
        spikes(&series(&equal, [3.0, 0.0, 86_400.0, 3_600.0]), &mut found);
        assert_eq!(found, []);
    }

    #[test]
    fn a_drop_counts_near_the_limit_only() {
        let set = [50.0, 0.1, 0.5, 3_600.0];
        let mut found = Vec::new();
        steep_drops(
            &series(&[48.0, 20.0, 30.0, 10.0, 52.0, 30.0], set),
            &mut found,
        );
        assert_eq!(positions(&found), [1]);
    }

    #[test]
    fn an_encoded_point_reads_back() {
        let point = series(&[1.5], [0.1, f64::INFINITY, 3.0, 4.0])[0];
        let mut bytes = Vec::new();
        Pattern::encode(&point, &mut bytes);
        assert_eq!(bytes.len(), Pattern::WIDTH);
        assert_eq!(Pattern::decode(&bytes), point);
    }
}
