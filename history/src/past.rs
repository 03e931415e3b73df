//! The days before, hour by hour, to tell whether one of them is repeated.
//!
//! Kept are the days that rules compare (enough valid hours, enough different values) of pollutants,
//! 31 days each: about 6 KB per series. A pair of days is given up once more hours differ than a
//! quarter of the day, so most pairs cost a handful of comparisons.

use std::collections::HashMap;

use crate::files::{HOURS, Series};

/// How far back days are compared.
pub const DAYS: i32 = 30;
/// Days kept per series; a power of two above [`DAYS`].
const KEPT: usize = 32;
/// Fewest valid hours of a day that is compared.
const ENOUGH: usize = 20;
/// Fewest different values of such a day.
const VARIED: i64 = 6;

/// One series' days, each at its date modulo [`KEPT`].
#[derive(Debug)]
struct Days {
    dates: [i32; KEPT],
    values: Vec<[f64; HOURS]>,
}

/// What is remembered of all series.
#[derive(Debug, Default)]
pub struct Past(HashMap<(u32, u16), Days>);

impl Past {
    /// The largest number of the day's valid hours that have the value of the same hour of an earlier
    /// day, if it is three quarters of them, else 0; the day is remembered. Days come in order.
    pub(crate) fn repeated(&mut self, date: i32, series: &Series, different: i64) -> i64 {
        let mut values = [f64::NAN; HOURS];
        let mut count = 0;
        for (hour, value) in values.iter_mut().enumerate() {
            if let Some(valid) = series.valid(hour) {
                *value = valid;
                count += 1;
            }
        }
        if count < ENOUGH || different < VARIED {
            return 0;
        }
        let days = self
            .0
            .entry((series.logger, series.factor))
            .or_insert_with(|| Days {
                dates: [i32::MIN; KEPT],
                values: vec![[f64::NAN; HOURS]; KEPT],
            });
        let earlier = days.dates.iter().zip(&days.values);
        let most = earlier
            .filter(|(day, _)| **day < date && date - DAYS <= **day)
            .map(|(_, other)| alike(&values, other, count))
            .max();
        let place = usize::try_from(date.rem_euclid(KEPT as i32)).unwrap_or(0);
        days.dates[place] = date;
        days.values[place] = values;
        i64::try_from(most.unwrap_or(0)).unwrap_or(0)
    }
}

/// How many of the day's `count` valid hours are those of another day, if they are enough.
fn alike(day: &[f64; HOURS], other: &[f64; HOURS], count: usize) -> usize {
    let mut off = 0;
    for (value, other) in day.iter().zip(other) {
        // A missing value of either day is no match; as `copied_days` compares, with a little room.
        let same = (other - value).abs() <= 2e-9 * value.abs();
        off += usize::from(!value.is_nan() && !same);
        if off * 4 > count {
            return 0;
        }
    }
    count - off
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::ABSENT;
    use crate::marks::Mark;

    fn series(value: impl Fn(usize) -> f64) -> Series {
        let mut series = Series {
            logger: 1,
            factor: 2,
            odd: false,
            marks: [Mark::NORMAL.number(); HOURS],
            value: [f64::NAN; HOURS],
            converted: [f64::NAN; HOURS],
            amount: [f64::NAN; HOURS],
        };
        for hour in 0..HOURS {
            series.value[hour] = value(hour);
            if series.value[hour].is_nan() {
                series.marks[hour] = ABSENT;
            }
        }
        series
    }

    #[test]
    fn an_earlier_day_is_found_within_a_month() {
        let mut past = Past::default();
        let first = series(|hour| hour as f64);
        assert_eq!(past.repeated(100, &first, 24), 0);
        let nearly = series(|hour| if hour < 2 { 50.0 } else { hour as f64 });
        assert_eq!(past.repeated(101, &nearly, 23), 22);
        let other = series(|hour| 100.0 + hour as f64);
        assert_eq!(past.repeated(102, &other, 24), 0);
        assert_eq!(
            past.repeated(131, &first, 24),
            22,
            "day 100 is too long ago"
        );
        assert_eq!(past.repeated(200, &first, 24), 0);
        let short = series(|hour| if hour < 5 { f64::NAN } else { hour as f64 });
        assert_eq!(past.repeated(201, &short, 19), 0, "too few hours");
        assert_eq!(past.repeated(202, &first, 5), 0, "too few different values");
    }
}
