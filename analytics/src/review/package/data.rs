//! The rows of a package: what was judged with its surroundings, and what a receiver needs to judge it
//! anew: marks, maintenance, limits and permits in force, power and process values.
//!
//! The window is that of all findings of the case and a day before and after it. Marks and tickets go along in
//! every version, because it matters what was said when.

use std::collections::BTreeSet;

use nonsite_schemas::tables as defs;
use nonsite_schemas::time::beijing_day;
use serde_json::{Map, Value, json};

use super::super::calendar::HOUR;
use super::super::case::Case;
use super::super::error::Error;
use super::super::mirror::event_row;
use super::super::service::Shown;
use super::tables;
use super::zipped::Entry;
use crate::inspection::facts::date;
use crate::session::{self, Session, rows};

/// Readings this long before and after what was judged go along, so that a curve has its surroundings.
const AROUND: i64 = 24 * HOUR;
/// Above this span hourly and daily values go along, and the finer ones stay in the tables.
const FINE_SPAN: i64 = 62 * 24 * HOUR;

/// The data of a package.
pub(super) struct Data {
    /// The same rows as CSV and as Parquet, table by table.
    pub(super) entries: Vec<Entry>,
    /// Rows by table.
    pub(super) rows: Map<String, Value>,
    /// Begin of the window, microseconds UTC.
    pub(super) from: i64,
    /// Its end, which is not in it.
    pub(super) to: i64,
}

/// What the rows have to be about.
struct Subject<'a> {
    loggers: BTreeSet<&'a str>,
    outlets: BTreeSet<&'a str>,
    permits: BTreeSet<&'a str>,
    /// Nothing when a finding is about all factors.
    factors: Option<BTreeSet<&'a str>>,
    from: i64,
    to: i64,
}

impl<'a> Subject<'a> {
    fn of(findings: &[&'a Case]) -> Self {
        let some = |field: fn(&'a Case) -> Option<&'a str>| -> BTreeSet<&'a str> {
            findings.iter().filter_map(|case| field(case)).collect()
        };
        let from = findings.iter().map(|case| case.window_start).min();
        let to = findings.iter().map(|case| case.window_end).max();
        Self {
            loggers: some(|case| case.mn.as_deref()),
            outlets: some(|case| case.outlet_uid.as_deref()),
            permits: some(|case| case.permit_no.as_deref()),
            factors: findings.iter().map(|case| case.factor.as_deref()).collect(),
            from: from.unwrap_or(0) - AROUND,
            to: to.unwrap_or(0) + AROUND,
        }
    }

    /// Values of the window, the finer ones only where it is short.
    fn values(&self) -> Vec<String> {
        let mut conditions = vec![
            format!("data_time >= to_timestamp_micros({})", self.from),
            format!("data_time < to_timestamp_micros({})", self.to),
        ];
        if self.to - self.from > FINE_SPAN {
            conditions.push("granularity IN ('hour', 'day')".to_owned());
        }
        conditions
    }

    fn of_factors(&self) -> Option<String> {
        Some(is_in("factor", self.factors.as_ref()?))
    }

    /// The readings that were judged with their surroundings, as received, resends included.
    fn readings(&self) -> String {
        let mut conditions = vec![is_in("mn", &self.loggers)];
        conditions.extend(self.values());
        conditions.extend(self.of_factors());
        format!(
            "SELECT * FROM readings_raw WHERE {} \
             ORDER BY mn, factor, granularity, data_time, received_at, kafka_topic, \
                      kafka_partition, kafka_offset",
            conditions.join(" AND ")
        )
    }

    /// Words about the loggers or outlets that concern a time within the window.
    fn words(&self, view: &str, id: &str, begins: &str, ends: &str) -> String {
        format!(
            "SELECT * FROM {view} WHERE ({} OR {}) \
             AND {begins} < to_timestamp_micros({}) \
             AND ({ends} IS NULL OR {ends} > to_timestamp_micros({})) \
             ORDER BY {id}, version, kafka_topic, kafka_partition, kafka_offset",
            is_in("mn", &self.loggers),
            is_in("outlet_uid", &self.outlets),
            self.to,
            self.from
        )
    }

    /// Limits of the outlets as the permit states them, with its version.
    fn permit_limits(&self) -> String {
        self.limits(
            "limits_in_force",
            is_in("outlet_uid", &self.outlets),
            "outlet_uid",
        )
    }

    /// The same for the loggers, in the unit of their values.
    fn logger_limits(&self) -> String {
        self.limits("mn_limits", is_in("mn", &self.loggers), "mn")
    }

    fn limits(&self, view: &str, whose: String, order: &str) -> String {
        let mut conditions = vec![
            whose,
            format!("in_force_from < to_timestamp_micros({})", self.to),
            format!("in_force_to > to_timestamp_micros({})", self.from),
        ];
        conditions.extend(self.of_factors());
        format!(
            "SELECT * FROM {view} WHERE {} ORDER BY {order}, factor, averaging, in_force_from",
            conditions.join(" AND ")
        )
    }

    /// Versions of the permit that held within the window.
    fn permits(&self) -> String {
        format!(
            "SELECT * FROM permit_documents WHERE {} \
             AND starts_at < to_timestamp_micros({}) \
             AND (superseded_at IS NULL OR superseded_at > to_timestamp_micros({})) \
             ORDER BY permit_no, issued_at, version",
            is_in("permit_no", &self.permits),
            self.to,
            self.from
        )
    }

    /// Power and process values of the loggers, and of whichever else the permit's facilities have.
    fn facility_values(&self) -> String {
        format!(
            "SELECT * FROM facility_values WHERE ({} OR {}) \
             AND date BETWEEN DATE '{}' AND DATE '{}' AND {} \
             ORDER BY mn, factor, granularity, data_time, point_id, received_at, kafka_topic, \
                      kafka_partition, kafka_offset",
            is_in("mn", &self.loggers),
            is_in("permit_no", &self.permits),
            date(beijing_day(self.from)),
            date(beijing_day(self.to)),
            self.values().join(" AND ")
        )
    }
}

fn is_in(column: &str, texts: &BTreeSet<&str>) -> String {
    if texts.is_empty() {
        return "FALSE".to_owned();
    }
    let quoted: Vec<String> = texts
        .iter()
        .map(|text| format!("'{}'", text.replace('\'', "''")))
        .collect();
    format!("{column} IN ({})", quoted.join(", "))
}

/// Audit rows, findings, readings, and what they are judged by.
pub(super) async fn collected(
    shown: &Shown,
    findings: &[&Case],
    session: &Session,
) -> Result<Data, Error> {
    let subject = Subject::of(findings);
    let mut data = Data {
        entries: Vec::new(),
        rows: Map::new(),
        from: subject.from,
        to: subject.to,
    };
    let def = defs::review_events();
    let audit: Vec<_> = shown.events.iter().map(event_row).collect();
    let audit = rows::batch(&def.schema, &audit)
        .map_err(|error| session::Error::query(def.name)(error.into()))?;
    data.add("audit_rows", &audit)?;
    let ids: BTreeSet<&str> = findings
        .iter()
        .map(|case| case.anomaly_id.as_str())
        .collect();
    let of_findings = format!(
        "SELECT * FROM anomalies WHERE {} ORDER BY anomaly_id, last_seen_at",
        is_in("anomaly_id", &ids)
    );
    for (name, sql) in [
        ("findings", of_findings),
        ("readings", subject.readings()),
        (
            "marks",
            subject.words("marks_history", "mark_id", "starts_at", "ends_at"),
        ),
        (
            "maintenance_tickets",
            subject.words(
                "tickets_history",
                "ticket_id",
                "coalesce(noticed_at, starts_at)",
                "ends_at",
            ),
        ),
        ("limits", subject.logger_limits()),
        ("permit_limits", subject.permit_limits()),
        ("permits", subject.permits()),
        ("facility_values", subject.facility_values()),
    ] {
        let what = format!("{name} of the case");
        let found = tables::query(session, &what, &sql).await?;
        data.add(name, &found)?;
    }
    Ok(data)
}

impl Data {
    fn add(&mut self, name: &str, rows: &arrow::record_batch::RecordBatch) -> Result<(), Error> {
        self.entries.extend(tables::both(name, rows)?);
        self.rows.insert(name.to_owned(), json!(rows.num_rows()));
        Ok(())
    }
}
