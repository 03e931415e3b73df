//! Small tables for tests of views, functions and rules.

use arrow::record_batch::RecordBatch;
use nonsite_schemas::tables::{self, TableDef};
use nonsite_schemas::time::beijing_day;
use serde_json::{Map, Value, json};

use crate::session::{Config, Session, in_memory, rows};

/// Microseconds of a Beijing time `YYYY-MM-DD HH:MM`.
pub(crate) fn at(text: &str) -> i64 {
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("time");
    time.and_utc().timestamp_micros() - nonsite_schemas::time::BEIJING_OFFSET_MICROS
}

/// A row of an object literal.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

/// A batch of a table; columns that are required and not given get a neutral value.
pub(crate) fn table(def: &TableDef, given: Vec<Value>) -> RecordBatch {
    use arrow::datatypes::DataType;
    let rows: Vec<_> = given
        .into_iter()
        .map(|row| {
            let mut row = object(row);
            for field in def.schema.fields() {
                if field.is_nullable() || row.contains_key(field.name()) {
                    continue;
                }
                let neutral = match field.data_type() {
                    DataType::Utf8 => json!(""),
                    DataType::Boolean => json!(false),
                    DataType::Float64 => json!(0.0),
                    _ => json!(0),
                };
                row.insert(field.name().clone(), neutral);
            }
            row
        })
        .collect();
    rows::batch(&def.schema, &rows).expect("rows fit the table")
}

/// One reading; `extra` overrides columns.
pub(crate) fn reading(
    mn: &str,
    factor: &str,
    granularity: &str,
    time: i64,
    value: f64,
    extra: Value,
) -> Value {
    let mut row = object(json!({
        "mn": mn, "factor": factor, "granularity": granularity, "data_time": time, "value": value,
        "flag": "N", "received_at": time + 5_000_000, "kafka_topic": "t", "kafka_partition": 0,
        "kafka_offset": time / 1_000_000, "date": beijing_day(time), "resend": false,
    }));
    row.extend(object(extra));
    Value::Object(row)
}

/// `count` minute readings from `start`, `step_min` apart, all with one value.
pub(crate) fn minutes(
    mn: &str,
    factor: &str,
    start: i64,
    step_min: i64,
    count: i64,
    value: f64,
) -> Vec<Value> {
    (0..count)
        .map(|i| {
            reading(
                mn,
                factor,
                "minute",
                start + i * step_min * 60_000_000,
                value,
                json!({}),
            )
        })
        .collect()
}

/// One outlet's permit document: document row, one limit, one binding, all from one Kafka record.
pub(crate) struct Permit {
    pub(crate) version: i64,
    pub(crate) issued: i64,
    pub(crate) mn: &'static str,
    pub(crate) factor: &'static str,
    pub(crate) limit: f64,
    pub(crate) averaging: &'static str,
    pub(crate) ref_o2: Option<f64>,
    pub(crate) valid_to: &'static str,
    /// Unit of the limit.
    pub(crate) unit: &'static str,
    /// Cadence of the analyser as the binding states it, seconds.
    pub(crate) cadence_s: Option<i64>,
    pub(crate) offset: i64,
}

impl Permit {
    pub(crate) fn of(mn: &'static str, factor: &'static str, limit: f64) -> Self {
        Self {
            version: 1,
            issued: at("2020-01-01 00:00"),
            mn,
            factor,
            limit,
            averaging: "hour",
            ref_o2: None,
            valid_to: "2099-12-31",
            unit: if factor.starts_with('w') {
                "mg/L"
            } else {
                "mg/m3"
            },
            cadence_s: None,
            offset: 0,
        }
    }
}

/// Number of the unit in these fixtures.
pub(crate) const PERMIT_NO: &str = "91130200699229617X001P";

/// Rows of `permits`, `permit_limits` and `permit_bindings`.
pub(crate) fn permits(documents: &[Permit]) -> Vec<(&'static str, RecordBatch)> {
    let outlet = format!("{PERMIT_NO}DA001");
    let (mut heads, mut limits, mut bindings) = (vec![], vec![], vec![]);
    for permit in documents {
        let common = json!({
            "permit_no": PERMIT_NO, "version": permit.version, "issued_at": permit.issued,
            "doc_valid": true, "received_at": permit.offset, "kafka_topic": "p",
            "kafka_partition": 0, "kafka_offset": permit.offset,
        });
        let with = |extra: Value| {
            let mut row = object(common.clone());
            row.extend(object(extra));
            Value::Object(row)
        };
        if !heads
            .iter()
            .any(|head: &Value| head["version"] == permit.version)
        {
            heads.push(with(json!({
                "unit_name": "热电厂", "org_code": "370500", "valid_from": "2020-01-01",
                "valid_to": permit.valid_to, "status": "valid",
            })));
            bindings.push(with(json!({
                "mn": permit.mn, "outlet_uid": outlet, "outlet_code": "DA001", "medium": "air",
                "valid_from": permit.issued, "cadence_s": permit.cadence_s,
            })));
        }
        limits.push(with(json!({
            "outlet_uid": outlet, "outlet_code": "DA001", "medium": "air", "factor": permit.factor,
            "limit_value": permit.limit, "unit": permit.unit, "averaging": permit.averaging,
            "basis": if permit.ref_o2.is_some() { "converted" } else { "raw" },
            "ref_o2": permit.ref_o2, "valid_from": permit.issued,
        })));
    }
    vec![
        ("permits", table(&tables::permits(), heads)),
        ("permit_limits", table(&tables::permit_limits(), limits)),
        (
            "permit_bindings",
            table(&tables::permit_bindings(), bindings),
        ),
    ]
}

/// A session over readings and permits, with so many threads per query.
pub(crate) async fn session(
    readings: Vec<Value>,
    documents: &[Permit],
    partitions: usize,
) -> Session {
    let mut given = permits(documents);
    given.push(("readings_raw", table(&tables::readings_raw(), readings)));
    let config = Config {
        partitions,
        ..Config::default()
    };
    in_memory(given, &config).await.expect("session")
}

/// Rows of a query as objects.
pub(crate) async fn query(session: &Session, sql: &str) -> Vec<Map<String, Value>> {
    let batches = session.rows("test", sql).await.expect("query");
    rows::objects(&batches).expect("objects")
}
