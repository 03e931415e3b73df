//! Long histories of hourly readings: one pass over the files of `readings_raw`, a day at a time.
//!
//! Most days of most loggers have nothing to tell. What a query engine does to find that out (join,
//! sort, group a year of hours) costs far more than reading them, so this crate reads them once and
//! says per series and day what rules need to know to leave the day alone ([`stats`]).
//!
//! - [`files`]: the readings of one Beijing day, as slots of hours per series;
//! - [`context`]: what documents say about a series (limits, bindings, reference oxygen);
//! - [`stats`]: the statistics of a day, with the day before and the day after at hand;
//! - [`walk`]: days in order, over several threads;
//! - [`marks`], [`factors`], [`shape`]: what marks and factor codes mean and what a series looks like,
//!   shared with the query functions.
//!
//! Invariants: only what is plain is described. A logger-day with minute or real-time rows, several
//! copies of an hour, a sentinel, or anything else that takes the full rules to understand is marked
//! `odd`, and whoever reads the statistics must judge it in full. Where a number cannot be known
//! exactly it is missing, never guessed.

pub mod context;
pub mod factors;
pub mod files;
pub mod marks;
pub mod past;
pub mod shape;
pub mod stats;
pub mod walk;

/// Microseconds per hour.
pub const HOUR: i64 = 3_600_000_000;
/// Microseconds per day.
pub const DAY: i64 = 24 * HOUR;
/// Beijing is this far ahead of UTC, microseconds.
const BEIJING: i64 = 8 * HOUR;

/// First instant of a Beijing day, microseconds UTC.
pub fn day_start(date: i32) -> i64 {
    i64::from(date) * DAY - BEIJING
}

/// What went wrong while reading a file.
#[derive(Debug, thiserror::Error)]
#[error("reading `{path}`: {what}")]
pub struct Error {
    /// The file.
    pub path: String,
    /// What happened.
    pub what: String,
}
