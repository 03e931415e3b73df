//! Marks and tickets of the enterprise: what they excuse.
//!
//! The enterprise may mark the data of a day until 12:00 of the next one (MEE announcement 21 of
//! 2022). A window that lies wholly within a mark set in time carries an exemption that the rule
//! considers, if it found none itself:
//!
//! | what was filed | exemption |
//! |---|---|
//! | a device mark | M1 |
//! | a mark of the working condition | M2 |
//! | ... `stopped`, `no_discharge` | M3, where a rule considers it and not M2 |
//! | a device mark `maintenance`, `calibration`, `standard_check`, or a ticket for one of these | M4 |
//! | a device mark `communication_break` | M6 |
//! | a device mark `not_attributable` | M7 |
//!
//! M5 (a special clause of the permit) is given by no mark: a limit that a permit allows for a time is
//! the limit of that time. Of several exemptions the lowest code counts: invalid data judge nothing,
//! whatever the plant did.
//!
//! A ticket counts as it stood at the same deadline, so that none is written for what was found: it has
//! to be known by then, must not have been cancelled since, and where its end was still open the end
//! filed later holds (one that never got an end excuses nothing).
//!
//! An exemption never deletes a finding; one whose windows are all exempt is a reminder (S4), to be
//! checked for its cause. Marks and tickets come by documents of their own, so a day is judged again
//! after the deadline and when one arrives (see [`super::touched`]).

use std::collections::BTreeMap;

use nonsite_schemas::time::{beijing_day, beijing_day_start};
use serde_json::{Map, Value};

use super::judge::Window;
use super::rule::Rule;
use crate::session::{Error, Session, rows};

/// From the start of a Beijing day to the deadline for filing anything about it, 12:00 of the next:
/// 36 hours in microseconds.
const DEADLINE: i64 = 36 * 3_600_000_000;

/// A stretch of time that something filed excuses, for one factor or all.
#[derive(Debug, Clone, PartialEq)]
struct Excuse {
    factor: Option<String>,
    codes: &'static [&'static str],
    from: i64,
    to: i64,
    /// Windows that begin from here on were excused in time.
    first: i64,
    /// Windows that begin from here on were not any more: something else was filed by their deadline.
    until: i64,
}

/// What is excused, by logger.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks(BTreeMap<String, Vec<Excuse>>);

/// Exemptions that a mark gives.
fn of_mark(device: bool, code: &str) -> &'static [&'static str] {
    match (device, code) {
        (true, "maintenance" | "calibration" | "standard_check") => &["M1", "M4"],
        (true, "communication_break") => &["M1", "M6"],
        (true, "not_attributable") => &["M1", "M7"],
        (true, _) => &["M1"],
        (false, "stopped" | "no_discharge") => &["M2", "M3"],
        (false, _) => &["M2"],
    }
}

/// The first Beijing midnight whose day's deadline is not before an instant: what was filed then was in
/// time for windows from there on.
fn in_time_from(at: i64) -> i64 {
    beijing_day_start(beijing_day(at.saturating_sub(DEADLINE + 1)) + 1)
}

type Row = Map<String, Value>;

fn text(row: &Row, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn time(row: &Row, name: &str) -> Option<i64> {
    row.get(name).and_then(Value::as_i64)
}

impl Marks {
    /// The marks and tickets that stand, of the loggers of a prepared run.
    pub(super) async fn load(run: &Session) -> Result<Self, Error> {
        let mut marks = Self::default();
        let standing =
            "SELECT m.mn, m.factor, m.scope, m.code, m.from_time, m.to_time, m.in_time_from
             FROM marks_in_force m
             LEFT SEMI JOIN core c ON c.mn = m.mn
             ORDER BY m.mn, m.from_time, m.mark_id, m.factor";
        for row in read(run, "marks in force", standing).await? {
            let device = text(&row, "scope").as_deref() == Some("device");
            let codes = of_mark(device, &text(&row, "code").unwrap_or_default());
            let factor = text(&row, "factor");
            marks.add(&row, factor, codes, time(&row, "in_time_from"), i64::MAX);
        }
        let filed = "SELECT t.mn, t.factors, t.starts_at AS from_time, coalesce(t.ends_at, l.ends_at) AS to_time,
                    t.known_from, t.known_to
             FROM tickets_history t
             JOIN tickets_history l ON l.ticket_id = t.ticket_id AND l.latest AND l.status <> 'cancelled'
             LEFT SEMI JOIN core c ON c.mn = t.mn
             WHERE t.status <> 'cancelled' AND t.kind IN ('maintenance', 'calibration', 'standard_check')
             ORDER BY t.mn, t.starts_at, t.ticket_id, t.version";
        for row in read(run, "maintenance tickets", filed).await? {
            let first = time(&row, "known_from").map(in_time_from);
            let until = time(&row, "known_to").map_or(i64::MAX, in_time_from);
            match text(&row, "factors") {
                None => marks.add(&row, None, &["M4"], first, until),
                Some(factors) => factors.split(',').for_each(|factor| {
                    marks.add(&row, Some(factor.to_owned()), &["M4"], first, until);
                }),
            }
        }
        Ok(marks)
    }

    fn add(
        &mut self,
        row: &Row,
        factor: Option<String>,
        codes: &'static [&'static str],
        first: Option<i64>,
        until: i64,
    ) {
        if let (Some(mn), Some(from), Some(to), Some(first)) = (
            text(row, "mn"),
            time(row, "from_time"),
            time(row, "to_time"),
            first,
        ) {
            self.0.entry(mn).or_default().push(Excuse {
                factor,
                codes,
                from,
                to,
                first,
                until,
            });
        }
    }

    /// Gives windows the exemption of a mark or ticket that covers them.
    pub(super) fn exempt(&self, rule: &Rule, windows: &mut [Window]) {
        let considered = |code: &str| rule.exempts.iter().any(|exempt| exempt == code);
        for window in windows.iter_mut().filter(|window| window.exempt.is_none()) {
            let Some(excuses) = window.mn.as_ref().and_then(|mn| self.0.get(mn)) else {
                continue;
            };
            let covering = excuses
                .iter()
                .filter(|excuse| {
                    excuse.from <= window.start
                        && window.end <= excuse.to
                        && window.start >= excuse.first
                        && window.start < excuse.until
                        && (excuse.factor.is_none() || excuse.factor == window.factor)
                })
                .flat_map(|excuse| excuse.codes)
                .copied()
                .filter(|code| considered(code))
                .min();
            if let Some(code) = covering {
                window.exempt = Some(code.to_owned());
                window.marked = true;
            }
        }
    }
}

async fn read(run: &Session, what: &str, sql: &str) -> Result<Vec<Row>, Error> {
    let batches = run.rows(what, sql).await?;
    rows::objects(&batches).map_err(|error| Error::query(what)(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{at, minutes, table};
    use nonsite_schemas::tables;
    use serde_json::json;

    use crate::detect::catalogue::{Catalogue, Config};
    use crate::detect::evaluate::evaluate;
    use crate::detect::state::State;
    use crate::detect::touched::{Touched, days};
    use crate::fixtures::{PERMIT_NO, Permit};
    use crate::session::in_memory;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn what_is_filed_by_noon_is_in_time_for_the_day_before() {
        for (filed, from) in [
            ("2025-06-02 12:00", "2025-06-01 00:00"),
            ("2025-06-02 12:01", "2025-06-02 00:00"),
            ("2025-06-02 00:00", "2025-06-01 00:00"),
        ] {
            assert_eq!(in_time_from(at(filed)), at(from), "{filed}");
        }
    }

    #[tokio::test]
    async fn a_mark_set_in_time_makes_a_finding_a_reminder() {
        let start = at("2025-06-01 08:00");
        let mark = |id: &str, mn: &str, scope: &str, to: i64, marked_at: &str| {
            json!({
                "mark_id": id, "version": 1, "recorded_at": at(marked_at), "mn": mn,
                "scope": scope, "code": "calibration", "starts_at": start, "ends_at": to,
                "marked_at": at(marked_at), "doc_valid": true, "kafka_topic": "m",
                "received_at": at(marked_at),
            })
        };
        let loggers = ["A", "B", "C", "D"];
        let rows = loggers
            .iter()
            .flat_map(|mn| minutes(mn, "a21026", start, 10, 12, 90.0))
            .collect();
        let mut given = crate::fixtures::permits(&[Permit::of("A", "a21026", 50.0)]);
        let bindings = loggers
            .iter()
            .map(|mn| {
                json!({
                    "permit_no": PERMIT_NO, "version": 1, "issued_at": at("2020-01-01 00:00"),
                    "doc_valid": true, "kafka_topic": "p", "mn": mn,
                    "outlet_uid": format!("{PERMIT_NO}DA001"), "outlet_code": "DA001",
                    "medium": "air", "valid_from": at("2020-01-01 00:00"),
                })
            })
            .collect();
        let bound = table(&tables::permit_bindings(), bindings);
        given.retain(|(name, _)| *name != "permit_bindings");
        given.push(("permit_bindings", bound));
        given.push(("readings_raw", table(&tables::readings_raw(), rows)));
        let marks = vec![
            // In time at noon of the next day; a minute later; only one of two hours; condition.
            mark("1", "A", "device", start + 2 * HOUR, "2025-06-02 12:00"),
            mark("2", "B", "device", start + 2 * HOUR, "2025-06-02 12:01"),
            mark("3", "C", "device", start + HOUR, "2025-06-01 20:00"),
            mark("4", "D", "condition", start + 2 * HOUR, "2025-06-01 20:00"),
        ];
        given.push(("marks", table(&tables::marks(), marks)));
        let session = in_memory(given, &crate::session::Config::default())
            .await
            .expect("session");
        let config = Config::default();
        let catalogue = Catalogue::load(&config).expect("rules");
        let all = days(&session, "SELECT DISTINCT mn, date FROM readings_raw")
            .await
            .expect("days");
        let touched = Touched::everything(all);
        let as_of = at("2025-06-02 13:00");
        let evaluation = evaluate(
            &session,
            &catalogue,
            &config,
            &touched,
            State::default(),
            as_of,
        )
        .await
        .expect("evaluation");
        let told: BTreeMap<&str, (&str, Option<&str>)> = evaluation
            .state
            .open()
            .filter(|a| a.rule_id == "E01")
            .map(|a| {
                let told = (a.severity.as_str(), a.exempt_code.as_deref());
                (a.mn.as_deref().expect("mn"), told)
            })
            .collect();
        assert_eq!(told["A"], ("S4", Some("M1")));
        assert_eq!(told["B"], ("S3", None));
        assert_eq!(told["C"].0, "S3", "one hour of two is not excused");
        assert_eq!(told["D"], ("S4", Some("M2")));
    }
}
