//! The views' rows while they are collected, column by column.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use chrono::Datelike;

use super::decide::{NotCounted, Outcome};
use super::period::date_of;
use super::report::{Dimension, RatioReport, credited_org};
use super::share::{Share, Verdict};

/// Columns of `off_site_ratio` while they are filled.
#[derive(Default)]
pub(super) struct Figures {
    policy_id: Vec<String>,
    as_of: Vec<i64>,
    year: Vec<i32>,
    breakdown: Vec<&'static str>,
    key: Vec<String>,
    share: Vec<Share>,
    target: Vec<String>,
    reached: Vec<Option<bool>>,
    band: Vec<Option<(Share, Share, bool)>>,
}

impl Figures {
    pub(super) fn add(&mut self, year: i32, as_of: i64, report: &RatioReport<'_>) {
        let band = match (&report.band.min, &report.band.max) {
            (Some(min), Some(max)) => Some((min.share, max.share, report.band.crosses_target)),
            _ => None,
        };
        let total = [("total", "all".to_owned(), report.share, band)];
        let parts = Dimension::ALL.into_iter().flat_map(|dimension| {
            report
                .by(dimension)
                .into_iter()
                .map(move |group| (dimension.code(), group.key, group.share, None))
        });
        for (breakdown, key, share, band) in total.into_iter().chain(parts) {
            self.policy_id.push(report.policy.policy_id.clone());
            self.as_of.push(as_of);
            self.year.push(year);
            self.breakdown.push(breakdown);
            self.key.push(key);
            self.share.push(share);
            self.target.push(report.policy.target_percent.to_string());
            self.reached
                .push(match share.verdict(report.policy.target_percent) {
                    Verdict::Reached => Some(true),
                    Verdict::Missed => Some(false),
                    Verdict::NoInspections => None,
                });
            self.band.push(band);
        }
    }

    pub(super) fn batch(self, schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
        let ratio = |share: Share| share.approximate_percent().map(|percent| percent / 100.0);
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let percent: Vec<Option<String>> = self.share.iter().map(|share| share.percent()).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(self.policy_id)),
            Arc::new(TimestampMicrosecondArray::from(self.as_of).with_timezone("UTC")),
            Arc::new(Int32Array::from(self.year)),
            Arc::new(StringArray::from(self.breakdown)),
            Arc::new(StringArray::from(self.key)),
            Arc::new(Int64Array::from_iter_values(
                self.share.iter().map(|share| count(share.off)),
            )),
            Arc::new(Int64Array::from_iter_values(
                self.share.iter().map(|share| count(share.on)),
            )),
            Arc::new(Float64Array::from_iter(
                self.share.iter().map(|&share| ratio(share)),
            )),
            Arc::new(StringArray::from(percent)),
            Arc::new(StringArray::from(self.target)),
            Arc::new(BooleanArray::from(self.reached)),
            Arc::new(Float64Array::from_iter(
                self.band
                    .iter()
                    .map(|band| band.and_then(|(low, _, _)| ratio(low))),
            )),
            Arc::new(Float64Array::from_iter(
                self.band
                    .iter()
                    .map(|band| band.and_then(|(_, high, _)| ratio(high))),
            )),
            Arc::new(BooleanArray::from_iter(
                self.band
                    .iter()
                    .map(|band| band.map(|(_, _, crosses)| crosses)),
            )),
        ];
        RecordBatch::try_new(schema, columns)
    }
}

/// Columns of `off_site_ratio_acts` while they are filled.
#[derive(Default)]
pub(super) struct Fates {
    policy_id: Vec<String>,
    year: Vec<i32>,
    act_id: Vec<String>,
    act_version: Vec<i64>,
    unit_id: Vec<String>,
    org_code: Vec<String>,
    mode: Vec<&'static str>,
    method: Vec<String>,
    class: Vec<String>,
    completed_at: Vec<Option<i64>>,
    counted: Vec<bool>,
    reason: Vec<Option<&'static str>>,
    detail: Vec<Option<String>>,
    in_favour_of: Vec<Option<String>>,
}

impl Fates {
    pub(super) fn add(&mut self, year: i32, report: &RatioReport<'_>) {
        for decision in &report.decisions {
            // An act outside this year appears under its own year, and an open one under none.
            if decision.reason() == Some(NotCounted::OutsidePeriod) {
                continue;
            }
            let act = decision.act;
            if act.completed_at.is_none_or(|at| date_of(at).year() != year) {
                continue;
            }
            let (detail, in_favour_of) = match &decision.outcome {
                Outcome::Counted => (None, None),
                Outcome::NotCounted {
                    detail,
                    in_favour_of,
                    ..
                } => (Some(detail.clone()), in_favour_of.clone()),
            };
            self.policy_id.push(report.policy.policy_id.clone());
            self.year.push(year);
            self.act_id.push(act.act_id.clone());
            self.act_version.push(act.act_version);
            self.unit_id.push(act.unit_id.clone());
            self.org_code
                .push(credited_org(act, &report.policy).to_owned());
            self.mode.push(act.mode.code());
            self.method.push(act.method.clone());
            self.class.push(act.class.clone());
            self.completed_at.push(act.completed_at);
            self.counted.push(decision.is_counted());
            self.reason.push(decision.reason().map(NotCounted::code));
            self.detail.push(detail);
            self.in_favour_of.push(in_favour_of);
        }
    }

    pub(super) fn batch(self, schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(self.policy_id)),
            Arc::new(Int32Array::from(self.year)),
            Arc::new(StringArray::from(self.act_id)),
            Arc::new(Int64Array::from(self.act_version)),
            Arc::new(StringArray::from(self.unit_id)),
            Arc::new(StringArray::from(self.org_code)),
            Arc::new(StringArray::from(self.mode)),
            Arc::new(StringArray::from(self.method)),
            Arc::new(StringArray::from(self.class)),
            Arc::new(TimestampMicrosecondArray::from(self.completed_at).with_timezone("UTC")),
            Arc::new(BooleanArray::from(self.counted)),
            Arc::new(StringArray::from(self.reason)),
            Arc::new(StringArray::from(self.detail)),
            Arc::new(StringArray::from(self.in_favour_of)),
        ];
        RecordBatch::try_new(schema, columns)
    }
}
