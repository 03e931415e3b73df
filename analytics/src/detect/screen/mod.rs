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
//! - `unevaluated`: how many are not evaluated then, by reason.
//!
//! A rule that looks back may name columns of its own, what a number of each day comes to over the
//! last so many days (`trailing`), and one that compares a logger's factors sums over them
//! (`logger`). The days looked back on are read as well, whether they are judged or not.
//!
//! A logger-day on which no row says `look` is settled for that rule: its windows are counted and
//! the query does not run over it. All other days are judged by the rule's query, which alone says
//! what is flagged and why. So a screen can make a rule fast and never make it find anything.
//!
//! A rule over windows of many days that reads only which series reported when (`of_presence`) is its
//! own screen: its query runs over that alone ([`presence`]), and where it flags nothing its counts
//! stand.
//!
//! Invariants: with and without screens a run ends in the same anomalies, outcomes and counts
//! (`tests::screens`). Never settled are: days that are odd (minute values, copies, sentinels; see
//! [`nonsite_history`]) or look back on an odd one, days near a standing finding of the rule,
//! anything of a rule whose parameters are overridden somewhere, and loggers that state a cadence where
//! the rule has values by cadence. If the files cannot be read this way, nothing is settled and the
//! queries run over everything.

mod compile;
mod facts;
mod kept;
mod look;
mod looked;
mod pass;
mod presence;
mod sources;
mod trail;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::functions::trailing::How;

pub(super) use compile::check;
pub(super) use look::{Asked, look};
pub(super) use looked::{Looked, bit, bits};
pub(super) use presence::judged;
pub(super) use sources::{dates, logger_days};

/// `[screen]` of a rule's front matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screen {
    /// Condition necessary for the rule to have anything to say about a day but what is counted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub look: String,
    /// Windows of a settled day that pass.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub passed: String,
    /// Instead of a condition: of `hourly` the rule reads only which series have hours on which day
    /// (`mn`, `factor`, `date`). It is asked over that, and judges only loggers for which it then
    /// flags anything.
    #[serde(default)]
    pub of_presence: bool,
    /// Windows of a settled day that are not evaluated, by reason as the rule's query names it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unevaluated: BTreeMap<String, String>,
    /// Whether those windows are about the logger and not about a factor.
    #[serde(default)]
    pub of_logger: bool,
    /// The factor those windows name where it is not that of the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<String>,
    /// Whether the rule also returns rows about no logger, which are judged once per run.
    #[serde(default)]
    pub registry: bool,
    /// Columns of its own: sums of an expression over the rows of the logger's day.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub logger: BTreeMap<String, String>,
    /// Columns of its own: what an expression came to over the days up to the judged one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trailing: BTreeMap<String, Trailing>,
}

/// What a number of each day comes to over the last so many days, as the functions `trailing_*` have
/// it: one of `sum`, `count`, `min`, `max` and `median`, each an expression over a day's columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailing {
    /// Their sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
    /// How many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
    /// The smallest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// The largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Their median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<String>,
    /// Days, the judged one included: a number or an expression of parameters.
    pub days: String,
    /// Whether the numbers of a logger's rows are summed first.
    #[serde(default)]
    pub of_logger: bool,
}

impl Trailing {
    /// What is made of which expression, if exactly one is named.
    fn of(&self) -> Option<(How, &str)> {
        let mut named = [
            (How::Sum, &self.sum),
            (How::Count, &self.count),
            (How::Min, &self.min),
            (How::Max, &self.max),
            (How::Median, &self.median),
        ]
        .into_iter()
        .filter_map(|(how, sql)| Some((how, sql.as_deref()?)));
        match (named.next(), named.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }
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
    (
        "paired",
        "another logger belongs to another outlet of the same permit",
    ),
    ("ducted", "a cross-section of the logger's duct is filed"),
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
    (
        "parameter_set",
        "a parameter of one of the logger's instruments took a value that day",
    ),
];

/// All columns of a screen with their meanings.
pub fn columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    FACTS.iter().chain(nonsite_history::stats::COLUMNS).copied()
}
