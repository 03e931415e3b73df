//! What a pass came to: which rules still have to judge which logger-days, and what is settled.
//!
//! A year of a province has millions of windows that are not evaluated for want of something, each of
//! which is recorded. They are kept as numbers, not as texts, until they are written.

use std::collections::{BTreeMap, BTreeSet};

use arrow::record_batch::RecordBatch;
use nonsite_history::files::Loggers;

use super::super::catalogue::Configured;
use super::super::touched::LoggerDay;

/// What the pass came to.
#[derive(Debug, Default)]
pub(in crate::detect) struct Looked {
    pub(super) loggers: Loggers,
    /// Codes of factors by number.
    pub(super) factors: Vec<String>,
    /// Why windows are not evaluated, by number.
    pub(super) reasons: Vec<String>,
    /// Loggers of each day that was looked at, in order.
    pub(super) days: BTreeMap<i32, Vec<u32>>,
    /// Per day and logger, one bit per rule that has to judge it.
    pub(super) open: BTreeMap<i32, Vec<u128>>,
    /// Rules that were asked, one bit each.
    pub(super) asked: u128,
    /// Rules that are their own screens, one bit each ([`super::presence`]).
    pub(super) presence: u128,
    /// Which series have rows on which day, where such rules run.
    pub(super) present: BTreeMap<i32, Vec<(u32, u16)>>,
    /// What is settled, by rule.
    pub(in crate::detect) settled: BTreeMap<usize, Settled>,
    /// Settled windows that are not evaluated, by day.
    pub(super) unjudged: BTreeMap<i32, Vec<Unjudged>>,
    /// Masses of the days that are settled for all rules of the day.
    pub(in crate::detect) masses: Vec<RecordBatch>,
    /// Means of these days, where a rule reads them.
    pub(in crate::detect) means: Vec<RecordBatch>,
    /// Until when loggers were heard on these days, microseconds UTC.
    pub(in crate::detect) heard: BTreeMap<String, i64>,
    /// Rows of the days that were looked at, and logger-days they belong to.
    pub(super) weight: (u64, u64),
    /// Rules whose screens failed over some days, which their queries judge instead, with what was
    /// wrong first.
    pub(in crate::detect) failed: BTreeMap<usize, String>,
    /// Why there was no pass, where there should have been one.
    pub(in crate::detect) fault: Option<String>,
    /// Rows that were read.
    pub(in crate::detect) rows: u64,
    /// Wall time, milliseconds.
    pub(in crate::detect) ms: u64,
}

/// What is settled about one rule's windows.
#[derive(Debug, Default)]
pub(in crate::detect) struct Settled {
    /// Windows that pass.
    pub(in crate::detect) passed: u64,
    /// Windows that are not evaluated, by number of the reason.
    pub(super) not_evaluated: BTreeMap<usize, u64>,
}

/// Stands for the factor of windows that name none.
pub(super) const NO_FACTOR: u16 = u16::MAX;

/// Windows of one rule, series and day that are not evaluated for one reason.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unjudged {
    pub(super) logger: u32,
    pub(super) factor: u16,
    pub(super) windows: u16,
    pub(super) rule: u8,
    pub(super) reason: u8,
}

/// The same in words: rule's number, logger, factor, reason, windows.
pub(in crate::detect) type Told<'a> = (usize, &'a str, Option<&'a str>, &'a str, i64);

/// One bit per rule; rules past the last bit are not screened.
pub(in crate::detect) fn bit(rule: usize) -> u128 {
    u32::try_from(rule)
        .ok()
        .and_then(|rule| 1_u128.checked_shl(rule))
        .unwrap_or(0)
}

/// Rows a day of a logger has that reports ten factors every ten minutes, about: what the number of
/// logger-days to evaluate at once is meant for.
const USUAL_ROWS: u64 = 1_800;
/// How many times as many logger-days are evaluated at once at most, however few rows they have.
const LIGHTEST: u64 = 9;
/// Rows of readings that are held in memory while they are judged, instead of being read from their
/// files by every query that asks for them.
const HELD: u64 = 3_000_000;

impl Looked {
    /// How many times as many logger-days as usual can be evaluated at once, because loggers that
    /// report by the hour have fewer rows.
    pub(in crate::detect) fn lightness(&self) -> usize {
        let (rows, days) = self.weight;
        let times = (USUAL_ROWS * days).checked_div(rows).unwrap_or(1);
        usize::try_from(times.clamp(1, LIGHTEST)).unwrap_or(1)
    }

    /// Whether the readings of so many logger-days can be held in memory.
    pub(in crate::detect) fn holds(&self, logger_days: usize) -> bool {
        let (rows, days) = self.weight;
        let each = rows.checked_div(days).unwrap_or(HELD).max(1);
        (logger_days as u64).saturating_mul(each) <= HELD
    }

    /// Whether any rule was asked.
    pub(in crate::detect) fn any(&self) -> bool {
        self.asked != 0
    }

    /// Whether a rule was asked.
    pub(in crate::detect) fn has(&self, rule: usize) -> bool {
        self.asked & bit(rule) != 0
    }

    /// Bits of the rules that have to judge a logger-day; nothing when it was not looked at.
    fn bits(&self, day: &LoggerDay) -> Option<u128> {
        let logger = self.loggers.number(&day.0)?;
        let place = self.days.get(&day.1)?.binary_search(&logger).ok()?;
        Some(self.open.get(&day.1)?[place])
    }

    /// The logger-days of `days` that one of the rules has to judge.
    pub(in crate::detect) fn left(
        &self,
        days: &BTreeSet<LoggerDay>,
        rules: u128,
    ) -> BTreeSet<LoggerDay> {
        let unasked = rules & !self.asked != 0;
        days.iter()
            .filter(|day| unasked || self.bits(day).is_none_or(|bits| bits & rules != 0))
            .cloned()
            .collect()
    }

    /// Rules that are their own screens and are not asked yet.
    pub(in crate::detect) fn waiting(&self) -> u128 {
        self.presence & !self.asked
    }

    /// Whether a logger-day was looked at and is not odd.
    pub(super) fn plain(&self, day: &LoggerDay) -> bool {
        self.bits(day).is_some_and(|bits| bits != u128::MAX)
    }

    /// Takes over what such a rule said: it has to judge those of `days` that are in `open`.
    pub(in crate::detect) fn answered(
        &mut self,
        rule: usize,
        days: &BTreeSet<LoggerDay>,
        open: &BTreeSet<LoggerDay>,
    ) {
        self.asked |= bit(rule);
        for day in days {
            let Some(logger) = self.loggers.number(&day.0) else {
                continue;
            };
            let loggers = self.days.get(&day.1);
            let Some(place) = loggers.and_then(|all| all.binary_search(&logger).ok()) else {
                continue;
            };
            let all = self.open.get_mut(&day.1);
            if let Some(bits) = all.and_then(|all| all.get_mut(place)) {
                *bits = if open.contains(day) {
                    *bits | bit(rule)
                } else {
                    *bits & !bit(rule)
                };
            }
        }
    }

    /// How many logger-days are settled for a rule.
    pub(in crate::detect) fn days_settled(&self, rule: usize) -> u64 {
        let bit = bit(rule);
        let settled = self.open.values().flatten().filter(|bits| *bits & bit == 0);
        settled.count() as u64
    }

    /// The logger-days of a run that one rule has to judge.
    pub(in crate::detect) fn of_rule(
        &self,
        rule: usize,
        core: &BTreeSet<LoggerDay>,
    ) -> BTreeSet<LoggerDay> {
        core.iter()
            .filter(|day| self.bits(day).is_none_or(|bits| bits & bit(rule) != 0))
            .cloned()
            .collect()
    }

    /// Windows of a rule that are settled as not evaluated, by reason.
    pub(in crate::detect) fn not_evaluated(
        &self,
        rule: usize,
    ) -> impl Iterator<Item = (&str, u64)> {
        let settled = self.settled.get(&rule).into_iter();
        settled
            .flat_map(|settled| &settled.not_evaluated)
            .map(|(reason, windows)| (self.reasons[*reason].as_str(), *windows))
    }

    /// Settled windows of a day that are not evaluated.
    pub(in crate::detect) fn unjudged(&self, date: i32) -> impl Iterator<Item = Told<'_>> {
        let names = self.loggers.names();
        self.unjudged.get(&date).into_iter().flatten().map(|one| {
            (
                usize::from(one.rule),
                names[one.logger as usize].as_str(),
                self.factors
                    .get(usize::from(one.factor))
                    .map(String::as_str),
                self.reasons[usize::from(one.reason)].as_str(),
                i64::from(one.windows),
            )
        })
    }
}

/// Bits of the rules that `which` chooses.
pub(in crate::detect) fn bits<'a>(
    rules: impl IntoIterator<Item = &'a Configured>,
    which: impl Fn(&Configured) -> bool,
) -> u128 {
    rules
        .into_iter()
        .enumerate()
        .filter(|(_, configured)| which(configured))
        .fold(0, |bits, (rule, _)| bits | bit(rule))
}
