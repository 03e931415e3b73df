//! A series' day by itself: counts, extremes, runs, steps.

use super::codes::Code;
use super::limits::{held_against_hour, of_day};
use super::logger::Companions;
use super::{Row, larger, shape, smaller};
use crate::DAY;
use crate::context::{OfSeries, Oxygen, oxygen_over};
use crate::files::{ABSENT, HOURS, Series};
use crate::marks::{Class, Mark};

/// Fills a series' row; answers whether it takes the full rules.
#[allow(clippy::too_many_arguments)]
pub(super) fn of_series(
    row: &mut Row,
    series: &Series,
    (before, after): (Option<&Series>, Option<&Series>),
    companions: &Companions,
    known: Option<&OfSeries>,
    code: Code,
    (start, due_end): (i64, i64),
    paced: bool,
) -> bool {
    row.gas = code.gas;
    row.concentration = code.concentration;
    let mut odd = counts(row, series, companions.present, due_end);
    row.run = longest_run(series, before, after);
    row.step_percent = largest_step(series, before);
    row.led = led(series, before);
    shape::describe(row, series, before, companions, code);
    let flow = if code.gas {
        &companions.gas_flow
    } else {
        &companions.water_flow
    };
    (row.flows, row.flow_lowest, row.flow_highest) = extremes(flow);
    (row.oxygens, row.o2_lowest, row.o2_highest) = extremes(&companions.oxygen);
    let none = OfSeries::default();
    let known = known.unwrap_or(&none);
    let reference = match oxygen_over(&known.reference, start, start + DAY) {
        Oxygen::None => None,
        Oxygen::Is(oxygen) => Some(oxygen),
        Oxygen::Changes => {
            odd = true;
            None
        }
    };
    row.reference = reference.unwrap_or(f64::NAN);
    // As in `hourly`: from the means of the hour, else as sent.
    let mut converted = [f64::NAN; HOURS];
    for (hour, converted) in converted.iter_mut().enumerate() {
        let usable = used(series, hour);
        let o2 = companions.oxygen[hour];
        *converted = match reference {
            Some(reference) if !o2.is_nan() => {
                if usable && o2 < 21.0 {
                    series.value[hour] * (21.0 - reference) / (21.0 - o2)
                } else {
                    f64::NAN
                }
            }
            _ if usable => series.converted[hour],
            _ => f64::NAN,
        };
    }
    row.apart_percent = apart(series, &converted);
    held_against_hour(row, series, &converted, flow, known, code, start);
    odd |= of_day(
        row, series, &converted, companions, known, code, start, paced, reference,
    );
    odd
}

/// Whether a series' hours begin at the day's start, right after a valid hour, and have no gap.
fn led(series: &Series, before: Option<&Series>) -> bool {
    let hours = series.marks.iter().filter(|mark| **mark != ABSENT).count();
    before.is_some_and(|day| day.valid(HOURS - 1).is_some())
        && (0..hours).all(|hour| series.valid(hour).is_some())
}

/// How far values at reference oxygen as sent lie from those computed, percent of the latter.
fn apart(series: &Series, converted: &[f64; HOURS]) -> f64 {
    let mut apart = f64::NAN;
    for (hour, computed) in converted.iter().enumerate() {
        let stated = series.converted[hour];
        if !used(series, hour) || stated.is_nan() || computed.is_nan() {
            continue;
        }
        let distance = (stated - computed).abs();
        let percent = if distance == 0.0 {
            0.0
        } else {
            (100.0 * distance / computed.abs()).min(f64::MAX)
        };
        apart = larger(apart, percent);
    }
    apart
}

/// Whether an hour's value is averaged: normal or over range, and a number.
pub(super) fn used(series: &Series, hour: usize) -> bool {
    let mark = series.marks[hour];
    let averaged = mark == Mark::NORMAL.number()
        || (mark != ABSENT && Mark::from_number(mark).class() == Class::OverRange);
    averaged && series.value[hour].is_finite()
}

/// Counts hours; answers whether a value is a negative zero, which some functions tell from zero.
fn counts(row: &mut Row, series: &Series, present: u32, due_end: i64) -> bool {
    let mut odd = false;
    row.lowest = f64::NAN;
    row.highest = f64::NAN;
    row.total = 0.0;
    let first = i64::from(present.trailing_zeros());
    for (hour, mark) in series.marks.iter().enumerate() {
        let at = hour as i64;
        if *mark == ABSENT {
            row.lacking += i64::from(at >= first && at < due_end);
            continue;
        }
        row.hours += 1;
        row.amounts += i64::from(series.amount[hour].is_finite());
        let normal = *mark == Mark::NORMAL.number();
        if !normal || !series.value[hour].is_finite() {
            match Mark::from_number(*mark).text() {
                "F" => row.stopped += 1,
                "D" => row.faulty += 1,
                "M" | "C" => row.serviced += 1,
                "St" | "Sd" | "Sr" => row.condition += 1,
                "N" | "T" if !series.value[hour].is_finite() => row.empty += 1,
                _ => {}
            }
        }
        row.stated += i64::from(used(series, hour) && series.converted[hour].is_finite());
        let Some(value) = series.valid(hour) else {
            continue;
        };
        row.valid += 1;
        row.total += value;
        row.zeros += i64::from(value == 0.0);
        row.negatives += i64::from(value < 0.0);
        odd |= value == 0.0 && value.is_sign_negative();
        row.lowest = smaller(row.lowest, value);
        row.highest = larger(row.highest, value);
    }
    if row.valid == 0 {
        row.total = f64::NAN;
    }
    odd
}

/// Number of values, the lowest and the highest.
fn extremes(values: &[f64; HOURS]) -> (i64, f64, f64) {
    let (mut count, mut lowest, mut highest) = (0, f64::NAN, f64::NAN);
    for &value in values {
        if value.is_nan() {
            continue;
        }
        count += 1;
        lowest = smaller(lowest, value);
        highest = larger(highest, value);
    }
    (count, lowest, highest)
}

/// Longest run of consecutive equal valid values of which at least one lies in the day.
fn longest_run(series: &Series, before: Option<&Series>, after: Option<&Series>) -> i64 {
    let mut values = [f64::NAN; HOURS];
    for (hour, value) in values.iter_mut().enumerate() {
        *value = series.valid(hour).unwrap_or(f64::NAN);
    }
    // How far the first value reaches back and the last one goes on in the days next to this one.
    let equal = |day: Option<&Series>, value: f64, hour: usize| {
        day.and_then(|day| day.valid(hour)) == Some(value)
    };
    let back = (0..HOURS)
        .rev()
        .take_while(|hour| equal(before, values[0], *hour))
        .count();
    let on = (0..HOURS)
        .take_while(|hour| equal(after, values[HOURS - 1], *hour))
        .count();
    let (mut longest, mut length, mut last) = (0, back, values[0]);
    for value in values {
        length = if value == last {
            length + 1
        } else {
            usize::from(!value.is_nan())
        };
        last = value;
        longest = longest.max(length);
    }
    if !last.is_nan() {
        longest = longest.max(length + on);
    }
    i64::try_from(longest).unwrap_or(i64::MAX)
}

/// Largest change between consecutive valid hours, percent of the earlier one.
fn largest_step(series: &Series, before: Option<&Series>) -> f64 {
    let mut last = before.and_then(|day| day.valid(HOURS - 1));
    let mut largest = f64::NAN;
    for hour in 0..HOURS {
        let value = series.valid(hour);
        if let (Some(before), Some(now)) = (last, value) {
            let step = if now == before {
                0.0
            } else if before == 0.0 {
                f64::MAX
            } else {
                100.0 * ((now - before) / before).abs()
            };
            largest = larger(largest, step);
        }
        last = value;
    }
    largest
}
