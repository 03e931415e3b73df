//! What a series' day looks like: variation, memory, steps, night and day, and what else was
//! measured in the same hours. Only factors that a rule asks about are looked at.

use super::Row;
use super::codes::{Code, Special};
use super::logger::Companions;
use crate::files::{HOURS, Series};
use crate::shape;

/// First hour of the day (05:00 to 21:00) as opposed to the night, and the first hour after it.
const LIGHT: std::ops::Range<usize> = 5..21;
/// Percent from which on a change counts, smallest first.
const STEPS: [f64; 3] = [10.0, 30.0, 60.0];

/// Fills in a series' row; its hours are counted already.
pub(super) fn describe(
    row: &mut Row,
    series: &Series,
    before: Option<&Series>,
    companions: &Companions,
    code: Code,
) {
    row.variation = f64::NAN;
    row.lag1 = f64::NAN;
    for sum in [
        &mut row.night_value,
        &mut row.night_flow,
        &mut row.light_value,
        &mut row.light_flow,
    ] {
        *sum = f64::NAN;
    }
    let mut valid = 0_u32;
    let mut values = [0.0; HOURS];
    let mut count = 0;
    for hour in 0..HOURS {
        if let Some(value) = series.valid(hour) {
            valid |= 1 << hour;
            values[count] = value;
            count += 1;
        }
    }
    let together = |mask: u32| i64::from((valid & mask).count_ones());
    if code.special == Special::GasFlow {
        let heat = companions.velocity & companions.temperature;
        row.with_velocity = together(companions.velocity);
        row.with_heat = together(heat);
        row.with_humidity = together(heat & companions.humidity);
    }
    let varies = code.concentration || matches!(code.special, Special::Oxygen | Special::Acidity);
    if varies && count > 0 {
        let mean = shape::mean(values[..count].iter().copied());
        if mean > 0.0 {
            row.variation = 100.0 * shape::spread(&values[..count], mean) / mean;
        }
    }
    if !code.concentration {
        return;
    }
    row.lag1 = shape::lag1(&values[..count]);
    steps(row, series, before);
    with_companions(row, series, companions, code);
    // Sorts the values: nothing below it may need their order.
    row.different = i64::try_from(shape::different(&mut values[..count])).unwrap_or(i64::MAX);
}

/// Changes from one valid hour to the next.
fn steps(row: &mut Row, series: &Series, before: Option<&Series>) {
    let mut last = before.and_then(|day| day.valid(HOURS - 1));
    for hour in 0..HOURS {
        let value = series.valid(hour);
        if let (Some(before), Some(now)) = (last, value)
            && before > 0.0
        {
            // A hair more than it is, so that no way of rounding makes a step too small.
            let percent = 100.000_001 * (now - before).abs() / before;
            row.steps_10 += i64::from(percent >= STEPS[0]);
            row.steps_30 += i64::from(percent >= STEPS[1]);
            row.steps_60 += i64::from(percent >= STEPS[2]);
        }
        last = value;
    }
}

/// The valid hours by night and day, and those with oxygen and flow.
fn with_companions(row: &mut Row, series: &Series, companions: &Companions, code: Code) {
    let flows = if code.gas {
        &companions.gas_flow
    } else {
        &companions.water_flow
    };
    let add = |sum: &mut f64, value: f64| {
        *sum = if sum.is_nan() { value } else { *sum + value };
    };
    for (hour, &flow) in flows.iter().enumerate() {
        let Some(value) = series.valid(hour) else {
            continue;
        };
        if code.gas && !companions.oxygen[hour].is_nan() {
            row.o2_hours += 1;
            row.o2_flow_hours += i64::from(!flow.is_nan());
        }
        if flow > 0.0 {
            if LIGHT.contains(&hour) {
                row.light_hours += 1;
                add(&mut row.light_value, value);
                add(&mut row.light_flow, flow);
            } else {
                row.night_hours += 1;
                add(&mut row.night_value, value);
                add(&mut row.night_flow, flow);
            }
        }
    }
}
