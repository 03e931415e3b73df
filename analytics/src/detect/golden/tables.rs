//! The tables of a golden case: series, permit documents and plain rows become record batches.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use nonsite_schemas::tables::{self, TableDef};
use nonsite_schemas::time::{BEIJING_OFFSET_MICROS, beijing_day};
use serde_json::{Map, Value, json};

use super::format::{Case, Document, Series};
use super::notation;
use crate::session::rows;

/// Rows of one table.
type Rows = Vec<Map<String, Value>>;
/// Microseconds per second.
const SECOND: i64 = 1_000_000;

/// Microseconds UTC of a Beijing time `YYYY-MM-DD HH:MM`, seconds optional.
pub(super) fn at(text: &str) -> Result<i64, String> {
    let text = text.trim().replace('T', " ");
    ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| chrono::NaiveDateTime::parse_from_str(&text, format).ok())
        .map(|time| time.and_utc().timestamp_micros() - BEIJING_OFFSET_MICROS)
        .ok_or_else(|| format!("`{text}` is no Beijing time; write YYYY-MM-DD HH:MM"))
}

/// All tables of a case.
pub(super) fn batches(given: &Case) -> Result<Vec<(&'static str, RecordBatch)>, String> {
    let mut all: BTreeMap<&'static str, (TableDef, Rows)> = BTreeMap::new();
    let mut add = |table: &str, mut new: Rows| -> Result<(), String> {
        let def = crate::session::table_def(table)
            .ok_or_else(|| format!("there is no table `{table}`"))?;
        all.entry(def.name)
            .or_insert_with(|| (def, Rows::new()))
            .1
            .append(&mut new);
        Ok(())
    };
    for series in &given.series {
        add("readings_raw", readings(series)?)?;
    }
    let mut numbers: Vec<&str> = Vec::new();
    for (no, document) in given.permit.iter().enumerate() {
        // Loggers without a stated permit belong to one unit each.
        if !numbers.contains(&document.mn.as_str()) {
            numbers.push(&document.mn);
        }
        let unit = numbers
            .iter()
            .position(|mn| *mn == document.mn)
            .unwrap_or_default();
        for (table, rows) in permit(document, no, unit)? {
            add(table, rows)?;
        }
    }
    for (table, rows) in &given.tables {
        add(table, rows.iter().map(plain).collect::<Result<_, _>>()?)?;
    }
    all.into_values()
        .map(|(def, rows)| Ok((def.name, batch(&def, rows)?)))
        .collect()
}

/// A TOML row as JSON.
fn plain(row: &toml::Table) -> Result<Map<String, Value>, String> {
    match serde_json::to_value(row).map_err(|error| error.to_string())? {
        Value::Object(map) => Ok(map),
        other => Err(format!("not a row: {other}")),
    }
}

/// Builds a batch; times may be Beijing texts, required columns that are not given get a neutral
/// value, and the partition follows from the row's first instant.
fn batch(def: &TableDef, mut given: Rows) -> Result<RecordBatch, String> {
    for (no, row) in given.iter_mut().enumerate() {
        row.retain(|_, value| !value.is_null());
        let mut first = None;
        for field in def.schema.fields() {
            if !matches!(field.data_type(), DataType::Timestamp(..)) {
                continue;
            }
            if let Some(value) = row.get_mut(field.name()) {
                if let Some(text) = value.as_str() {
                    *value = json!(at(text)?);
                }
                first = first.or(value.as_i64());
            }
        }
        for field in def.schema.fields() {
            if row.contains_key(field.name()) || field.is_nullable() {
                continue;
            }
            let neutral = match (field.name().as_str(), field.data_type()) {
                ("doc_valid", _) => json!(true),
                ("phase", _) => json!("confirmed"),
                ("status", _) if def.name == "anomalies" => json!("open"),
                ("kafka_offset", _) => json!(no),
                ("received_at", _) => json!(first.unwrap_or_default() + 5 * SECOND),
                ("date", _) => json!(first.map_or(0, beijing_day)),
                (_, DataType::Utf8) => json!(""),
                (_, DataType::Boolean) => json!(false),
                (_, DataType::Float64) => json!(0.0),
                _ => json!(0),
            };
            row.insert(field.name().clone(), neutral);
        }
    }
    rows::batch(&def.schema, &given).map_err(|error| format!("table `{}`: {error}", def.name))
}

/// Rows of a series, one series per logger and factor listed.
fn readings(series: &Series) -> Result<Rows, String> {
    let (text, granularity, usual, each) = match (&series.values, &series.hourly) {
        (Some(values), None) => {
            let granularity = series.granularity.as_deref().unwrap_or("minute");
            let usual = match granularity {
                "realtime" => 60,
                "minute" => 600,
                "hour" => 3_600,
                "day" => 86_400,
                other => return Err(format!("granularity `{other}` is unknown")),
            };
            (values, granularity, usual, 1)
        }
        (None, Some(hourly)) => (hourly, "minute", 600, 6),
        _ => return Err("a series has either `values` or `hourly`".to_owned()),
    };
    let step = series.step_s.unwrap_or(usual) * SECOND;
    let start = at(&series.from)?;
    let received = series.received.as_deref().map(at).transpose()?;
    let extra = plain(&series.columns)?;
    let mut found = Rows::new();
    for mn in series.mn.split(',').map(str::trim) {
        for factor in series.factor.split(',').map(str::trim) {
            let seed = notation::seed(
                &series
                    .seed
                    .clone()
                    .unwrap_or_else(|| format!("{mn}/{factor}")),
            );
            let read = |what: &str, text: &str| {
                notation::read(text, seed).map_err(|fault| format!("{mn} {factor} {what}: {fault}"))
            };
            let places = read("values", text)?;
            let mut companions = Vec::new();
            for (column, text) in [("zs_value", &series.zs), ("cou", &series.cou)] {
                if let Some(text) = text {
                    let read = read(column, text)?;
                    if read.len() != places.len() {
                        return Err(format!(
                            "{mn} {factor}: {column} has {} places, the values have {}",
                            read.len(),
                            places.len()
                        ));
                    }
                    companions.push((column, read));
                }
            }
            for (i, place) in places.iter().enumerate().filter(|(_, place)| place.row) {
                for part in 0..each {
                    let time = start + (i as i64 * each + part) * step;
                    let received = received.unwrap_or(time + series.delay_s.unwrap_or(5) * SECOND);
                    let mut row = Map::new();
                    for (name, value) in [
                        ("mn", json!(mn)),
                        ("factor", json!(factor)),
                        ("granularity", json!(granularity)),
                        ("data_time", json!(time)),
                        ("value", json!(place.value)),
                        ("flag", json!(place.mark.as_deref().unwrap_or("N"))),
                        ("resend", json!(series.resend)),
                        ("received_at", json!(received)),
                        ("kafka_topic", json!("t")),
                        ("kafka_offset", json!(received / SECOND)),
                        ("date", json!(beijing_day(time))),
                    ] {
                        row.insert(name.to_owned(), value);
                    }
                    for (column, places) in &companions {
                        row.insert((*column).to_owned(), json!(places[i].value));
                    }
                    row.extend(extra.clone());
                    found.push(row);
                }
            }
        }
    }
    Ok(found)
}

/// Rows of one permit document: all parts carry the same origin.
fn permit(
    document: &Document,
    no: usize,
    unit: usize,
) -> Result<Vec<(&'static str, Rows)>, String> {
    let number = document
        .permit_no
        .clone()
        .unwrap_or_else(|| format!("91130200699229617X{:03}P", unit + 1));
    let issued = at(document.issued.as_deref().unwrap_or("2020-01-01 00:00"))?;
    let medium = document.medium.as_deref().unwrap_or("air");
    let code = document
        .outlet
        .clone()
        .unwrap_or_else(|| if medium == "water" { "DW001" } else { "DA001" }.to_owned());
    let common = |def: &TableDef| -> Map<String, Value> {
        let values = [
            ("permit_no", json!(number)),
            ("version", json!(document.version.unwrap_or(1))),
            ("issued_at", json!(issued)),
            ("received_at", json!(issued + no as i64)),
            ("kafka_topic", json!("p")),
            ("kafka_partition", json!(0)),
            ("kafka_offset", json!(no)),
            ("outlet_uid", json!(format!("{number}{code}"))),
            ("outlet_code", json!(code)),
            ("medium", json!(medium)),
        ];
        values
            .into_iter()
            .filter(|(name, _)| def.schema.field_with_name(name).is_ok())
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    };
    let mut parts: Vec<(&'static str, Vec<Value>)> = vec![(
        "permits",
        vec![json!({
            "unit_name": document.unit_name.as_deref().unwrap_or("热电厂"), "org_code": "370500",
            "valid_from": document.valid_from.as_deref().unwrap_or("2020-01-01"),
            "valid_to": document.valid_to.as_deref().unwrap_or("2099-12-31"),
            "status": document.status.as_deref().unwrap_or("valid"),
            "industry_codes": document.industry, "mgmt_class": document.class,
        })],
    )];
    let bound_from = document.bound_from.as_deref().map_or(Ok(issued), at)?;
    let bound_to = document.bound_to.as_deref().map(at).transpose()?;
    parts.push((
        "permit_bindings",
        vec![json!({
            "mn": document.mn, "valid_from": bound_from, "valid_to": bound_to,
            "factors": document.factors, "cadence_s": document.cadence_s,
        })],
    ));
    let mut limits = Vec::new();
    for (averaging, given) in [("hour", &document.limits), ("day", &document.daily)] {
        for (factor, limit) in given {
            let usual = if medium == "water" { "mg/L" } else { "mg/m3" };
            limits.push(json!({
                "factor": factor, "limit_value": limit, "averaging": averaging,
                "unit": document.unit.as_deref().unwrap_or(usual), "valid_from": issued,
                "basis": if document.ref_o2.is_some() { "converted" } else { "raw" },
                "ref_o2": document.ref_o2,
            }));
        }
    }
    parts.push(("permit_limits", limits));
    let mut found = Vec::new();
    let build = |name: &str, rows: Rows| -> Result<(&'static str, Rows), String> {
        let def = tables::by_name(name).ok_or_else(|| format!("there is no table `{name}`"))?;
        let rows = rows
            .into_iter()
            .map(|row| {
                let mut whole = common(&def);
                whole.extend(row);
                whole
            })
            .collect();
        Ok((def.name, rows))
    };
    for (name, rows) in parts {
        let rows = rows
            .into_iter()
            .map(|row| match row {
                Value::Object(map) => map,
                _ => Map::new(),
            })
            .collect();
        found.push(build(name, rows)?);
    }
    for (name, rows) in &document.rows {
        found.push(build(
            name,
            rows.iter().map(plain).collect::<Result<_, _>>()?,
        )?);
    }
    Ok(found)
}
