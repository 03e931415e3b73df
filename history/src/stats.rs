//! What one day of one series amounts to: the numbers that tell a rule whether it has to look.
//!
//! The terms are those of the views `hourly` and `daily` and of the rules' shared views; the numbers
//! are computed by the same steps in the same order. Columns are described in [`COLUMNS`].

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::context::{Context, OfSeries, Oxygen, limit_over, oxygen_over};
use crate::factors::{is_concentration, is_gas};
use crate::files::{ABSENT, Day, HOURS, Series};
use crate::marks::{Class, Mark};
use crate::{DAY, HOUR, day_start};

macro_rules! columns {
    ($($name:ident: $kind:ident, $doc:literal;)*) => {
        /// Name and meaning of every column a screen may use.
        pub const COLUMNS: &[(&str, &str)] = &[$((stringify!($name), $doc)),*];

        /// One series' day.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Row {
            $(#[doc = $doc] pub $name: columns!(@row $kind),)*
        }

        /// The rows of a day, by columns.
        #[derive(Debug, Clone, Default)]
        struct Table {
            $($name: Vec<columns!(@row $kind)>,)*
        }

        impl Table {
            fn with_capacity(rows: usize) -> Self {
                Self {
                    $($name: Vec::with_capacity(rows),)*
                }
            }

            fn push(&mut self, row: &Row) {
                $(self.$name.push(row.$name);)*
            }

            fn columns(self) -> Vec<ArrayRef> {
                vec![$(columns!(@array $kind, self.$name)),*]
            }

            fn fields() -> Vec<Field> {
                vec![$(Field::new(stringify!($name), columns!(@type $kind), true)),*]
            }
        }
    };
    (@row Count) => { i64 };
    (@row Number) => { f64 };
    (@row Truth) => { bool };
    (@type Count) => { DataType::Int64 };
    (@type Number) => { DataType::Float64 };
    (@type Truth) => { DataType::Boolean };
    (@array Count, $values:expr) => { Arc::new(Int64Array::from($values)) as ArrayRef };
    (@array Number, $values:expr) => {
        Arc::new(Float64Array::from_iter(
            $values.into_iter().map(|value| value.is_finite().then_some(value)),
        )) as ArrayRef
    };
    (@array Truth, $values:expr) => { Arc::new(BooleanArray::from($values)) as ArrayRef };
}

columns! {
    gas: Truth, "the factor belongs to waste gas";
    concentration: Truth, "the factor is a pollutant measured as a concentration";
    first: Truth, "the first of the logger's series of the day: what counts once per logger counts here";
    over: Truth, "the day is over at the time of the run";
    begun: Truth, "the day has begun at the time of the run";
    hours: Count, "hours with a row";
    valid: Count, "valid hours";
    stopped: Count, "hours marked F";
    condition: Count, "hours marked as a condition (St, Sd, Sr)";
    faulty: Count, "hours marked D";
    empty: Count, "hours with neither a value nor a mark that says why (`mark` is missing)";
    lowest: Number, "lowest valid value";
    highest: Number, "highest valid value";
    total: Number, "sum of the valid values";
    zeros: Count, "valid hours at exactly zero";
    negatives: Count, "valid hours below zero";
    run: Count, "longest run of consecutive equal valid values that touches the day, the days next to it included";
    step_percent: Number, "largest change from one valid hour to the next, percent of the one before, the day before included; null without such a pair";
    stated: Count, "hours with a value at reference oxygen as sent";
    apart_percent: Number, "largest distance of a value at reference oxygen as sent from the one computed, percent of the latter; null without such a pair";
    amounts: Count, "hours with an amount as sent (Cou)";
    reference: Number, "reference oxygen that holds all day, percent";
    oxygens: Count, "hours with a valid oxygen value of the logger";
    moved: Count, "hours with a valid velocity (a01011) or temperature (a01012) of the logger";
    o2_lowest: Number, "lowest valid oxygen value of the logger, percent";
    o2_highest: Number, "highest valid oxygen value of the logger, percent";
    flows: Count, "hours with a valid flow of the factor's medium";
    flow_lowest: Number, "lowest valid flow, m3/s or L/s";
    flow_highest: Number, "highest valid flow, m3/s or L/s";
    converted_lowest: Number, "lowest converted value of a valid hour";
    judged: Count, "hours that can be held against the hourly limit (no `why` in hours_judged)";
    observed: Number, "highest of them on the limit's basis";
    limit_hour: Number, "hourly limit that holds all day";
    limit_low: Number, "lower hourly bound that holds all day";
    limited: Truth, "one hourly limit, upper or lower, holds all day";
    day_judged: Truth, "the day can be held against the daily limit (no `why` in days_judged)";
    day_observed: Number, "the day's value on the limit's basis";
    limit_day: Number, "daily limit at the day's start";
    due: Count, "due hours of the day (n_due of daily)";
    volume: Number, "volume of the valid hours, m3";
    mass: Number, "sum of value times volume over the valid hours";
    day_mean: Number, "the day's mean: gas at reference oxygen where that is known, water weighted by flow";
    bound: Truth, "an outlet is bound to the logger";
    lacking: Count, "hours without a row after the logger's first hour of the day, up to the time of the run";
    logger_hours: Count, "hours of the day in which any factor of the logger has a row";
    logger_last: Count, "the last hour of the day in which any factor of the logger has a row, 0 to 23";
    logger_due: Count, "hours from the logger's first of the day to the day's end or the time of the run";
    alike: Truth, "all series of the logger have the same number of hours, and there are at least two";
    humid: Truth, "the logger measures humidity (a01014)";
    led: Truth, "the series' hours follow each other without a gap from the last valid hour of the day before";
    logger_active: Count, "hours in which a pollutant of the logger is valid, above zero and flows, as far as flow is known";
    logger_alive: Count, "hours in which a pollutant of the logger is valid and flows, as far as flow is known";
    gap_before_s: Count, "seconds from the day's start to the logger's first hour";
    gap_inside_s: Count, "longest stretch between the logger's hours of the day without a row, seconds";
    gap_after_s: Count, "seconds from the logger's last hour to the day's end or the time of the run";
}

/// Which series a row is about, beside its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Number of the logger.
    pub logger: u32,
    /// Number of the factor; nothing for a logger that has no row that day.
    pub factor: Option<u16>,
    /// Whether the logger's day takes the full rules.
    pub odd: bool,
}

/// The statistics of one day.
#[derive(Debug)]
pub struct Stats {
    /// Beijing day.
    pub date: i32,
    /// Rows read of that day.
    pub read: u64,
    /// One per row, in order of loggers.
    pub keys: Vec<Key>,
    table: Table,
}

/// Schema of the numbers: `logger`, then [`COLUMNS`].
pub fn schema() -> SchemaRef {
    let mut fields = vec![Field::new("logger", DataType::UInt32, false)];
    fields.extend(Table::fields());
    Arc::new(Schema::new(fields))
}

impl Stats {
    /// The numbers as a batch under [`schema`], and the keys of its rows.
    pub fn into_batch(self) -> Result<(Vec<Key>, RecordBatch), ArrowError> {
        let loggers = self.keys.iter().map(|key| key.logger);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(UInt32Array::from_iter_values(loggers))];
        columns.extend(self.table.columns());
        Ok((self.keys, RecordBatch::try_new(schema(), columns)?))
    }
}

/// Codes by number with what they mean.
#[derive(Debug, Clone)]
pub struct Codes(Vec<Code>);

#[derive(Debug, Clone, Copy)]
struct Code {
    gas: bool,
    concentration: bool,
    special: Special,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Special {
    None,
    Oxygen,
    GasFlow,
    WaterFlow,
    Movement,
    Humidity,
    Furnace,
}

impl Codes {
    /// Looks all codes up.
    pub fn new(codes: &[String]) -> Self {
        Self(
            codes
                .iter()
                .map(|code| Code {
                    gas: is_gas(code),
                    concentration: is_concentration(code),
                    special: match code.as_str() {
                        "a19001" => Special::Oxygen,
                        "a00000" => Special::GasFlow,
                        "w00000" => Special::WaterFlow,
                        "a01011" | "a01012" => Special::Movement,
                        "a01014" => Special::Humidity,
                        code if code.starts_with("i333") => Special::Furnace,
                        _ => Special::None,
                    },
                })
                .collect(),
        )
    }

    fn of(&self, factor: u16) -> Code {
        self.0[usize::from(factor)]
    }
}

/// What the hours of one logger's day have in common.
struct Companions {
    oxygen: [f64; HOURS],
    gas_flow: [f64; HOURS],
    water_flow: [f64; HOURS],
    volume: [f64; HOURS],
    present: u32,
    moved: u32,
}

/// The larger of two numbers of which either may be missing.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b > a { b } else { a }
}

impl Companions {
    fn of(group: &[Series], codes: &Codes, context: &Context) -> Self {
        let mut found = Self {
            oxygen: [f64::NAN; HOURS],
            gas_flow: [f64::NAN; HOURS],
            water_flow: [f64::NAN; HOURS],
            volume: [f64::NAN; HOURS],
            present: 0,
            moved: 0,
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
                    Special::Movement => found.moved |= 1 << hour,
                    Special::None | Special::Humidity | Special::Furnace => {}
                }
            }
        }
        found
    }
}

/// Describes a day. `before` and `after` are the days next to it; `wanted` are the loggers that get
/// a row, in order; one without rows of its own gets an empty one.
pub fn describe(
    (before, day, after): (&Day, &Day, &Day),
    wanted: &[u32],
    codes: &Codes,
    context: &Context,
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
            codes,
            context,
            &mut stats,
        );
    }
    stats
}

fn of_logger(
    logger: u32,
    group: &[Series],
    near: (&[Series], &[Series]),
    codes: &Codes,
    context: &Context,
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
        let known = context.series.get(&(logger, series.factor));
        odd |= of_series(
            &mut row,
            series,
            (before, after),
            &companions,
            known,
            codes.of(series.factor),
            (start, due_end),
            context.paced.get(logger as usize) == Some(&true),
        );
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
        moved: i64::from(companions.moved.count_ones()),
        bound: group
            .first()
            .is_some_and(|series| context.bound.get(series.logger as usize) == Some(&true)),
        ..Row::default()
    };
    row.humid = group
        .iter()
        .any(|series| codes.of(series.factor).special == Special::Humidity);
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

/// Whether a series' hours begin at the day's start, right after a valid hour, and have no gap.
fn led(series: &Series, before: Option<&Series>) -> bool {
    let hours = series.marks.iter().filter(|mark| **mark != ABSENT).count();
    before.is_some_and(|day| day.valid(HOURS - 1).is_some())
        && (0..hours).all(|hour| series.valid(hour).is_some())
}

/// Fills a series' row; answers whether it takes the full rules.
#[allow(clippy::too_many_arguments)]
fn of_series(
    row: &mut Row,
    series: &Series,
    (before, after): (Option<&Series>, Option<&Series>),
    companions: &Companions,
    known: Option<&OfSeries>,
    code: Code,
    (start, due_end): (i64, i64),
    paced: bool,
) -> bool {
    let mut odd = false;
    row.gas = code.gas;
    row.concentration = code.concentration;
    counts(row, series, companions.present, due_end);
    row.run = longest_run(series, before, after);
    row.step_percent = largest_step(series, before);
    row.led = led(series, before);
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
fn used(series: &Series, hour: usize) -> bool {
    let mark = series.marks[hour];
    let averaged = mark == Mark::NORMAL.number()
        || (mark != ABSENT && Mark::from_number(mark).class() == Class::OverRange);
    averaged && series.value[hour].is_finite()
}

fn counts(row: &mut Row, series: &Series, present: u32, due_end: i64) {
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
        row.lowest = if value < row.lowest || row.lowest.is_nan() {
            value
        } else {
            row.lowest
        };
        row.highest = larger(row.highest, value);
    }
    if row.valid == 0 {
        row.total = f64::NAN;
    }
}

/// Number of values, the lowest and the highest.
fn extremes(values: &[f64; HOURS]) -> (i64, f64, f64) {
    let (mut count, mut lowest, mut highest) = (0, f64::NAN, f64::NAN);
    for &value in values {
        if value.is_nan() {
            continue;
        }
        count += 1;
        if value < lowest || lowest.is_nan() {
            lowest = value;
        }
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

/// The day's hours against the hourly limit, as the view `hours_judged` has it.
fn held_against_hour(
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
    let limit = limit_over(&known.hour, start, start + DAY);
    if let Some(limit) = limit {
        row.limit_hour = limit.value.unwrap_or(f64::NAN);
        row.limit_low = limit.low.unwrap_or(f64::NAN);
        row.limited = limit.value.is_some() || limit.low.is_some();
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
        if row.bound && !idle && !observed.is_nan() {
            row.judged += 1;
            row.observed = larger(row.observed, observed);
        }
    }
}

/// The day as `daily` and `days_judged` have it; answers whether that takes the full rules.
#[allow(clippy::too_many_arguments)]
fn of_day(
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

#[cfg(test)]
mod tests;
