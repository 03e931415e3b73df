//! What a reviewer needs to check a finding without asking anyone: the rows around it, the limit
//! row and its permit version, the marks with their authors, the filing of the instrument, the
//! recomputation, where the rows came from, the rule and the query to see more.
//!
//! The text is the same for the same data, whichever run makes it: versions of tables and times of
//! runs are kept once per run (table `detect_inputs`), not in the evidence of each finding. The
//! parts are sealed ([`seal`]): each has its SHA-256, and the whole has one.

mod documents;
mod origin;
pub mod seal;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int32Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use nonsite_schemas::time::beijing_day;
use serde_json::{Map, Value, json};

use super::catalogue::Configured;
use super::episode::Finding;
use super::judge::Window;
use super::params::OfRule;
use crate::session::{Error, Session, rows};

/// Hours shown before a finding, and after one that is judged by the hour.
const CONTEXT: i64 = 6 * 3_600_000_000;
/// Rows of one kind kept per finding; more are counted, not listed.
const MOST_ROWS: usize = 200;
/// How an hour follows from its minutes, as the view `hourly` computes it.
const HOUR_FORMULA: &str =
    "value = mean of the n_used minute values; converted = value * (21 - ref_o2) / (21 - o2)";
/// How a day follows from its hours, as the view `daily` computes it.
const DAY_FORMULA: &str = "gas: value = mean of the n_used valid hours, converted = value * (21 - ref_o2) / (21 - o2); water: value = mass / volume_m3";

/// Beijing time of an instant, RFC 3339.
pub(crate) fn beijing(micros: i64) -> String {
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

/// A finding whose evidence is wanted, with the rule that made it.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    /// The rule and its values.
    pub(super) configured: &'a Configured,
    /// The finding.
    pub(super) finding: &'a Finding,
    /// The rule's layers of parameters, if it has any.
    pub(super) layers: Option<&'a OfRule<'a>>,
}

impl Case<'_> {
    /// Whether the rule lists a part among its evidence.
    fn lists(&self, part: &str) -> bool {
        let mut listed = self.configured.rule.evidence.iter();
        listed.any(|listed| listed == part)
    }

    fn is_daily(&self) -> bool {
        self.configured.rule.granularity == "day"
    }

    /// How much is shown after the finding. A day is judged as soon as it is over: what the next one
    /// brings would be there in one run and not in another.
    fn context_after(&self) -> i64 {
        if self.configured.rule.long() {
            0
        } else {
            CONTEXT
        }
    }
}

/// Findings looked up together: each question is asked once for all of them, and the answers are
/// held in memory until they are sealed.
const TOGETHER: usize = 1_000;

/// Collects the evidence of findings in a prepared session: one JSON text per finding, in order.
pub(super) async fn collect(run: &Session, cases: &[Case<'_>]) -> Result<Vec<String>, Error> {
    let mut all = Vec::with_capacity(cases.len());
    for cases in cases.chunks(TOGETHER) {
        all.extend(together(run, cases).await?);
    }
    Ok(all)
}

async fn together(run: &Session, cases: &[Case<'_>]) -> Result<Vec<String>, Error> {
    let mut parts: Vec<Map<String, Value>> = cases.iter().map(head).collect();
    if let Some(wanted) = wanted(cases, |f| f.mn.is_some() && f.factor.is_some())? {
        run.put("wanted", wanted)?;
        of_series(run, cases, &mut parts).await?;
        origin::of_origin(run, "r.mn = w.mn AND r.factor = w.factor", &mut parts).await?;
        documents::of_documents(run, &mut parts).await?;
    }
    if let Some(wanted) = wanted(cases, |f| f.mn.is_some() && f.factor.is_none())? {
        run.put("wanted", wanted)?;
        origin::of_origin(run, "r.mn = w.mn", &mut parts).await?;
        documents::of_documents(run, &mut parts).await?;
    }
    if let Some(wanted) = wanted(cases, |f| f.mn.is_none() && f.permit_no.is_some())? {
        run.put("wanted", wanted)?;
        let permits = fetch(
            run,
            "SELECT w.no, d.permit_no, d.version, d.status, d.unit_name, 
                    arrow_cast(d.valid_from, 'Utf8') AS valid_from, arrow_cast(d.valid_to, 'Utf8') AS valid_to,
                    d.issued_at, d.received_at, d.kafka_topic, d.kafka_partition, d.kafka_offset
             FROM wanted w
             JOIN permit_documents d ON d.permit_no = w.permit_no AND d.version = w.permit_version
             ORDER BY w.no, d.received_at, d.kafka_topic, d.kafka_partition, d.kafka_offset",
        )
        .await?;
        give(&mut parts, "permit", permits);
    }
    Ok(parts.into_iter().map(seal::sealed).collect())
}

/// Hours, minutes, limit and recomputation of findings about one factor of one logger.
async fn of_series(
    run: &Session,
    cases: &[Case<'_>],
    parts: &mut [Map<String, Value>],
) -> Result<(), Error> {
    let any = |what: &dyn Fn(&Case<'_>) -> bool| {
        cases.iter().any(|case| {
            let worst = case.finding.worst();
            worst.mn.is_some() && worst.factor.is_some() && what(case)
        })
    };
    if any(&|case| case.lists("hours")) {
        let hours = fetch(
            run,
            "SELECT w.no, h.hour, h.value, h.converted, h.o2, h.ref_o2, h.flow, h.valid, h.mark,
                    h.source, h.n_due, h.n_received, h.n_used, h.dropped, h.uploaded_value,
                    h.copies, h.changed
             FROM wanted w
             JOIN hourly h ON h.mn = w.mn AND h.factor = w.factor
                          AND h.hour >= w.context_from AND h.hour < w.context_to
             WHERE w.hours
             ORDER BY w.no, h.hour",
        )
        .await?;
        for (no, rows) in &hours {
            let worst = cases[*no].finding.worst();
            let (from, to) = (beijing(worst.start), beijing(worst.end));
            let of_worst: Vec<Value> = rows
                .iter()
                .filter(|row| {
                    let hour = row.get("hour").and_then(Value::as_str).unwrap_or_default();
                    // Both are Beijing times of one form: they compare as texts.
                    from.as_str() <= hour && hour < to.as_str()
                })
                .cloned()
                .collect();
            recomputed(&mut parts[*no], HOUR_FORMULA, "hours", of_worst);
        }
        give(parts, "hours", hours);
    }
    if any(&|case| case.is_daily()) {
        let days = fetch(
            run,
            "SELECT w.no, arrow_cast(d.date, 'Utf8') AS day, d.value, d.converted, d.o2, d.ref_o2,
                    d.mass, d.volume_m3, d.valid, d.source, d.n_due, d.n_used, d.n_dropped, d.dropped
             FROM wanted w
             JOIN daily d ON d.mn = w.mn AND d.factor = w.factor AND d.date = w.worst_day
             WHERE w.daily
             ORDER BY w.no, d.date",
        )
        .await?;
        for (no, rows) in days {
            recomputed(&mut parts[no], DAY_FORMULA, "days", rows);
        }
    }
    if any(&|case| case.lists("minutes")) {
        let minutes = fetch(
            run,
            "SELECT w.no, r.mn, r.factor, r.data_time, r.value, r.zs_value, r.flag, r.received_at,
                    r.kafka_topic, r.kafka_partition, r.kafka_offset
             FROM wanted w
             JOIN readings_raw r ON r.mn = w.mn AND r.factor = w.factor
                                AND r.data_time >= w.worst_from AND r.data_time < w.worst_to
             WHERE w.minutes AND r.granularity = 'minute'
             ORDER BY w.no, r.data_time, r.received_at, r.kafka_partition, r.kafka_offset",
        )
        .await?;
        give(parts, "minutes", minutes);
    }
    if any(&|case| case.lists("limit") || case.lists("limit_hour")) {
        let limits = fetch(
            run,
            "SELECT w.no, l.limit_value, l.unit, l.stated_value, l.stated_unit, l.basis, l.ref_o2,
                    l.averaging, l.special, l.permit_no, l.permit_version, l.outlet_uid, l.in_force_from, l.in_force_to
             FROM wanted w
             JOIN mn_limits l ON l.mn = w.mn AND l.factor = w.factor
                             AND l.averaging = w.averaging AND l.in_force_to > w.worst_from
                             AND (l.in_force_from <= w.worst_from
                                  OR w.limit_hours AND l.in_force_from < w.worst_to)
             WHERE w.limits
             ORDER BY w.no, l.outlet_uid, l.in_force_from",
        )
        .await?;
        give(parts, "limit", limits);
    }
    Ok(())
}

/// How the worst window's value follows from what was reported.
fn recomputed(parts: &mut Map<String, Value>, formula: &str, of: &str, rows: Vec<Value>) {
    if rows.is_empty() {
        return;
    }
    let mut recomputation = Map::new();
    recomputation.insert("formula".to_owned(), Value::from(formula));
    put(&mut recomputation, of, rows);
    parts.insert("recomputation".to_owned(), Value::Object(recomputation));
}

/// Puts each finding's rows among its parts.
fn give(parts: &mut [Map<String, Value>], name: &str, rows: Rows) {
    for (no, rows) in rows {
        if let Some(parts) = parts.get_mut(no) {
            put(parts, name, rows);
        }
    }
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
fn head(case: &Case<'_>) -> Map<String, Value> {
    let Case {
        configured,
        finding,
        layers,
    } = *case;
    let rule = &configured.rule;
    let mut parts = Map::new();
    let mut told = json!({
        "id": rule.id, "version": rule.version, "sha256": rule.sha256(), "name_zh": rule.name_zh,
        "name_en": rule.name_en, "basis": rule.basis, "params": configured.values,
        "exemptions_considered": rule.exempts,
    });
    // Where every parameter is the rule's own there is nothing more to tell.
    let overrides = layers.map_or_else(Vec::new, |layers| layers.told(finding));
    if !overrides.is_empty() {
        told["overrides"] = Value::from(overrides);
    }
    parts.insert("rule".to_owned(), told);
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

/// The findings of one kind as a table to join with; nothing when there is none.
fn wanted(
    cases: &[Case<'_>],
    kind: impl Fn(&Window) -> bool,
) -> Result<Option<RecordBatch>, Error> {
    let listed: Vec<(usize, &Case<'_>)> = cases
        .iter()
        .enumerate()
        .filter(|(_, case)| kind(case.finding.worst()))
        .collect();
    if listed.is_empty() {
        return Ok(None);
    }
    let worst = || listed.iter().map(|(_, case)| case.finding.worst());
    let text = |pick: fn(&Window) -> Option<&str>| -> ArrayRef {
        Arc::new(worst().map(pick).collect::<StringArray>())
    };
    let day = |window: &Window| beijing_day(window.start);
    let mut fields = vec![
        Field::new("no", DataType::Int32, false),
        Field::new("mn", DataType::Utf8, true),
        Field::new("factor", DataType::Utf8, true),
        Field::new("permit_no", DataType::Utf8, true),
        Field::new("permit_version", DataType::Int32, true),
        Field::new("worst_day", DataType::Date32, false),
    ];
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(
            listed
                .iter()
                .map(|(no, _)| i32::try_from(*no).unwrap_or(i32::MAX)),
        )),
        text(|window| window.mn.as_deref()),
        text(|window| window.factor.as_deref()),
        text(|window| window.permit_no.as_deref()),
        Arc::new(Int32Array::from_iter(
            worst().map(|window| window.permit_version),
        )),
        Arc::new(Date32Array::from_iter_values(worst().map(day))),
    ];
    type Pick = fn(&Case<'_>) -> i64;
    let times: [(&str, Pick); 6] = [
        ("context_from", |case| case.finding.start() - CONTEXT),
        ("context_to", |case| {
            case.finding.end() + case.context_after()
        }),
        ("window_from", |case| case.finding.start()),
        ("window_to", |case| case.finding.end()),
        ("worst_from", |case| case.finding.worst().start),
        ("worst_to", |case| case.finding.worst().end),
    ];
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    for (name, pick) in times {
        fields.push(Field::new(name, instant.clone(), false));
        let column =
            TimestampMicrosecondArray::from_iter_values(listed.iter().map(|(_, case)| pick(case)));
        columns.push(Arc::new(column.with_timezone("UTC")));
    }
    type Ask = fn(&Case<'_>) -> bool;
    let parts: [(&str, Ask); 5] = [
        ("hours", |case| case.lists("hours")),
        ("daily", |case| case.is_daily()),
        ("minutes", |case| case.lists("minutes")),
        ("limits", |case| {
            case.lists("limit") || case.lists("limit_hour")
        }),
        ("limit_hours", |case| case.lists("limit_hour")),
    ];
    for (name, asks) in parts {
        fields.push(Field::new(name, DataType::Boolean, false));
        let column: BooleanArray = listed.iter().map(|(_, case)| Some(asks(case))).collect();
        columns.push(Arc::new(column));
    }
    fields.push(Field::new("averaging", DataType::Utf8, false));
    columns.push(Arc::new(StringArray::from_iter_values(listed.iter().map(
        |(_, case)| match case.lists("limit_hour") {
            true => "hour",
            false => case.configured.rule.granularity.as_str(),
        },
    ))));
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
            "first_time",
            "last_time",
            "issued_at",
            "starts_at",
            "ends_at",
            "marked_at",
            "known_from",
            "revoked_at",
            "filed_at",
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
