//! What documents reopen: the logger-days that new versions of marks, filings, tickets, samples,
//! bindings, process points, orders and instrument states speak about.
//!
//! Such a document may come long after the days it is about: a mark at noon of the next day, the
//! report of a sample after three weeks, a filing after a year. The rows added since the last run name
//! the documents; reopened are the days that *any* version of these speaks about, so that a change
//! also reopens what it no longer covers, with one day around each stretch, because windows go on over
//! midnight. Documents about no day (execution reports) only make a run worth its while: rules about
//! permits are judged whole.
//!
//! Invariant: bit by bit and all at once end alike; what is reopened counts as changed, so rules that
//! look back judge the days behind it again, too.
//!
//! Cost: one look at the log of each table per run. Which days have readings is looked up only for
//! documents that reach beyond the days with new data.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Date32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use deltalake::delta_datafusion::{
    DeltaScanConfig, DeltaScanNext, FileSelection, MissingSelectedFilePolicy,
};
use nonsite_schemas::time::beijing_day;

use super::touched::{LoggerDay, Markers, added, days, load_at, objects};
use crate::session::{Error, Session, rows};

/// A table of documents and what its rows speak about: queries over the rows that were added (table
/// `documents_added`) which answer mn, from_time and to_time in microseconds UTC, the end inclusive.
struct Reach {
    table: &'static str,
    spans: &'static [&'static str],
}

/// Tables whose changes reopen days. `{as_of}` is the time of the run in microseconds UTC, `{loggers}`
/// the bindings of loggers as filed by anyone at any time.
static REACHES: [Reach; 10] = [
    Reach {
        table: "marks",
        spans: &[
            "SELECT m.mn, arrow_cast(m.starts_at, 'Int64') AS from_time,
                    coalesce(arrow_cast(m.ends_at, 'Int64'), {as_of}) AS to_time
             FROM marks m
             LEFT SEMI JOIN documents_added a ON a.mark_id = m.mark_id",
            // The first mark of a logger tells that its enterprise marks at all, which rules ask of
            // every day of the logger.
            "SELECT DISTINCT a.mn, 0 AS from_time, {as_of} AS to_time
             FROM documents_added a
             LEFT ANTI JOIN (
               SELECT m.mn FROM marks m
               LEFT ANTI JOIN documents_added n ON n.mark_id = m.mark_id
             ) o ON o.mn = a.mn",
        ],
    },
    Reach {
        table: "equipment_filings",
        // A filing covers changes made up to a week before it, and holds until another one.
        spans: &[
            "SELECT f.mn, arrow_cast(least(f.valid_from, f.filed_at), 'Int64') - 604800000000 AS from_time,
                    {as_of} AS to_time
             FROM equipment_filings f
             LEFT SEMI JOIN documents_added a ON a.filing_id = f.filing_id",
        ],
    },
    Reach {
        table: "maintenance_tickets",
        spans: &[
            "SELECT t.mn, arrow_cast(least(t.starts_at, t.noticed_at, t.reported_at), 'Int64') AS from_time,
                    coalesce(arrow_cast(t.ends_at, 'Int64'), {as_of}) AS to_time
             FROM maintenance_tickets t
             LEFT SEMI JOIN documents_added a ON a.ticket_id = t.ticket_id",
        ],
    },
    Reach {
        table: "manual_results",
        spans: &[
            "SELECT coalesce(m.mn, b.mn) AS mn, arrow_cast(m.sampled_at, 'Int64') AS from_time,
                    arrow_cast(coalesce(m.sampled_to, m.sampled_at), 'Int64') AS to_time
             FROM manual_results m
             LEFT SEMI JOIN documents_added a ON a.result_id = m.result_id
             LEFT JOIN {loggers} b ON m.mn IS NULL AND b.outlet_uid = m.outlet_uid",
        ],
    },
    Reach {
        table: "mn_bindings",
        // Whether a logger is bound at all, and what the other loggers of the unit measure, are
        // questions about all their days.
        spans: &[
            "SELECT mn, 0 AS from_time, {as_of} AS to_time FROM documents_added",
            "SELECT replaces_mn AS mn, 0 AS from_time, {as_of} AS to_time FROM documents_added",
            "SELECT b.mn, 0 AS from_time, {as_of} AS to_time
             FROM documents_added a JOIN {loggers} b ON b.permit_no = a.permit_no",
        ],
    },
    Reach {
        table: "process_points",
        spans: &[
            "SELECT mn, 0 AS from_time, {as_of} AS to_time FROM documents_added",
            "SELECT b.mn, 0 AS from_time, {as_of} AS to_time
             FROM documents_added a JOIN {loggers} b ON b.permit_no = a.permit_no",
        ],
    },
    Reach {
        table: "control_windows",
        spans: &[
            "SELECT b.mn, arrow_cast(w.starts_at, 'Int64') AS from_time,
                    arrow_cast(w.ends_at, 'Int64') AS to_time
             FROM control_windows w
             LEFT SEMI JOIN documents_added a ON a.window_id = w.window_id
             JOIN {loggers} b ON b.permit_no = w.permit_no",
            "SELECT b.mn, w.from_time, w.to_time
             FROM (
               SELECT arrow_cast(w.starts_at, 'Int64') AS from_time, arrow_cast(w.ends_at, 'Int64') AS to_time,
                      unnest(string_to_array(w.admin_codes, ',')) AS area
               FROM control_windows w
               LEFT SEMI JOIN documents_added a ON a.window_id = w.window_id
               WHERE w.permit_no IS NULL
             ) w
             JOIN permits p ON starts_with(p.admin_code, w.area)
             JOIN {loggers} b ON b.permit_no = p.permit_no",
        ],
    },
    Reach {
        table: "device_states",
        // A setting holds until the next one; a calibration speaks about the hour around it.
        spans: &[
            "SELECT DISTINCT mn, arrow_cast(data_time, 'Int64') - 5400000000 AS from_time,
                    {as_of} AS to_time
             FROM documents_added",
        ],
    },
    Reach {
        table: "execution_reports",
        spans: &[],
    },
    Reach {
        table: "execution_report_items",
        spans: &[],
    },
];

/// Bindings of loggers in permits and beside them. The columns are computed because the two tables
/// comment them differently, which a union refuses.
pub(super) const LOGGERS: &str = "(
  SELECT concat(mn, '') AS mn, nullif(concat(permit_no, ''), '') AS permit_no,
         nullif(concat(outlet_uid, ''), '') AS outlet_uid FROM permit_bindings
  UNION SELECT concat(mn, ''), nullif(concat(permit_no, ''), ''),
         nullif(concat(outlet_uid, ''), '') FROM mn_bindings)";

/// Names of the tables, for their markers.
pub(super) fn tables() -> impl Iterator<Item = &'static str> {
    REACHES.iter().map(|reach| reach.table)
}

/// Whether one of the tables has commits that no run has seen.
pub(super) fn changed(session: &Session, markers: &Markers) -> bool {
    tables().any(|table| markers.document(table) < session.version(table))
}

/// The logger-days with readings that documents added since the last run speak about. What `found`
/// has already is not looked up again.
pub(super) async fn reopened(
    session: &Session,
    markers: &Markers,
    as_of: i64,
    found: &BTreeSet<LoggerDay>,
) -> Result<BTreeSet<LoggerDay>, Error> {
    let mut spans: BTreeSet<(String, i32, i32)> = BTreeSet::new();
    for reach in &REACHES {
        let since = markers.document(reach.table);
        if reach.spans.is_empty() || !register_added(session, reach.table, since).await? {
            continue;
        }
        // A live state of an instrument is about the day that is running anyway.
        let margin = i32::from(reach.table != "device_states");
        for sql in reach.spans {
            let sql = sql
                .replace("{as_of}", &as_of.to_string())
                .replace("{loggers}", LOGGERS);
            let batches = session.rows(reach.table, &sql).await?;
            for row in objects(&batches)? {
                let time = |name: &str| row.get(name).and_then(serde_json::Value::as_i64);
                let (Some(mn), Some(from), Some(to)) =
                    (rows::text(&row, "mn"), time("from_time"), time("to_time"))
                else {
                    continue;
                };
                let last = beijing_day(to)
                    .saturating_add(margin)
                    .min(beijing_day(as_of));
                spans.insert((mn, beijing_day(from).saturating_sub(margin), last));
            }
        }
    }
    spans.retain(|(mn, first, last)| {
        first <= last && (*first..=*last).any(|date| !found.contains(&(mn.clone(), date)))
    });
    with_readings(session, &spans).await
}

/// The days with readings within spans of days, both ends included.
pub(super) async fn with_readings(
    session: &Session,
    spans: &BTreeSet<(String, i32, i32)>,
) -> Result<BTreeSet<LoggerDay>, Error> {
    let (Some(first), Some(last)) = (
        spans.iter().map(|span| span.1).min(),
        spans.iter().map(|span| span.2).max(),
    ) else {
        return Ok(BTreeSet::new());
    };
    let schema = Arc::new(Schema::new(vec![
        Field::new("mn", DataType::Utf8, false),
        Field::new("first_day", DataType::Date32, false),
        Field::new("last_day", DataType::Date32, false),
    ]));
    let batch = RecordBatch::try_new(
        schema,
        vec![
            Arc::new(StringArray::from_iter_values(spans.iter().map(|s| &s.0))),
            Arc::new(Date32Array::from_iter_values(spans.iter().map(|s| s.1))),
            Arc::new(Date32Array::from_iter_values(spans.iter().map(|s| s.2))),
        ],
    )
    .map_err(|error| Error::query("days of documents")(error.into()))?;
    session.put("document_spans", batch)?;
    let sql = format!(
        "SELECT DISTINCT r.mn, r.date
         FROM document_spans s
         JOIN readings_raw r ON r.mn = s.mn AND r.date >= s.first_day AND r.date <= s.last_day
         WHERE r.date BETWEEN arrow_cast({first}, 'Date32') AND arrow_cast({last}, 'Date32')"
    );
    days(session, &sql).await
}

/// Registers the rows added to a table after a version as `documents_added`; false when there are
/// none. Where the log does not reach back or files were rewritten since, every row counts as added:
/// that costs work and misses nothing.
pub(super) async fn register_added(
    session: &Session,
    table: &str,
    since: i64,
) -> Result<bool, Error> {
    if session.version(table) <= since {
        return Ok(false);
    }
    let adds = added(session, table, since).await?;
    if adds.as_ref().is_some_and(Vec::is_empty) {
        return Ok(false);
    }
    let Some(delta) = load_at(session, table).await? else {
        return Ok(false);
    };
    let state = delta.snapshot().map_err(Error::table(table))?;
    let active: BTreeSet<String> = state
        .log_data()
        .iter()
        .map(|file| file.path().into_owned())
        .collect();
    let config =
        DeltaScanConfig::new_from_session(&session.ctx().state()).with_wrap_partition_values(false);
    let mut scan = DeltaScanNext::new(state.snapshot().clone(), config)
        .map_err(Error::query("documents added"))?;
    if let Some(adds) = adds.filter(|adds| adds.iter().all(|add| active.contains(&add.path))) {
        let selection = FileSelection::from_adds(adds)
            .with_missing_file_policy(MissingSelectedFilePolicy::Ignore);
        scan = scan.with_file_selection(selection);
    }
    let ctx = session.ctx();
    ctx.deregister_table("documents_added")
        .map_err(Error::query("documents added"))?;
    ctx.register_table("documents_added", Arc::new(scan))
        .map_err(Error::query("documents added"))?;
    Ok(true)
}
