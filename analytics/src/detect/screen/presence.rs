//! Rules over long windows that read only which series reported on which day: they are their own
//! screens.
//!
//! Such a rule (the capture rate of a quarter, from the masses that every run keeps) needs no hour of
//! the days it judges, only that there are hours. So its query runs once over a table `hourly` of
//! nothing but `mn`, `factor` and `date`, which the pass has seen by the way. Where it flags nothing
//! its counts are taken over; loggers for which it flags something are judged like any other, because a
//! finding needs its evidence.
//!
//! Never settled this way: loggers of which one of the days is odd or was not looked at, and those with
//! a standing finding of the rule.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, DictionaryArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, UInt16Type, UInt32Type};

use super::super::catalogue::Configured;
use super::super::inputs::day_batch;
use super::super::judge::{Verdicts, judge};
use super::super::touched::LoggerDay;
use super::looked::Looked;
use crate::session::{Error, Session};

/// What a rule says over presence alone, and the days it has to judge in full. `run` has all the rule
/// reads but `hourly` and `core`; `standing` are loggers with findings of the rule.
pub(in crate::detect) async fn judged(
    run: &Session,
    looked: &Looked,
    configured: &Configured,
    days: &BTreeSet<LoggerDay>,
    standing: &BTreeSet<&str>,
    as_of: i64,
) -> Result<(Verdicts, BTreeSet<LoggerDay>), Error> {
    let mut doubtful: BTreeSet<&str> = standing.clone();
    doubtful.extend(
        days.iter()
            .filter(|day| !looked.plain(day))
            .map(|(mn, _)| mn.as_str()),
    );
    run.put("hourly", hourly(looked)?)?;
    let ask = BTreeSet::new();
    loop {
        let plain = |day: &&LoggerDay| !doubtful.contains(day.0.as_str());
        let core: BTreeSet<LoggerDay> = days.iter().filter(plain).cloned().collect();
        run.put("core", day_batch(&core)?)?;
        let verdicts = judge(run, configured, as_of, &core, false, &ask, None).await?;
        let flagged: BTreeSet<&str> = verdicts
            .flagged
            .iter()
            .filter_map(|window| window.mn.as_deref())
            .collect();
        if flagged.is_empty() {
            let open = days.iter().filter(|day| !plain(day)).cloned().collect();
            return Ok((verdicts, open));
        }
        // Whatever the windows of such a logger are, they are counted where it is judged in full.
        let loggers = days.iter().map(|(mn, _)| mn.as_str());
        doubtful.extend(loggers.filter(|mn| flagged.contains(mn)));
    }
}

/// Which series have hours on which day.
fn hourly(looked: &Looked) -> Result<RecordBatch, Error> {
    let (mut loggers, mut factors, mut dates) = (Vec::new(), Vec::new(), Vec::new());
    for (date, series) in &looked.present {
        loggers.extend(series.iter().map(|series| series.0));
        factors.extend(series.iter().map(|series| series.1));
        dates.resize(loggers.len(), *date);
    }
    let mns = Arc::new(StringArray::from_iter_values(looked.loggers.names()));
    let codes = Arc::new(StringArray::from(looked.factors.clone()));
    let text = |key: DataType| DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8));
    let schema = Schema::new(vec![
        Field::new("mn", text(DataType::UInt32), false),
        Field::new("factor", text(DataType::UInt16), false),
        Field::new("date", DataType::Date32, false),
    ]);
    DictionaryArray::<UInt32Type>::try_new(loggers.into(), mns)
        .and_then(|mn| {
            Ok((
                mn,
                DictionaryArray::<UInt16Type>::try_new(factors.into(), codes)?,
            ))
        })
        .and_then(|(mn, factor)| {
            let columns: Vec<ArrayRef> = vec![
                Arc::new(mn),
                Arc::new(factor),
                Arc::new(Date32Array::from(dates)),
            ];
            RecordBatch::try_new(Arc::new(schema), columns)
        })
        .map_err(|error| Error::query("which series reported")(error.into()))
}
