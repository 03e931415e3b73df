//! Screens: which logger-days a rule can leave alone, found in one pass for all rules.
//!
//! Most logger-days pass most rules, and a rule's query costs far more than reading them. So the
//! hours of the days to judge are read once ([`nonsite_history`]), into statistics per series and
//! day, and each rule with a `[screen]` in its front matter is asked three things about a row of
//! them, in SQL over the columns of [`columns`]:
//!
//! - `look`: a condition *necessary* for any window of that day to be flagged, or to be anything
//!   `passed` and `unevaluated` do not count. Null counts as true;
//! - `passed`: how many windows of the day pass when no row of the logger's day says `look`;
//! - `unevaluated` and `why`: how many are not evaluated then, and for what reason (one reason).
//!
//! A logger-day on which no row says `look` is settled for that rule: its windows are counted and
//! the query does not run over it. All other days are judged by the rule's query, which alone says
//! what is flagged and why. So a screen can make a rule fast and never make it find anything.
//!
//! Invariants: with and without screens a run ends in the same anomalies, outcomes and counts
//! (`tests::screens`). Never settled are: days that are odd (minute values, copies, sentinels; see
//! [`nonsite_history`]), days near a standing finding of the rule, and anything of a rule whose
//! parameters are overridden somewhere. If the files cannot be read this way, nothing is settled and
//! the queries run over everything.

mod facts;
mod kept;
mod look;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use nonsite_history::files::Loggers;
use serde::{Deserialize, Serialize};

use super::catalogue::Configured;
use super::judge::Unjudged;
use super::touched::LoggerDay;
use arrow::record_batch::RecordBatch;

pub(super) use look::{Asked, check, look};
pub(super) use sources::{dates, logger_days};

/// `[screen]` of a rule's front matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screen {
    /// Condition necessary for the rule to have anything to say about a day but what is counted.
    pub look: String,
    /// Windows of a settled day that pass.
    pub passed: String,
    /// Windows of a settled day that are not evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unevaluated: Option<String>,
    /// Why they are not: a name as the rule's query gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether those windows are about the logger and not about a factor.
    #[serde(default)]
    pub of_logger: bool,
    /// Whether the rule also returns rows about no logger, which are judged once per run.
    #[serde(default)]
    pub registry: bool,
}

/// Name and meaning of the columns a screen may use, besides those of the statistics.
pub const FACTS: &[(&str, &str)] = &[
    ("factor", "code of the factor; null on a day without rows"),
    ("date", "Beijing day"),
    ("incinerator", "the logger belongs to waste incineration"),
    (
        "process",
        "process values of the logger are known by sheet or filing",
    ),
    (
        "watched",
        "power or process values may show the production behind the logger at rest (point of production filed for its outlet, or a sheet)",
    ),
    ("marked", "the logger has marks of the enterprise"),
    ("rated", "an outlet of the logger has a rate limit"),
    (
        "sewage",
        "an outlet of the logger belongs to sewage treatment (4620)",
    ),
    (
        "ordered",
        "an order for emergencies or staggered production reached a unit of the logger",
    ),
    (
        "special",
        "a limit of the logger holds in special periods only",
    ),
    ("sampled", "there are manual results for the logger"),
    (
        "requires",
        "a permit of the logger requires automatic monitoring of named factors",
    ),
    (
        "ranged",
        "a measuring range of the logger is filed or reported",
    ),
    (
        "slow",
        "a binding of the logger states a cadence of more than an hour",
    ),
    (
        "ended",
        "a permit of the logger was cancelled, revoked or suspended",
    ),
    ("permitted", "a permit of the logger has begun by the day"),
    (
        "expires",
        "last day of validity of the logger's permit that no later document follows at once; null without one",
    ),
    (
        "bound_noon",
        "an outlet is bound to the logger at noon of the day",
    ),
    (
        "listed",
        "the permits of every outlet of the logger list the factor",
    ),
];

/// All columns of a screen with their meanings.
pub fn columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    FACTS.iter().chain(nonsite_history::stats::COLUMNS).copied()
}

/// What the pass came to.
#[derive(Debug, Default)]
pub(super) struct Looked {
    loggers: Loggers,
    /// Loggers of each day that was looked at, in order.
    days: BTreeMap<i32, Vec<u32>>,
    /// Per day and logger, one bit per rule that has to judge it.
    open: BTreeMap<i32, Vec<u128>>,
    /// Rules that were asked, one bit each.
    asked: u128,
    /// What is settled, by rule.
    pub(super) settled: BTreeMap<usize, Settled>,
    /// Masses of the days that are settled for all rules of the day.
    pub(super) masses: Vec<RecordBatch>,
    /// Means of these days, where a rule reads them.
    pub(super) means: Vec<RecordBatch>,
    /// Until when loggers were heard on these days, microseconds UTC.
    pub(super) heard: BTreeMap<String, i64>,
    /// Rows that were read.
    pub(super) rows: u64,
    /// Wall time, milliseconds.
    pub(super) ms: u64,
}

/// What is settled about one rule's windows.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Windows that pass.
    pub(super) passed: u64,
    /// Windows that are not evaluated.
    pub(super) unjudged: BTreeMap<Unjudged, i64>,
}

/// One bit per rule; rules past the last bit are not screened.
pub(super) fn bit(rule: usize) -> u128 {
    u32::try_from(rule)
        .ok()
        .and_then(|rule| 1_u128.checked_shl(rule))
        .unwrap_or(0)
}

impl Looked {
    /// Whether a rule was asked.
    pub(super) fn has(&self, rule: usize) -> bool {
        self.asked & bit(rule) != 0
    }

    /// Bits of the rules that have to judge a logger-day; nothing when it was not looked at.
    fn bits(&self, day: &LoggerDay) -> Option<u128> {
        let logger = self.loggers.number(&day.0)?;
        let place = self.days.get(&day.1)?.binary_search(&logger).ok()?;
        Some(self.open.get(&day.1)?[place])
    }

    /// The logger-days of `days` that one of the rules has to judge.
    pub(super) fn left(&self, days: &BTreeSet<LoggerDay>, rules: u128) -> BTreeSet<LoggerDay> {
        let unasked = rules & !self.asked != 0;
        days.iter()
            .filter(|day| unasked || self.bits(day).is_none_or(|bits| bits & rules != 0))
            .cloned()
            .collect()
    }

    /// How many logger-days are settled for a rule.
    pub(super) fn days_settled(&self, rule: usize) -> u64 {
        let bit = bit(rule);
        let settled = self.open.values().flatten().filter(|bits| *bits & bit == 0);
        settled.count() as u64
    }

    /// The logger-days of a run that one rule has to judge.
    pub(super) fn of_rule(&self, rule: usize, core: &BTreeSet<LoggerDay>) -> BTreeSet<LoggerDay> {
        core.iter()
            .filter(|day| self.bits(day).is_none_or(|bits| bits & bit(rule) != 0))
            .cloned()
            .collect()
    }
}

/// Bits of the rules that `which` chooses.
pub(super) fn bits<'a>(
    rules: impl IntoIterator<Item = &'a Configured>,
    which: impl Fn(&Configured) -> bool,
) -> u128 {
    rules
        .into_iter()
        .enumerate()
        .filter(|(_, configured)| which(configured))
        .fold(0, |bits, (rule, _)| bits | bit(rule))
}
