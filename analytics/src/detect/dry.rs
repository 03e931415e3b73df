//! Rules over what is there, with nothing written: what they would find.

use std::collections::BTreeMap;

use serde::Serialize;

use nonsite_schemas::time::{beijing_day, beijing_day_start};

use super::anomaly::Anomaly;
use super::catalogue::{Catalogue, Config};
use super::evaluate::{Told, evaluate, evaluate_telling};
use super::screen;
use super::state::State;
use super::touched::{Touched, days};
use crate::session::{Error, Session};

/// Standing findings over all readings of a session at `as_of` (microseconds UTC).
///
/// # Errors
/// What tables and rules say.
pub(crate) async fn findings(
    session: &Session,
    config: &Config,
    catalogue: &Catalogue,
    as_of: i64,
    told: Told<'_>,
) -> Result<Vec<Anomaly>, Error> {
    let days = match screen::logger_days(session).await? {
        Some(days) => days,
        None => days(session, "SELECT DISTINCT mn, date FROM readings_raw").await?,
    };
    let all = Touched::everything(days);
    let state = State::default();
    let evaluation = evaluate_telling(session, catalogue, config, &all, state, as_of, told).await?;
    Ok(evaluation.state.open().cloned().collect())
}

/// What one rule says of one logger since a day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rerun {
    /// The rule.
    pub rule_id: String,
    /// Its version now.
    pub rule_version: i32,
    /// Start of the first Beijing day looked at, microseconds UTC.
    pub from: i64,
    /// The time the rule was told, microseconds UTC.
    pub as_of: i64,
    /// Version of `readings_raw` it looked at.
    pub readings_version: i64,
    /// Beijing days with readings.
    pub days: usize,
    /// Windows that passed, of all factors the rule judges.
    pub passed: u64,
    /// Windows that could not be evaluated, by reason.
    pub not_evaluated: BTreeMap<String, u64>,
    /// Findings that began since then, on the factor asked for.
    pub findings: Vec<Again>,
}

/// A finding of a [`Rerun`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Again {
    /// Start of what was judged, microseconds UTC.
    pub window_start: i64,
    /// End of what was judged, microseconds UTC.
    pub window_end: i64,
    /// Factor.
    pub factor: Option<String>,
    /// What was observed, in `unit`.
    pub observed: Option<f64>,
    /// What it was compared with, in `unit`.
    pub limit_value: Option<f64>,
    /// Unit of the two.
    pub unit: Option<String>,
    /// Exemption it meets, if any.
    pub exempt_code: Option<String>,
    /// The finding in one sentence.
    pub reason: String,
}

/// Runs one rule over the readings of one logger since the Beijing day of `from`, as of `as_of`
/// (both microseconds UTC). `factor` chooses the findings, not the counts.
///
/// # Errors
/// No such rule ([`Error::Rule`]); what tables and the rule say.
pub async fn since(
    session: &Session,
    config: &Config,
    catalogue: &Catalogue,
    rule_id: &str,
    (mn, factor): (&str, Option<&str>),
    from: i64,
    as_of: i64,
) -> Result<Rerun, Error> {
    let one = match catalogue.get(rule_id) {
        // Its configured parameters, also when it is switched off by now.
        Some(found) => Catalogue::of(found.rule.clone(), found.values.clone())
            .with_sheets(catalogue.sheets().clone()),
        None => catalogue.only(rule_id, &BTreeMap::new())?,
    };
    let first = beijing_day(from);
    let sql = format!(
        "SELECT DISTINCT mn, date FROM readings_raw WHERE mn = '{}'",
        mn.replace('\'', "''")
    );
    let mut judged = days(session, &sql).await?;
    judged.retain(|(_, day)| (first..=beijing_day(as_of)).contains(day));
    let count = judged.len();
    let touched = Touched {
        stirred: judged.clone(),
        days: judged,
        ..Touched::default()
    };
    let evaluation = evaluate(session, &one, config, &touched, State::default(), as_of).await?;
    let report = evaluation.rules.first();
    let findings = evaluation
        .state
        .open()
        .filter(|found| found.window_start >= beijing_day_start(first))
        .filter(|found| factor.is_none() || found.factor.as_deref() == factor)
        .map(|found| Again {
            window_start: found.window_start,
            window_end: found.window_end,
            factor: found.factor.clone(),
            observed: found.observed,
            limit_value: found.limit_value,
            unit: found.unit.clone(),
            exempt_code: found.exempt_code.clone(),
            reason: found.reason.clone(),
        })
        .collect();
    Ok(Rerun {
        rule_id: rule_id.to_owned(),
        rule_version: one.rules().first().map_or(0, |found| found.rule.version),
        from: beijing_day_start(first),
        as_of,
        readings_version: session.version("readings_raw"),
        days: count,
        passed: report.map_or(0, |report| report.passed),
        not_evaluated: report.map_or_else(BTreeMap::new, |report| report.not_evaluated.clone()),
        findings,
    })
}
