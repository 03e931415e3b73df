//! Permit execution reports: what the unit itself says it discharged in a month, quarter or year.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tables::{DocumentTables, Envelope, append};
use super::{Rowed, check_factor, check_version, document_type, outlet_uid};
use crate::reason::Reason;
use crate::tables::Cell;
use crate::wire::code::{outlet_medium, permit_no_fault};
use crate::wire::document::Kind;
use crate::wire::fault::{Fault, Faults};
use crate::wire::permit::{MassLevel, codes};
use crate::wire::{Day, Instant};

document_type!(ExecutionReportType = "execution_report");

codes! {
    /// What span of time a report is for.
    ReportPeriod {
        /// A calendar month.
        Month = "month",
        /// A calendar quarter.
        Quarter = "quarter",
        /// A calendar year.
        Year = "year",
    }
}

codes! {
    /// Where a report stands.
    ReportStatus {
        /// Handed in.
        Submitted = "submitted",
        /// Sent back for correction.
        Returned = "returned",
        /// Accepted.
        Accepted = "accepted",
    }
}

/// One version of one execution report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = [
    "type", "report_id", "version", "permit_no", "period", "period_start", "submitted_at", "status",
]))]
pub struct ExecutionReport {
    /// Which document this is.
    pub r#type: ExecutionReportType,
    /// Id of the report; all its versions carry it.
    pub report_id: String,
    /// Version of the report, from 1.
    pub version: i32,
    /// When this version was recorded; the arrival time when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Instant>,
    /// Permit code of the unit.
    pub permit_no: String,
    /// Month, quarter or year.
    #[schemars(with = "ReportPeriod")]
    pub period: Option<ReportPeriod>,
    /// First day of the month, quarter or year.
    #[schemars(with = "Day")]
    pub period_start: Option<Day>,
    /// When it was handed in.
    #[schemars(with = "Instant")]
    pub submitted_at: Option<Instant>,
    /// Where it stands.
    #[schemars(with = "ReportStatus")]
    pub status: Option<ReportStatus>,
    /// Hours of production in the period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_hours: Option<f64>,
    /// What was discharged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ReportItem>,
}

/// What a report says about one pollutant at one outlet or level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["level", "factor"]))]
pub struct ReportItem {
    /// What the figures cover.
    #[schemars(with = "MassLevel")]
    pub level: Option<MassLevel>,
    /// Outlet code, with level `outlet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlet: Option<String>,
    /// Factor code of HJ 524/525.
    pub factor: String,
    /// Discharged mass in t.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mass_t: Option<f64>,
    /// Lowest hourly (water: daily) value in `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_value: Option<f64>,
    /// Highest hourly (water: daily) value in `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_value: Option<f64>,
    /// Mean in `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_value: Option<f64>,
    /// Unit of the three values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Number of values over the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exceedances: Option<i32>,
}

impl Kind for ExecutionReport {
    const UNIDENTIFIED: Reason = Reason::DocumentFault;

    fn missing_identity(&self) -> Option<&'static str> {
        self.report_id.trim().is_empty().then_some("report_id")
    }

    fn validate(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        check_version(self.version, &mut faults);
        if let Some(fault) = permit_no_fault(&self.permit_no) {
            faults.add("permit_no", fault);
        }
        faults.given(self.period.as_ref(), "period");
        faults.given(self.period_start.as_ref(), "period_start");
        if let (Some(period), Some(start)) = (self.period, self.period_start) {
            check_start(period, start, &mut faults);
        }
        faults.given(self.submitted_at.as_ref(), "submitted_at");
        faults.given(self.status.as_ref(), "status");
        faults.within(self.run_hours, 0.0, 8_784.0, "run_hours");
        for (i, item) in self.items.iter().enumerate() {
            let at = format!("items[{i}]");
            faults.given(item.level.as_ref(), format!("{at}.level"));
            if let Some(outlet) = item
                .outlet
                .as_deref()
                .filter(|outlet| outlet_medium(outlet).is_none())
            {
                faults.add(
                    format!("{at}.outlet"),
                    format!("`{outlet}` must be DA or DW with three digits (HJ 608)"),
                );
            } else if item.level == Some(MassLevel::Outlet) {
                faults.given(item.outlet.as_ref(), format!("{at}.outlet"));
            }
            check_factor(&item.factor, &format!("{at}.factor"), &mut faults);
            let mass = item
                .mass_t
                .is_none_or(|mass| mass.is_finite() && mass >= 0.0);
            faults.require(mass, format!("{at}.mass_t"), "must be >= 0");
            let values = [item.min_value, item.max_value, item.mean_value];
            if values.iter().any(Option::is_some) {
                faults.text(
                    item.unit.as_deref().unwrap_or_default(),
                    format!("{at}.unit"),
                );
            }
        }
        faults.into_vec()
    }
}

/// The first day of a report's period is the first of a month, of a quarter's, of January.
fn check_start(period: ReportPeriod, start: Day, faults: &mut Faults) {
    let text = start.to_string();
    let month = text
        .get(5..7)
        .and_then(|month| month.parse::<u32>().ok())
        .unwrap_or(0);
    let (every, fault) = match period {
        ReportPeriod::Month => (1, "must be the first day of a month"),
        ReportPeriod::Quarter => (3, "must be the first day of a quarter"),
        ReportPeriod::Year => (12, "must be the first day of a year"),
    };
    let good = text.ends_with("-01") && month >= 1 && (month - 1).is_multiple_of(every);
    faults.require(good, "period_start", fault);
}

impl Rowed for ExecutionReport {
    fn push(&self, tables: &mut DocumentTables, envelope: &Envelope<'_>) {
        let recorded_at = envelope.recorded_at(self.recorded_at);
        let permit_no = Some(self.permit_no.as_str()).filter(|permit_no| !permit_no.is_empty());
        let items = i32::try_from(self.items.len()).unwrap_or(i32::MAX);
        let cells: Vec<(&str, Cell<'_>)> = vec![
            ("report_id", (&self.report_id).into()),
            ("version", self.version.into()),
            ("recorded_at", recorded_at.into()),
            ("permit_no", permit_no.into()),
            ("period", self.period.map(ReportPeriod::as_str).into()),
            ("period_start", self.period_start.into()),
            ("submitted_at", self.submitted_at.into()),
            ("status", self.status.map(ReportStatus::as_str).into()),
            ("run_hours", self.run_hours.into()),
            ("items", items.into()),
        ];
        append(&mut tables.reports, cells, envelope);
        for item in &self.items {
            let uid = outlet_uid(permit_no, item.outlet.as_deref());
            let cells: Vec<(&str, Cell<'_>)> = vec![
                ("report_id", (&self.report_id).into()),
                ("version", self.version.into()),
                ("recorded_at", recorded_at.into()),
                ("permit_no", permit_no.into()),
                ("period", self.period.map(ReportPeriod::as_str).into()),
                ("period_start", self.period_start.into()),
                ("level", item.level.map(MassLevel::as_str).into()),
                ("outlet_uid", (&uid).into()),
                ("factor", (&item.factor).into()),
                ("mass_t", item.mass_t.into()),
                ("min_value", item.min_value.into()),
                ("max_value", item.max_value.into()),
                ("mean_value", item.mean_value.into()),
                ("unit", (&item.unit).into()),
                ("exceedances", item.exceedances.into()),
            ];
            append(&mut tables.report_items, cells, envelope);
        }
    }
}
