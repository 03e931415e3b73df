//! What a reviewer needs to check a finding without asking anyone: the rows around it, the limit
//! row and its permit version, the marks, where the rows came from, and the query to see more.
//!
//! The text is the same for the same data, whichever run makes it: versions of tables and times of
//! runs are columns of the anomaly, not part of its evidence.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use serde_json::{Map, Value, json};

use super::catalogue::Configured;
use super::episode::Finding;
use crate::session::{Error, Session, rows};

/// Hours shown before and after a finding.
const CONTEXT: i64 = 6 * 3_600_000_000;
/// Rows of one kind kept per finding; more are counted, not listed.
const MOST_ROWS: usize = 200;

/// Beijing time of an instant, RFC 3339.
pub(super) fn beijing(micros: i64) -> String {
    let zone = chrono::FixedOffset::east_opt(8 * 3_600);
    match (chrono::DateTime::from_timestamp_micros(micros), zone) {
        (Some(time), Some(zone)) => time
            .with_timezone(&zone)
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, false),
        _ => micros.to_string(),
    }
}

/// Rows found for each finding, by its number.
type Rows = BTreeMap<usize, Vec<Value>>;

/// Collects the evidence of findings in a prepared session: one JSON text per finding, in order.
pub(super) async fn collect(
    run: &Session,
    configured: &Configured,
    findings: &[Finding],
) -> Result<Vec<String>, Error> {
    let wanted = wanted(findings)?;
    let listed = |part: &str| configured.rule.evidence.iter().any(|listed| listed == part);
    let (mut hours, mut minutes, mut limits, mut sources) =
        (Rows::new(), Rows::new(), Rows::new(), Rows::new());
    if let Some(wanted) = wanted {
        run.put("wanted", wanted)?;
        if listed("hours") {
            hours = fetch(
                run,
                "SELECT w.no, h.hour, h.value, h.converted, h.o2, h.ref_o2, h.flow, h.valid, h.mark,
                        h.source, h.n_due, h.n_received, h.n_used, h.dropped, h.uploaded_value,
                        h.copies, h.changed
                 FROM wanted w
                 JOIN hourly h ON h.mn = w.mn AND h.factor = w.factor
                              AND h.hour >= w.context_from AND h.hour < w.context_to
                 ORDER BY w.no, h.hour",
            )
            .await?;
        }
        if listed("minutes") {
            minutes = fetch(
                run,
                "SELECT w.no, r.data_time, r.value, r.zs_value, r.flag, r.received_at,
                        r.kafka_partition, r.kafka_offset
                 FROM wanted w
                 JOIN readings_raw r ON r.mn = w.mn AND r.factor = w.factor
                                    AND r.data_time >= w.worst_from AND r.data_time < w.worst_to
                 WHERE r.granularity = 'minute'
                 ORDER BY w.no, r.data_time, r.received_at, r.kafka_partition, r.kafka_offset",
            )
            .await?;
        }
        if listed("limit") {
            let sql = format!(
                "SELECT w.no, l.limit_value, l.unit, l.stated_value, l.stated_unit, l.basis, l.ref_o2, l.averaging, l.special,
                        l.permit_no, l.permit_version, l.outlet_uid, l.in_force_from, l.in_force_to
                 FROM wanted w
                 JOIN mn_limits l ON l.mn = w.mn AND l.factor = w.factor
                                 AND l.averaging = '{}'
                                 AND w.worst_from >= l.in_force_from AND w.worst_from < l.in_force_to
                 ORDER BY w.no, l.outlet_uid",
                configured.rule.granularity.replace('\'', "''")
            );
            limits = fetch(run, &sql).await?;
        }
        sources = fetch(
            run,
            "SELECT w.no, r.kafka_topic AS topic, r.kafka_partition AS partition,
                    min(r.kafka_offset) AS first_offset, max(r.kafka_offset) AS last_offset,
                    count(*) AS row_count
             FROM wanted w
             JOIN readings_raw r ON r.mn = w.mn AND r.factor = w.factor
                                AND r.data_time >= w.window_from AND r.data_time < w.window_to
             GROUP BY w.no, r.kafka_topic, r.kafka_partition
             ORDER BY w.no, topic, partition",
        )
        .await?;
    }
    Ok(findings
        .iter()
        .enumerate()
        .map(|(no, finding)| {
            let mut parts = head(configured, finding);
            for (name, rows) in [
                ("hours", &mut hours),
                ("minutes", &mut minutes),
                ("limit", &mut limits),
                ("sources", &mut sources),
            ] {
                if let Some(rows) = rows.remove(&no) {
                    put(&mut parts, name, rows);
                }
            }
            Value::Object(parts).to_string()
        })
        .collect())
}

fn put(parts: &mut Map<String, Value>, name: &str, mut rows: Vec<Value>) {
    if rows.len() > MOST_ROWS {
        parts.insert(
            format!("{name}_omitted"),
            Value::from(rows.len() - MOST_ROWS),
        );
        rows.truncate(MOST_ROWS);
    }
    parts.insert(name.to_owned(), Value::Array(rows));
}

/// Rule, windows and the query behind a finding.
fn head(configured: &Configured, finding: &Finding) -> Map<String, Value> {
    let rule = &configured.rule;
    let mut parts = Map::new();
    parts.insert(
        "rule".to_owned(),
        json!({
            "id": rule.id, "version": rule.version, "name_zh": rule.name_zh,
            "name_en": rule.name_en, "basis": rule.basis, "params": configured.values,
            "exemptions_considered": rule.exempts,
        }),
    );
    let windows = finding
        .windows
        .iter()
        .map(|window| {
            let detail = window
                .detail
                .as_deref()
                .map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)));
            json!({
                "start": beijing(window.start), "end": beijing(window.end),
                "observed": window.observed, "limit": window.limit, "exempt": window.exempt,
                "detail": detail,
            })
        })
        .collect();
    put(&mut parts, "windows", windows);
    let worst = finding.worst();
    if let Some(mn) = &worst.mn {
        let factor = worst
            .factor
            .as_ref()
            .map(|factor| format!(" AND factor = '{factor}'"));
        parts.insert(
            "query".to_owned(),
            Value::from(format!(
                "SELECT * FROM hourly WHERE mn = '{mn}'{} AND date BETWEEN DATE '{}' AND DATE '{}' ORDER BY hour",
                factor.unwrap_or_default(),
                &beijing(finding.start())[..10],
                &beijing(finding.end() - 1)[..10],
            )),
        );
    }
    parts
}

/// The findings about one factor of one logger, as a table to join with.
fn wanted(findings: &[Finding]) -> Result<Option<RecordBatch>, Error> {
    let listed: Vec<(usize, &Finding)> = findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| finding.worst().mn.is_some() && finding.worst().factor.is_some())
        .collect();
    if listed.is_empty() {
        return Ok(None);
    }
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("no", DataType::Int32, false),
        Field::new("mn", DataType::Utf8, true),
        Field::new("factor", DataType::Utf8, true),
    ];
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(
            listed
                .iter()
                .map(|(no, _)| i32::try_from(*no).unwrap_or(i32::MAX)),
        )),
        Arc::new(StringArray::from_iter(
            listed.iter().map(|(_, f)| f.worst().mn.as_deref()),
        )),
        Arc::new(StringArray::from_iter(
            listed.iter().map(|(_, f)| f.worst().factor.as_deref()),
        )),
    ];
    type Pick = fn(&Finding) -> i64;
    let times: [(&str, Pick); 6] = [
        ("context_from", |finding| finding.start() - CONTEXT),
        ("context_to", |finding| finding.end() + CONTEXT),
        ("window_from", Finding::start),
        ("window_to", Finding::end),
        ("worst_from", |finding| finding.worst().start),
        ("worst_to", |finding| finding.worst().end),
    ];
    for (name, pick) in times {
        fields.push(Field::new(name, instant.clone(), false));
        let column =
            TimestampMicrosecondArray::from_iter_values(listed.iter().map(|(_, f)| pick(f)));
        columns.push(Arc::new(column.with_timezone("UTC")));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map(Some)
        .map_err(|error| Error::query("evidence")(error.into()))
}

async fn fetch(run: &Session, sql: &str) -> Result<Rows, Error> {
    let batches = run.rows("evidence", sql).await?;
    let objects =
        rows::objects(&batches).map_err(|error| Error::query("evidence")(error.into()))?;
    let mut found = Rows::new();
    for mut row in objects {
        let no = row
            .remove("no")
            .and_then(|no| no.as_u64())
            .unwrap_or_default();
        for name in [
            "hour",
            "data_time",
            "received_at",
            "in_force_from",
            "in_force_to",
        ] {
            if let Some(value) = row.get_mut(name)
                && let Some(micros) = value.as_i64()
            {
                *value = Value::from(beijing(micros));
            }
        }
        found
            .entry(usize::try_from(no).unwrap_or(0))
            .or_default()
            .push(Value::Object(row));
    }
    Ok(found)
}
