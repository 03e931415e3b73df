//! Execution reports: which have fallen due, and which were handed in.

use std::collections::BTreeMap;

use chrono::{Datelike, Months, NaiveDate};
use nonsite_schemas::time::{DAY_MICROS, beijing_day, beijing_day_start};
use nonsite_schemas::wire::documents::ReportPeriod;
use nonsite_schemas::wire::permit::{MgmtClass, Permit};

use super::Error;
use super::facts::{Fact, Facts, Scope, ask, date, day_number, int, text, verdict};
use crate::session::Session;

/// Days after the end of a period in which its execution report may be handed in.
const REPORT_DUE_DAYS: i64 = 15;
/// How far back reports that fell due are looked at, days.
const REPORT_LOOK_BACK: i64 = 400;

/// A report that has fallen due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueReport {
    /// month, quarter or year.
    pub period: &'static str,
    /// First day of the period.
    pub start: NaiveDate,
    /// Last instant it may be handed in (exclusive), microseconds UTC.
    pub due_at: i64,
}

impl DueReport {
    /// `quarter/2026-01-01`.
    pub fn subject(&self) -> String {
        format!("{}/{}", self.period, self.start)
    }
}

/// Execution reports that fell due in the 400 days before `as_of`. Without a statement in the permit:
/// the year's of every unit and the first three quarters' of key units (the last is part of the
/// year's).
pub fn due_reports(permit: &Permit, as_of: i64) -> Vec<DueReport> {
    let stated: Vec<ReportPeriod> = match permit.mgmt_class {
        _ if !permit.report_periods.is_empty() => permit.report_periods.clone(),
        Some(MgmtClass::Key) => vec![ReportPeriod::Quarter, ReportPeriod::Year],
        Some(MgmtClass::Simplified) => vec![ReportPeriod::Year],
        _ => Vec::new(),
    };
    let today = date(beijing_day(as_of));
    let held_from = permit
        .first_issued_on
        .or(permit.valid_from)
        .map_or(i32::MIN, |day| day.0);
    let mut due = Vec::new();
    // A year's report is due up to 12 + 1 months after its start, and 400 days are 14 more.
    for back in 0..28_u32 {
        let Some(start) = today
            .with_day(1)
            .and_then(|month| month.checked_sub_months(Months::new(back)))
        else {
            continue;
        };
        for period in &stated {
            let (months, begins) = match period {
                ReportPeriod::Year => (12, start.month() == 1),
                ReportPeriod::Quarter => (3, matches!(start.month(), 1 | 4 | 7)),
                ReportPeriod::Month => (1, start.month() % 3 != 0),
            };
            let Some(end) = start.checked_add_months(Months::new(months)) else {
                continue;
            };
            let due_at = beijing_day_start(day_number(end)) + REPORT_DUE_DAYS * DAY_MICROS;
            let recent = due_at <= as_of && due_at > as_of - REPORT_LOOK_BACK * DAY_MICROS;
            if begins && recent && day_number(start) >= held_from {
                due.push(DueReport {
                    period: period.as_str(),
                    start,
                    due_at,
                });
            }
        }
    }
    due.sort_by_key(|report| (report.due_at, report.period));
    due
}

/// What was handed in of the reports that fell due, by `PERIOD/START`.
///
/// # Errors
/// [`Error::Tables`].
pub async fn reports(session: &Session, scope: Scope<'_>) -> Result<Facts, Error> {
    let query = format!(
        "SELECT permit_no, period, arrow_cast(period_start, 'Int32') AS start,
                arrow_cast(min(submitted_at), 'Int64') AS submitted
         FROM reports_history
         WHERE submitted_at IS NOT NULL AND arrow_cast(submitted_at, 'Int64') <= {}
           AND NOT (latest AND status = 'returned')
         GROUP BY permit_no, period, period_start",
        scope.to
    );
    let found = ask(session, "execution reports", &query).await?;
    let mut facts = Facts {
        kind: "execution_reports",
        ..Facts::default()
    };
    let mut handed: BTreeMap<(String, i64), i64> = BTreeMap::new();
    for row in &found {
        if text(row, "permit_no") == scope.permit.permit_no {
            handed.insert(
                (text(row, "period"), int(row, "start")),
                int(row, "submitted"),
            );
        }
    }
    for report in due_reports(scope.permit, scope.to) {
        let due = date(beijing_day(report.due_at - 1));
        let key = (
            report.period.to_owned(),
            i64::from(day_number(report.start)),
        );
        let fact = match handed.get(&key) {
            // Nobody's reports are here: the source is not connected.
            None if found.is_empty() => {
                Fact::none("未接入执行报告数据", "no execution reports come in at all")
            }
            None => Fact::new(
                verdict(false),
                0,
                format!("应于{due}前提交，未见提交"),
                format!("due by {due}, not handed in"),
            ),
            Some(&submitted) => {
                let on = date(beijing_day(submitted));
                Fact::new(
                    verdict(submitted < report.due_at),
                    1,
                    format!("应于{due}前提交，{on}提交"),
                    format!("due by {due}, handed in on {on}"),
                )
            }
        };
        facts.by_subject.insert(report.subject(), fact);
    }
    facts.query = query;
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use nonsite_schemas::wire::Day;

    use super::*;

    fn at(day: &str) -> i64 {
        beijing_day_start(day_number(day.parse().unwrap()))
    }

    fn due(permit: &Permit, day: &str) -> Vec<String> {
        due_reports(permit, at(day))
            .iter()
            .map(DueReport::subject)
            .collect()
    }

    #[test]
    fn reports_fall_due_by_class_or_as_the_permit_states() {
        let mut permit = Permit {
            mgmt_class: Some(MgmtClass::Key),
            ..Permit::default()
        };
        assert_eq!(
            due(&permit, "2026-08-01"),
            [
                "quarter/2025-04-01",
                "quarter/2025-07-01",
                "year/2025-01-01",
                "quarter/2026-01-01",
                "quarter/2026-04-01"
            ]
        );
        // The second quarter is due at the end of 15 July.
        assert!(!due(&permit, "2026-07-15").contains(&"quarter/2026-04-01".to_owned()));
        assert!(due(&permit, "2026-07-16").contains(&"quarter/2026-04-01".to_owned()));
        permit.first_issued_on = Some(Day(day_number("2026-02-01".parse().unwrap())));
        assert_eq!(due(&permit, "2026-08-01"), ["quarter/2026-04-01"]);
        permit.first_issued_on = None;
        permit.mgmt_class = Some(MgmtClass::Simplified);
        assert_eq!(due(&permit, "2026-08-01"), ["year/2025-01-01"]);
        permit.mgmt_class = Some(MgmtClass::Registration);
        assert!(due(&permit, "2026-08-01").is_empty());
        permit.report_periods = vec![ReportPeriod::Month];
        let months = due(&permit, "2026-08-01");
        assert!(
            months.contains(&"month/2026-05-01".to_owned()),
            "{months:?}"
        );
        assert!(
            !months.contains(&"month/2026-06-01".to_owned()),
            "part of the quarter: {months:?}"
        );
    }
}
