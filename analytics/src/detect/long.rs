//! Rules that look back over many days: which days they judge in a run, and in what portions.
//!
//! Their inputs reach back up to a month, so they must not be prepared every minute. They judge days,
//! each once it is over and has had an hour to come in completely ([`SETTLE`]), and again when the
//! deadlines for marking and for back-filling have passed; a day that changes later is judged again
//! together with the days that look back on it. Portions go by unit, not by day, because every portion
//! pays for its look-back once.
//!
//! Invariant: which findings result does not depend on the order in which days were judged. A
//! finding ends with its month (see [`super::episode`]), so judging the days of standing findings of
//! the same month again is enough to know where each begins.

use std::collections::{BTreeMap, BTreeSet};

use nonsite_schemas::time::BEIJING_OFFSET_MICROS;

use super::anomaly::Anomaly;
use super::catalogue::Catalogue;
use super::episode::{month, month_of_day};
use super::state::State;
use super::touched::{LoggerDay, Touched};
use crate::session::{Error, Session, rows};

/// Microseconds per day.
const DAY: i64 = 86_400_000_000;
/// How long after its end a day is judged: one hour.
pub(super) const SETTLE: i64 = 3_600_000_000;

/// Longest look-back of the rules that run, in days; nothing when none looks back that far.
pub(super) fn lookback(catalogue: &Catalogue) -> Option<i32> {
    catalogue
        .rules()
        .iter()
        .filter(|configured| configured.rule.long())
        .map(|configured| configured.rule.lookback_days())
        .max()
}

/// Whether a day is judged at a time.
pub(super) fn settled(date: i32, at: i64) -> bool {
    (i64::from(date) + 1) * DAY - BEIJING_OFFSET_MICROS + SETTLE <= at
}

/// The days to judge: changed ones with the days that look back on them, those that have become old
/// enough since the run before, and those that a deadline makes due again. Nothing looks forward from
/// the latter: their data are what they were, and what rests on them is due at its own deadline.
pub(super) fn days(touched: &Touched, lookback: i32, as_of: i64) -> BTreeSet<LoggerDay> {
    let mut found = BTreeSet::new();
    for day in &touched.days {
        let (mn, date) = day;
        if touched.full || !touched.stirred.contains(day) {
            let before = touched.before.filter(|_| !touched.full);
            let due = touched.due.contains(day);
            if settled(*date, as_of) && (due || before.is_none_or(|before| !settled(*date, before)))
            {
                found.insert(day.clone());
            }
            continue;
        }
        found.extend(
            (*date..=date + lookback)
                .take_while(|date| settled(*date, as_of))
                .map(|date| (mn.clone(), date)),
        );
    }
    found
}

/// Which unit a logger belongs to, by the permit documents and the bindings filed beside them, as
/// `mn_outlets` has both: loggers of one unit are judged together, because some rules compare them. A
/// logger that was bound under two permits makes one unit of them.
pub(super) async fn units(session: &Session) -> Result<BTreeMap<String, String>, Error> {
    // The columns are computed because the two tables comment them differently, which a union refuses.
    let sql = "SELECT DISTINCT mn, permit_no FROM (
                 SELECT concat(mn, '') AS mn, concat(permit_no, '') AS permit_no
                 FROM permit_bindings WHERE doc_valid
                 UNION ALL
                 SELECT concat(mn, '') AS mn, concat(permit_no, '') AS permit_no
                 FROM mn_bindings WHERE doc_valid
               ) WHERE permit_no <> '' ORDER BY mn, permit_no";
    let batches = session.rows("units of loggers", sql).await?;
    let rows = rows::objects(&batches).map_err(|error| Error::query("units")(error.into()))?;
    Ok(joined(rows.iter().filter_map(|row| {
        Some((rows::text(row, "mn")?, rows::text(row, "permit_no")?))
    })))
}

/// Loggers with their unit: permits that share a logger, directly or by way of others, are one.
fn joined(bindings: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut permits: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (mn, permit) in bindings {
        permits.entry(mn).or_default().insert(permit);
    }
    let mut units: BTreeMap<&str, &str> = permits
        .values()
        .flatten()
        .map(|permit| (permit.as_str(), permit.as_str()))
        .collect();
    loop {
        let mut changed = false;
        for together in permits.values() {
            let Some(least) = together.iter().map(|permit| units[permit.as_str()]).min() else {
                continue;
            };
            for permit in together {
                if let Some(unit) = units
                    .get_mut(permit.as_str())
                    .filter(|unit| **unit != least)
                {
                    *unit = least;
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    permits
        .iter()
        .filter_map(|(mn, together)| {
            let permit = together.first()?;
            Some((mn.clone(), units[permit.as_str()].to_owned()))
        })
        .collect()
}

/// Adds the same days of the other loggers of each unit.
pub(super) fn with_units(
    days: BTreeSet<LoggerDay>,
    units: &BTreeMap<String, String>,
) -> BTreeSet<LoggerDay> {
    let mut members: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (mn, unit) in units {
        members.entry(unit).or_default().push(mn);
    }
    let others: Vec<LoggerDay> = days
        .iter()
        .filter_map(|(mn, date)| Some((members.get(units.get(mn)?.as_str())?, *date)))
        .flat_map(|(members, date)| members.iter().map(move |mn| ((*mn).to_owned(), date)))
        .collect();
    let mut days = days;
    days.extend(others);
    days
}

/// Cuts the days into portions of whole units, look-back included, of about `most` logger-days.
///
/// Days outside `reported`, on which nobody reported anything, cost nothing to look back on: without
/// them every logger of a young store would be a portion of its own, and every portion pays for
/// planning all rules once more.
pub(super) fn portions(
    days: &BTreeSet<LoggerDay>,
    units: &BTreeMap<String, String>,
    lookback: i32,
    reported: Option<&BTreeSet<i32>>,
    most: usize,
) -> Vec<BTreeSet<LoggerDay>> {
    let costs = |day: &&LoggerDay| reported.is_none_or(|dates| dates.contains(&day.1));
    let mut by_unit: BTreeMap<&str, Vec<&LoggerDay>> = BTreeMap::new();
    for day in days {
        let unit = units.get(&day.0).unwrap_or(&day.0);
        by_unit.entry(unit).or_default().push(day);
    }
    let mut portions: Vec<BTreeSet<LoggerDay>> = Vec::new();
    let mut filled = usize::MAX;
    for unit in by_unit.into_values() {
        let cost = with_lookback(unit.iter().copied(), lookback);
        let cost = cost.iter().filter(costs).count();
        if filled.saturating_add(cost) > most {
            portions.push(BTreeSet::new());
            filled = 0;
        }
        filled += cost;
        if let Some(portion) = portions.last_mut() {
            portion.extend(unit.into_iter().cloned());
        }
    }
    portions
}

/// The days and those they look back on.
pub(super) fn with_lookback<'a>(
    days: impl IntoIterator<Item = &'a LoggerDay>,
    lookback: i32,
) -> BTreeSet<LoggerDay> {
    let mut found = BTreeSet::new();
    // The days come in order, so only what the day before did not bring is added.
    let mut last: Option<&LoggerDay> = None;
    for day in days {
        let (mn, date) = day;
        let first = match last {
            Some((before, known)) if before == mn => (known + 1).max(date - lookback),
            _ => date - lookback,
        };
        found.extend((first..=*date).map(|date| (mn.clone(), date)));
        last = Some(day);
    }
    found
}

/// Adds the days of standing findings of these rules that lie in the same months.
pub(super) fn extended(
    mut core: BTreeSet<LoggerDay>,
    state: &State,
    catalogue: &Catalogue,
) -> BTreeSet<LoggerDay> {
    let mut months: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    let judged = core.clone();
    for (mn, date) in &judged {
        months.entry(mn).or_default().insert(month_of_day(*date));
    }
    for anomaly in state.open().filter(|anomaly| is_long(catalogue, anomaly)) {
        let Some(mn) = &anomaly.mn else { continue };
        let near = months
            .get(mn.as_str())
            .is_some_and(|months| months.contains(&month(anomaly.window_start)));
        if near {
            let (first, last) = anomaly.days();
            core.extend((first..=last).map(|date| (mn.clone(), date)));
        }
    }
    core
}

/// Whether a finding was made by a rule that looks back over many days.
pub(super) fn is_long(catalogue: &Catalogue, anomaly: &Anomaly) -> bool {
    catalogue
        .get(&anomaly.rule_id)
        .is_some_and(|configured| configured.rule.long())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(days: &[(&str, i32)]) -> BTreeSet<LoggerDay> {
        days.iter()
            .map(|(mn, date)| ((*mn).to_owned(), *date))
            .collect()
    }

    /// Beijing `hour` o'clock of a day.
    fn clock(date: i64, hour: i64) -> i64 {
        date * DAY - BEIJING_OFFSET_MICROS + hour * 3_600_000_000
    }

    #[test]
    fn a_day_is_judged_once_when_it_is_an_hour_over_and_again_when_it_changes() {
        let mut touched = Touched {
            days: set(&[("A", 10), ("A", 11)]),
            before: Some(clock(11, 0)),
            ..Touched::default()
        };
        assert!(days(&touched, 15, clock(11, 0)).is_empty());
        assert_eq!(days(&touched, 15, clock(11, 1)), set(&[("A", 10)]));
        touched.before = Some(clock(11, 1));
        assert!(days(&touched, 15, clock(11, 2)).is_empty());
        touched.stirred = set(&[("A", 10)]);
        let again = days(&touched, 15, clock(13, 2));
        assert_eq!(again, set(&[("A", 10), ("A", 11), ("A", 12)]));
    }

    #[test]
    fn a_day_that_a_deadline_makes_due_is_judged_again_alone() {
        let touched = Touched {
            days: set(&[("A", 2), ("A", 9), ("A", 10)]),
            due: set(&[("A", 2), ("A", 9)]),
            before: Some(clock(10, 2)),
            ..Touched::default()
        };
        assert_eq!(
            days(&touched, 15, clock(10, 12)),
            set(&[("A", 2), ("A", 9)])
        );
    }

    #[test]
    fn permits_that_share_a_logger_are_one_unit() {
        let bindings = [
            ("A", "1"),
            ("B", "2"),
            ("C", "2"),
            ("C", "3"),
            ("D", "3"),
            ("E", "4"),
        ];
        let found = joined(
            bindings
                .iter()
                .map(|(mn, permit)| ((*mn).to_owned(), (*permit).to_owned())),
        );
        let expected = [("A", "1"), ("B", "2"), ("C", "2"), ("D", "2"), ("E", "4")];
        assert_eq!(
            found,
            expected
                .iter()
                .map(|(mn, unit)| ((*mn).to_owned(), (*unit).to_owned()))
                .collect()
        );
    }

    #[tokio::test]
    async fn a_binding_filed_beside_permits_counts_like_one_of_a_permit() {
        use crate::fixtures::{PERMIT_NO, Permit, at, permits, table};
        use nonsite_schemas::tables;
        use serde_json::json;

        let mut given = permits(&[Permit::of("A", "a21026", 50.0)]);
        let filed = |mn: &str, permit_no: &str, valid: bool| {
            json!({
                "binding_id": mn, "version": 1, "recorded_at": at("2025-01-01 00:00"), "mn": mn,
                "permit_no": permit_no, "outlet_uid": format!("{permit_no}DA002"),
                "outlet_code": "DA002", "valid_from": at("2025-01-01 00:00"), "doc_valid": valid,
                "kafka_topic": "b",
            })
        };
        let rows = vec![
            filed("B", PERMIT_NO, true),
            filed("C", "91370500MA3C000000001P", true),
            filed("D", PERMIT_NO, false),
        ];
        given.push(("mn_bindings", table(&tables::mn_bindings(), rows)));
        let session = crate::session::in_memory(given, &crate::session::Config::default())
            .await
            .expect("session");
        let found = units(&session).await.expect("units");
        assert_eq!(found["A"], PERMIT_NO);
        assert_eq!(found["B"], PERMIT_NO);
        assert_ne!(found["C"], PERMIT_NO);
        assert_eq!(found.get("D"), None, "a document with faults binds nothing");
    }

    #[test]
    fn portions_hold_whole_units() {
        let all = set(&[("A", 100), ("A", 101), ("B", 100), ("C", 300)]);
        assert_eq!(with_lookback(&all, 10).len(), 12 + 11 + 11);
        let none = BTreeMap::new();
        let alone = portions(&all, &none, 10, None, 23);
        assert_eq!(alone.len(), 2);
        assert_eq!(alone[0], set(&[("A", 100), ("A", 101), ("B", 100)]));
        let unit = |mn: &str| (mn.to_owned(), "U".to_owned());
        let units = BTreeMap::from([unit("A"), unit("C")]);
        let together = portions(&all, &units, 10, None, 23);
        assert_eq!(together[0], set(&[("B", 100)]));
        assert_eq!(together[1], set(&[("A", 100), ("A", 101), ("C", 300)]));
        // Days of data only: four logger-days to read, however far the rules look back.
        let young = BTreeSet::from([100, 101, 300]);
        assert_eq!(portions(&all, &none, 10, Some(&young), 4).len(), 1);
        assert_eq!(portions(&all, &none, 10, Some(&young), 3).len(), 2);
        assert_eq!(
            with_units(set(&[("A", 100), ("B", 7)]), &units),
            set(&[("A", 100), ("B", 7), ("C", 100)])
        );
    }
}
