//! What rules read: the views, computed once for the logger-days of a run.
//!
//! Rules see `hourly`, `daily`, `mn_limits`, `mn_outlets`, `permit_documents`, `silences`, `core`
//! and `readings` under these names; the expensive ones are tables in memory that all rules share.
//! Rows reach one day beyond the judged days on both sides, so that a run of hours over midnight is
//! seen whole; for rules that look back further they reach back as far as the longest look-back, in
//! a session of their own ([`prepare_long`]). `core` names the days that are judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Date32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::catalogue::Catalogue;
use super::long;
use super::screen::Looked;
use super::touched::{LoggerDay, days};
use crate::session::{Error, Session};
use crate::views;

/// A batch of logger-days.
pub(super) fn day_batch(days: &BTreeSet<LoggerDay>) -> Result<RecordBatch, Error> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("mn", DataType::Utf8, false),
        Field::new("date", DataType::Date32, false),
    ]));
    let mn = StringArray::from_iter_values(days.iter().map(|(mn, _)| mn));
    let date = Date32Array::from_iter_values(days.iter().map(|(_, date)| *date));
    RecordBatch::try_new(schema, vec![Arc::new(mn), Arc::new(date)])
        .map_err(|error| Error::query("logger-days")(error.into()))
}

/// The judged days and one day around them.
pub(super) fn with_margin(core: &BTreeSet<LoggerDay>) -> BTreeSet<LoggerDay> {
    core.iter()
        .flat_map(|(mn, date)| (date - 1..=date + 1).map(|date| (mn.clone(), date)))
        .collect()
}

/// Opens a session cut down to the days and fills the shared tables. `known` are all logger-days
/// with data, if the caller has them; `looked` knows how many readings there are.
pub(super) async fn prepare(
    session: &Session,
    core: &BTreeSet<LoggerDay>,
    known: Option<&BTreeSet<LoggerDay>>,
    looked: Option<&Looked>,
    as_of: i64,
) -> Result<Session, Error> {
    let scope = with_margin(core);
    let run = fill(session, core, &scope, looked).await?;
    refresh(&run, "daily", &[]).await?;
    silences(&run, &scope, known, as_of).await?;
    Ok(run)
}

/// The same for rules that look back over `lookback` days; what none of them reads is left out.
/// `looked` knows how many readings there are.
pub(super) async fn prepare_long(
    session: &Session,
    catalogue: &Catalogue,
    core: &BTreeSet<LoggerDay>,
    lookback: i32,
    looked: Option<&Looked>,
    as_of: i64,
) -> Result<Session, Error> {
    let scope = long::with_lookback(core, lookback);
    let run = fill(session, core, &scope, looked).await?;
    let reads = |name: &str| {
        let mut long = catalogue.rules().iter().filter(|c| c.rule.long());
        long.any(|configured| configured.rule.sql.contains(name))
    };
    // Evidence of a finding lists its days.
    refresh(&run, "daily", &[]).await?;
    if reads("silences") {
        silences(&run, &scope, None, as_of).await?;
    }
    for step in ["series_hours", "hour_companions"] {
        if !reads(step) {
            run.ctx()
                .deregister_table(step)
                .map_err(Error::query(step))?;
        }
    }
    Ok(run)
}

/// Views of permits, which do not depend on the logger-days of a run.
const PERMITS: [&str; 5] = [
    "permit_documents",
    "limits_in_force",
    "mn_outlets",
    "mn_limits",
    "reference_oxygen",
];

/// Under which name a session keeps one of them for the runs cut out of it.
fn kept(name: &str) -> String {
    format!("kept_{name}")
}

/// A session over the tables with the views of permits computed. They are kept in `session`, so that
/// the runs cut out of it need not compute them again.
pub(super) async fn documents(session: &Session) -> Result<Session, Error> {
    let none = BTreeSet::new();
    // No logger-days at all: the dates between which to look do not matter.
    let run = session.scoped(day_batch(&none)?, 0..=0).await?;
    permits(session, &run).await?;
    Ok(run)
}

/// Puts the views of permits into a run: as kept, else computed and kept.
async fn permits(session: &Session, run: &Session) -> Result<(), Error> {
    for name in PERMITS {
        let what = format!("view `{name}`");
        let kept = kept(name);
        let ctx = session.ctx();
        if ctx.table_exist(&kept).map_err(Error::query(&what))? {
            let table = ctx
                .table_provider(&kept)
                .await
                .map_err(Error::query(&what))?;
            run.ctx()
                .deregister_table(name)
                .and_then(|_| run.ctx().register_table(name, table))
                .map_err(Error::query(&what))?;
        } else {
            refresh(run, name, &[]).await?;
            let table = run
                .ctx()
                .table_provider(name)
                .await
                .map_err(Error::query(&what))?;
            ctx.register_table(&kept, table)
                .map_err(Error::query(&what))?;
        }
    }
    Ok(())
}

/// What every run has.
async fn fill(
    session: &Session,
    core: &BTreeSet<LoggerDay>,
    scope: &BTreeSet<LoggerDay>,
    looked: Option<&Looked>,
) -> Result<Session, Error> {
    let first = scope.iter().map(|(_, date)| *date).min().unwrap_or(0);
    let last = scope.iter().map(|(_, date)| *date).max().unwrap_or(-1);
    let run = session.scoped(day_batch(scope)?, first..=last).await?;
    if looked.is_some_and(|looked| looked.holds(scope.len())) {
        run.hold_readings().await?;
    }
    run.put("core", day_batch(core)?)?;
    permits(session, &run).await?;
    let tables = ["series_hours", "hour_companions", "hourly"];
    let bounds = bounds(scope, run.partitions());
    // Each is computed from the tables before it: the views below it were registered with it.
    for name in tables {
        refresh(&run, name, &bounds).await?;
    }
    Ok(run)
}

/// Computes a view into a table of the same name.
async fn refresh(run: &Session, name: &str, bounds: &[String]) -> Result<(), Error> {
    let sql = views::query(name).ok_or_else(|| Error::Rule {
        rule: name.to_owned(),
        what: "there is no such view".to_owned(),
    })?;
    if name == "series_hours" {
        run.materialise_by_logger(name, sql, bounds).await
    } else {
        run.materialise(name, sql).await
    }
}

/// The loggers at which the second and every further of `parts` ranges of about equal work begins.
fn bounds(scope: &BTreeSet<LoggerDay>, parts: usize) -> Vec<String> {
    let days: Vec<&LoggerDay> = scope.iter().collect();
    let mut bounds: Vec<String> = (1..parts)
        .filter_map(|part| days.get(days.len() * part / parts))
        .map(|(mn, _)| mn.clone())
        .collect();
    bounds.dedup();
    // A range before the first logger would be empty.
    bounds.retain(|mn| days.first().is_some_and(|(first, _)| first < mn));
    bounds
}

/// Stretches of time in which loggers of `{source}` were heard, by day.
pub(super) const CONTACTS: &str = "
SELECT mn, date, i['from_time'] AS from_time, i['to_time'] AS to_time, i['last_data'] AS last_data
FROM (SELECT mn, date, unnest(islands) AS i FROM (
        SELECT mn, date, contact_islands(data_time, granularity, period_s) AS islands
        FROM {source}
        WHERE granularity IN ('realtime', 'minute', 'hour')
        GROUP BY mn, date))";

/// Table `silences`: per logger the times without any data, the last one open at `as_of`.
///
/// A silence may begin before the days at hand or end after them; for loggers without data at the
/// edge of their days the nearest day with data is looked up, so that every silence is whole.
async fn silences(
    run: &Session,
    scope: &BTreeSet<LoggerDay>,
    known: Option<&BTreeSet<LoggerDay>>,
    as_of: i64,
) -> Result<(), Error> {
    let bounds = bounds(scope, run.partitions());
    let islands = |source: &str| CONTACTS.replace("{source}", source);
    run.materialise_by_logger("contacts", &islands("readings_raw"), &bounds)
        .await?;
    let heard = days(run, "SELECT DISTINCT mn, date FROM contacts").await?;
    let loggers = edge_loggers(scope, &heard);
    let extra = if loggers.is_empty() {
        BTreeSet::new()
    } else {
        let everywhere = match known {
            Some(known) => known.clone(),
            None => {
                let wanted = loggers.iter().map(|mn| ((*mn).to_owned(), 0)).collect();
                run.put("edge_loggers", day_batch(&wanted)?)?;
                days(
                    run,
                    "SELECT DISTINCT r.mn, r.date FROM readings_raw_all r
                     LEFT SEMI JOIN edge_loggers e ON e.mn = r.mn",
                )
                .await?
            }
        };
        nearest(scope, &loggers, &everywhere)
    };
    run.put("edge_days", day_batch(&extra)?)?;
    let source = "(SELECT r.* FROM readings_raw_all r
                   LEFT SEMI JOIN edge_days e ON e.mn = r.mn AND e.date = r.date)";
    let sql = format!(
        "WITH heard AS (
           SELECT mn, from_time, to_time, last_data FROM contacts
           UNION ALL
           SELECT mn, from_time, to_time, last_data FROM ({}) AS edges
         ),
         ordered AS (
           SELECT mn, max(to_time) OVER (PARTITION BY mn ORDER BY from_time
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS from_time,
                  last_data,
                  lead(from_time) OVER (PARTITION BY mn ORDER BY from_time) AS to_time
           FROM heard
           WHERE from_time <= arrow_cast({as_of}, 'Timestamp(Microsecond, Some(\"UTC\"))')
         )
         SELECT mn, from_time, to_time, last_data,
                (arrow_cast(coalesce(to_time, arrow_cast({as_of}, 'Timestamp(Microsecond, Some(\"UTC\"))')), 'Int64')
                 - arrow_cast(from_time, 'Int64')) / 1000000 AS seconds
         FROM ordered
         WHERE coalesce(to_time, arrow_cast({as_of}, 'Timestamp(Microsecond, Some(\"UTC\"))')) > from_time",
        islands(source)
    );
    run.materialise("silences", &sql).await?;
    Ok(())
}

/// Loggers that have no data on the first or last day of a stretch of days at hand.
fn edge_loggers<'a>(
    scope: &'a BTreeSet<LoggerDay>,
    heard: &BTreeSet<LoggerDay>,
) -> BTreeSet<&'a str> {
    scope
        .iter()
        .filter(|day| !heard.contains(*day))
        .filter(|(mn, date)| {
            let next_to = |date: i32| scope.contains(&(mn.clone(), date));
            !next_to(date - 1) || !next_to(date + 1)
        })
        .map(|(mn, _)| mn.as_str())
        .collect()
}

/// For each logger the days with data just before and just after each stretch of days at hand.
fn nearest(
    scope: &BTreeSet<LoggerDay>,
    loggers: &BTreeSet<&str>,
    everywhere: &BTreeSet<LoggerDay>,
) -> BTreeSet<LoggerDay> {
    let mut by_logger: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (mn, date) in scope {
        if loggers.contains(mn.as_str()) {
            by_logger.entry(mn).or_default().push(*date);
        }
    }
    let mut found = BTreeSet::new();
    for (mn, dates) in by_logger {
        let key = |date: i32| (mn.to_owned(), date);
        for stretch in dates.chunk_by(|a, b| a + 1 == *b) {
            let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else {
                continue;
            };
            found.extend(
                everywhere
                    .range(key(i32::MIN)..key(*first))
                    .next_back()
                    .cloned(),
            );
            let after = (
                std::ops::Bound::Excluded(key(*last)),
                std::ops::Bound::Included(key(i32::MAX)),
            );
            found.extend(everywhere.range(after).next().cloned());
        }
    }
    found.retain(|day| !scope.contains(day));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(days: &[(&str, i32)]) -> BTreeSet<LoggerDay> {
        days.iter()
            .map(|(mn, date)| ((*mn).to_owned(), *date))
            .collect()
    }

    #[test]
    fn ranges_of_loggers_share_the_work() {
        let scope = set(&[("A", 1), ("A", 2), ("B", 1), ("C", 1), ("D", 1), ("E", 1)]);
        assert_eq!(bounds(&scope, 3), ["B", "D"]);
        assert_eq!(bounds(&scope, 1), [""; 0]);
        assert_eq!(bounds(&set(&[("A", 1), ("A", 2)]), 4), [""; 0]);
        assert_eq!(bounds(&BTreeSet::new(), 4), [""; 0]);
    }

    #[test]
    fn only_loggers_without_data_at_an_edge_are_looked_up() {
        let scope = with_margin(&set(&[("A", 10), ("B", 10)]));
        let heard = set(&[("A", 9), ("A", 11), ("B", 10), ("B", 11)]);
        assert_eq!(edge_loggers(&scope, &heard), BTreeSet::from(["B"]));
        let everywhere = set(&[
            ("B", 2),
            ("B", 5),
            ("B", 10),
            ("B", 11),
            ("B", 30),
            ("A", 8),
        ]);
        assert_eq!(
            nearest(&scope, &BTreeSet::from(["B"]), &everywhere),
            set(&[("B", 5), ("B", 30)])
        );
    }
}
