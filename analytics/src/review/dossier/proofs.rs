//! What the tables hold beside the queue: the curve, papers about instruments, laboratory and permit,
//! and how production and treatment ran.
//!
//! Rows of papers are as the views have them, instants in microseconds UTC, so that what the page shows
//! can be asked for again with the view's name.

use std::collections::BTreeMap;

use nonsite_schemas::time::{DAY_MICROS, beijing_day};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::review::act::outlet_code;
use crate::review::calendar::HOUR;
use crate::review::case::Case;
use crate::review::error::Error;
use crate::session::{self, Session, rows};

/// A row of a view.
pub(super) type Row = Map<String, Value>;

/// How far before the clue papers are looked for: a calibration is due at least every month.
const PAPERS_BEFORE: i64 = 31 * DAY_MICROS;
/// How far around the clue the curve goes, and how far back before the measures.
const CURVE_AROUND: i64 = DAY_MICROS;
/// Longest stretch of the curve after the measures.
const CURVE_AFTER: i64 = 31 * DAY_MICROS;
/// What is compared with the time since the measures: the week before the clue.
const WEEK: i64 = 7 * DAY_MICROS;

/// An hour of the curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurveHour {
    /// Start of the hour, microseconds UTC.
    pub hour: i64,
    /// The value the limit is compared with, where there is one.
    pub value: Option<f64>,
    /// Enough valid data for an hourly mean.
    pub valid: bool,
    /// The permitted hourly value then, in the unit of the value.
    pub limit: Option<f64>,
    /// Mark of the hour.
    pub mark: Option<String>,
    /// It lies in the window of the clue.
    pub of_clue: bool,
}

/// The factor's hours around the clue and since the measures, with limit line and marks.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Curve {
    /// The hours in order; where the two stretches do not meet, there is a gap.
    pub hours: Vec<CurveHour>,
    /// Marks as they stand that touch these hours (`marks_in_force`).
    pub marks: Vec<Row>,
}

/// Papers about the outlet since a month before the clue, as they stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Papers {
    /// Maintenance tickets: repairs, calibrations, comparisons (`tickets_history`).
    pub tickets: Vec<Row>,
    /// What the logger itself reported of calibrations, checks and exchanges (`equipment_events`).
    pub equipment: Vec<Row>,
    /// Manual monitoring with laboratory, CMA number and report (`manual_history`).
    pub manual: Vec<Row>,
    /// Filed changes of the equipment (`filings_history`).
    pub filings: Vec<Row>,
    /// Versions of the permit (`permit_documents`).
    pub permits: Vec<Row>,
}

/// How a power or process point ran, before the clue and since the measures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Running {
    /// Code of the facility.
    pub facility: String,
    /// Its name.
    pub name: Option<String>,
    /// production, treatment, total or other.
    pub role: Option<String>,
    /// What is measured.
    pub quantity: Option<String>,
    /// Unit of the values.
    pub unit: Option<String>,
    /// `before` (the week before the clue) or `since_measures`.
    pub period: String,
    /// Readings.
    pub readings: i64,
    /// Their mean.
    pub mean: Option<f64>,
    /// Share of them in which it ran, percent; nothing where no threshold is filed.
    pub running_percent: Option<f64>,
}

/// Everything of the tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Proofs {
    /// The curve.
    pub curve: Curve,
    /// The papers.
    pub papers: Papers,
    /// Production and treatment.
    pub running: Vec<Running>,
    /// Reports of the papers that stand in another unit's manual monitoring (`manual_results`).
    pub reports_elsewhere: Vec<Row>,
}

/// Looks everything up as of `now`.
pub(super) async fn find(case: &Case, session: &Session, now: i64) -> Result<Proofs, Error> {
    let papers = papers(case, session, now).await?;
    Ok(Proofs {
        curve: curve(case, session, now).await?,
        running: running(case, session, now).await?,
        reports_elsewhere: elsewhere(case, &papers, session).await?,
        papers,
    })
}

/// A text for the inside of an SQL literal.
fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

async fn ask(session: &Session, what: &'static str, query: &str) -> Result<Vec<Row>, Error> {
    let found = session.rows(what, query).await?;
    Ok(rows::objects(&found).map_err(|error| session::Error::query(what)(error.into()))?)
}

/// The Beijing days of a stretch of time: they let the reader skip files.
fn days((from, to): (i64, i64)) -> String {
    format!(
        "date BETWEEN arrow_cast({}, 'Date32') AND arrow_cast({}, 'Date32')",
        beijing_day(from),
        beijing_day(to)
    )
}

fn number(row: &Row, name: &str) -> Option<f64> {
    row.get(name).and_then(Value::as_f64)
}

fn integer(row: &Row, name: &str) -> Option<i64> {
    row.get(name).and_then(Value::as_i64)
}

async fn curve(case: &Case, session: &Session, now: i64) -> Result<Curve, Error> {
    let (Some(mn), Some(factor)) = (&case.mn, &case.factor) else {
        return Ok(Curve::default());
    };
    let (mn, factor) = (quoted(mn), quoted(factor));
    let clue = (
        case.window_start - CURVE_AROUND,
        (case.window_end + CURVE_AROUND).min(now),
    );
    let mut stretches = vec![clue];
    if let Some(measured) = case.measured_from {
        stretches.push(((measured - CURVE_AROUND).max(now - CURVE_AFTER), now));
    }
    // By hour: the two stretches may overlap.
    let mut found: BTreeMap<i64, Row> = BTreeMap::new();
    for stretch in stretches {
        let query = format!(
            "SELECT arrow_cast(hour, 'Int64') AS at, value, converted, valid, mark FROM hourly \
             WHERE mn = '{mn}' AND factor = '{factor}' AND {}",
            days(stretch)
        );
        for row in ask(session, "curve of the clue", &query).await? {
            if let Some(at) = integer(&row, "at").filter(|at| (stretch.0..stretch.1).contains(at)) {
                found.insert(at, row);
            }
        }
    }
    let query = format!(
        "SELECT arrow_cast(in_force_from, 'Int64') AS from_at, arrow_cast(in_force_to, 'Int64') AS to_at, \
         limit_value, basis FROM mn_limits \
         WHERE mn = '{mn}' AND factor = '{factor}' AND averaging = 'hour'"
    );
    let limits = ask(session, "limits of the curve", &query).await?;
    let of_clue = case.window_start..case.window_end.max(case.window_start + HOUR);
    let hours = found.into_iter().map(|(hour, row)| {
        let limit = limits.iter().find(|limit| {
            integer(limit, "from_at").is_some_and(|from| from <= hour)
                && integer(limit, "to_at").is_some_and(|to| hour < to)
        });
        let basis = limit.and_then(|limit| rows::text(limit, "basis"));
        CurveHour {
            hour,
            value: match basis.as_deref() {
                Some("converted") => number(&row, "converted"),
                _ => number(&row, "value"),
            },
            valid: row.get("valid").and_then(Value::as_bool).unwrap_or(false),
            limit: limit.and_then(|limit| number(limit, "limit_value")),
            mark: rows::text(&row, "mark"),
            of_clue: of_clue.contains(&hour),
        }
    });
    let hours: Vec<CurveHour> = hours.collect();
    let query = format!(
        "SELECT mark_id, version, factor, code, from_time, to_time, marked_at, source, author, reason, \
         ticket_id FROM marks_in_force \
         WHERE mn = '{mn}' AND (factor IS NULL OR factor = '{factor}') \
         AND arrow_cast(to_time, 'Int64') > {} AND arrow_cast(from_time, 'Int64') < {now} \
         ORDER BY from_time, mark_id",
        clue.0
    );
    let marks = ask(session, "marks of the curve", &query).await?;
    Ok(Curve { hours, marks })
}

async fn papers(case: &Case, session: &Session, now: i64) -> Result<Papers, Error> {
    let since = case.window_start - PAPERS_BEFORE;
    // By logger or by outlet, whichever the paper names.
    let place = [("mn", &case.mn), ("outlet_uid", &case.outlet_uid)]
        .into_iter()
        .filter_map(|(column, value)| {
            let value = quoted(value.as_deref()?);
            Some(format!("{column} = '{value}'"))
        })
        .collect::<Vec<_>>()
        .join(" OR ");
    let mut papers = Papers::default();
    if let Some(permit) = &case.permit_no {
        let query = format!(
            "SELECT permit_no, version, issued_at, valid_from, valid_to, status, starts_at \
             FROM permit_documents WHERE permit_no = '{}' AND arrow_cast(issued_at, 'Int64') <= {now} \
             ORDER BY issued_at, version",
            quoted(permit)
        );
        papers.permits = ask(session, "versions of the permit", &query).await?;
        // What was in force before the clue, and everything issued since.
        let before = papers
            .permits
            .iter()
            .rposition(|row| integer(row, "issued_at").is_some_and(|issued| issued < since));
        papers.permits.drain(..before.unwrap_or(0));
    }
    if place.is_empty() {
        return Ok(papers);
    }
    let query = format!(
        "SELECT ticket_id, version, kind, status, factors, starts_at, ends_at, noticed_at, reported_at, \
         company, technician, cause, actions FROM tickets_history \
         WHERE latest AND ({place}) AND coalesce(status, '') <> 'cancelled' \
         AND arrow_cast(coalesce(ends_at, starts_at), 'Int64') >= {since} \
         AND arrow_cast(starts_at, 'Int64') <= {now} ORDER BY starts_at, ticket_id"
    );
    papers.tickets = ask(session, "maintenance tickets", &query).await?;
    let query = format!(
        "SELECT result_id, version, purpose, sampled_at, factor, value, unit, below_detection, \
         automatic_value, laboratory, cma_no, report_no, known_from FROM manual_history \
         WHERE latest AND ({place}) AND arrow_cast(sampled_at, 'Int64') >= {since} \
         AND arrow_cast(sampled_at, 'Int64') <= {now} ORDER BY sampled_at, result_id, factor"
    );
    papers.manual = ask(session, "manual monitoring", &query).await?;
    let query = format!(
        "SELECT filing_id, version, factor, model, serial_no, filed_at, filed_by, reason, ticket_id, \
         parameter, value, value_text, unit FROM filings_history \
         WHERE latest AND ({place}) AND arrow_cast(filed_at, 'Int64') >= {since} \
         AND arrow_cast(filed_at, 'Int64') <= {now} ORDER BY filed_at, filing_id, parameter"
    );
    papers.filings = ask(session, "equipment filings", &query).await?;
    if let Some(mn) = &case.mn {
        let query = format!(
            "SELECT factor, at, kind, sample_value, standard_value, passed, serial_no \
             FROM equipment_events WHERE mn = '{}' AND arrow_cast(at, 'Int64') >= {since} \
             AND arrow_cast(at, 'Int64') <= {now} ORDER BY at, kind",
            quoted(mn)
        );
        papers.equipment = ask(session, "events of the equipment", &query).await?;
    }
    Ok(papers)
}

async fn running(case: &Case, session: &Session, now: i64) -> Result<Vec<Running>, Error> {
    let Some(permit) = &case.permit_no else {
        return Ok(Vec::new());
    };
    let mut periods = vec![("before", (case.window_start - WEEK, case.window_start))];
    if let Some(measured) = case.measured_from.filter(|measured| *measured < now) {
        periods.push(("since_measures", (measured.max(now - CURVE_AFTER), now)));
    }
    let of_outlet = match outlet_code(case) {
        Some(code) => format!(
            "AND (outlets IS NULL OR strpos(concat(',', outlets, ','), ',{},') > 0)",
            quoted(&code)
        ),
        None => String::new(),
    };
    let mut all = Vec::new();
    for (period, stretch) in periods {
        let query = format!(
            "SELECT facility, max(name) AS name, role, quantity, unit, count(*) AS readings,
                    avg(value) AS mean,
                    avg(CASE WHEN running THEN 100.0 WHEN NOT running THEN 0.0 END) AS running_percent
             FROM (
               SELECT coalesce(facility, point_id) AS facility, name, role, quantity, unit, value,
                      running, arrow_cast(data_time, 'Int64') AS at
               FROM facility_values
               WHERE permit_no = '{}' AND granularity IN ('minute', 'hour') AND {} {of_outlet}
             ) WHERE at >= {} AND at < {}
             GROUP BY facility, role, quantity, unit ORDER BY facility, quantity",
            quoted(permit),
            days(stretch),
            stretch.0,
            stretch.1
        );
        let found = ask(session, "power and process", &query).await?;
        all.extend(found.iter().map(|row| Running {
            facility: rows::text(row, "facility").unwrap_or_default(),
            name: rows::text(row, "name"),
            role: rows::text(row, "role"),
            quantity: rows::text(row, "quantity"),
            unit: rows::text(row, "unit"),
            period: period.to_owned(),
            readings: integer(row, "readings").unwrap_or(0),
            mean: number(row, "mean"),
            running_percent: number(row, "running_percent"),
        }));
    }
    Ok(all)
}

/// The laboratory's reports that another unit's monitoring names as well.
async fn elsewhere(case: &Case, papers: &Papers, session: &Session) -> Result<Vec<Row>, Error> {
    let mut numbers: Vec<String> = papers
        .manual
        .iter()
        .filter_map(|row| rows::text(row, "report_no"))
        .map(|number| format!("'{}'", quoted(&number)))
        .collect();
    numbers.sort();
    numbers.dedup();
    let Some(permit) = case.permit_no.as_deref().filter(|_| !numbers.is_empty()) else {
        return Ok(Vec::new());
    };
    let query = format!(
        "SELECT DISTINCT report_no, permit_no, laboratory FROM manual_history \
         WHERE latest AND report_no IN ({}) AND permit_no IS NOT NULL AND permit_no <> '{}' \
         ORDER BY report_no, permit_no",
        numbers.join(", "),
        quoted(permit)
    );
    ask(session, "reports seen elsewhere", &query).await
}
