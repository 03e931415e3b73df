//! Silences that time alone makes worth telling, looked for without reading a single row.
//!
//! A logger that falls silent changes no table, so nothing names it as touched. What is needed to
//! see it is when each logger was heard last, and that is remembered between runs ([`Memory`]).
//! Every run asks the rules of the clock (front matter `clock = true`: they read `silences` and
//! `core` only) about a table of silences made from that memory: work in proportion to the number
//! of loggers. Only where the answer differs from the findings that stand are the real tables read,
//! and only those rules judged. So a run at which nothing crosses a threshold writes nothing.
//!
//! Invariants: the memory selects work and never decides: what is written comes from the tables, as
//! in any run, so a restart or a stale memory changes no finding. A memory that is empty after a
//! start is filled from the days since the run before.
//!
//! Failure mode: a station whose data lie in the future looks silent here and not in the tables; it
//! costs a look at its days each time a threshold passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use nonsite_schemas::time::beijing_day;

use super::anomaly::Anomaly;
use super::catalogue::{Catalogue, Configured};
use super::inputs::{CONTACTS, day_batch};
use super::judge::{Window, judge};
use super::params::Layers;
use super::rule::Severity;
use super::state::State;
use super::touched::LoggerDay;
use crate::session::{Error, Session, rows};

/// Microseconds per second.
const SECOND: i64 = 1_000_000;

/// When loggers were heard last: until when their data reach, microseconds UTC.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    heard: BTreeMap<String, i64>,
    /// Whether every logger that may fall silent is in it.
    whole: bool,
}

impl Memory {
    /// Forgets everything: a run over all logger-days begins.
    pub(super) fn forget(&mut self) {
        self.heard.clear();
        self.whole = false;
    }

    /// All logger-days were judged.
    pub(super) fn is_whole(&mut self) {
        self.whole = true;
    }

    /// Learns from days that no rule had to judge.
    pub(super) fn hear(&mut self, heard: &BTreeMap<String, i64>) {
        for (mn, until) in heard {
            let known = self.heard.entry(mn.clone()).or_insert(*until);
            *known = (*known).max(*until);
        }
    }

    /// Learns from the tables of a prepared run.
    pub(super) async fn learn(&mut self, run: &Session, as_of: i64) -> Result<(), Error> {
        let sql = format!(
            "SELECT mn, max(until) AS until FROM (
               SELECT mn, to_time AS until FROM contacts WHERE arrow_cast(from_time, 'Int64') <= {as_of}
               UNION ALL
               SELECT mn, from_time AS until FROM silences WHERE to_time IS NULL
             ) GROUP BY mn"
        );
        self.take(run, &sql).await
    }

    /// Fills an empty memory from the days since the run before, and from silences that are told.
    async fn fill(
        &mut self,
        session: &Session,
        catalogue: &Catalogue,
        state: &State,
        before: i64,
        as_of: i64,
    ) -> Result<(), Error> {
        if self.whole {
            return Ok(());
        }
        let days = format!(
            "(SELECT * FROM readings_raw
              WHERE date BETWEEN arrow_cast({}, 'Date32') AND arrow_cast({}, 'Date32'))",
            beijing_day(before) - 1,
            beijing_day(as_of)
        );
        let sql = format!(
            "SELECT mn, max(to_time) AS until FROM ({})
             WHERE arrow_cast(from_time, 'Int64') <= {as_of} GROUP BY mn",
            CONTACTS.replace("{source}", &days)
        );
        self.take(session, &sql).await?;
        let clocked: BTreeSet<&str> = clocked(catalogue)
            .map(|configured| configured.rule.id.as_str())
            .collect();
        for anomaly in state.open() {
            if let Some(mn) = &anomaly.mn
                && clocked.contains(anomaly.rule_id.as_str())
            {
                self.heard.entry(mn.clone()).or_insert(anomaly.window_start);
            }
        }
        self.whole = true;
        Ok(())
    }

    async fn take(&mut self, session: &Session, sql: &str) -> Result<(), Error> {
        let batches = session.rows("last contacts", sql).await?;
        let found =
            rows::objects(&batches).map_err(|error| Error::query("last contacts")(error.into()))?;
        for row in found {
            if let (Some(mn), Some(until)) = (
                row.get("mn").and_then(|mn| mn.as_str()),
                row.get("until").and_then(serde_json::Value::as_i64),
            ) {
                let known = self.heard.entry(mn.to_owned()).or_insert(until);
                *known = until.max(*known);
            }
        }
        Ok(())
    }
}

/// Rules that the clock alone can make fire.
pub(super) fn clocked(catalogue: &Catalogue) -> impl Iterator<Item = &Configured> {
    catalogue
        .rules()
        .iter()
        .filter(|configured| configured.rule.clock)
}

/// Logger-days whose silences have to be judged anew at `as_of`; `before` is the time of the run
/// before.
pub(super) async fn due(
    session: &Session,
    catalogue: &Catalogue,
    state: &State,
    memory: &mut Memory,
    layers: &Layers,
    (before, as_of): (i64, i64),
) -> Result<BTreeSet<LoggerDay>, Error> {
    if clocked(catalogue).next().is_none() {
        return Ok(BTreeSet::new());
    }
    memory
        .fill(session, catalogue, state, before, as_of)
        .await?;
    let silent: Vec<(&str, i64)> = memory
        .heard
        .iter()
        .filter(|(_, until)| **until < as_of)
        .map(|(mn, until)| (mn.as_str(), *until))
        .collect();
    let days: BTreeSet<LoggerDay> = silent
        .iter()
        .map(|(mn, until)| ((*mn).to_owned(), beijing_day(*until)))
        .collect();
    let bare = session.bare();
    bare.put("core", day_batch(&days)?)?;
    bare.put("silences", silences(&silent, as_of)?)?;
    let mut due = BTreeSet::new();
    for configured in clocked(catalogue) {
        let mut standing: BTreeMap<&str, Vec<&Anomaly>> = BTreeMap::new();
        for anomaly in state.open().filter(|a| a.rule_id == configured.rule.id) {
            if let Some(mn) = &anomaly.mn {
                standing.entry(mn).or_default().push(anomaly);
            }
        }
        let mut flagged = Vec::new();
        let others = layers.asked(configured);
        for with in std::iter::once(configured).chain(&others) {
            let none = BTreeSet::new();
            flagged.extend(
                judge(&bare, with, as_of, &days, false, &none, None)
                    .await?
                    .flagged,
            );
        }
        for window in &flagged {
            if let Some(mn) = &window.mn
                && !standing
                    .get(mn.as_str())
                    .is_some_and(|known| known.iter().any(|a| tells(a, configured, window)))
            {
                due.insert((mn.clone(), beijing_day(window.start)));
            }
        }
    }
    Ok(due)
}

/// Whether a finding says what a window says.
fn tells(anomaly: &Anomaly, configured: &Configured, window: &Window) -> bool {
    let severity = window.severity.unwrap_or(configured.rule.severity);
    anomaly.rule_version == configured.rule.version
        && anomaly.window_start <= window.start
        && anomaly.window_end >= window.end
        && Severity::parse(&anomaly.severity).is_some_and(|known| known >= severity)
}

/// Table `silences` of loggers that have been silent since an instant.
fn silences(silent: &[(&str, i64)], as_of: i64) -> Result<RecordBatch, Error> {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema = Arc::new(Schema::new(vec![
        Field::new("mn", DataType::Utf8, true),
        Field::new("from_time", instant.clone(), true),
        Field::new("to_time", instant.clone(), true),
        Field::new("last_data", instant, true),
        Field::new("seconds", DataType::Int64, true),
    ]));
    let times = |values: Vec<Option<i64>>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            silent.iter().map(|(mn, _)| mn),
        )),
        times(silent.iter().map(|(_, until)| Some(*until)).collect()),
        times(vec![None; silent.len()]),
        times(vec![None; silent.len()]),
        Arc::new(Int64Array::from_iter_values(
            silent.iter().map(|(_, until)| (as_of - until) / SECOND),
        )),
    ];
    RecordBatch::try_new(schema, columns).map_err(|error| Error::query("silences")(error.into()))
}
