//! The targets beside the ratio, counted from the tables, each down to its rows.
//!
//! The plans that set these targets do not say how they are counted. Every figure therefore carries
//! what it was counted from and what that leaves open (`note`), and its rows.
//!
//! Invariants: a figure is the sum of its rows ([`Target::rows`] says which of them count); a target
//! nothing is known about has no percentage, never 0 or 100.

mod audits;
mod certificates;
mod checks;
mod codes;
mod config;
mod emission;
mod evaluations;
mod rectification;
mod stages;
mod supervised;
mod visits;

use serde::Serialize;

use crate::inspection::checklist::Checklists;
use crate::inspection::{
    Config, Error, audits as bureau_audits, casebook, kept, permit, roster, supervision,
};
use crate::ratio::{Period, RatioPolicy};
use crate::session::Session;

pub use config::{Audit, Deadlines, Statistic, TargetsFile};

/// One target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    /// Stable code.
    pub code: &'static str,
    /// Chinese name.
    pub zh: &'static str,
    /// What is counted.
    pub text: &'static str,
    /// What meets the target, in `unit`.
    pub hits: f64,
    /// All of it, in `unit`.
    pub of: f64,
    /// What is counted: units, acts, t ...
    pub unit: &'static str,
    /// In percent with two decimals; nothing when there is nothing to count.
    pub percent: Option<String>,
    /// What is to be reached, percent.
    pub goal: Option<f64>,
    /// How many are to be reached, where the target is a number and no share.
    pub at_least: Option<u32>,
    /// Whether it is, compared unrounded; nothing while its day is to come.
    pub reached: Option<bool>,
    /// Median time, days, where the target is about time.
    pub median_days: Option<f64>,
    /// What it was counted from, and what that leaves open.
    pub note: String,
    /// Headings of the rows.
    #[serde(skip)]
    pub columns: &'static [&'static str],
    /// What it was counted from, one by one.
    #[serde(skip)]
    pub rows: Vec<Vec<String>>,
}

impl Target {
    /// A figure that is a count.
    #[expect(
        clippy::too_many_arguments,
        reason = "the columns of a table of targets"
    )]
    fn counted(
        code: &'static str,
        zh: &'static str,
        text: &'static str,
        unit: &'static str,
        goal: Option<f64>,
        (hits, of): (f64, f64),
        note: String,
        columns: &'static [&'static str],
        rows: Vec<Vec<String>>,
    ) -> Self {
        Self {
            code,
            zh,
            text,
            // The sum of nothing is -0.0, which prints with its sign.
            hits: hits + 0.0,
            of: of + 0.0,
            unit,
            percent: (of > 0.0).then(|| percent(hits, of)),
            goal,
            reached: goal
                .filter(|_| of > 0.0)
                .map(|goal| hits * 100.0 >= goal * of),
            at_least: None,
            median_days: None,
            note,
            columns,
            rows,
        }
    }

    /// The same as a number that is no share of anything, with how many are to be reached.
    fn number(self, at_least: Option<u32>) -> Self {
        Self {
            percent: None,
            goal: None,
            at_least,
            reached: at_least.map(|least| self.hits >= f64::from(least)),
            ..self
        }
    }
}

/// Two decimals, half up; a share below 100 % is never shown as 100.
fn percent(hits: f64, of: f64) -> String {
    let exact = hits / of * 100.0;
    let shown = (exact * 100.0 + 0.5).floor() / 100.0;
    let shown = if exact < 100.0 {
        shown.min(99.99)
    } else {
        shown
    };
    format!("{shown:.2}")
}

/// What the targets are counted over.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The days.
    pub period: &'a Period,
    /// How it stood then, microseconds UTC.
    pub as_of: i64,
    /// The counting policy of the ratio, for which acts are acts.
    pub policy: &'a RatioPolicy,
    /// Settings.
    pub config: &'a Config,
}

/// Every target.
///
/// # Errors
/// [`Error::Asked`] for a wrong file, [`Error::Tables`] when the tables cannot be read.
pub async fn targets(session: &Session, asked: Asked<'_>) -> Result<Vec<Target>, Error> {
    let lists = Checklists::load(asked.config.checklists.as_deref())?;
    let file = TargetsFile::load(asked.config.targets.as_deref())?;
    let permits = permit::in_force(session, asked.as_of, None).await?;
    let draws = kept::load(session).await?;
    let cases = casebook::cases(session, asked.as_of).await?;
    let acts = checks::closed_acts(session, asked, &lists).await?;
    let mut all = emission::coverage(session, asked, &lists, &file, &permits).await?;
    all.extend(checks::checked(asked, &lists, &permits, &draws, &acts));
    all.extend(visits::visited(&acts));
    all.extend(codes::shown(&acts));
    let told = bureau_audits::load(session).await?;
    let told = bureau_audits::standing(&told, asked.as_of);
    let bureaus = audits::Bureaus::of(&file, &permits, &acts);
    all.push(audits::audited(asked, &file, &told, &bureaus));
    let officers = roster::load(session).await?;
    let officers = roster::standing(&officers, asked.as_of);
    all.push(certificates::held(asked, &officers));
    let told = supervision::load(session).await?;
    let told = supervision::standing(&told, asked.as_of);
    all.extend(supervised::supervised(asked, &told));
    all.extend(evaluations::evaluated(asked, &file, &told, &bureaus));
    all.push(stages::online(session, asked, &cases, &draws, &acts).await?);
    all.extend(rectification::chain(asked, &cases));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_do_not_round_up_to_everything() {
        assert_eq!(percent(1.0, 3.0), "33.33");
        assert_eq!(percent(2.0, 3.0), "66.67");
        assert_eq!(percent(99_999.0, 100_000.0), "99.99");
        assert_eq!(percent(5.0, 5.0), "100.00");
    }
}
