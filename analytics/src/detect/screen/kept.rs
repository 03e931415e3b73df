//! What stays of a day that no rule has to judge: its rows of `daily_masses` and `daily_means`, the
//! same to the bit as the queries over `daily` give (`masses::FRESH`, `means::FRESH`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{Float64Type, Int64Type, SchemaRef};
use arrow::error::ArrowError;
use nonsite_history::stats::Key;

use super::super::masses::daily_masses;
use super::super::means::daily_means;
use super::facts::scale;
use crate::functions::is_gas;
use crate::session::Session;

/// Rows of one day.
#[derive(Debug)]
pub(super) struct Kept {
    /// Rows of `daily_masses`.
    pub(super) masses: RecordBatch,
    /// Rows of `daily_means`, where they are wanted.
    pub(super) means: Option<RecordBatch>,
}

/// What a factor's values are multiplied by: to be in mg/m3 (gas) or mg/L (water), and from there,
/// times a volume in m3, to be in kg.
fn scales(session: &Session, codes: &[String]) -> BTreeMap<u16, (f64, f64)> {
    (0_u16..)
        .zip(codes)
        .filter_map(|(number, code)| {
            scale(session, code, "mg/m3")?;
            let (unit, small) = if is_gas(code) {
                ("mg/m3", 1e-6)
            } else {
                ("mg/L", 1e-3)
            };
            Some((number, (scale(session, code, unit)?, small)))
        })
        .collect()
}

/// Rows of a day's series `settled` (numbers of rows of `keys` and `numbers`). `names` are those of
/// loggers and factors.
pub(super) fn kept(
    session: &Session,
    date: i32,
    keys: &[Key],
    settled: &[usize],
    numbers: &RecordBatch,
    names: (&[String], &[String]),
    means: bool,
) -> Result<Kept, ArrowError> {
    let (loggers, codes) = names;
    let scales = scales(session, codes);
    let column = |name: &str| {
        numbers
            .column_by_name(name)
            .ok_or_else(|| ArrowError::SchemaError(format!("no column `{name}`")))
    };
    let concentration = column("concentration")?.as_boolean();
    let mut rows: Vec<(&str, &str, usize, (f64, f64))> = settled
        .iter()
        .filter(|row| concentration.value(**row))
        .filter_map(|row| {
            let factor = keys[*row].factor?;
            let logger = &loggers[keys[*row].logger as usize];
            let code = &codes[usize::from(factor)];
            Some((logger.as_str(), code.as_str(), *row, *scales.get(&factor)?))
        })
        .collect();
    rows.sort_unstable_by_key(|row| (row.0, row.1));
    let valid = column("valid")?.as_primitive::<Int64Type>();
    let due = column("due")?.as_primitive::<Int64Type>();
    let mass = column("mass")?.as_primitive::<Float64Type>();
    let mean = column("day_mean")?.as_primitive::<Float64Type>();
    let of = |values: &dyn Fn(usize) -> Option<f64>, schema: SchemaRef, missing: bool| {
        let told: Vec<_> = rows
            .iter()
            .filter_map(|(logger, code, row, scale)| {
                Some((*logger, *code, *row, values(*row)?, *scale))
            })
            .collect();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(told.iter().map(|row| row.0))),
            Arc::new(StringArray::from_iter_values(told.iter().map(|row| row.1))),
        ];
        let hours = told.iter().map(|row| valid.value(row.2));
        let number = told.iter().map(|(_, _, _, value, (scale, small))| {
            if missing {
                value * scale * small
            } else {
                value * scale
            }
        });
        columns.push(Arc::new(Float64Array::from_iter_values(number)));
        columns.push(Arc::new(Int64Array::from_iter_values(hours)));
        if missing {
            let lacking = told.iter().map(|row| due.value(row.2) - valid.value(row.2));
            columns.push(Arc::new(Int64Array::from_iter_values(lacking)));
        }
        columns.push(Arc::new(Date32Array::from(vec![date; told.len()])));
        let columns = schema
            .fields()
            .iter()
            .zip(columns)
            .map(|(field, column)| cast(&column, field.data_type()))
            .collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(schema, columns)
    };
    let told = |values: &Float64Array, row: usize| values.is_valid(row).then(|| values.value(row));
    Ok(Kept {
        masses: of(&|row| told(mass, row), daily_masses().schema, true)?,
        means: means
            .then(|| of(&|row| told(mean, row), daily_means().schema, false))
            .transpose()?,
    })
}
