//! The rows behind a finding as they arrived: every version of every value of its window with logger,
//! mark, time of arrival and place in Kafka, read from the table itself when a copy is taken.
//!
//! Sealed evidence keeps the rows of the worst window only, and of some rules none: a finding over half
//! a month would hold thousands. The raw table keeps every row ever received, so a copy can have them all.

use std::path::Path;

use serde_json::{Value, json};

use super::anomaly::Anomaly;
use super::curve::Point;
use super::evidence::beijing;
use super::record;
use crate::session::{self, Error, Session, rows};

/// Rows copied at most; more are counted.
const MOST: usize = 20_000;
/// Times that are written as Beijing time.
const TIMES: [&str; 2] = ["data_time", "received_at"];

/// Rows of a finding's window.
pub(super) struct Original {
    /// Text of `readings.json`.
    pub(super) text: String,
    /// The values of its factor in order of time, the version received last.
    pub(super) curve: Vec<Point>,
}

/// The rows of a finding about a logger, at the version of the table its run read. Where a vacuum has
/// removed that version's files, the table as it is now is read, which holds the same rows and maybe
/// later ones, and `table_version` says so.
pub(super) async fn rows_of(
    store: &Path,
    config: &session::Config,
    now: &Session,
    anomaly: &Anomaly,
    inputs: Option<&record::Inputs>,
) -> Result<Option<Original>, Error> {
    let Some(mn) = &anomaly.mn else {
        return Ok(None);
    };
    let (first, last) = anomaly.days();
    let text = |value: &str| value.replace('\'', "''");
    let factor = anomaly
        .factor
        .as_ref()
        .map(|factor| format!(" AND factor = '{}'", text(factor)))
        .unwrap_or_default();
    let sql = format!(
        "SELECT mn, factor, granularity, data_time, value, zs_value, cou, flag, note, resend, received_at,
                kafka_topic, kafka_partition, kafka_offset
         FROM readings_raw
         WHERE mn = '{}'{factor}
           AND date BETWEEN arrow_cast({first}, 'Date32') AND arrow_cast({last}, 'Date32')
           AND arrow_cast(data_time, 'Int64') >= {} AND arrow_cast(data_time, 'Int64') < {}
         ORDER BY factor, granularity, data_time, received_at, kafka_topic, kafka_partition, kafka_offset",
        text(mn),
        anomaly.window_start,
        anomaly.window_end.max(anomaly.window_start + 1),
    );
    let then = match inputs {
        Some(inputs) => session::open_versions(store, config, &inputs.versions)
            .await
            .ok(),
        None => None,
    };
    let read = match &then {
        Some(then) => then.rows("rows of a finding", &sql).await.ok(),
        None => None,
    };
    let (version, batches) = match (read, &then) {
        (Some(batches), Some(then)) => (then.version("readings_raw"), batches),
        _ => (
            now.version("readings_raw"),
            now.rows("rows of a finding", &sql).await?,
        ),
    };
    let mut found =
        rows::objects(&batches).map_err(|error| Error::query("rows of a finding")(error.into()))?;
    let curve = curve(anomaly, &found);
    let omitted = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    for row in &mut found {
        for name in TIMES {
            if let Some(value) = row.get_mut(name)
                && let Some(micros) = value.as_i64()
            {
                *value = Value::from(beijing(micros));
            }
        }
    }
    let whole = json!({
        "table": "readings_raw", "table_version": version, "query": sql, "rows": found,
        "rows_omitted": omitted,
    });
    Ok(Some(Original {
        text: whole.to_string(),
        curve,
    }))
}

/// The finest values of the finding's factor; none for a finding about the logger as a whole.
fn curve(anomaly: &Anomaly, rows: &[serde_json::Map<String, Value>]) -> Vec<Point> {
    if anomaly.factor.is_none() {
        return Vec::new();
    }
    for granularity in ["realtime", "minute", "hour"] {
        let mut points: Vec<Point> = Vec::new();
        // Rows come in order of time and arrival: of several versions the last one stays.
        for row in rows
            .iter()
            .filter(|row| row.get("granularity").and_then(Value::as_str) == Some(granularity))
        {
            let Some(time) = row.get("data_time").and_then(Value::as_i64) else {
                continue;
            };
            let point = (time, row.get("value").and_then(Value::as_f64));
            match points.last_mut() {
                Some(last) if last.0 == time => *last = point,
                _ => points.push(point),
            }
        }
        if !points.is_empty() {
            return points;
        }
    }
    Vec::new()
}
