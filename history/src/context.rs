//! What documents say about loggers and series, as far as the statistics of a day need it.

use std::collections::HashMap;

/// A limit over a stretch of time; the end is exclusive. Times are microseconds UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// First instant.
    pub from: i64,
    /// First instant after.
    pub to: i64,
    /// The limit in the unit of the logger's values, if there is one that can be compared.
    pub value: Option<f64>,
    /// The same for a lower bound.
    pub low: Option<f64>,
    /// Whether values at reference oxygen are compared.
    pub converted: bool,
    /// Whether the units of limit and values cannot be compared.
    pub problem: bool,
}

/// Reference oxygen over a stretch of time, percent by volume.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// First instant.
    pub from: i64,
    /// First instant after.
    pub to: i64,
    /// Percent by volume.
    pub oxygen: f64,
}

/// What is known about one series.
#[derive(Debug, Clone, Default)]
pub struct OfSeries {
    /// Hourly limits, never two at once.
    pub hour: Vec<Limit>,
    /// Daily limits, never two at once.
    pub day: Vec<Limit>,
    /// Reference oxygen, never two at once.
    pub reference: Vec<Reference>,
}

/// Everything known, by the numbers of [`crate::files::Loggers`] and [`crate::files::Factors`].
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Series that documents speak about, by logger and factor.
    pub series: HashMap<(u32, u16), OfSeries>,
    /// Loggers that an outlet is bound to at any time.
    pub bound: Vec<bool>,
    /// Loggers whose binding states a cadence.
    pub paced: Vec<bool>,
    /// By what gas flow as sent is multiplied to be in m3/s; nothing when its unit is unknown.
    pub gas_flow: Option<f64>,
    /// By what water flow as sent is multiplied to be in L/s; nothing when its unit is unknown.
    pub water_flow: Option<f64>,
    /// The time it is, microseconds UTC.
    pub as_of: i64,
}

/// The one limit that holds over a whole stretch of time.
pub(crate) fn limit_over(limits: &[Limit], from: i64, to: i64) -> Option<&Limit> {
    limits
        .iter()
        .find(|limit| limit.from <= from && to <= limit.to)
}

/// Reference oxygen over a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Oxygen {
    /// None is stated.
    None,
    /// The same all the time, percent by volume.
    Is(f64),
    /// It changes within the stretch.
    Changes,
}

/// The reference oxygen over a whole stretch of time.
pub(crate) fn oxygen_over(references: &[Reference], from: i64, to: i64) -> Oxygen {
    let mut touching = references
        .iter()
        .filter(|reference| reference.from < to && from < reference.to);
    match (touching.next(), touching.next()) {
        (None, _) => Oxygen::None,
        (Some(one), None) if one.from <= from && to <= one.to => Oxygen::Is(one.oxygen),
        _ => Oxygen::Changes,
    }
}
