//! What the tables have for a reviewer: the curve, papers, production and treatment, and the rule run again.

use std::collections::BTreeMap;

use nonsite_analytics::review::{Again, Curve, CurveHour, Papers, Proofs, Rerun, Running};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::documents::Row;

/// An hour of the curve.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CurveHour)]
pub(super) struct HourView {
    /// Start of the hour, microseconds UTC.
    hour: i64,
    /// The value the limit is compared with, where there is one.
    value: Option<f64>,
    /// Enough valid data for an hourly mean.
    valid: bool,
    /// The permitted hourly value then, in the unit of the value.
    limit: Option<f64>,
    /// Mark of the hour.
    mark: Option<String>,
    /// It lies in the window of the clue.
    of_clue: bool,
}

impl From<CurveHour> for HourView {
    fn from(hour: CurveHour) -> Self {
        Self {
            hour: hour.hour,
            value: hour.value,
            valid: hour.valid,
            limit: hour.limit,
            mark: hour.mark,
            of_clue: hour.of_clue,
        }
    }
}

/// The factor's hours around the clue and since the measures, with limit line and marks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Curve)]
pub(super) struct CurveView {
    /// The hours in order; where the two stretches do not meet, there is a gap.
    hours: Vec<HourView>,
    /// Marks as they stand that touch these hours (`marks_in_force`).
    marks: Vec<Row>,
}

impl From<Curve> for CurveView {
    fn from(curve: Curve) -> Self {
        Self {
            hours: curve.hours.into_iter().map(HourView::from).collect(),
            marks: rows(curve.marks),
        }
    }
}

fn rows(rows: Vec<Map<String, Value>>) -> Vec<Row> {
    rows.into_iter().map(Row).collect()
}

/// Papers about the outlet since a month before the clue, as they stand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OutletPapers)]
pub(super) struct PapersView {
    /// Maintenance tickets: repairs, calibrations, comparisons (`tickets_history`).
    tickets: Vec<Row>,
    /// What the logger itself reported of calibrations, checks and exchanges (`equipment_events`).
    equipment: Vec<Row>,
    /// Manual monitoring with laboratory, CMA number and report (`manual_history`).
    manual: Vec<Row>,
    /// Filed changes of the equipment (`filings_history`).
    filings: Vec<Row>,
    /// Versions of the permit (`permit_documents`).
    permits: Vec<Row>,
}

impl From<Papers> for PapersView {
    fn from(papers: Papers) -> Self {
        Self {
            tickets: rows(papers.tickets),
            equipment: rows(papers.equipment),
            manual: rows(papers.manual),
            filings: rows(papers.filings),
            permits: rows(papers.permits),
        }
    }
}

/// How a power or process point ran, before the clue and since the measures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Running)]
pub(super) struct RunningView {
    /// Code of the facility.
    facility: String,
    /// Its name.
    name: Option<String>,
    /// `production`, `treatment`, `total` or `other`.
    role: Option<String>,
    /// What is measured.
    quantity: Option<String>,
    /// Unit of the values.
    unit: Option<String>,
    /// `before` (the week before the clue) or `since_measures`.
    period: String,
    /// Readings.
    readings: i64,
    /// Their mean.
    mean: Option<f64>,
    /// Share of them in which it ran, percent; null where no threshold is filed.
    running_percent: Option<f64>,
}

impl From<Running> for RunningView {
    fn from(running: Running) -> Self {
        Self {
            facility: running.facility,
            name: running.name,
            role: running.role,
            quantity: running.quantity,
            unit: running.unit,
            period: running.period,
            readings: running.readings,
            mean: running.mean,
            running_percent: running.running_percent,
        }
    }
}

/// Everything of the tables.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Proofs)]
pub(super) struct ProofsView {
    /// The curve.
    curve: CurveView,
    /// The papers.
    papers: PapersView,
    /// Production and treatment.
    running: Vec<RunningView>,
    /// Reports of the papers that stand in another unit's manual monitoring (`manual_results`).
    reports_elsewhere: Vec<Row>,
}

impl From<Proofs> for ProofsView {
    fn from(proofs: Proofs) -> Self {
        Self {
            curve: proofs.curve.into(),
            papers: proofs.papers.into(),
            running: proofs.running.into_iter().map(RunningView::from).collect(),
            reports_elsewhere: rows(proofs.reports_elsewhere),
        }
    }
}

/// A finding of the rule that was run again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FoundAgain)]
pub(super) struct AgainView {
    /// Start of what was judged, microseconds UTC.
    window_start: i64,
    /// End of what was judged, microseconds UTC.
    window_end: i64,
    /// Factor.
    factor: Option<String>,
    /// What was observed, in `unit`.
    observed: Option<f64>,
    /// What it was compared with, in `unit`.
    limit_value: Option<f64>,
    /// Unit of the two.
    unit: Option<String>,
    /// Exemption it meets, if any.
    exempt_code: Option<String>,
    /// The finding in one sentence.
    reason: String,
}

impl From<Again> for AgainView {
    fn from(again: Again) -> Self {
        Self {
            window_start: again.window_start,
            window_end: again.window_end,
            factor: again.factor,
            observed: again.observed,
            limit_value: again.limit_value,
            unit: again.unit,
            exempt_code: again.exempt_code,
            reason: again.reason,
        }
    }
}

/// What the rule says of the logger since the measures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rerun)]
pub(super) struct RerunView {
    /// The rule.
    rule_id: String,
    /// Its version now.
    rule_version: i32,
    /// Start of the first Beijing day looked at, microseconds UTC.
    from: i64,
    /// The time the rule was told, microseconds UTC.
    as_of: i64,
    /// Version of `readings_raw` it looked at.
    readings_version: i64,
    /// Beijing days with readings.
    days: usize,
    /// Windows that passed, of all factors the rule judges.
    passed: u64,
    /// Windows that could not be evaluated, by reason.
    not_evaluated: BTreeMap<String, u64>,
    /// Findings that began since then, on the factor of the case.
    findings: Vec<AgainView>,
}

impl From<Rerun> for RerunView {
    fn from(rerun: Rerun) -> Self {
        Self {
            rule_id: rerun.rule_id,
            rule_version: rerun.rule_version,
            from: rerun.from,
            as_of: rerun.as_of,
            readings_version: rerun.readings_version,
            days: rerun.days,
            passed: rerun.passed,
            not_evaluated: rerun.not_evaluated,
            findings: rerun.findings.into_iter().map(AgainView::from).collect(),
        }
    }
}
