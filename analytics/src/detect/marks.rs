//! Marks of the enterprise: what they excuse.
//!
//! The enterprise may mark the data of a day until 12:00 of the next one (MEE announcement 21 of
//! 2022). A window that lies wholly within a mark set in time carries the exemption, M1 for a device
//! mark and M2 for one about the working condition, if the rule considers it and found none itself.
//! An exemption never deletes a finding; one whose windows are all exempt is a reminder (S4), to be
//! checked for its cause.
//!
//! Marks come by documents of their own, so a day is judged again after the deadline (see
//! [`super::touched`]).

use std::collections::BTreeMap;

use serde_json::Value;

use super::judge::Window;
use super::rule::Rule;
use crate::session::{Error, Session, rows};

/// One mark in force for one factor or all.
#[derive(Debug, Clone, PartialEq)]
struct Mark {
    factor: Option<String>,
    device: bool,
    from: i64,
    to: i64,
    in_time_from: i64,
}

/// Marks by logger.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks(BTreeMap<String, Vec<Mark>>);

impl Marks {
    /// The marks that stand, of the loggers of a prepared run.
    pub(super) async fn load(run: &Session) -> Result<Self, Error> {
        let batches = run
            .rows(
                "marks in force",
                "SELECT m.mn, m.factor, m.scope, m.from_time, m.to_time, m.in_time_from
                 FROM marks_in_force m
                 LEFT SEMI JOIN core c ON c.mn = m.mn
                 ORDER BY m.mn, m.from_time, m.mark_id, m.factor",
            )
            .await?;
        let mut marks: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
        for row in rows::objects(&batches).map_err(|error| Error::query("marks")(error.into()))? {
            let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
            let time = |name: &str| row.get(name).and_then(Value::as_i64);
            if let (Some(mn), Some(from), Some(to), Some(in_time_from)) = (
                text("mn"),
                time("from_time"),
                time("to_time"),
                time("in_time_from"),
            ) {
                marks.entry(mn).or_default().push(Mark {
                    factor: text("factor"),
                    device: text("scope").as_deref() == Some("device"),
                    from,
                    to,
                    in_time_from,
                });
            }
        }
        Ok(Self(marks))
    }

    /// Gives windows the exemption of a mark that covers them. A device mark comes before one about
    /// the condition: invalid data judge nothing, whatever the plant did.
    pub(super) fn exempt(&self, rule: &Rule, windows: &mut [Window]) {
        let considered = |code: &str| rule.exempts.iter().any(|exempt| exempt == code);
        for window in windows.iter_mut().filter(|window| window.exempt.is_none()) {
            let Some(marks) = window.mn.as_ref().and_then(|mn| self.0.get(mn)) else {
                continue;
            };
            let covering = marks
                .iter()
                .filter(|mark| {
                    mark.from <= window.start
                        && window.end <= mark.to
                        && window.start >= mark.in_time_from
                        && (mark.factor.is_none() || mark.factor == window.factor)
                })
                .map(|mark| if mark.device { "M1" } else { "M2" })
                .filter(|code| considered(code))
                .min();
            if let Some(code) = covering {
                window.exempt = Some(code.to_owned());
                window.marked = true;
            }
        }
    }
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
