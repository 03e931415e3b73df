//! What was not evaluated and why, by rule, series and day: recorded for every judged logger-day.
//!
//! A year of a province has tens of millions of these rows, so they are made and written a day at a
//! time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::cast;
use nonsite_schemas::tables::{self, TableDef};

use super::super::catalogue::Catalogue;
use super::super::evaluate::{Evaluation, stored};
use super::super::inputs::day_batch;
use super::super::run::Report;
use super::{Writer, date_text, listed};
use crate::session::{Error, Session, ensure, replace_partitions_by};

/// Rule's number, logger, factor, reason, windows.
type Row<'a> = (usize, &'a str, Option<&'a str>, &'a str, i64);

impl Writer {
    /// Replaces what is recorded about the judged logger-days.
    pub(super) async fn outcomes(
        &self,
        session: &Session,
        catalogue: &Catalogue,
        evaluation: &Evaluation,
        report: &Report,
        as_of: i64,
    ) -> Result<(), Error> {
        let def = tables::rule_outcomes();
        let judged = evaluation.core.iter().chain(&evaluation.core_long);
        let dates: BTreeSet<i32> = judged.map(|(_, date)| *date).collect();
        if dates.is_empty() {
            return Ok(());
        }
        let new = session.version(def.name) < 0;
        let kept = if new {
            Vec::new()
        } else {
            kept(session, catalogue, evaluation, &def, &dates).await?
        };
        let mut queried: BTreeMap<i32, Vec<Row<'_>>> = BTreeMap::new();
        for (rule, unjudged) in evaluation.unjudged.iter().enumerate() {
            for ((mn, factor, date, why), windows) in unjudged {
                let row = (rule, mn.as_str(), factor.as_deref(), why.as_str(), *windows);
                queried.entry(*date).or_default().push(row);
            }
        }
        let settled = |date: i32| {
            let passes = evaluation.looked.iter();
            passes.flat_map(move |looked| looked.unjudged(date))
        };
        let none = dates
            .iter()
            .all(|date| !queried.contains_key(date) && settled(*date).next().is_none());
        if new && none {
            return Ok(());
        }
        let fresh = dates.iter().map(|date| {
            let mut rows: Vec<Row<'_>> = settled(*date).collect();
            rows.extend(queried.get(date).into_iter().flatten());
            batch(&def, catalogue, &report.run_id, as_of, *date, rows)
        });
        let partitions: Vec<String> = dates.iter().map(|date| date_text(*date)).collect();
        let table = ensure(&self.store, &def).await?;
        let all = kept.into_iter().map(Ok).chain(fresh);
        replace_partitions_by(&table, &def, &partitions, all, Vec::new()).await
    }
}

/// What stays of the days that are written again: rows about logger-days that were not judged. Rows
/// about no logger (permits) are judged anew by every run.
async fn kept(
    session: &Session,
    catalogue: &Catalogue,
    evaluation: &Evaluation,
    def: &TableDef,
    dates: &BTreeSet<i32>,
) -> Result<Vec<RecordBatch>, Error> {
    session.put("judged", day_batch(&evaluation.core)?)?;
    session.put("judged_long", day_batch(&evaluation.core_long)?)?;
    let long: Vec<String> = catalogue
        .rules()
        .iter()
        .filter(|configured| configured.rule.long())
        .map(|configured| format!("'{}'", configured.rule.id))
        .collect();
    let long = if long.is_empty() {
        "false".to_owned()
    } else {
        format!("m.rule_id IN ({})", long.join(", "))
    };
    let columns: Vec<String> = def.schema.fields().iter().map(stored).collect();
    // By position: the columns that were cast bear the names of those they came from.
    let places: Vec<String> = ["date", "rule_id", "mn", "factor", "why"]
        .iter()
        .filter_map(|name| def.schema.index_of(name).ok())
        .map(|at| (at + 1).to_string())
        .collect();
    let sql = format!(
        "SELECT {} FROM rule_outcomes m
         LEFT ANTI JOIN (
           SELECT mn, date, false AS long FROM judged
           UNION ALL
           SELECT mn, date, true AS long FROM judged_long
         ) j ON j.mn = m.mn AND j.date = m.date AND j.long = ({long})
         WHERE m.date IN ({}) AND m.mn <> ''
         ORDER BY {}",
        columns.join(", "),
        listed(dates),
        places.join(", ")
    );
    let what = "outcomes of other loggers";
    session
        .rows(what, &sql)
        .await?
        .into_iter()
        .map(|batch| {
            RecordBatch::try_new(Arc::clone(&def.schema), batch.columns().to_vec())
                .map_err(|error| Error::query(what)(error.into()))
        })
        .collect()
}

/// The rows of one day, those about the same thing added up.
fn batch(
    def: &TableDef,
    catalogue: &Catalogue,
    run_id: &str,
    as_of: i64,
    date: i32,
    mut rows: Vec<Row<'_>>,
) -> Result<RecordBatch, Error> {
    // Mostly in order already, which the stable sort makes use of.
    rows.sort();
    rows.dedup_by(|next, kept| {
        let same = (next.0, next.1, next.2, next.3) == (kept.0, kept.1, kept.2, kept.3);
        if same {
            kept.4 += next.4;
        }
        same
    });
    let rules = catalogue.rules();
    let count = rows.len();
    let same = |text: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
            text, count,
        )))
    };
    let columns = def
        .schema
        .fields()
        .iter()
        .map(|field| {
            let column: ArrayRef = match field.name().as_str() {
                "run_id" => same(run_id),
                "rule_id" => Arc::new(StringArray::from_iter_values(
                    rows.iter().map(|row| &rules[row.0].rule.id),
                )),
                "rule_version" => Arc::new(Int32Array::from_iter_values(
                    rows.iter().map(|row| rules[row.0].rule.version),
                )),
                "mn" => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1))),
                "factor" => Arc::new(rows.iter().map(|row| row.2).collect::<StringArray>()),
                "outcome" => same("not_evaluated"),
                "why" => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.3))),
                "windows" => Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.4))),
                "as_of" => Arc::new(TimestampMicrosecondArray::from(vec![as_of; count])),
                "date" => Arc::new(Date32Array::from(vec![date; count])),
                _ => new_null_array(field.data_type(), count),
            };
            cast(&column, field.data_type())
        })
        .collect::<Result<Vec<_>, _>>();
    columns
        .and_then(|columns| RecordBatch::try_new(Arc::clone(&def.schema), columns))
        .map_err(|error| Error::query("rows of table `rule_outcomes`")(error.into()))
}
