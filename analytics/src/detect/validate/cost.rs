//! What a rule costs and finds on a sample of the store, before it runs on all of it.
//!
//! The sample is the newest logger-days that a run would judge, spread over the loggers in order of
//! their ids, so the same store gives the same sample. The views are prepared as in a run; that time
//! is told apart, because all rules of a run share it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::super::catalogue::{Catalogue, Configured};
use super::super::episode::merge;
use super::super::evaluate::{millis, prepared};
use super::super::judge::judge;
use super::super::marks::Marks;
use super::super::touched::{LoggerDay, days};
use super::query::tables;
use crate::session::{self, Error, Session, rows};

/// Days in a point-month.
const MONTH: f64 = 30.0;

/// What to look at.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Most logger-days judged.
    pub logger_days: usize,
    /// Time of the run, microseconds UTC.
    pub as_of: i64,
}

/// What a rule did on the sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Logger-days judged.
    pub logger_days: usize,
    /// Rows of the tables the query names, as far as the sample holds them.
    pub rows: u64,
    /// The same by table.
    pub tables: BTreeMap<String, u64>,
    /// Milliseconds to prepare what all rules share.
    pub prepare_ms: u64,
    /// Milliseconds of the query.
    pub ms: u64,
    /// Windows flagged.
    pub flagged: u64,
    /// Windows that passed.
    pub passed: u64,
    /// Windows that were not evaluated, by reason.
    pub not_evaluated: BTreeMap<String, u64>,
    /// Findings that the flagged windows make.
    pub findings: usize,
    /// Findings per monitoring point and 30 days.
    pub per_point_month: f64,
}

/// Runs a rule over a sample of a store; nothing when the store holds no readings or is not there:
/// rules are written where there are no tables as well. Nothing is written.
///
/// # Errors
/// What tables and rule say.
pub async fn estimate(
    store: &Path,
    config: &session::Config,
    rule: &Configured,
    sample: Sample,
) -> Result<Option<Cost>, Error> {
    if !store.is_dir() {
        return Ok(None);
    }
    let session = session::open_tables(store, config).await?;
    if session.version("readings_raw") < 0 {
        return Ok(None);
    }
    let all = days(&session, "SELECT DISTINCT mn, date FROM readings_raw").await?;
    let core = chosen(&all, sample.logger_days);
    if core.is_empty() {
        return Ok(None);
    }
    let began = Instant::now();
    let catalogue = Catalogue::of(rule.rule.clone(), rule.values.clone());
    let run = prepared(&session, &catalogue, &core, sample.as_of).await?;
    let prepare_ms = millis(began);
    let began = Instant::now();
    let mut verdicts = judge(
        &run,
        rule,
        sample.as_of,
        &core,
        true,
        &BTreeSet::new(),
        None,
    )
    .await?;
    let ms = millis(began);
    let marks = Marks::load(&run).await?;
    marks.exempt(&rule.rule, &mut verdicts.flagged);
    let mut findings = merge(&rule.rule, std::mem::take(&mut verdicts.flagged));
    findings.retain(super::super::episode::Finding::core);
    let held = held(&run, rule, sample.as_of).await?;
    Ok(Some(Cost {
        logger_days: core.len(),
        rows: held.values().sum(),
        tables: held,
        prepare_ms,
        ms,
        flagged: verdicts.flagged_count,
        passed: verdicts.passed,
        not_evaluated: verdicts.not_evaluated,
        findings: findings.len(),
        per_point_month: findings.len() as f64 * MONTH / core.len() as f64,
    }))
}

/// At most `most` logger-days: the newest week of as many loggers as that allows, every n-th of them.
fn chosen(all: &BTreeSet<LoggerDay>, most: usize) -> BTreeSet<LoggerDay> {
    const WEEK: i32 = 7;
    let Some(last) = all.iter().map(|(_, date)| *date).max() else {
        return BTreeSet::new();
    };
    let recent: Vec<&LoggerDay> = all.iter().filter(|(_, date)| *date > last - WEEK).collect();
    let loggers: Vec<&str> = recent
        .iter()
        .map(|(mn, _)| mn.as_str())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let wanted = (most / WEEK.unsigned_abs() as usize).max(1);
    let step = loggers.len().div_ceil(wanted).max(1);
    let kept: BTreeSet<&str> = loggers.into_iter().step_by(step).collect();
    recent
        .into_iter()
        .filter(|(mn, _)| kept.contains(mn.as_str()))
        .take(most.max(1))
        .cloned()
        .collect()
}

/// Rows of every table that the query names.
async fn held(
    run: &Session,
    rule: &Configured,
    as_of: i64,
) -> Result<BTreeMap<String, u64>, Error> {
    let sql = rule.rule.query(&rule.values, as_of)?;
    let state = run.ctx().state();
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state
        .sql_to_statement(&sql, &dialect)
        .map_err(Error::query("tables of the rule"))?;
    let mut held = BTreeMap::new();
    for table in tables(run, &statement) {
        let count = format!("SELECT count(*) AS n FROM \"{table}\"");
        let batches = run.rows(&table, &count).await?;
        let objects =
            rows::objects(&batches).map_err(|error| Error::query(&table)(error.into()))?;
        let n = objects
            .first()
            .and_then(|row| row.get("n")?.as_u64())
            .unwrap_or_default();
        held.insert(table, n);
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_the_newest_week_of_evenly_spread_loggers() {
        let all: BTreeSet<LoggerDay> = (0..20)
            .flat_map(|n| (100..120).map(move |date| (format!("L{n:02}"), date)))
            .collect();
        let core = chosen(&all, 35);
        assert_eq!(core.len(), 35);
        let loggers: BTreeSet<&str> = core.iter().map(|(mn, _)| mn.as_str()).collect();
        assert_eq!(loggers, BTreeSet::from(["L00", "L04", "L08", "L12", "L16"]));
        assert!(core.iter().all(|(_, date)| (113..120).contains(date)));
        assert_eq!(chosen(&all, 1_000).len(), 140);
        assert_eq!(chosen(&all, 1).len(), 1);
        assert!(chosen(&BTreeSet::new(), 9).is_empty());
    }
}
