//! What is remembered of the days before, for rules that look back: one number per expression, series
//! (or logger) and day, and what the last so many days of it come to.
//!
//! Sums, counts, extremes and medians are those of the functions `trailing_*` that the rules use
//! ([`crate::functions::trailing`]): days are counted by the calendar, missing numbers are left out,
//! and each window is added up from its oldest day. A series that has no number yet costs nothing.

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;
use nonsite_history::stats::Key;

use crate::functions::trailing::{How, of_window};

/// Days kept per series; a power of two.
pub(super) const KEPT: i32 = 32;
/// Stands for the factor where numbers are the logger's.
const OF_LOGGER: u16 = u16::MAX;

/// A window over remembered numbers: which of them, what is made of it, over how many days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) number: usize,
    pub(super) how: How,
    pub(super) days: i32,
}

/// The memory of one thread. Days come in order.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// How many expressions are remembered.
    width: usize,
    places: HashMap<(u32, u16), usize>,
    /// Dates of the kept days, by place.
    dates: Vec<[i32; KEPT as usize]>,
    /// Kept days by place and expression.
    numbers: Vec<[f64; KEPT as usize]>,
    /// The last day on which each logger was odd.
    odd: HashMap<u32, i32>,
}

/// A column of numbers; missing ones are not a number.
pub(super) fn numbers(column: &ArrayRef) -> Result<Vec<f64>, ArrowError> {
    let column = cast(column, &DataType::Float64)?;
    let column = column.as_primitive::<Float64Type>();
    Ok((0..column.len())
        .map(|row| {
            if column.is_valid(row) {
                column.value(row)
            } else {
                f64::NAN
            }
        })
        .collect())
}

/// Sum of each logger's numbers, at each of its rows; missing where all are missing.
pub(super) fn by_logger(numbers: &[f64], groups: &[Range<usize>]) -> Vec<f64> {
    let mut sums = vec![f64::NAN; numbers.len()];
    for group in groups {
        let known = numbers[group.clone()].iter().filter(|n| !n.is_nan());
        let sum = known.copied().reduce(|a, b| a + b).unwrap_or(f64::NAN);
        sums[group.clone()].fill(sum);
    }
    sums
}

fn at(date: i32) -> usize {
    usize::try_from(date.rem_euclid(KEPT)).unwrap_or(0)
}

impl Trail {
    /// A memory of so many expressions.
    pub(super) fn of(width: usize) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    /// Notes which loggers are odd on a day.
    pub(super) fn note_odd(&mut self, date: i32, keys: &[Key]) {
        for key in keys.iter().filter(|key| key.odd) {
            self.odd.insert(key.logger, date);
        }
    }

    /// Whether a logger was odd on a day or one of the `days` before it.
    pub(super) fn was_odd(&self, logger: u32, date: i32, days: i32) -> bool {
        self.odd
            .get(&logger)
            .is_some_and(|last| *last >= date - days)
    }

    /// Remembers the numbers of a day: one column per expression, with whether it is the logger's.
    pub(super) fn remember(&mut self, date: i32, keys: &[Key], columns: &[(bool, Vec<f64>)]) {
        for (row, key) in keys.iter().enumerate() {
            for (number, (of_logger, column)) in columns.iter().enumerate() {
                if !column[row].is_nan() {
                    let place = self.place(subject(*key, *of_logger), date);
                    self.numbers[place * self.width + number][at(date)] = column[row];
                }
            }
        }
    }

    /// Where a subject is kept, with its day stamped and what stood there before forgotten.
    fn place(&mut self, subject: (u32, u16), date: i32) -> usize {
        let next = self.dates.len();
        let place = *self.places.entry(subject).or_insert(next);
        if place == next {
            self.dates.push([i32::MIN; KEPT as usize]);
            let numbers = self.numbers.len() + self.width;
            self.numbers.resize(numbers, [f64::NAN; KEPT as usize]);
        }
        let stamp = &mut self.dates[place][at(date)];
        if *stamp != date {
            *stamp = date;
            for numbers in &mut self.numbers[place * self.width..(place + 1) * self.width] {
                numbers[at(date)] = f64::NAN;
            }
        }
        place
    }

    /// What windows that end with a day come to, at each of its rows; `of_logger` says of each
    /// expression whether it is the logger's.
    pub(super) fn windows(
        &self,
        date: i32,
        keys: &[Key],
        windows: &[Window],
        of_logger: &[bool],
    ) -> Vec<Vec<Option<f64>>> {
        let mut found = vec![Vec::with_capacity(keys.len()); windows.len()];
        let mut values = Vec::with_capacity(KEPT as usize);
        for key in keys {
            let places = [false, true].map(|of_logger| {
                let place = self.places.get(&subject(*key, of_logger));
                place.copied()
            });
            for (window, found) in windows.iter().zip(&mut found) {
                values.clear();
                if let Some(place) = places[usize::from(of_logger[window.number])] {
                    let dates = &self.dates[place];
                    let numbers = &self.numbers[place * self.width + window.number];
                    values.extend(
                        (date - window.days + 1..=date)
                            .filter(|day| dates[at(*day)] == *day)
                            .map(|day| numbers[at(day)])
                            .filter(|number| !number.is_nan()),
                    );
                }
                found.push(of_window(&mut values, window.how));
            }
        }
        found
    }
}

/// Who remembers a row's number.
fn subject(key: Key, of_logger: bool) -> (u32, u16) {
    let factor = key.factor.filter(|_| !of_logger);
    (key.logger, factor.unwrap_or(OF_LOGGER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(logger: u32, factor: u16) -> Key {
        Key {
            logger,
            factor: Some(factor),
            odd: false,
        }
    }

    #[test]
    fn windows_follow_the_calendar_and_forget() {
        let mut trail = Trail::of(2);
        let keys = [key(1, 0), key(1, 3)];
        let window = |number, how, days| Window { number, how, days };
        let windows = [
            window(0, How::Sum, 3),
            window(0, How::Count, 32),
            window(1, How::Max, 2),
        ];
        for (date, value) in [(10, 1.0), (11, 2.0), (14, 4.0)] {
            let mut of_logger = by_logger(&[value, 0.5], std::slice::from_ref(&(0..2)));
            if date == 14 {
                of_logger.fill(f64::NAN);
            }
            let columns = [(false, vec![value, f64::NAN]), (true, of_logger)];
            trail.remember(date, &keys, &columns);
            let found = trail.windows(date, &keys, &windows, &[false, true]);
            let first: Vec<Option<f64>> = found.iter().map(|column| column[0]).collect();
            let expected = match date {
                10 => [Some(1.0), Some(1.0), Some(1.5)],
                11 => [Some(3.0), Some(2.0), Some(2.5)],
                _ => [Some(4.0), Some(3.0), None],
            };
            assert_eq!(first, expected, "day {date}");
            // The other series has no number of its own, and the logger's is its too.
            assert_eq!((found[0][1], found[1][1]), (None, Some(0.0)));
            assert_eq!(found[2][1], found[2][0]);
        }
        // A whole round of the kept days later nothing is left.
        trail.remember(
            43,
            &keys,
            &[(false, vec![8.0, f64::NAN]), (true, vec![f64::NAN; 2])],
        );
        let found = trail.windows(43, &keys, &windows, &[false, true]);
        assert_eq!((found[0][0], found[1][0]), (Some(8.0), Some(2.0)));
    }

    #[test]
    fn an_odd_day_is_remembered() {
        let mut trail = Trail::default();
        let odd = Key {
            odd: true,
            ..key(7, 0)
        };
        trail.note_odd(10, &[odd, key(8, 0)]);
        assert!(trail.was_odd(7, 10, 0) && trail.was_odd(7, 12, 2));
        assert!(!trail.was_odd(7, 13, 2) && !trail.was_odd(8, 10, 5));
    }
}
