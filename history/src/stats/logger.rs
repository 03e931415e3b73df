//! A logger's day: what its series have in common, and its rows.

use super::codes::{Codes, Special};
use super::series::of_series;
use super::{Key, Row, Stats, Table, larger};
use crate::context::Context;
use crate::files::{ABSENT, Day, HOURS, Series};
use crate::past::Past;
use crate::{DAY, HOUR, day_start};

/// What the hours of one logger's day have in common.
pub(super) struct Companions {
    pub(super) oxygen: [f64; HOURS],
    pub(super) gas_flow: [f64; HOURS],
    pub(super) water_flow: [f64; HOURS],
    pub(super) volume: [f64; HOURS],
    /// Hours with a row of any series, one bit each; the others are of valid hours of one factor.
    pub(super) present: u32,
    pub(super) velocity: u32,
    pub(super) temperature: u32,
    pub(super) humidity: u32,
}

impl Companions {
    fn of(group: &[Series], codes: &Codes, context: &Context) -> Self {
        let mut found = Self {
            oxygen: [f64::NAN; HOURS],
            gas_flow: [f64::NAN; HOURS],
            water_flow: [f64::NAN; HOURS],
            volume: [f64::NAN; HOURS],
            present: 0,
            velocity: 0,
            temperature: 0,
            humidity: 0,
        };
        for series in group {
            for (hour, mark) in series.marks.iter().enumerate() {
                found.present |= u32::from(*mark != ABSENT) << hour;
            }
            let special = codes.of(series.factor).special;
            if special == Special::None {
                continue;
            }
            for hour in 0..HOURS {
                let Some(value) = series.valid(hour) else {
                    continue;
                };
                let scaled = |scale: Option<f64>| scale.map_or(f64::NAN, |scale| value * scale);
                let amount = series.amount[hour];
                let volume = |flow: f64, times: f64| {
                    if amount.is_nan() {
                        flow * times
                    } else {
                        amount
                    }
                };
                match special {
                    Special::Oxygen => found.oxygen[hour] = value,
                    Special::GasFlow => {
                        let flow = scaled(context.gas_flow);
                        found.gas_flow[hour] = flow;
                        found.volume[hour] = larger(found.volume[hour], volume(flow, 3600.0));
                    }
                    Special::WaterFlow => {
                        let flow = scaled(context.water_flow);
                        found.water_flow[hour] = flow;
                        found.volume[hour] = larger(found.volume[hour], volume(flow, 3.6));
                    }
                    Special::Velocity => found.velocity |= 1 << hour,
                    Special::Temperature => found.temperature |= 1 << hour,
                    Special::Humidity => found.humidity |= 1 << hour,
                    Special::None | Special::Section | Special::Acidity | Special::Furnace => {}
                }
            }
        }
        found
    }
}

/// Describes a day. `before` and `after` are the days next to it; `wanted` are the loggers that get
/// a row, in order; one without rows of its own gets an empty one. `past` remembers the days before,
/// where copies of them are looked for.
pub fn describe(
    (before, day, after): (&Day, &Day, &Day),
    wanted: &[u32],
    codes: &Codes,
    context: &Context,
    mut past: Option<&mut Past>,
) -> Stats {
    let mut stats = Stats {
        date: day.date,
        read: day.rows,
        keys: Vec::with_capacity(day.series.len()),
        table: Table::with_capacity(day.series.len() + wanted.len()),
    };
    let mut at = 0;
    for &logger in wanted {
        while at < day.series.len() && day.series[at].logger < logger {
            at += 1;
        }
        let from = at;
        while at < day.series.len() && day.series[at].logger == logger {
            at += 1;
        }
        let near = (before.logger(logger), after.logger(logger));
        of_logger(
            logger,
            &day.series[from..at],
            near,
            (codes, context),
            past.as_deref_mut(),
            &mut stats,
        );
    }
    stats
}

fn of_logger(
    logger: u32,
    group: &[Series],
    near: (&[Series], &[Series]),
    (codes, context): (&Codes, &Context),
    mut past: Option<&mut Past>,
    stats: &mut Stats,
) {
    let start = day_start(stats.date);
    let companions = Companions::of(group, codes, context);
    let due_end = (context.as_of.clamp(start, start + DAY) - start) / HOUR;
    let logger_row = logger_level(&companions, group, codes, start, context);
    let mut odd = group.iter().any(|series| series.odd)
        || near.0.iter().chain(near.1).any(|series| series.odd)
        // Furnace temperatures are process values, which rules read as they are.
        || group.iter().any(|series| codes.of(series.factor).special == Special::Furnace)
        // Hours that are not over yet are left to the full rules.
        || companions.present >> due_end != 0;
    let from = stats.keys.len();
    let mut gases = 0;
    for series in group {
        if series.marks.iter().all(|mark| *mark == ABSENT) {
            continue;
        }
        let beside = |group: &'_ [Series]| group.iter().position(|s| s.factor == series.factor);
        let before = beside(near.0).map(|at| &near.0[at]);
        let after = beside(near.1).map(|at| &near.1[at]);
        let mut row = Row {
            first: stats.keys.len() == from,
            ..logger_row.clone()
        };
        let code = codes.of(series.factor);
        row.first_gas = code.gas && code.concentration && gases == 0;
        gases += i64::from(row.first_gas);
        let known = context.series.get(&(logger, series.factor));
        odd |= of_series(
            &mut row,
            series,
            (before, after),
            &companions,
            known,
            code,
            (start, due_end),
            context.paced.get(logger as usize) == Some(&true),
        );
        if code.concentration
            && let Some(past) = past.as_deref_mut()
        {
            row.repeated = past.repeated(stats.date, series, row.different);
        }
        stats.keys.push(Key {
            logger,
            factor: Some(series.factor),
            odd,
        });
        stats.table.push(&row);
    }
    if stats.keys.len() == from {
        stats.keys.push(Key {
            logger,
            factor: None,
            odd,
        });
        let row = Row {
            first: true,
            ..logger_row
        };
        stats.table.push(&Row {
            lowest: f64::NAN,
            highest: f64::NAN,
            ..row
        });
    }
    // What is odd about one series is odd about the logger: rules compare its factors.
    for key in &mut stats.keys[from..] {
        key.odd = odd;
    }
}

/// What all rows of a logger's day say alike.
fn logger_level(
    companions: &Companions,
    group: &[Series],
    codes: &Codes,
    start: i64,
    context: &Context,
) -> Row {
    let present = companions.present;
    let end = context.as_of.clamp(start, start + DAY);
    let mut row = Row {
        over: start + DAY <= context.as_of,
        begun: start < context.as_of,
        logger_hours: i64::from(present.count_ones()),
        moved: i64::from((companions.velocity | companions.temperature).count_ones()),
        bound: group
            .first()
            .is_some_and(|series| context.bound.get(series.logger as usize) == Some(&true)),
        ..Row::default()
    };
    let has = |special: Special| {
        let mut series = group.iter();
        series.any(|series| codes.of(series.factor).special == special)
    };
    row.humid = has(Special::Humidity);
    row.sectioned = has(Special::Section);
    row.alike = alike(group);
    let (mut active, mut alive) = (0_u32, 0_u32);
    for series in group {
        let code = codes.of(series.factor);
        if !code.concentration {
            continue;
        }
        let flow = if code.gas {
            &companions.gas_flow
        } else {
            &companions.water_flow
        };
        for (hour, flow) in flow.iter().enumerate() {
            if let Some(value) = series.valid(hour)
                && (flow.is_nan() || *flow > 0.0)
            {
                alive |= 1 << hour;
                active |= u32::from(value > 0.0) << hour;
            }
        }
    }
    row.logger_active = i64::from(active.count_ones());
    row.logger_alive = i64::from(alive.count_ones());
    if present == 0 {
        row.gap_before_s = (end - start) / 1_000_000;
        return row;
    }
    let (first, last) = (present.trailing_zeros(), 31 - present.leading_zeros());
    row.logger_due = ((end - start) / HOUR - i64::from(first)).max(0);
    row.logger_last = i64::from(last);
    row.gap_before_s = i64::from(first) * 3_600;
    row.gap_after_s = ((end - start - i64::from(last + 1) * HOUR) / 1_000_000).max(0);
    let (mut gap, mut longest) = (0, 0);
    for hour in first..=last {
        gap = if present >> hour & 1 == 1 { 0 } else { gap + 1 };
        longest = longest.max(gap);
    }
    row.gap_inside_s = longest * 3_600;
    row
}

/// Whether at least two series have rows, and as many each.
fn alike(group: &[Series]) -> bool {
    let counts = group
        .iter()
        .map(|series| series.marks.iter().filter(|mark| **mark != ABSENT).count())
        .filter(|count| *count > 0);
    let (mut least, mut most, mut series) = (usize::MAX, 0, 0);
    for count in counts {
        least = least.min(count);
        most = most.max(count);
        series += 1;
    }
    series > 1 && least == most
}
