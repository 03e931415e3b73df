//! What could not be judged, as rows of `rule_outcomes`: column by column, because a long history has
//! millions of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int32Array, Int64Array, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::record_batch::RecordBatch;
use nonsite_schemas::tables::TableDef;

use super::catalogue::Catalogue;
use super::evaluate::Evaluation;
use super::run::Report;
use crate::session::Error;

/// The rows of a run about the days it judged.
pub(super) fn batch(
    def: &TableDef,
    catalogue: &Catalogue,
    evaluation: &Evaluation,
    report: &Report,
    as_of: i64,
    dates: &BTreeSet<i32>,
) -> Result<RecordBatch, Error> {
    let rows: Vec<_> = catalogue
        .rules()
        .iter()
        .zip(&evaluation.unjudged)
        .flat_map(|(configured, unjudged)| unjudged.iter().map(move |row| (configured, row)))
        .filter(|(_, ((_, _, date, _), _))| dates.contains(date))
        .collect();
    let same = |text: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
            text,
            rows.len(),
        )))
    };
    let mut columns = Vec::new();
    for field in def.schema.fields() {
        let column: ArrayRef = match field.name().as_str() {
            "run_id" => same(&report.run_id),
            "outcome" => same("not_evaluated"),
            "rule_id" => Arc::new(StringArray::from_iter_values(
                rows.iter().map(|(configured, _)| &configured.rule.id),
            )),
            "rule_version" => Arc::new(Int32Array::from_iter_values(
                rows.iter().map(|(configured, _)| configured.rule.version),
            )),
            "mn" => Arc::new(StringArray::from_iter_values(
                rows.iter().map(|(_, ((mn, ..), _))| mn),
            )),
            "factor" => Arc::new(StringArray::from_iter(
                rows.iter().map(|(_, ((_, factor, ..), _))| factor.as_ref()),
            )),
            "why" => Arc::new(StringArray::from_iter_values(
                rows.iter().map(|(_, ((.., why), _))| why),
            )),
            "windows" => Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|(_, (_, windows))| **windows),
            )),
            "date" => Arc::new(Date32Array::from_iter_values(
                rows.iter().map(|(_, ((_, _, date, _), _))| *date),
            )),
            "as_of" => Arc::new(Int64Array::from(vec![as_of; rows.len()])),
            _ => new_null_array(field.data_type(), rows.len()),
        };
        let column = cast(&column, field.data_type());
        columns.push(column.map_err(|error| Error::query("outcomes of rules")(error.into()))?);
    }
    RecordBatch::try_new(Arc::clone(&def.schema), columns)
        .map_err(|error| Error::query("outcomes of rules")(error.into()))
}
