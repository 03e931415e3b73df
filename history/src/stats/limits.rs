//! A series' day held against its limits, by the hour and as a mean.

use super::codes::Code;
use super::logger::Companions;
use super::{Row, larger, smaller};
use crate::DAY;
use crate::context::{OfSeries, limit_over};
use crate::files::{ABSENT, HOURS, Series};

/// The day's hours against the hourly limit, as the view `hours_judged` has it.
pub(super) fn held_against_hour(
    row: &mut Row,
    series: &Series,
    converted: &[f64; HOURS],
    flow: &[f64; HOURS],
    known: &OfSeries,
    code: Code,
    start: i64,
) {
    row.observed = f64::NAN;
    row.limit_hour = f64::NAN;
    row.limit_low = f64::NAN;
    row.converted_lowest = f64::NAN;
    row.limit_highest = f64::NAN;
    row.limit_lowest = f64::NAN;
    let end = start + DAY;
    for limit in known
        .hour
        .iter()
        .filter(|limit| limit.from < end && start < limit.to)
    {
        row.limit_problem |= limit.problem;
        row.limit_changes |= start < limit.from || limit.to < end;
    }
    let limit = limit_over(&known.hour, start, end);
    if let Some(limit) = limit {
        row.limit_hour = limit.value.unwrap_or(f64::NAN);
        row.limit_low = limit.low.unwrap_or(f64::NAN);
        row.limited = limit.value.is_some() || limit.low.is_some();
        row.limit_converted = limit.converted;
    }
    for hour in 0..HOURS {
        let Some(value) = series.valid(hour) else {
            continue;
        };
        let converted = converted[hour];
        // The smaller one; a number before none.
        row.converted_lowest = row.converted_lowest.min(converted);
        let Some(limit) = limit.filter(|limit| limit.value.is_some() && !limit.problem) else {
            continue;
        };
        let idle = !code.gas && flow[hour] == 0.0;
        let observed = if limit.converted { converted } else { value };
        if limit.value > Some(0.0) && !observed.is_nan() {
            row.limit_hours += 1;
            row.limit_highest = larger(row.limit_highest, observed);
            row.limit_lowest = smaller(row.limit_lowest, observed);
        }
        if row.bound && !idle && !observed.is_nan() {
            row.judged += 1;
            row.observed = larger(row.observed, observed);
        }
    }
}

/// The day as `daily` and `days_judged` have it; answers whether that takes the full rules.
#[allow(clippy::too_many_arguments)]
pub(super) fn of_day(
    row: &mut Row,
    series: &Series,
    converted: &[f64; HOURS],
    companions: &Companions,
    known: &OfSeries,
    code: Code,
    start: i64,
    paced: bool,
    reference: Option<f64>,
) -> bool {
    let (mut volume, mut mass) = (f64::NAN, f64::NAN);
    let (mut o2_total, mut o2_count) = (0.0, 0_i64);
    let (mut converted_total, mut converted_count) = (0.0, 0_i64);
    for (hour, &converted) in converted.iter().enumerate() {
        let Some(value) = series.valid(hour) else {
            continue;
        };
        let share = companions.volume[hour];
        if share > 0.0 {
            volume = if volume.is_nan() {
                share
            } else {
                volume + share
            };
            mass = if mass.is_nan() {
                value * share
            } else {
                mass + value * share
            };
        }
        if code.gas && !companions.oxygen[hour].is_nan() {
            o2_total += companions.oxygen[hour];
            o2_count += 1;
        }
        if !converted.is_nan() {
            converted_total += converted;
            converted_count += 1;
        }
    }
    (row.volume, row.mass) = (volume, mass);
    row.due = (24 - row.stopped).max(row.valid);
    let limit = known
        .day
        .iter()
        .find(|limit| limit.from <= start && start < limit.to);
    row.limit_day = limit.and_then(|limit| limit.value).unwrap_or(f64::NAN);
    let valid = row.valid as f64;
    let mean = if row.valid > 0 {
        row.total / valid
    } else {
        f64::NAN
    };
    let at_reference = match reference {
        _ if row.valid == 0 => f64::NAN,
        Some(reference) if o2_count == row.valid => {
            let o2 = o2_total / o2_count as f64;
            if o2 < 21.0 {
                mean * (21.0 - reference) / (21.0 - o2)
            } else {
                f64::NAN
            }
        }
        _ if converted_count == row.valid => converted_total / converted_count as f64,
        _ => f64::NAN,
    };
    row.day_observed = if !code.gas {
        mass / volume
    } else if limit.is_some_and(|limit| limit.converted) {
        at_reference
    } else {
        mean
    };
    row.day_mean = if !code.gas {
        mass / volume
    } else if at_reference.is_nan() {
        mean
    } else {
        at_reference
    };
    row.day_judged = row.bound
        && limit.is_some_and(|limit| limit.value.is_some() && !limit.problem)
        && !row.day_observed.is_nan();
    // A water analyser may be slower than hourly, which changes what is due and what a value weighs.
    !code.gas && !hourly(series, paced)
}

/// Whether a series' values come by the hour beyond doubt.
fn hourly(series: &Series, paced: bool) -> bool {
    let (mut last, mut next_hour, mut apart, mut count) = (None, 0, 0, 0);
    for hour in 0..HOURS {
        if series.marks[hour] == ABSENT {
            continue;
        }
        count += 1;
        match last {
            Some(before) if before + 1 == hour => next_hour += 1,
            Some(_) => apart += 1,
            None => {}
        }
        last = Some(hour);
    }
    if count == 1 {
        !paced
    } else {
        next_hour > apart
    }
}
