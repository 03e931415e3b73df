//! Rows of table `anomalies` as findings: the latest row of an anomaly is what it is.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int32Type, TimestampMicrosecondType};
use datafusion::prelude::{SessionContext, col};
use nonsite_schemas::tables::timestamp_type;

use super::error::Error;
use super::intake::Finding;
use super::parts::Severity;

const TEXTS: [&str; 15] = [
    "anomaly_id",
    "rule_id",
    "rule_group",
    "severity",
    "phase",
    "status",
    "permit_no",
    "unit_name",
    "org_code",
    "outlet_uid",
    "mn",
    "factor",
    "unit",
    "reason",
    "evidence_sha256",
];
const OTHER_TEXTS: [&str; 2] = ["exempt_code", "withdrawn_reason"];
const INSTANTS: [&str; 3] = ["window_start", "window_end", "last_seen_at"];
const NUMBERS: [&str; 2] = ["observed", "limit_value"];

/// Reads the present state of every anomaly from the session's table `anomalies`.
///
/// # Errors
/// [`Error::Anomalies`], naming the column or the anomaly.
pub async fn load_findings(session: &SessionContext) -> Result<Vec<Finding>, Error> {
    let fault = |error: datafusion::error::DataFusionError| Error::Anomalies(error.to_string());
    let columns: Vec<_> = TEXTS
        .iter()
        .chain(&OTHER_TEXTS)
        .chain(&INSTANTS)
        .chain(&NUMBERS)
        .chain(&["rule_version"])
        .map(|column| col(*column))
        .collect();
    let table = session.table("anomalies").await.map_err(fault)?;
    let batches = table
        .select(columns)
        .map_err(fault)?
        .collect()
        .await
        .map_err(fault)?;
    findings_from_batches(&batches)
}

/// Reads findings from rows with the columns of `anomalies`; of several rows of one anomaly the one
/// seen last counts.
///
/// # Errors
/// [`Error::Anomalies`], naming the column or the anomaly.
pub fn findings_from_batches(batches: &[RecordBatch]) -> Result<Vec<Finding>, Error> {
    let mut latest: BTreeMap<String, (i64, Finding)> = BTreeMap::new();
    for batch in batches {
        let rows = Rows::of(batch)?;
        for row in 0..batch.num_rows() {
            let (seen, finding) = rows.finding(row)?;
            match latest.get(&finding.anomaly_id) {
                Some((before, _)) if *before > seen => {}
                _ => {
                    latest.insert(finding.anomaly_id.clone(), (seen, finding));
                }
            }
        }
    }
    Ok(latest.into_values().map(|(_, finding)| finding).collect())
}

struct Rows(BTreeMap<&'static str, ArrayRef>);

impl Rows {
    fn of(batch: &RecordBatch) -> Result<Self, Error> {
        let typed = |columns: &[&'static str], as_type: DataType| {
            columns
                .iter()
                .map(|&column| (column, as_type.clone()))
                .collect::<Vec<_>>()
        };
        let mut wanted = typed(&TEXTS, DataType::Utf8);
        wanted.extend(typed(&OTHER_TEXTS, DataType::Utf8));
        wanted.extend(typed(&INSTANTS, timestamp_type()));
        wanted.extend(typed(&NUMBERS, DataType::Float64));
        wanted.push(("rule_version", DataType::Int32));
        let mut columns = BTreeMap::new();
        for (column, as_type) in wanted {
            let array = batch
                .column_by_name(column)
                .ok_or_else(|| Error::Anomalies(format!("column `{column}` is missing")))?;
            let array = cast(array, &as_type)
                .map_err(|error| Error::Anomalies(format!("column `{column}`: {error}")))?;
            columns.insert(column, array);
        }
        Ok(Self(columns))
    }

    fn text(&self, column: &str, row: usize) -> Option<String> {
        let array = self.0.get(column)?.as_string::<i32>();
        array
            .is_valid(row)
            .then(|| array.value(row).to_owned())
            .filter(|text| !text.is_empty())
    }

    fn instant(&self, column: &str, row: usize) -> i64 {
        self.0.get(column).map_or(0, |array| {
            array.as_primitive::<TimestampMicrosecondType>().value(row)
        })
    }

    fn number(&self, column: &str, row: usize) -> Option<f64> {
        let array = self.0.get(column)?.as_primitive::<Float64Type>();
        array.is_valid(row).then(|| array.value(row))
    }

    fn finding(&self, row: usize) -> Result<(i64, Finding), Error> {
        let anomaly_id = self
            .text("anomaly_id", row)
            .ok_or_else(|| Error::Anomalies(format!("row {row} has no anomaly_id")))?;
        let must = |column: &str| {
            self.text(column, row).ok_or_else(|| {
                Error::Anomalies(format!("anomaly {anomaly_id}: column `{column}` is empty"))
            })
        };
        let code = must("severity")?;
        let severity = Severity::from_code(&code).ok_or_else(|| {
            Error::Anomalies(format!(
                "anomaly {anomaly_id}: severity `{code}` is not S1 to S4"
            ))
        })?;
        let withdrawn = (must("status")? == "withdrawn").then(|| {
            self.text("withdrawn_reason", row)
                .unwrap_or_else(|| "no reason was given".to_owned())
        });
        let finding = Finding {
            rule_id: must("rule_id")?,
            rule_version: self
                .0
                .get("rule_version")
                .map_or(0, |array| array.as_primitive::<Int32Type>().value(row)),
            rule_group: must("rule_group")?,
            severity,
            confirmed: must("phase")? == "confirmed",
            withdrawn,
            exempt_code: self.text("exempt_code", row),
            permit_no: self.text("permit_no", row),
            unit_name: self.text("unit_name", row),
            org_code: self.text("org_code", row),
            outlet_uid: self.text("outlet_uid", row),
            mn: self.text("mn", row),
            factor: self.text("factor", row),
            window_start: self.instant("window_start", row),
            window_end: self.instant("window_end", row),
            observed: self.number("observed", row),
            limit_value: self.number("limit_value", row),
            unit: self.text("unit", row),
            reason: must("reason")?,
            evidence_sha256: must("evidence_sha256")?,
            anomaly_id,
        };
        Ok((self.instant("last_seen_at", row), finding))
    }
}
