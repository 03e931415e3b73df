//! Checks of one series: plain functions over points in time order.
//!
//! Each is one pass with no allocation beyond its answer. The SQL functions of this module's
//! siblings and `nonsite rules check-series` call exactly these, so a conformance case proves what
//! the rules do.
//!
//! Semantics shared by all: a missing value (`None`) is never equal to, above or below anything;
//! comparisons are strict; 0.0 and -0.0 are equal; times are seconds or microseconds as stated.

/// A run of consecutive equal values, as positions in the series (end exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// First position.
    pub start: usize,
    /// Position after the last.
    pub end: usize,
}

impl Run {
    /// Number of points.
    pub fn points(self) -> usize {
        self.end - self.start
    }
}

/// Flags values below `min` or above `max`; an absent bound does not flag, a missing value neither.
pub fn range(values: &[Option<f64>], min: Option<f64>, max: Option<f64>) -> Vec<bool> {
    values
        .iter()
        .map(|value| {
            value
                .is_some_and(|x| min.is_some_and(|low| x < low) || max.is_some_and(|high| x > high))
        })
        .collect()
}

/// Flags missing values.
pub fn null_value(values: &[Option<f64>]) -> Vec<bool> {
    values.iter().map(Option::is_none).collect()
}

/// All runs of at least `min_points` consecutive equal values. A missing value ends a run; so does
/// a point for which `breaks(i)` says that it does not follow its predecessor.
pub fn runs(values: &[Option<f64>], min_points: usize, breaks: impl Fn(usize) -> bool) -> Vec<Run> {
    let mut found = Vec::new();
    let mut start = 0;
    for i in 0..=values.len() {
        let continues = i > start
            && i < values.len()
            && values[i].is_some()
            && values[i] == values[i - 1]
            && !breaks(i);
        if continues {
            continue;
        }
        if i > start && values[start].is_some() && i - start >= min_points.max(1) {
            found.push(Run { start, end: i });
        }
        start = i;
    }
    found
}

/// Flags every point of a run of at least `min_points` equal values; spacing in time is ignored.
pub fn constant_run(values: &[Option<f64>], min_points: usize) -> Vec<bool> {
    let mut flags = vec![false; values.len()];
    for run in runs(values, min_points, |_| false) {
        flags[run.start..run.end].fill(true);
    }
    flags
}

/// Flags a point that differs from its predecessor by more than `limit`; never the first point.
pub fn step_change(values: &[Option<f64>], limit: f64) -> Vec<bool> {
    let mut flags = vec![false; values.len()];
    for i in 1..values.len() {
        if let (Some(before), Some(now)) = (values[i - 1], values[i]) {
            flags[i] = (now - before).abs() > limit;
        }
    }
    flags
}

/// Flags a point whose change per second since its predecessor is more than `limit`.
/// `times` are seconds.
pub fn rate(times: &[f64], values: &[Option<f64>], limit: f64) -> Vec<bool> {
    let mut flags = vec![false; values.len()];
    for i in 1..values.len().min(times.len()) {
        if let (Some(before), Some(now)) = (values[i - 1], values[i]) {
            flags[i] = ((now - before) / (times[i] - times[i - 1])).abs() > limit;
        }
    }
    flags
}

/// Positions of points that come more than `limit` after their predecessor (unit of `times`).
pub fn gaps(times: &[i64], limit: i64) -> impl Iterator<Item = usize> + '_ {
    times
        .windows(2)
        .enumerate()
        .filter(move |(_, pair)| pair[1].saturating_sub(pair[0]) > limit)
        .map(|(before, _)| before + 1)
}

/// Flags the point after a step longer than `limit` (unit of `times`).
pub fn time_gap(times: &[i64], limit: i64) -> Vec<bool> {
    let mut flags = vec![false; times.len()];
    for after in gaps(times, limit) {
        flags[after] = true;
    }
    flags
}

/// Times of the grid `start, start + step, ...` up to the last point that no point has.
pub fn missing_times(times: &[i64], start: i64, step: i64) -> Vec<i64> {
    let Some(&last) = times.iter().max() else {
        return Vec::new();
    };
    if step <= 0 {
        return Vec::new();
    }
    let present: std::collections::HashSet<i64> = times.iter().copied().collect();
    let mut missing = Vec::new();
    let mut due = start;
    while due <= last {
        if !present.contains(&due) {
            missing.push(due);
        }
        let Some(next) = due.checked_add(step) else {
            break;
        };
        due = next;
    }
    missing
}

/// The usual distance between consecutive points of a sorted series: the most frequent positive
/// difference, the smaller one when two are equally frequent; nothing for fewer than two times.
pub fn cadence(sorted_times: impl IntoIterator<Item = i64>) -> Option<i64> {
    let mut steps = Vec::new();
    let mut previous = None;
    for time in sorted_times {
        if let Some(before) = previous
            && time > before
        {
            steps.push(time - before);
        }
        previous = Some(time);
    }
    steps.sort_unstable();
    let mut best: Option<(usize, i64)> = None;
    let mut at = 0;
    while at < steps.len() {
        let same = steps[at..]
            .iter()
            .take_while(|step| **step == steps[at])
            .count();
        if best.is_none_or(|(count, _)| same > count) {
            best = Some((same, steps[at]));
        }
        at += same;
    }
    best.map(|(_, step)| step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_breaks_a_run_and_zeros_of_both_signs_are_equal() {
        let values = [Some(0.0), Some(-0.0), None, Some(0.0), Some(0.0), Some(0.0)];
        assert_eq!(runs(&values, 3, |_| false), [Run { start: 3, end: 6 }]);
        assert_eq!(runs(&values, 2, |_| false).len(), 2);
        assert_eq!(
            runs(&values, 2, |i| i == 4),
            [Run { start: 0, end: 2 }, Run { start: 4, end: 6 }]
        );
        assert!(runs(&[None, None, None], 2, |_| false).is_empty());
    }

    #[test]
    fn cadence_is_the_most_frequent_step() {
        assert_eq!(cadence([0, 600, 1_200, 1_200, 3_000, 3_600]), Some(600));
        assert_eq!(cadence([5]), None);
        assert_eq!(cadence([0, 60, 180]), Some(60));
    }

    #[test]
    fn gaps_are_strictly_longer() {
        assert_eq!(gaps(&[0, 10, 30, 31], 10).collect::<Vec<_>>(), [2]);
    }
}
