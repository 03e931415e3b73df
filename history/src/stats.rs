//! What one day of one series amounts to: the numbers that tell a rule whether it has to look.
//!
//! The terms are those of the views `hourly` and `daily` and of the rules' shared views; the numbers
//! are computed by the same steps in the same order. Columns are described in [`COLUMNS`].
//!
//! - `logger`: what the series of a logger have in common, and the rows of its day;
//! - `series`: counts, extremes, runs and steps of one series;
//! - `limits`: the day held against its limits;
//! - `shape`: variation, memory, night and day, copies of earlier days.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

mod codes;
mod limits;
mod logger;
mod series;
mod shape;

pub use codes::Codes;
pub use logger::describe;

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
    different: Count, "different valid values; of pollutants only, else 0";
    variation: Number, "standard deviation of the valid values, percent of their mean; of pollutants, oxygen and pH; null unless the mean is above zero";
    lag1: Number, "correlation of each valid value with the next; of pollutants only; null for a constant series";
    steps_10: Count, "changes of at least 10 % from one valid hour to the next, of the one before if that is above zero, the day before included; of pollutants only";
    steps_30: Count, "the same of at least 30 %";
    steps_60: Count, "the same of at least 60 %";
    repeated: Count, "the largest number of valid hours with the value of the same hour of one of the 30 days before, between days of at least 20 valid hours and 6 different values; 0 unless it is three quarters of the day's; of pollutants only";
    serviced: Count, "hours marked M or C";
    limit_changes: Truth, "an hourly limit begins or ends within the day";
    limit_problem: Truth, "an hourly limit of the day cannot be compared with the values";
    limit_converted: Truth, "the hourly limit that holds all day is for values at reference oxygen";
    limit_hours: Count, "valid hours with a value on the basis of an hourly limit above zero that holds all day";
    limit_highest: Number, "highest of these values";
    limit_lowest: Number, "lowest of these values";
    night_hours: Count, "valid hours from 21:00 to 05:00 with a flow above zero; of pollutants only";
    night_value: Number, "sum of the values of these hours";
    night_flow: Number, "sum of the flows of these hours";
    light_hours: Count, "valid hours from 05:00 to 21:00 with a flow above zero; of pollutants only";
    light_value: Number, "sum of the values of these hours";
    light_flow: Number, "sum of the flows of these hours";
    o2_hours: Count, "valid hours with a valid oxygen value of the logger";
    o2_flow_hours: Count, "valid hours with valid oxygen and a valid flow";
    with_velocity: Count, "valid hours with a valid velocity (a01011) of the logger";
    with_heat: Count, "those of them with a valid temperature (a01012)";
    with_humidity: Count, "those of them with a valid humidity (a01014)";
    sectioned: Truth, "the logger sends its cross-section (a01016)";
    first_gas: Truth, "the first of the logger's gas pollutants of the day: what counts once per gas logger counts here";
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

/// The larger of two numbers of which either may be missing.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b > a { b } else { a }
}

/// The smaller of two numbers of which either may be missing.
fn smaller(a: f64, b: f64) -> f64 {
    if a.is_nan() || b < a { b } else { a }
}

#[cfg(test)]
mod tests;
